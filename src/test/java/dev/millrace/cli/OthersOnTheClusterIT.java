package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.Slot;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.state.rocksdb.StateMemory;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What others do on the cluster while a query runs or rests: another process of the same query, open transactions, topics
 * that change, brokers that go away. Output stays exact, or the query stops with its stated error.
 */
class OthersOnTheClusterIT {

    private static final String COUNTS = "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word";
    private static final String PASS = "SELECT id FROM events";

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;
    private static KafkaQueries queries;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(
                Files.createDirectory(directory.resolve("kafka")),
                List.of(
                        "transaction.abort.timed.out.transaction.cleanup.interval.ms=300",
                        "log.cleaner.backoff.ms=200"),
                Map.of());
        queries = new KafkaQueries(broker, directory);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    private static CompletableFuture<QueryRun.End> async(QueryRun run) {
        return CompletableFuture.supplyAsync(run::run);
    }

    private static void awaitRows(QueryRun run, long rows) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> run.metrics().rowsIn.sum() >= rows
                        && run.metrics().epochs.sum() > 0);
    }

    @Test
    void aNewerIncarnationTakesOverAndTheOlderOneStops() throws Exception {
        broker.createTopic("owned", 3);
        broker.createTopic("owner-out", 2);
        queries.produce("owned", 0, 1_000);
        String yaml = queries.yaml("owner", "owned", COUNTS, USUAL.endless());
        QueryRun older = queries.query(yaml, "owner-1");
        CompletableFuture<QueryRun.End> olderEnd = async(older);
        awaitRows(older, 1_000);
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        QueryRun newer = queries.query(yaml, "owner-2", notices, FaultPoints.NONE);
        CompletableFuture<QueryRun.End> newerEnd = async(newer);
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> newer.metrics().figures().phase().equals("running"));
        queries.produce("owned", 1_000, 2_000);
        assertEquals(QueryRun.End.SUPERSEDED, olderEnd.get(60, TimeUnit.SECONDS));
        awaitRows(newer, 1_000);
        newer.stop();
        assertEquals(QueryRun.End.STOPPED, newerEnd.get(60, TimeUnit.SECONDS), notices::toString);
        queries.checkCounts("owner-out", 2_000);
    }

    /** A query that gave up its state starts under another id; a pod of before may come back from a node that was cut off. */
    @Test
    void writersUnderAnEarlierIdAreEnded() throws Exception {
        broker.createTopic("reset", 3);
        broker.createTopic("resets-out", 2);
        queries.produce("reset", 0, 1_000);
        String yaml = queries.yaml("resets", "reset", COUNTS, USUAL.endless().more("state: {id: resets-a}"));
        QueryRun before = queries.query(yaml, "resets-a");
        CompletableFuture<QueryRun.End> beforeEnd = async(before);
        awaitRows(before, 1_000);
        Compilation query = Compilation.of(
                dev.millrace.api.ResourceReader.read("test.yaml", yaml.replace("resets-a", "resets-b"))
                        .documents()
                        .get(0),
                directory);
        Assembly.Place place = Assembly.Place.pod(
                directory.resolve("resets-b"),
                1,
                new StateMemory(64 << 20),
                directory,
                Slot.ONLY,
                Optional.empty(),
                Optional.empty(),
                new Assembly.History(List.of("never-was", "resets-a"), Optional.empty()));
        QueryRun after = new QueryRun(new Assembly(query, place).definition(), notice -> {});
        CompletableFuture<QueryRun.End> afterEnd = async(after);
        awaitRows(after, 1_000);
        queries.produce("reset", 1_000, 2_000);
        assertEquals(QueryRun.End.SUPERSEDED, beforeEnd.get(60, TimeUnit.SECONDS));
        assertEquals(1_000, before.metrics().rowsIn.sum(), "nothing was committed since");
        awaitRows(after, 2_000);
        after.stop();
        assertEquals(QueryRun.End.STOPPED, afterEnd.get(60, TimeUnit.SECONDS));
        queries.checkCounts("resets-out", 2_000);
        try (var admin = broker.admin()) {
            assertTrue(admin.listTopics().names().get().stream().noneMatch(topic -> topic.contains("never-was")));
        }
    }

    @Test
    void aCommitBehindAnOpenTransactionIsNotComputedTwice() throws Exception {
        broker.createTopic("hidden", 3);
        broker.createTopic("hides-out", 2);
        queries.produce("hidden", 0, 1_000);
        String yaml = queries.yaml("hides", "hidden", PASS, USUAL.mode("append"));
        Map<String, Object> config = Map.of("bootstrap.servers", broker.servers(), "transactional.id", "foreign");
        try (KafkaProducer<byte[], byte[]> foreign =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            foreign.initTransactions();
            int[] epochs = new int[1];
            FaultPoints faults = step -> {
                if (step == FaultPoints.Step.BEFORE_COMMIT && ++epochs[0] == 3) {
                    foreign.beginTransaction();
                    foreign.send(new ProducerRecord<>("millrace.hides-progress", 0, null, null));
                    foreign.flush();
                }
                if (step == FaultPoints.Step.AFTER_COMMIT && epochs[0] == 3) {
                    throw new GoldenRun.Crash(step);
                }
            };
            QueryRun first = queries.query(yaml, "hides", new ArrayList<>(), faults);
            assertThrows(GoldenRun.Crash.class, first::run);
            QueryRun second = queries.query(yaml, "hides");
            CompletableFuture<QueryRun.End> end = async(second);
            Awaitility.await()
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> second.metrics().figures().message().contains("transaction of 'foreign' hides"));
            foreign.abortTransaction();
            assertEquals(QueryRun.End.COMPLETED, end.get(60, TimeUnit.SECONDS));
            assertEquals(1, second.metrics().replayedEpochs.sum());
        }
        assertEquals(KafkaQueries.ids(0, 1_000), queries.values("hides-out"));
    }

    @Test
    void anyErrorOfACommitLetsTheLogDecide() throws Exception {
        broker.createTopic("shaky", 3);
        broker.createTopic("shakes-out", 2);
        queries.produce("shaky", 0, 3_000);
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int[] left = {12};
        Set<FaultPoints.Step> met = EnumSet.noneOf(FaultPoints.Step.class);
        FaultPoints faults = step -> {
            if (met.add(step) || left[0] > 0 && random.nextInt(5) == 0) {
                left[0]--;
                throw new ConnectorException("KafkaUnavailable", "an outage at " + step, null, true);
            }
        };
        String yaml = queries.yaml("shakes", "shaky", PASS, USUAL.mode("append"));
        QueryRun run = queries.query(yaml, "shakes", new ArrayList<>(), faults);
        assertEquals(QueryRun.End.COMPLETED, run.run());
        assertEquals(EnumSet.allOf(FaultPoints.Step.class), met, "each step failed at least once");
        assertEquals(KafkaQueries.ids(0, 3_000), queries.values("shakes-out"), "seed " + seed);
    }

    /** P10: the same epoch would be met again for ever. */
    @Test
    void anEpochThatTakesLongerThanItsTransactionMayIsGivenMoreTime() throws Exception {
        broker.createTopic("large", 1);
        broker.createTopic("takes-out", 1);
        queries.produce("large", 0, 100);
        FaultPoints slow = step -> {
            if (step == FaultPoints.Step.BEFORE_COMMIT) {
                Awaitility.await().pollDelay(Duration.ofMillis(3_500)).until(() -> true);
            }
        };
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        String yaml = queries.yaml("takes", "large", COUNTS, USUAL.mode("complete"))
                .replace("properties: {}", "properties: {transaction.timeout.ms: \"1000\"}");
        assertEquals(
                QueryRun.End.COMPLETED,
                async(queries.query(yaml, "takes", notices, slow)).get(120, TimeUnit.SECONDS),
                notices::toString);
        assertTrue(notices.size() >= 2, notices::toString);
        assertEquals(100, queries.values("takes-out").size() - 1, "one frame and its rows");
    }

    @ParameterizedTest
    @CsvSource({
        "progress, retention.ms",
        "progress, cleanup.policy",
        "progress, retention.bytes",
        "journal, retention.ms"
    })
    void aLogThatWouldForgetIsRefused(String part, String setting) throws Exception {
        String name = "forgets-" + part + "-" + setting.replace('.', '-');
        broker.createTopic(name, 1);
        broker.createTopic(name + "-out", 1);
        queries.produce(name, 0, 10);
        String yaml = queries.yaml(name, name, PASS, USUAL.mode("append"));
        queries.query(yaml, name).run();
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "millrace." + name + "-" + part);
        String value = setting.equals("cleanup.policy") ? "compact" : "100000";
        AlterConfigOp change = new AlterConfigOp(new ConfigEntry(setting, value), AlterConfigOp.OpType.SET);
        try (Admin admin = broker.admin()) {
            admin.incrementalAlterConfigs(Map.of(topic, List.of(change))).all().get();
        }
        assertStops("InternalTopicSettings", queries.query(yaml, name));
    }

    /** A broker's own setting, which is 1, would be a default. */
    @Test
    void topicsAreMadeWithTheCopiesThatTheSpecSays() throws Exception {
        broker.createTopic("copied", 1);
        broker.createTopic("copies-out", 1);
        queries.produce("copied", 0, 10);
        String copies = "  state: {topics: {replicationFactor: 1, minInsyncReplicas: 1}}\n";
        queries.query(queries.yaml("copies", "copied", PASS, USUAL.mode("append")) + copies, "copies")
                .run();
        try (Admin admin = broker.admin()) {
            for (String part : List.of("progress", "journal")) {
                ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "millrace.copies-" + part);
                ConfigEntry entry = admin.describeConfigs(List.of(topic))
                        .all()
                        .get()
                        .get(topic)
                        .get("min.insync.replicas");
                assertEquals("1", entry.value());
                assertEquals(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, entry.source(), part);
            }
        }
    }

    /** P7: what a lost state would need is gone, although the state that is there goes on without it. */
    @ParameterizedTest
    @ValueSource(strings = {"progress", "journal"})
    void aLogThatWasMadeAgainIsStateLost(String part) throws Exception {
        String name = "remade-" + part;
        broker.createTopic(name, 1);
        broker.createTopic(name + "-out", 1);
        queries.produce(name, 0, 10);
        String yaml = queries.yaml(name, name, PASS, USUAL.mode("append"));
        queries.query(yaml, name).run();
        String topic = "millrace." + name + "-" + part;
        long length = broker.written(topic);
        try (Admin admin = broker.admin();
                KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            admin.deleteTopics(List.of(topic)).all().get();
            NewTopic again = new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "-1"));
            Awaitility.await().ignoreExceptions().until(() -> {
                admin.createTopics(List.of(again)).all().get();
                return true;
            });
            for (int i = 0; i < length; i++) {
                producer.send(new ProducerRecord<>(topic, 0, null, null)).get();
            }
        }
        assertStops("StateLost", queries.query(yaml, name));
    }

    @Test
    void aRecordThatItsTopicDoesNotTakeStopsTheQuery() throws Exception {
        broker.createTopic("wide", 1);
        broker.createTopic("narrow-out", 1);
        ConfigResource out = new ConfigResource(ConfigResource.Type.TOPIC, "narrow-out");
        AlterConfigOp narrow = new AlterConfigOp(new ConfigEntry("max.message.bytes", "200"), AlterConfigOp.OpType.SET);
        AlterConfigOp wide = new AlterConfigOp(new ConfigEntry("max.message.bytes", "20000"), AlterConfigOp.OpType.SET);
        String yaml = queries.yaml(
                "narrow", "wide", "SELECT id, '" + "x".repeat(300) + "' AS text FROM events", USUAL.mode("append"));
        try (Admin admin = broker.admin()) {
            admin.incrementalAlterConfigs(Map.of(out, List.of(narrow))).all().get();
            queries.produce("wide", 0, 10);
            assertStops("RecordTooLarge", queries.query(yaml, "narrow"));
            assertEquals(List.of(), queries.values("narrow-out"));
            admin.incrementalAlterConfigs(Map.of(out, List.of(wide))).all().get();
        }
        QueryRun again = queries.query(yaml, "narrow");
        assertEquals(QueryRun.End.COMPLETED, again.run());
        assertEquals(10, queries.values("narrow-out").size());
        assertTrue(again.metrics().weakness().contains("min.insync.replicas=1"), "one broker, one replica");
    }

    private static void assertStops(String code, QueryRun run) {
        QueryException e = assertThrows(QueryException.class, run::run);
        assertEquals(code, e.code(), e::getMessage);
    }

    /** P13: by its offsets alone the topic would look as if nothing had happened. */
    @Test
    void aTopicWhoseEndWasLostAndWrittenAnewIsNoticed() throws Exception {
        Path place = Files.createDirectories(directory.resolve("cut"));
        KafkaBroker other = new KafkaBroker(Files.createDirectory(place.resolve("kafka")));
        try {
            KafkaQueries onOther = new KafkaQueries(other, place);
            other.createTopic("events", 1);
            other.createTopic("cuts-out", 1);
            onOther.produce("events", 0, 100);
            onOther.produce("events", 100, 200);
            String yaml = onOther.yaml("cuts", "events", PASS, USUAL.mode("append"));
            onOther.query(yaml, "cuts").run();
            other.kill();
            tearLastBatch(place.resolve("kafka"), "events-0");
            other.restart();
            onOther.produce("events", 200, 400);
            assertEquals(300, other.written("events"));
            assertStops("SourceDataLost", onOther.query(yaml, "cuts"));
            assertEquals(KafkaQueries.ids(0, 200), onOther.values("cuts-out"));
        } finally {
            other.close();
        }
    }

    private static void tearLastBatch(Path kafka, String partition) throws Exception {
        Path log;
        try (Stream<Path> files = Files.walk(kafka)) {
            log = files.filter(file -> file.endsWith(Path.of(partition, "00000000000000000000.log")))
                    .findFirst()
                    .orElseThrow();
        }
        try (FileChannel channel = FileChannel.open(log, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() - 1);
        }
    }

    @Test
    void recordsThatWereCompactedAwayInARangeToReplayAreNoticed() throws Exception {
        broker.createTopic("squeezed", 1);
        broker.createTopic("squeezes-out", 1);
        Map<String, String> settings =
                Map.of("cleanup.policy", "compact", "segment.ms", "100", "min.cleanable.dirty.ratio", "0.01");
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "squeezed");
        List<AlterConfigOp> changes = settings.entrySet().stream()
                .map(setting -> new AlterConfigOp(
                        new ConfigEntry(setting.getKey(), setting.getValue()), AlterConfigOp.OpType.SET))
                .toList();
        try (Admin admin = broker.admin()) {
            admin.incrementalAlterConfigs(Map.of(topic, changes)).all().get();
        }
        produceKeyed("squeezed", 0, 10);
        String yaml = queries.yaml("squeezes", "squeezed", PASS, USUAL.mode("append"));
        queries.query(yaml, "squeezes-1").run();
        int[] next = {10};
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> {
            produceKeyed("squeezed", next[0], ++next[0]);
            return !queries.values("squeezed").contains(new String(KafkaQueries.row(0)));
        });
        assertStops("SourceDataLost", queries.query(yaml, "squeezes-2"));
        assertEquals(KafkaQueries.ids(0, 10), queries.values("squeezes-out"));
    }

    private static void produceKeyed(String topic, int from, int to) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int id = from; id < to; id++) {
                producer.send(new ProducerRecord<>(topic, new byte[] {(byte) (id % 5)}, KafkaQueries.row(id)));
            }
        }
    }

    @Test
    void aLogThatIsGoneOrShortIsStateLost() throws Exception {
        broker.createTopic("logged", 1);
        broker.createTopic("logs-out", 1);
        queries.produce("logged", 0, 300);
        String yaml = queries.yaml("logs", "logged", PASS, USUAL.mode("append"));
        queries.query(yaml, "logs").run();
        TopicPartition log = new TopicPartition("millrace.logs-progress", 0);
        broker.deleteBefore(Map.of(log, 3L));
        assertEquals(QueryRun.End.COMPLETED, queries.query(yaml, "logs").run(), "the state has what was deleted");
        assertStops("StateLost", queries.query(yaml, "logs-elsewhere"));
        try (Admin admin = broker.admin()) {
            admin.deleteTopics(List.of(log.topic())).all().get();
        }
        assertStops("StateLost", queries.query(yaml, "logs"));
        NewTopic empty = new NewTopic(log.topic(), 1, (short) 1).configs(Map.of("retention.ms", "-1"));
        try (Admin admin = broker.admin()) {
            admin.createTopics(List.of(empty)).all().get();
        }
        assertStops("StateLost", queries.query(yaml, "logs"));
        assertEquals(KafkaQueries.ids(0, 300), queries.values("logs-out"));
    }

    @Test
    void aLogThatWasTrimmedBeyondTheStateIsStateLost() throws Exception {
        broker.createTopic("pruned", 1);
        broker.createTopic("prunes-out", 1);
        queries.produce("pruned", 0, 300);
        String yaml = queries.yaml("prunes", "pruned", PASS, USUAL.mode("append"));
        FaultPoints crash = step -> {
            if (step == FaultPoints.Step.AFTER_COMMIT) {
                throw new GoldenRun.Crash(step);
            }
        };
        assertThrows(GoldenRun.Crash.class, queries.query(yaml, "prunes-behind", new ArrayList<>(), crash)::run);
        queries.query(yaml, "prunes").run();
        TopicPartition log = new TopicPartition("millrace.prunes-progress", 0);
        broker.deleteBefore(Map.of(log, -1L));
        assertStops("StateLost", queries.query(yaml, "prunes-behind"));
        assertStops("StateLost", queries.query(yaml, "prunes-nowhere"));
        assertEquals(KafkaQueries.ids(0, 300), queries.values("prunes-out"));
    }

    @Test
    void startingPositionsAreFixedBeforeAnyRowIsRead() throws Exception {
        broker.createTopic("recent", 3);
        broker.createTopic("latest-out", 1);
        queries.produce("recent", 0, 300);
        String yaml =
                queries.yaml("latest", "recent", PASS, USUAL.mode("append").source("startingOffsets: latest"));
        FaultPoints crash = step -> {
            throw new GoldenRun.Crash(step);
        };
        QueryRun first = queries.query(yaml, "latest", new ArrayList<>(), crash);
        assertThrows(GoldenRun.Crash.class, first::run);
        queries.produce("recent", 300, 600);
        assertEquals(QueryRun.End.COMPLETED, queries.query(yaml, "latest").run());
        assertEquals(KafkaQueries.ids(300, 600), queries.values("latest-out"));
    }

    @Test
    void startingOffsetsByPartitionAndByTime() throws Exception {
        broker.createTopic("chosen", 3);
        broker.createTopic("offsets-out", 1);
        broker.createTopic("times-out", 1);
        queries.produce("chosen", 0, 300);
        TimeUnit.MILLISECONDS.sleep(20);
        String moment = java.time.Instant.now().toString();
        TimeUnit.MILLISECONDS.sleep(20);
        queries.produce("chosen", 300, 330);
        String byOffset = "startingOffsets: {partitions: {0: 109, 1: 110, 2: 108}}";
        queries.query(
                        queries.yaml(
                                "offsets", "chosen", PASS, USUAL.mode("append").source(byOffset)),
                        "offsets")
                .run();
        assertEquals(List.of("{\"id\":326}", "{\"id\":327}", "{\"id\":329}"), queries.values("offsets-out"));
        String byTime = "startingOffsets: {timestamp: \"" + moment + "\"}";
        queries.query(queries.yaml("times", "chosen", PASS, USUAL.mode("append").source(byTime)), "times")
                .run();
        assertEquals(KafkaQueries.ids(300, 330), queries.values("times-out"));
    }

    @Test
    void topicsAndPartitionsThatAppearAreReadFromTheirBeginning() throws Exception {
        broker.createTopic("grow-1", 2);
        broker.createTopic("grows-out", 1);
        queries.produce("grow-1", 0, 100);
        String yaml = queries.yaml(
                "grows",
                "topicPattern: \"grow-[0-9]+\"",
                PASS,
                USUAL.mode("append").source("startingOffsets: latest").endless());
        QueryRun run = queries.query(yaml, "grows");
        CompletableFuture<QueryRun.End> end = async(run);
        Awaitility.await().until(() -> run.metrics().figures().phase().equals("running"));
        try (Admin admin = broker.admin()) {
            admin.createPartitions(Map.of("grow-1", NewPartitions.increaseTo(3)))
                    .all()
                    .get();
        }
        broker.createTopic("grow-2", 1);
        queries.produce("grow-1", 100, 400);
        queries.produce("grow-2", 400, 500);
        awaitRows(run, 400);
        run.stop();
        assertEquals(QueryRun.End.STOPPED, end.get(60, TimeUnit.SECONDS));
        assertEquals(KafkaQueries.ids(100, 500), queries.values("grows-out"));
        String now = yaml.replace("commitInterval: 50ms", "availableNow: true");
        assertEquals(
                QueryRun.End.COMPLETED,
                queries.query(now, "grows-elsewhere").run(),
                "a rebuild meets the same topics in the same epochs");
        assertEquals(KafkaQueries.ids(100, 500), queries.values("grows-out"));
        broker.createTopic("grow-3", 1);
        queries.produce("grow-3", 500, 600);
        queries.query(now, "grows-elsewhere").run();
        assertEquals(KafkaQueries.ids(100, 600), queries.values("grows-out"), "also those of the time between");
    }

    @Test
    void anotherSchemaIsAnotherQuery() throws Exception {
        broker.createTopic("typed", 1);
        broker.createTopic("types-out", 1);
        queries.produce("typed", 0, 10);
        String yaml = queries.yaml("types", "typed", PASS, USUAL.mode("append"));
        queries.query(yaml, "types").run();
        assertStops("PlanChanged", queries.query(yaml.replace("id BIGINT", "id STRING"), "types"));
        queries.produce("typed", 10, 20);
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            producer.send(new ProducerRecord<>("typed", "{\"id\":\"ten\"}".getBytes()));
        }
        assertStops("MalformedRow", queries.query(yaml, "types"));
        assertEquals(KafkaQueries.ids(0, 10), queries.values("types-out"));
    }

    /** A reader takes the rows behind the last frame whose rows are all there. */
    @Test
    void completeWritesFramesAlsoEmptyOnes() throws Exception {
        broker.createTopic("framed", 1);
        broker.createTopic("frames-out", 1);
        String sql = "SELECT word, COUNT(*) AS n FROM events GROUP BY word HAVING COUNT(*) = 1";
        String yaml = queries.yaml("frames", "framed", sql, USUAL.mode("complete"));
        queries.produce("framed", 0, 3);
        queries.query(yaml, "frames").run();
        assertEquals(List.of("w0", "w1", "w2"), lastFrame("frames-out"));
        queries.produce("framed", 0, 2);
        queries.query(yaml, "frames").run();
        assertEquals(List.of("w2"), lastFrame("frames-out"));
        queries.produce("framed", 2, 3);
        queries.query(yaml, "frames").run();
        assertEquals(List.of(), lastFrame("frames-out"));
        long written = broker.written("frames-out");
        queries.produce("framed", 0, 3);
        queries.query(yaml, "frames").run();
        assertEquals(written, broker.written("frames-out"), "a result that has not changed is not written again");
    }

    @Test
    void aFrameHasEqualRowsAsOftenAsTheyAreThere() throws Exception {
        broker.createTopic("equal", 1);
        broker.createTopic("equals-out", 1);
        queries.produce("equal", 0, 1);
        queries.produce("equal", 0, 2);
        String sql = "SELECT word FROM events";
        queries.query(queries.yaml("equals", "equal", sql, USUAL.mode("complete, maxRows: 9")), "equals")
                .run();
        assertEquals(List.of("w0", "w0", "w1"), lastFrame("equals-out"));
    }

    private static List<String> lastFrame(String topic) {
        List<String> rows = new ArrayList<>();
        long[] announced = new long[1];
        broker.read(topic, record -> {
            if (record.headers().lastHeader("millrace-frame") != null) {
                assertEquals(announced[0], rows.size(), "the frame before is whole");
                rows.clear();
                announced[0] = Long.parseLong(
                        new String(record.headers().lastHeader("millrace-rows").value()));
            } else {
                rows.add(record.value().replaceAll(".*\"word\":\"(\\w+)\".*", "$1"));
            }
        });
        assertEquals(announced[0], rows.size());
        return rows.stream().sorted().toList();
    }

    @Test
    void aBrokerThatGoesAwayIsWaitedFor() throws Exception {
        Path place = Files.createDirectories(directory.resolve("restarted"));
        KafkaBroker other = new KafkaBroker(Files.createDirectory(place.resolve("kafka")));
        try {
            KafkaQueries onOther = new KafkaQueries(other, place);
            other.createTopic("events", 2);
            other.createTopic("waits-out", 2);
            onOther.produce("events", 0, 1_000);
            List<String> notices = Collections.synchronizedList(new ArrayList<>());
            String yaml = onOther.yaml("waits", "events", COUNTS, USUAL.endless());
            QueryRun run = onOther.query(yaml, "waits", notices, FaultPoints.NONE);
            CompletableFuture<QueryRun.End> end = async(run);
            awaitRows(run, 1_000);
            other.kill();
            Awaitility.await()
                    .atMost(Duration.ofSeconds(90))
                    .until(() -> run.metrics().figures().phase().equals("waiting"));
            other.restart();
            onOther.produce("events", 1_000, 2_000);
            awaitRows(run, 2_000);
            run.stop();
            assertEquals(QueryRun.End.STOPPED, end.get(60, TimeUnit.SECONDS));
            onOther.checkCounts("waits-out", 2_000);
            assertFalse(notices.isEmpty());
            assertEquals(notices.stream().distinct().count(), notices.size(), () -> "said twice: " + notices);
            assertTrue(notices.size() < 6, notices::toString);
        } finally {
            other.close();
        }
    }
}
