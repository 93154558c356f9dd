package dev.millrace.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Assertions;

/** Engines as pods run them, as processes of this machine: by name, each with a state, a log and a port. */
final class EngineProcesses implements AutoCloseable {

    private final Path directory;
    private final Path query;
    private final Map<String, Integer> ports = new HashMap<>();
    private final List<Process> processes = new ArrayList<>();

    /**
     * @param directory for all that they write
     */
    EngineProcesses(Path directory, Path query) throws IOException {
        this.directory = directory;
        this.query = query;
        Files.createDirectories(directory.resolve("secrets"));
    }

    /** Where an engine keeps its state. */
    Path state(String name) {
        return directory.resolve(name).resolve("state");
    }

    Process start(String name, int incarnation, String... more) throws IOException {
        return start(name, incarnation, Map.of(), more);
    }

    Process start(String name, int incarnation, Map<String, String> environment, String... more) throws IOException {
        int port = KafkaBroker.freePorts();
        ports.put(name, port);
        List<String> command = new ArrayList<>(List.of(
                KafkaBroker.launcher(),
                "engine",
                "--query",
                query.toString(),
                "--state",
                state(name).toString(),
                "--secrets",
                directory.resolve("secrets").toString(),
                "--incarnation",
                String.valueOf(incarnation),
                "--http",
                "127.0.0.1:" + port));
        command.addAll(List.of(more));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().putAll(environment);
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve(name + ".log").toFile()))
                .start();
        processes.add(process);
        return process;
    }

    /** Writes a file that engines look at again and again, all of it at once. */
    static void tell(Path file, String text) throws IOException {
        Path next = file.resolveSibling(file.getFileName() + ".next");
        Files.writeString(next, text + "\n");
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** What it says of itself. */
    String progress(String name) throws IOException {
        try (InputStream answer = URI.create("http://127.0.0.1:" + ports.get(name) + "/progress")
                .toURL()
                .openStream()) {
            return new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Waits until what it says matches a pattern. */
    void await(String name, String pattern) {
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .untilAsserted(() -> {
                    String said = progress(name);
                    Assertions.assertTrue(said.matches("(?s).*" + pattern + ".*"), () -> said + log());
                });
    }

    static void signal(Process process, String name) {
        try {
            new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Of all. */
    String log() {
        StringBuilder all = new StringBuilder();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".log")).sorted().toList()) {
                all.append(file.getFileName())
                        .append('\n')
                        .append(Files.readString(file))
                        .append('\n');
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all.toString();
    }

    @Override
    public void close() {
        processes.forEach(process -> process.destroyForcibly().onExit().join());
    }
}
