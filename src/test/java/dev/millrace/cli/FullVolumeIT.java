package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A volume that fills up holds the query up, and nothing else: with more room it goes on, exactly. Mounts need root. */
class FullVolumeIT {

    private static final int ROWS = 400_000;

    @TempDir
    private Path directory;

    private static int sh(String command) throws IOException, InterruptedException {
        return new ProcessBuilder("sh", "-c", command).inheritIO().start().waitFor();
    }

    @Test
    void aFullVolumeIsWaitedFor() throws Exception {
        Path volume = Files.createDirectory(directory.resolve("volume"));
        assumeTrue(
                sh("mount -t tmpfs -o size=10m millrace-test " + volume + " 2> /dev/null") == 0,
                "a small file system cannot be mounted here: a full volume is not tested");
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            KafkaQueries queries = new KafkaQueries(broker, directory);
            broker.createTopic("many", 2);
            broker.createTopic("full-out", 2);
            queries.produce("many", 0, ROWS);
            String yaml = queries.yaml(
                    "full",
                    "many",
                    "SELECT id, MAX(REPEAT(word, 50)) AS longest, COUNT(*) AS n FROM events GROUP BY id",
                    USUAL.more("state: {checkpoint: {interval: 1s, retained: 1}}"));
            List<String> notices = Collections.synchronizedList(new ArrayList<>());
            QueryRun run = queries.query(yaml, "volume/state", notices, FaultPoints.NONE);
            CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
            AtomicLong least = new AtomicLong(Long.MAX_VALUE); // what could not be written is taken away again
            Awaitility.await()
                    .atMost(Duration.ofMinutes(2))
                    .pollInterval(Duration.ofMillis(20))
                    .failFast(() -> assertTrue(!end.isDone(), () -> "it ended: " + end + notices))
                    .until(() -> {
                        least.accumulateAndGet(run.metrics().volume().free(), Math::min);
                        return run.metrics().figures().code().equals("VolumeFull");
                    });
            assertEquals(10 << 20, run.metrics().volume().bytes());
            assertTrue(least.get() < 5 << 20, () -> "never less than " + least + " bytes free");
            assertEquals(0, sh("mount -o remount,size=1g " + volume));
            assertEquals(QueryRun.End.COMPLETED, end.get(4, TimeUnit.MINUTES));
            assertEquals(ROWS, queries.values("full-out").stream().distinct().count());
        } finally {
            sh("umount " + volume);
        }
    }
}
