package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.awaitility.Awaitility;

/** The Kubernetes cluster of {@code KUBECONFIG}, by {@code kubectl} and {@code helm} as its users have them. */
final class Cluster {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final String namespace;

    /** What a command said, both outputs together. */
    record Answer(int exit, String text) {}

    Cluster(String namespace) {
        this.namespace = namespace;
    }

    String namespace() {
        return namespace;
    }

    /** Runs a command to its end, with the input. */
    static Answer run(String input, String... command) {
        return run(input, Duration.ofMinutes(5), command);
    }

    private static Answer run(String input, Duration time, String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            CompletableFuture<String> output = CompletableFuture.supplyAsync(
                    () -> text(process), work -> new Thread(work, "output").start()); // a common pool may be all in use
            try (OutputStream in = process.getOutputStream()) {
                in.write(input.getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                // the command did not want it
            }
            if (!process.waitFor(time.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return new Answer(-1, String.join(" ", command) + " takes longer than " + time.toSeconds() + " s");
            }
            return new Answer(process.exitValue(), output.join());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static String text(Process process) {
        try {
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs what must succeed. */
    static String must(String... command) {
        Answer answer = run("", command);
        assertEquals(0, answer.exit(), () -> String.join(" ", command) + ": " + answer.text());
        return answer.text();
    }

    /** {@code kubectl} in the namespace; must succeed. */
    String kubectl(String... arguments) {
        return must(command(arguments));
    }

    /** {@code kubectl} in the namespace, whatever it says. */
    Answer tryKubectl(String... arguments) {
        return run("", arguments[0].equals("get") ? Duration.ofMinutes(1) : Duration.ofMinutes(5), command(arguments));
    }

    private String[] command(String... arguments) {
        List<String> command = new ArrayList<>(List.of("kubectl", "--request-timeout=20s", "-n", namespace));
        command.addAll(List.of(arguments));
        return command.toArray(String[]::new);
    }

    void apply(String yaml) {
        Answer answer = run(yaml, command("apply", "-f", "-"));
        assertEquals(0, answer.exit(), () -> answer.text() + "\n" + yaml);
    }

    /** An object, or a missing node. */
    JsonNode get(String kind, String name) {
        Answer answer = tryKubectl("get", kind, name, "-o", "json", "--ignore-not-found");
        try {
            return answer.exit() != 0 || answer.text().isBlank() ? JSON.missingNode() : JSON.readTree(answer.text());
        } catch (IOException e) {
            return JSON.missingNode();
        }
    }

    JsonNode status(String query) {
        return get("streamingquery", query).path("status");
    }

    static JsonNode condition(JsonNode status, String type) {
        for (JsonNode condition : status.path("conditions")) {
            if (condition.path("type").asText().equals(type)) {
                return condition;
            }
        }
        return JSON.missingNode();
    }

    /** Waits until a condition of the query has the status, and the reason if one is given; returns the query's status. */
    JsonNode await(String query, String type, String status, String reason, Duration time) {
        return awaitStatus(
                query,
                seen -> condition(seen, type).path("status").asText().equals(status)
                        && (reason == null
                                || condition(seen, type).path("reason").asText().equals(reason)),
                time,
                type + "=" + status + (reason == null ? "" : " " + reason));
    }

    /** Waits until the query's status is as wanted; says why it may not be, in one line: summaries of tests show no more. */
    JsonNode awaitStatus(String query, Wanted<JsonNode> wanted, Duration time, String what) {
        try {
            return await(() -> status(query), wanted, time, query + ": " + what);
        } catch (AssertionError e) {
            throw new AssertionError(
                    e.getMessage() + " | " + said(query).strip().replace("\n", " | "), e);
        }
    }

    /** What its pods, and the operator, have said last, and what they say if they are asked. */
    private String said(String query) {
        String pods = "millrace.dev/query=" + query;
        StringBuilder said = new StringBuilder();
        said.append(tryKubectl("get", "sq,pods,pvc", "-o", "wide").text());
        said.append(tryKubectl("logs", "-l", pods, "--prefix", "--tail=20").text());
        String pod = pod(query);
        String progress = "/api/v1/namespaces/" + namespace + "/pods/" + pod + ":8080/proxy/progress";
        said.append(pod)
                .append(": ")
                .append(tryKubectl("get", "--raw", progress).text());
        Cluster system = new Cluster(OperatorCluster.SYSTEM);
        said.append('\n')
                .append(system.tryKubectl("logs", "-l", "app.kubernetes.io/component=operator", "--tail=40")
                        .text());
        return said.toString();
    }

    /** What tells whether it is as wanted. */
    interface Wanted<T> {
        boolean is(T value);
    }

    static <T> T await(Supplier<T> look, Wanted<T> wanted, Duration time, String what) {
        return await(look, wanted, time, Duration.ofMillis(500), what);
    }

    /** For what takes minutes, and for looks that cost as much as the work that is waited for. */
    static <T> T awaitCalmly(Supplier<T> look, Wanted<T> wanted, String what) {
        return await(look, wanted, Duration.ofMinutes(8), Duration.ofSeconds(5), what);
    }

    private static <T> T await(Supplier<T> look, Wanted<T> wanted, Duration time, Duration interval, String what) {
        List<T> last = new ArrayList<>(List.of(look.get()));
        try {
            Awaitility.await(what)
                    .atMost(time)
                    .pollInterval(interval)
                    .pollDelay(Duration.ZERO)
                    .until(() -> {
                        last.set(0, look.get());
                        return wanted.is(last.get(0));
                    });
        } catch (org.awaitility.core.ConditionTimeoutException e) {
            throw new AssertionError(what + " within " + time + "; last seen: " + last.get(0), e);
        }
        return last.get(0);
    }

    /** What a pod answers. */
    JsonNode progress(String pod) {
        try {
            return JSON.readTree(kubectl(
                            "get",
                            "--raw",
                            "/api/v1/namespaces/" + namespace + "/pods/" + pod + ":8080/proxy/progress"))
                    .path(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Gives the engine of a running pod another amount, requests and limits alike. */
    void resize(String pod, String resource, String amount) {
        String given = "{\"" + resource + "\":\"" + amount + "\"}";
        kubectl(
                "patch",
                "pod",
                pod,
                "--subresource=resize",
                "--patch",
                "{\"spec\":{\"containers\":[{\"name\":\"engine\",\"resources\":{\"requests\":" + given + ",\"limits\":"
                        + given + "}}]}}");
    }

    void awaitReady(String query, Duration time) {
        await(query, "Ready", "True", null, time);
    }

    /** The pod of the query's last incarnation. */
    String pod(String query) {
        return status(query).path("slots").path(0).path("pod").asText();
    }

    /** The process of a pod's engine, where the nodes are on this machine. */
    static ProcessHandle engine(String pod) {
        return ProcessHandle.allProcesses()
                .filter(process -> commandLine(process).contains("\0engine\0"))
                .filter(process -> environment(process).contains("HOSTNAME=" + pod + "\0"))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no process of pod " + pod + " on this machine"));
    }

    /** Whether the process has mapped a file of this name. */
    static boolean maps(ProcessHandle process, String file) {
        return proc(process, "maps").contains("/" + file + "\n");
    }

    private static String commandLine(ProcessHandle process) {
        return proc(process, "cmdline");
    }

    private static String environment(ProcessHandle process) {
        return proc(process, "environ");
    }

    private static String proc(ProcessHandle process, String file) {
        try {
            return Files.readString(Path.of("/proc", String.valueOf(process.pid()), file), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }
}
