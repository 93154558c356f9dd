package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands as a user starts them, each in a process of its own: what they print, serve, and exit with. */
class CommandsIT {

    private static final String LINES = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: typed}
            spec:
              sources:
                - name: typed
                  schema: line STRING
                  lines: {@from}
              query: |
                SELECT word, COUNT(*) AS n
                FROM typed CROSS JOIN UNNEST(SPLIT(line, ' ')) AS t(word)
                GROUP BY word
              sinks:
                - {name: out, outputMode: update, console: {}}
              trigger: {commitInterval: 50ms}
            """;
    private static final String EXAMPLE = "k8s-examples/wordcount.yaml";

    private final ObjectMapper json = new ObjectMapper();

    @TempDir
    private Path directory;

    /** A command that has ended. */
    private record Ended(int exit, List<String> out, List<String> err) {}

    private Process start(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(KafkaBroker.launcher()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectOutput(directory.resolve("out").toFile())
                .redirectError(directory.resolve("err").toFile())
                .start();
    }

    private Ended end(Process process) throws Exception {
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it does not end");
        return new Ended(process.exitValue(), lines("out"), lines("err"));
    }

    private List<String> lines(String stream) throws IOException {
        return Files.readAllLines(directory.resolve(stream));
    }

    private String write(String yaml) throws IOException {
        return Files.writeString(directory.resolve("query.yaml"), yaml).toString();
    }

    private static void interrupt(Process process) throws Exception {
        new ProcessBuilder("kill", "-INT", String.valueOf(process.pid()))
                .start()
                .waitFor();
    }

    private static HttpResponse<String> get(int port, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://localhost:" + port + path))
                .build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void aRunShowsServesAndEndsInOrder() throws Exception {
        int port = KafkaBroker.freePorts();
        Process run = start("run", EXAMPLE, "--progress", "json", "--interval", "1", "--http", ":" + port);
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .ignoreExceptions()
                .until(() -> get(port, "/health").statusCode() == 200);
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> lines("err").size() >= 2
                        && get(port, "/metrics")
                                .body()
                                .lines()
                                .anyMatch(line -> line.matches(
                                        "millrace_rows_in_total\\{query=\"wordcount\",slot=\"0\"} [1-9].*")));
        JsonNode served = json.readTree(get(port, "/progress").body()).get(0);
        assertEquals("running", served.get("phase").asText());
        assertTrue(served.get("rowsIn").asLong() > 0);
        assertTrue(served.get("stateRows").asLong() > 0);
        interrupt(run);
        Ended ended = end(run);
        assertEquals(0, ended.exit());
        assertTrue(ended.out().size() > 100);
        ended.out().forEach(line -> assertTrue(line.matches("(upsert|delete) \\{.*}"), line));
        for (String line : ended.err()) {
            assertEquals("wordcount", json.readTree(line).get("query").asText());
        }
        JsonNode last = json.readTree(ended.err().get(ended.err().size() - 1));
        assertEquals("ended", last.get("phase").asText());
        assertEquals(last.get("rowsOut").asInt(), ended.out().size(), "all that was committed is shown");
    }

    /** As in {@code millrace run … | head}. */
    @Test
    void aRunWhoseOutputNobodyReadsEnds() throws Exception {
        Process run = new ProcessBuilder(KafkaBroker.launcher(), "run", EXAMPLE)
                .redirectError(directory.resolve("err").toFile())
                .start();
        try (BufferedReader out = run.inputReader()) {
            assertTrue(out.readLine().startsWith("upsert "));
        }
        assertTrue(run.waitFor(60, TimeUnit.SECONDS), "it goes on");
        assertEquals(1, run.exitValue());
        assertTrue(lines("err")
                .contains("query 'wordcount' stopped: OutputClosed: nobody reads the standard output any more"));
    }

    @Test
    void aBrokerWhosePortsAreTakenSaysSo() throws Exception {
        int port = KafkaBroker.freePorts();
        try (ServerSocket controller = new ServerSocket(port + 1)) {
            Ended ended = end(start("kafka", "--port", String.valueOf(port), "--data", directory.toString()));
            assertEquals(1, ended.exit());
            String said = "millrace: port " + controller.getLocalPort() + " of localhost is taken";
            assertTrue(ended.err().stream().anyMatch(line -> line.startsWith(said)), ended::toString);
        }
    }

    @Test
    void linesOfTheStandardInput() throws Exception {
        Process run = start("run", write(LINES.replace("@from", "stdin: true")));
        try (OutputStream in = run.getOutputStream()) {
            in.write("b a b\n\na\n".getBytes(StandardCharsets.UTF_8));
        }
        Ended ended = end(run);
        assertEquals(0, ended.exit(), () -> ended.toString());
        List<String> last = new ArrayList<>();
        for (String word : List.of("a", "b")) {
            last.add(ended.out().stream()
                    .filter(line -> line.contains("\"" + word + "\""))
                    .reduce((x, y) -> y)
                    .orElse(""));
        }
        assertEquals(List.of("upsert {\"word\":\"a\",\"n\":2}", "upsert {\"word\":\"b\",\"n\":2}"), last);
    }

    @Test
    void linesOfASocket() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Process run =
                    start("run", write(LINES.replace("@from", "tcp: \"localhost:" + server.getLocalPort() + "\"")));
            try (Socket socket = server.accept()) {
                socket.getOutputStream().write("x\n".getBytes(StandardCharsets.UTF_8));
                Awaitility.await()
                        .atMost(Duration.ofSeconds(30))
                        .until(() -> lines("out").contains("upsert {\"word\":\"x\",\"n\":1}"));
            }
            assertEquals(0, end(run).exit());
        }
    }

    @Test
    void mistakesAreToldAndNothingIsStarted() throws Exception {
        String file = write(LINES.replace("@from", "stdin: true")
                .replace("GROUP BY word", "GROUP BY words")
                .replace("outputMode: update", "outputMod: update"));
        for (String command : List.of("validate", "run")) {
            Ended ended = end(start(command, file));
            assertEquals(2, ended.exit());
            assertEquals(List.of(), ended.out());
            assertEquals(
                    List.of(
                            file + ":14:19: UnknownField: unknown field 'outputMod'; did you mean 'outputMode'?",
                            "1 problem; nothing was started"),
                    ended.err());
        }
        Ended sql = end(
                start("validate", write(LINES.replace("@from", "stdin: true").replace("BY word", "BY words"))));
        assertTrue(sql.err().get(0).contains(":12:14: ColumnNotFound: "), () -> sql.toString());
        assertEquals(
                2,
                end(start("run", directory.resolve("missing.yaml").toString())).exit());
        assertEquals(2, end(start("walk")).exit());
    }

    @Test
    void aPlanIsExplainedInThreeForms() throws Exception {
        Ended text = end(start("explain", EXAMPLE));
        assertEquals(0, text.exit());
        assertTrue(
                text.out().stream().anyMatch(line -> line.contains("aggregate COUNT(*) by word")),
                () -> text.toString());
        assertTrue(text.out().stream().anyMatch(line -> line.contains("update holds, since")), () -> text.toString());
        JsonNode plan = json.readTree(
                String.join("\n", end(start("explain", "--json", EXAMPLE)).out()));
        assertFalse(plan.toString().isEmpty());
        assertTrue(plan.toString().contains("wordcount"));
        Ended picture = end(start("explain", "--format", "mermaid", EXAMPLE));
        assertTrue(picture.out().get(0).startsWith("flowchart"), () -> picture.toString());
    }
}
