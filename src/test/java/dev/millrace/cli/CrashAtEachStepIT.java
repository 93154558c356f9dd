package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.engine.QueryException;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The engine dies at each step of an epoch in turn, with a real broker; what is committed in the end is exact each time. And:
 * what cannot be recovered stops with its stated error.
 */
class CrashAtEachStepIT {

    private static final int ROWS = 20_000;
    private static final String COUNTS = "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word";

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;
    private static KafkaQueries queries;

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")));
        queries = new KafkaQueries(broker, directory);
        broker.createTopic("events", 3);
        queries.produce("events", 0, ROWS);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    @ParameterizedTest
    @EnumSource(FaultPoints.Step.class)
    void outputIsExactAfterACrashAt(FaultPoints.Step step) throws Exception {
        String name = "crash-" + step.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        broker.createTopic(name + "-out", 2);
        String yaml = queries.yaml(name, "events", COUNTS, USUAL)
                .replace(
                        "  trigger:",
                        "    - {name: table, outputMode: complete, format: {json: {}}, files: {path: " + name
                                + "-files}}\n  trigger:");
        for (int after = 2; after <= 3; after++) {
            int[] left = {after};
            FaultPoints crash = reached -> {
                if (reached == step && --left[0] == 0) {
                    throw new GoldenRun.Crash(reached);
                }
            };
            assertThrows(
                    GoldenRun.Crash.class,
                    () -> queries.query(yaml, name, new ArrayList<>(), crash).run());
        }
        QueryRun last = queries.query(yaml, name);
        assertEquals(QueryRun.End.COMPLETED, last.run());
        assertTrue(last.metrics().figures().epoch() > 4);
        queries.checkCounts(name + "-out", ROWS);
        List<String> upserted = new ArrayList<>();
        broker.read(name + "-out", record -> {
            upserted.removeIf(row ->
                    row.startsWith(record.key().substring(0, record.key().length() - 1) + ","));
            upserted.add(record.value());
        });
        assertEquals(
                upserted.stream().sorted().toList(),
                Files.readAllLines(directory.resolve(name + "-files").resolve("result.json")).stream()
                        .sorted()
                        .toList(),
                "a file beside the log's transaction");
    }

    @Test
    void aLostVolumeIsComputedAgainFromTheLog() throws Exception {
        broker.createTopic("lost-out", 2);
        String yaml = queries.yaml("lost", "events", COUNTS, USUAL);
        assertEquals(QueryRun.End.COMPLETED, queries.query(yaml, "lost-1").run());
        List<String> notices = new ArrayList<>();
        QueryRun again = queries.query(yaml, "lost-2", notices, FaultPoints.NONE);
        assertEquals(QueryRun.End.COMPLETED, again.run());
        assertTrue(notices.toString().contains("replaying epochs 1 to"), notices::toString);
        assertEquals(0, again.metrics().rowsOut.sum(), "a replay writes nothing");
        queries.checkCounts("lost-out", ROWS);
    }

    @Test
    void anotherQueryUnderTheSameNameIsRefused() throws Exception {
        broker.createTopic("changed-out", 2);
        queries.query(queries.yaml("changed", "events", COUNTS, USUAL), "changed")
                .run();
        String other = "SELECT word, MAX(id) AS n FROM events GROUP BY word";
        assertStops("PlanChanged", queries.query(queries.yaml("changed", "events", other, USUAL), "changed"));
    }

    private static void assertStops(String code, QueryRun run) {
        QueryException e = assertThrows(QueryException.class, run::run);
        assertEquals(code, e.code(), e::getMessage);
    }

    @ParameterizedTest
    @ValueSource(strings = {"short-1", "topicPattern: \"short-[2]\""})
    void aTopicThatWasMadeAgainIsNoticed(String source) throws Exception {
        String topic = source.contains(":") ? "short-2" : source;
        broker.createTopic(topic, 3);
        queries.produce(topic, 0, 300);
        broker.createTopic("again-" + topic + "-out", 2);
        String yaml = queries.yaml("again-" + topic, source, COUNTS, USUAL);
        queries.query(yaml, "again-" + topic).run();
        try (var admin = broker.admin()) {
            admin.deleteTopics(List.of(topic)).all().get();
        }
        org.awaitility.Awaitility.await().ignoreExceptions().until(() -> {
            broker.createTopic(topic, 3);
            return true;
        });
        queries.produce(topic, 0, 600);
        assertStops("SourceDataLost", queries.query(yaml, "again-" + topic));
    }

    /** P13: whatever the client is told to do about it. */
    @Test
    void recordsDeletedBelowTheNeededOffsetAreNoticed() throws Exception {
        broker.createTopic("trimmed", 3);
        queries.produce("trimmed", 0, 3_000);
        broker.createTopic("trim-out", 2);
        String yaml = queries.yaml("trim", "trimmed", COUNTS, USUAL)
                .replace("max.poll.records:", "auto.offset.reset: earliest, max.poll.records:");
        queries.query(yaml, "trim-1").run();
        trim("trimmed", 500);
        assertStops("SourceDataLost", queries.query(yaml, "trim-2"));
        queries.produce("trimmed", 3_000, 6_000);
        trim("trimmed", 1_500);
        assertStops("SourceDataLost", queries.query(yaml, "trim-1"));
    }

    private static void trim(String topic, long below) throws Exception {
        broker.deleteBefore(Map.of(new org.apache.kafka.common.TopicPartition(topic, 0), below));
    }
}
