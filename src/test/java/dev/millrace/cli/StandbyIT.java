package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A standby follows an engine, with a real broker between them, and takes over when it is told: from one that was killed, from
 * one that is stopped and wakes later, and from one that lives. What is committed is what one uninterrupted run would have
 * written.
 */
class StandbyIT {

    private static final int ROWS = 800_000;
    private static final int TAKE_OVERS = 3;
    private static final String STATE = "checkpoint: {interval: 2s, retained: 2, store: {kafka: {}}}";

    @TempDir
    private Path directory;

    private final List<Process> processes = new ArrayList<>();
    private final List<Integer> ports = new ArrayList<>();

    @Test
    void aStandbyTakesOver() throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        Random random = new Random(seed);
        System.out.println("seed " + seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            EventQueries queries = new EventQueries(broker, ROWS);
            String all = Files.readString(queries.write(directory.resolve("queries.yaml"), "", STATE));
            Files.writeString(directory.resolve("windows.yaml"), all.split("---\n")[2]);
            Files.createDirectory(directory.resolve("secrets"));
            Thread feeder = queries.feed();
            start(1);
            List<Process> ended = new ArrayList<>();
            int asStandby = 0;
            List<Long> times = new ArrayList<>();
            for (int incarnation = 2; incarnation <= 1 + TAKE_OVERS; incarnation++) {
                start(incarnation);
                await(incarnation, "standby");
                TimeUnit.MILLISECONDS.sleep(random.nextInt(2_000));
                Process before = processes.get(incarnation - 2);
                String fate = List.of("KILL", "STOP", "CONT").get(random.nextInt(3));
                long start = System.currentTimeMillis();
                signal(before, fate);
                tell(incarnation);
                times.add(firstEpoch(broker, incarnation) - start);
                asStandby += progress(incarnation).contains("\"restoredFrom\":\"Standby\"") ? 1 : 0;
                System.out.println(fate + ": next epoch after " + times.get(times.size() - 1) + " ms");
                if (fate.equals("KILL")) {
                    before.waitFor();
                } else {
                    ended.add(before);
                }
                if (random.nextBoolean()) {
                    ended.forEach(process -> signal(process, "CONT"));
                }
            }
            ended.forEach(process -> signal(process, "CONT"));
            feeder.join();
            queries.feedLast();
            for (Process process : ended) {
                assertTrue(process.waitFor(60, TimeUnit.SECONDS), () -> "what was superseded goes on: " + log());
                assertEquals(0, process.exitValue(), this::log);
            }
            assertTrue(log().contains("Superseded") || ended.isEmpty(), this::log);
            int restored = asStandby;
            assertTrue(restored > 0, () -> "none has gone on from what it had followed: " + log());
            Awaitility.await()
                    .atMost(Duration.ofMinutes(2))
                    .pollInterval(Duration.ofSeconds(1))
                    .untilAsserted(queries::checkWindows);
        }
    }

    /** When the first epoch of an incarnation was committed that is more than its claim. */
    private long firstEpoch(KafkaBroker broker, int incarnation) {
        List<SlotProcess.Logged> found = new ArrayList<>();
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(200))
                .until(() -> {
                    SlotProcess.log(broker, "windows", 0).stream()
                            .filter(one -> one.record().incarnation() == incarnation
                                    && !one.record().claim())
                            .findFirst()
                            .ifPresent(found::add);
                    return !found.isEmpty();
                });
        return found.get(0).millis();
    }

    private void await(int incarnation, String phase) {
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .untilAsserted(
                        () -> assertTrue(progress(incarnation).contains("\"phase\":\"" + phase + "\""), () -> log()));
    }

    private String progress(int incarnation) throws IOException {
        try (InputStream answer = URI.create("http://127.0.0.1:" + ports.get(incarnation - 1) + "/progress")
                .toURL()
                .openStream()) {
            return new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void start(int incarnation) throws IOException {
        ports.add(KafkaBroker.freePorts());
        List<String> command = new ArrayList<>(List.of(
                KafkaBroker.launcher(),
                "engine",
                "--query",
                directory.resolve("windows.yaml").toString(),
                "--state",
                directory.resolve("state-" + incarnation).toString(),
                "--secrets",
                directory.resolve("secrets").toString(),
                "--incarnation",
                String.valueOf(incarnation),
                "--http",
                "127.0.0.1:" + ports.get(incarnation - 1)));
        if (incarnation > 1) {
            command.addAll(List.of("--standby", directory.resolve("active").toString()));
        }
        processes.add(new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log(incarnation).toFile())
                .start());
    }

    /** Says whose turn it is; the file holds an older number before, or is not there. */
    private void tell(int incarnation) throws IOException {
        Path next = directory.resolve("active.next");
        Files.writeString(next, incarnation + "\n");
        Files.move(next, directory.resolve("active"), StandardCopyOption.ATOMIC_MOVE);
    }

    private static void signal(Process process, String name) {
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

    private Path log(int incarnation) {
        return directory.resolve("engine-" + incarnation + ".log");
    }

    private String log() {
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

    @AfterEach
    void endAll() throws InterruptedException {
        for (Process process : processes) {
            process.destroyForcibly().waitFor();
        }
    }
}
