package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real broker and an engine, each in a process of its own; the engine is killed with {@code kill -9} at random moments
 * while rows stream in. What is committed afterwards is what one uninterrupted run would have written: no row missing, none
 * twice.
 */
class KillRestartIT {

    private static final int ROWS = 1_000_000;
    private static final int KILLS = 20;

    @TempDir
    private Path directory;

    @Test
    void committedOutputIsExactAfterKills() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            EventQueries queries = new EventQueries(broker, ROWS);
            Thread feeder = queries.feed();
            Random random = new Random(seed);
            Path endless = queries.write(directory.resolve("endless.yaml"), "", "");
            for (int kill = 0; kill < KILLS; kill++) {
                Process engine = engine(endless);
                if (random.nextInt(4) > 0) {
                    awaitProgress(broker, engine);
                }
                boolean ended = engine.waitFor(random.nextInt(1_500), TimeUnit.MILLISECONDS);
                assertTrue(!ended, () -> "the engine stopped by itself: " + log());
                engine.destroyForcibly().waitFor();
            }
            System.out.println(broker.written("passed") + " records written in the lives that were killed");
            feeder.join();
            queries.feedLast();
            Process last = engine(queries.write(directory.resolve("rest.yaml"), ", availableNow: true", ""));
            assertTrue(last.waitFor(3, TimeUnit.MINUTES), "the rest was not processed");
            assertEquals(0, last.exitValue(), this::log);
            queries.check();
        }
    }

    /** Waits until this life of the engine has written something; other lives are killed while they start. */
    private void awaitProgress(KafkaBroker broker, Process engine) {
        long before = broker.written("passed");
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> broker.written("passed") > before || !engine.isAlive());
    }

    private Process engine(Path file) throws IOException {
        File log = directory.resolve("engine.log").toFile();
        List<String> command =
                new ArrayList<>(List.of(KafkaBroker.launcher(), "run", file.toString(), "--threads", "2"));
        command.addAll(List.of("--state", directory.resolve("state").toString()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log))
                .start();
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("engine.log"));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
