package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.GuestSlot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An engine runs the slot of another one that is gone with its volume, with a real broker between them; is killed itself, and goes
 * on with both; and gives the slot back to a process of its own. What is committed is what one uninterrupted run would have
 * written.
 */
class GuestsIT {

    private static final int ROWS = 600_000;
    private static final String STATE = "checkpoint: {interval: 2s, retained: 2, store: {kafka: {}}}";
    private static final String GUEST = "\"incarnation\":2,\"phase\":\"running\"";

    @TempDir
    private Path directory;

    @Test
    void aSlotIsRunByAnother() throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        Random random = new Random(seed);
        System.out.println("seed " + seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            EventQueries queries = new EventQueries(broker, ROWS);
            String all = Files.readString(queries.write(directory.resolve("queries.yaml"), "", STATE));
            Path windows = directory.resolve("windows.yaml");
            Files.writeString(windows, all.split("---\n")[2]);
            Path division = directory.resolve("division");
            EngineProcesses.tell(division, "1/2");
            Path guests = directory.resolve("guests");
            Map<String, String> hosts = Map.of(GuestSlot.FILE_VARIABLE, guests.toString());
            String[] whole = {"--slot", "0/1", "--division", division.toString()};
            Thread feeder = queries.feed();
            try (EngineProcesses engines = new EngineProcesses(directory, windows)) {
                Process first = engines.start("host", 1, hosts, whole);
                Process second = engines.start("lost", 1, "--slot", "1/2", "--division", division.toString());
                engines.await("lost", "\"phase\":\"running\".*\"settled\":true");
                engines.await("lost", "\"checkpointEpoch\"");
                TimeUnit.MILLISECONDS.sleep(random.nextInt(2_000));
                EngineProcesses.signal(second, random.nextBoolean() ? "KILL" : "STOP");
                EngineProcesses.tell(guests, "1:2");
                engines.await("host", GUEST);
                TimeUnit.MILLISECONDS.sleep(random.nextInt(2_000));
                EngineProcesses.signal(first, "KILL");
                first.waitFor();
                engines.start("host", 1, hosts, whole);
                engines.await("host", GUEST);
                Path active = directory.resolve("active");
                engines.start(
                        "own", 3, "--slot", "1/2", "--division", division.toString(), "--standby", active.toString());
                engines.await("own", "\"phase\":\"standby\"");
                EngineProcesses.signal(second, "CONT");
                EngineProcesses.tell(active, "3");
                engines.await("own", "\"incarnation\":3,\"phase\":\"running\"");
                engines.await("host", "\"end\":\"Superseded\"");
                EngineProcesses.tell(guests, "");
                Awaitility.await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                    assertEquals(1, engines.progress("host").split("\"query\"", -1).length - 1);
                    assertFalse(Files.exists(
                            engines.state("host").resolveSibling("guests").resolve("1-2")));
                });
                feeder.join();
                queries.feedLast();
                assertTrue(second.waitFor(60, TimeUnit.SECONDS), () -> "what was superseded goes on: " + engines.log());
                Awaitility.await()
                        .atMost(Duration.ofMinutes(2))
                        .pollInterval(Duration.ofSeconds(1))
                        .untilAsserted(queries::checkWindows);
            }
        }
    }
}
