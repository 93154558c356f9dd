package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.ResourceReader;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The engine dies at each step of an epoch in turn, with a real broker; what is committed in the end is exact each time. And:
 * what cannot be recovered stops with its stated error.
 */
class CrashAtEachStepIT {

    private static final int ROWS = 20_000;
    private static final int WORDS = 100;

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")));
        broker.createTopic("events", 3);
        produce("events", 0, ROWS);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    private static void produce(String topic, int from, int to) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int id = from; id < to; id++) {
                String row = "{\"id\":" + id + ",\"word\":\"w" + id % WORDS + "\"}";
                producer.send(new ProducerRecord<>(topic, id % 3, null, row.getBytes(StandardCharsets.UTF_8)));
            }
        }
    }

    private static String yaml(String name, String topic, String sql) {
        return """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: %s}
                spec:
                  kafka: {bootstrapServers: "%s"}
                  sources:
                    - name: events
                      schema: id BIGINT, word STRING
                      format: {json: {}}
                      kafka: {topic: %s, properties: {max.poll.records: "100"}}
                  query: %s
                  sinks:
                    - {name: out, outputMode: update, format: {json: {}}, kafka: {topic: %s-out}}
                  trigger: {commitInterval: 1ms, availableNow: true}
                """.formatted(name, broker.servers(), topic, sql, name);
    }

    private static QueryRun query(String yaml, Path state, List<String> notices, FaultPoints faults) {
        ResourceReader.Result read = ResourceReader.read("test.yaml", yaml);
        assertEquals(List.of(), read.problems());
        Compilation compilation = Compilation.of(read.documents().get(0), directory);
        assertEquals(List.of(), compilation.problems());
        return new QueryRun(new Assembly(compilation, state, 1, System.out, null).definition(), notices::add, faults);
    }

    @ParameterizedTest
    @EnumSource(FaultPoints.Step.class)
    void outputIsExactAfterACrashAt(FaultPoints.Step step) throws Exception {
        String name = "crash-" + step.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        broker.createTopic(name + "-out", 2);
        String yaml = yaml(name, "events", "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word");
        Path state = directory.resolve(name);
        for (int after = 2; after <= 3; after++) {
            int[] left = {after};
            FaultPoints crash = reached -> {
                if (reached == step && --left[0] == 0) {
                    throw new GoldenRun.Crash(reached);
                }
            };
            assertThrows(
                    GoldenRun.Crash.class,
                    () -> query(yaml, state, new ArrayList<>(), crash).run());
        }
        QueryRun last = query(yaml, state, new ArrayList<>(), FaultPoints.NONE);
        assertEquals(QueryRun.End.COMPLETED, last.run());
        assertTrue(last.metrics().figures().epoch() > 4);
        checkCounts(name + "-out");
    }

    private static void checkCounts(String topic) {
        Map<String, String> rows = new HashMap<>();
        broker.read(topic, record -> rows.put(record.key(), record.value()));
        Map<String, String> expected = new HashMap<>();
        for (int w = 0; w < WORDS; w++) {
            long n = ROWS / WORDS;
            long total = n * w + WORDS * (n * (n - 1) / 2);
            expected.put(
                    "{\"word\":\"w" + w + "\"}", "{\"word\":\"w" + w + "\",\"n\":" + n + ",\"total\":" + total + "}");
        }
        assertEquals(expected, rows);
    }

    @Test
    void aLostVolumeIsComputedAgainFromTheLog() throws Exception {
        broker.createTopic("lost-out", 2);
        String yaml = yaml("lost", "events", "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word");
        assertEquals(
                QueryRun.End.COMPLETED,
                query(yaml, directory.resolve("lost-1"), new ArrayList<>(), FaultPoints.NONE)
                        .run());
        List<String> notices = new ArrayList<>();
        QueryRun again = query(yaml, directory.resolve("lost-2"), notices, FaultPoints.NONE);
        assertEquals(QueryRun.End.COMPLETED, again.run());
        assertTrue(notices.toString().contains("replaying epochs 1 to"), notices::toString);
        assertEquals(0, again.metrics().rowsOut.sum(), "a replay writes nothing");
        checkCounts("lost-out");
    }

    @Test
    void anotherQueryUnderTheSameNameIsRefused() throws Exception {
        broker.createTopic("changed-out", 2);
        Path state = directory.resolve("changed");
        query(
                        yaml("changed", "events", "SELECT word, COUNT(*) AS n FROM events GROUP BY word"),
                        state,
                        new ArrayList<>(),
                        FaultPoints.NONE)
                .run();
        QueryRun other = query(
                yaml("changed", "events", "SELECT word, MAX(id) AS n FROM events GROUP BY word"),
                state,
                new ArrayList<>(),
                FaultPoints.NONE);
        assertTrue(assertThrows(dev.millrace.engine.QueryException.class, other::run)
                .code()
                .equals("PlanChanged"));
    }

    @Test
    void aTopicThatWasMadeAgainIsNoticed() throws Exception {
        broker.createTopic("short", 3);
        produce("short", 0, 300);
        broker.createTopic("again-out", 2);
        String yaml = yaml("again", "short", "SELECT word, COUNT(*) AS n FROM events GROUP BY word");
        Path state = directory.resolve("again");
        query(yaml, state, new ArrayList<>(), FaultPoints.NONE).run();
        try (var admin = broker.admin()) {
            admin.deleteTopics(List.of("short")).all().get();
        }
        org.awaitility.Awaitility.await().ignoreExceptions().until(() -> {
            broker.createTopic("short", 3);
            return true;
        });
        produce("short", 0, 600);
        QueryRun run = query(yaml, state, new ArrayList<>(), FaultPoints.NONE);
        assertEquals(
                "SourceDataLost",
                assertThrows(dev.millrace.engine.QueryException.class, run::run).code());
    }

    @Test
    void recordsDeletedBelowTheNeededOffsetAreNoticed() throws Exception {
        broker.createTopic("trimmed", 3);
        produce("trimmed", 0, 3_000);
        broker.createTopic("trim-out", 2);
        String yaml = yaml("trim", "trimmed", "SELECT word, COUNT(*) AS n FROM events GROUP BY word");
        query(yaml, directory.resolve("trim-1"), new ArrayList<>(), FaultPoints.NONE)
                .run();
        try (var admin = broker.admin()) {
            admin.deleteRecords(Map.of(
                            new org.apache.kafka.common.TopicPartition("trimmed", 0),
                            org.apache.kafka.clients.admin.RecordsToDelete.beforeOffset(500)))
                    .all()
                    .get();
        }
        QueryRun run = query(yaml, directory.resolve("trim-2"), new ArrayList<>(), FaultPoints.NONE);
        assertEquals(
                "SourceDataLost",
                assertThrows(dev.millrace.engine.QueryException.class, run::run).code());
    }
}
