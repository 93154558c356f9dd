package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
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

    private static final int ROWS = 1_200_000; // they last longer than the take-overs, on slow machines too
    private static final int TAKE_OVERS = 3;
    private static final String STATE = "checkpoint: {interval: 2s, retained: 2, store: {kafka: {}}}";

    @TempDir
    private Path directory;

    private final List<Process> processes = new ArrayList<>();
    private EngineProcesses engines;

    @Test
    void aStandbyTakesOver() throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        Random random = new Random(seed);
        System.out.println("seed " + seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            EventQueries queries = new EventQueries(broker, ROWS);
            String all = Files.readString(queries.write(directory.resolve("queries.yaml"), "", STATE));
            Files.writeString(directory.resolve("windows.yaml"), all.split("---\n")[2]);
            engines = new EngineProcesses(directory, directory.resolve("windows.yaml"));
            Thread feeder = queries.feed();
            start(1);
            List<Process> ended = new ArrayList<>();
            int asStandby = 0;
            List<Long> times = new ArrayList<>();
            for (int incarnation = 2; incarnation <= 1 + TAKE_OVERS; incarnation++) {
                start(incarnation);
                engines.await(name(incarnation), "\"phase\":\"standby\"");
                TimeUnit.MILLISECONDS.sleep(random.nextInt(2_000));
                Process before = processes.get(incarnation - 2);
                String fate = List.of("KILL", "STOP", "CONT").get(random.nextInt(3));
                long start = System.currentTimeMillis();
                EngineProcesses.signal(before, fate);
                EngineProcesses.tell(directory.resolve("active"), String.valueOf(incarnation));
                times.add(firstEpoch(broker, incarnation) - start);
                asStandby += engines.progress(name(incarnation)).contains("\"restoredFrom\":\"Standby\"") ? 1 : 0;
                System.out.println(fate + ": next epoch after " + times.get(times.size() - 1) + " ms");
                if (fate.equals("KILL")) {
                    before.waitFor();
                } else {
                    ended.add(before);
                }
                if (random.nextBoolean()) {
                    ended.forEach(process -> EngineProcesses.signal(process, "CONT"));
                }
            }
            ended.forEach(process -> EngineProcesses.signal(process, "CONT"));
            feeder.join();
            queries.feedLast();
            for (Process process : ended) {
                assertTrue(
                        process.waitFor(60, TimeUnit.SECONDS), () -> "what was superseded goes on: " + engines.log());
                assertEquals(0, process.exitValue(), engines::log);
            }
            assertTrue(engines.log().contains("Superseded") || ended.isEmpty(), engines::log);
            int restored = asStandby;
            assertTrue(restored > 0, () -> "none has gone on from what it had followed: " + engines.log());
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
                .untilAsserted(() -> {
                    SlotProcess.log(broker, "windows", 0).stream()
                            .filter(one -> one.record().incarnation() == incarnation
                                    && !one.record().claim())
                            .findFirst()
                            .ifPresent(found::add);
                    assertTrue(!found.isEmpty(), engines::log);
                });
        return found.get(0).millis();
    }

    private static String name(int incarnation) {
        return "engine-" + incarnation;
    }

    private void start(int incarnation) throws IOException {
        processes.add(
                incarnation == 1
                        ? engines.start(name(1), 1)
                        : engines.start(
                                name(incarnation),
                                incarnation,
                                "--standby",
                                directory.resolve("active").toString()));
    }

    @AfterEach
    void endAll() {
        if (engines != null) {
            engines.close();
        }
    }
}
