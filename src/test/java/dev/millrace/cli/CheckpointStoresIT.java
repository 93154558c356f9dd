package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.stores.S3Server;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Queries whose checkpoints are kept in a bucket or a directory lose their volume, and go on exactly. */
@Timeout(300)
class CheckpointStoresIT {

    private static final String COUNTS = "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word";

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;
    private static KafkaQueries queries;
    private static S3Server s3;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")));
        queries = new KafkaQueries(broker, directory);
        s3 = new S3Server(directory.resolve("s3"), "127.0.0.1");
        Files.writeString(
                directory.resolve("s3.properties"),
                "AWS_ACCESS_KEY_ID=" + S3Server.KEY + "\nAWS_SECRET_ACCESS_KEY=" + S3Server.SECRET + "\n");
    }

    @AfterAll
    static void stop() {
        s3.close();
        broker.close();
    }

    private static String bucket() {
        return "s3: {bucket: " + S3Server.BUCKET + ", prefix: /team-a/, endpoint: \"" + s3.endpoint()
                + "\", credentialsFrom: {file: s3.properties}}";
    }

    private static String yaml(String name, String store, KafkaQueries.Settings settings) {
        return queries.yaml(
                name,
                name + "-in",
                COUNTS,
                settings.more("state: {checkpoint: {interval: 100ms, retained: 2, store: {" + store + "}}}"));
    }

    private static void topics(String name) throws Exception {
        broker.createTopic(name + "-in", 2);
        broker.createTopic(name + "-out", 2);
        queries.produce(name + "-in", 0, 10_000);
    }

    @Test
    void aLostVolumeComesBackFromABucket() throws Exception {
        losesItsVolume("bucket", bucket(), "s3://checkpoints/team-a/bucket/");
    }

    @Test
    void aLostVolumeComesBackFromADirectory() throws Exception {
        losesItsVolume("shared", "directory: {path: shared-checkpoints}", "directory " + directory);
    }

    /** What was read is deleted from the source, so that only the checkpoint can have it. */
    private void losesItsVolume(String name, String store, String place) throws Exception {
        topics(name);
        String yaml = yaml(name, store, USUAL);
        queries.query(yaml, name + "-1").run();
        broker.deleteBefore(
                Map.of(new TopicPartition(name + "-in", 0), 5_000L, new TopicPartition(name + "-in", 1), 5_000L));
        queries.produce(name + "-in", 10_000, 11_000);
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        queries.query(yaml, name + "-2", notices, FaultPoints.NONE).run();
        assertTrue(notices.stream().anyMatch(notice -> notice.contains("from the " + place)), notices::toString);
        queries.checkCounts(name + "-out", 11_000);
    }

    @Test
    void aStoreThatIsAwayHoldsNothingUpAndIsTold() throws Exception {
        topics("away");
        QueryRun run = queries.query(yaml("away", bucket(), USUAL.endless()), "away-1");
        Thread thread = new Thread(run::run);
        thread.start();
        await(() -> run.metrics().stored().epoch() > 0);
        s3.kill();
        queries.produce("away-in", 10_000, 11_000);
        await(() -> run.metrics().checkpointFailure().contains("s3://checkpoints/team-a/away/"));
        long epoch = run.metrics().figures().epoch();
        queries.produce("away-in", 11_000, 12_000);
        await(() -> run.metrics().figures().epoch() > epoch);
        s3.start();
        long last = run.metrics().stored().epoch();
        queries.produce("away-in", 12_000, 13_000);
        await(() -> run.metrics().stored().epoch() > last);
        assertEquals("", run.metrics().checkpointFailure());
        run.stop();
        thread.join();
        queries.checkCounts("away-out", 13_000);
    }

    private static void await(java.util.concurrent.Callable<Boolean> what) {
        Awaitility.await().atMost(Duration.ofMinutes(2)).until(what);
    }

    @Test
    void cleanUpTakesAwayTopicsAndObjects() throws Exception {
        topics("over");
        String yaml = yaml("over", bucket(), USUAL);
        queries.query(yaml, "over-1").run();
        assertTrue(s3.objects("team-a/over/").list("").size() > 2);
        Compilation query = Compilation.unplanned(
                dev.millrace.api.ResourceReader.read("test.yaml", yaml)
                        .documents()
                        .get(0),
                directory);
        new Assembly(query, Assembly.Place.local(directory, 1, System.out, null)).cleanUp();
        assertEquals(List.of(), s3.objects("team-a/over/").list(""));
        try (var admin = broker.admin()) {
            assertTrue(admin.listTopics().names().get().stream().noneMatch(topic -> topic.startsWith("millrace.over")));
        }
    }
}
