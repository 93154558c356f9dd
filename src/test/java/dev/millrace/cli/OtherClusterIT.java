package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.ResourceReader;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A query that writes to topics of two clusters, of which one has its log: what is committed in either is exact. */
class OtherClusterIT {

    private static final int ROWS = 20_000;
    private static final String IDS = "SELECT id FROM events";
    private static final String COUNTS = "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word";

    @TempDir
    private static Path directory;

    private static KafkaBroker home;
    private static KafkaBroker other;
    private static KafkaQueries queries;
    private static KafkaQueries elsewhere;

    @BeforeAll
    static void start() throws Exception {
        home = new KafkaBroker(Files.createDirectory(directory.resolve("home")));
        other = new KafkaBroker(Files.createDirectory(directory.resolve("other")));
        queries = new KafkaQueries(home, directory);
        elsewhere = new KafkaQueries(other, directory);
        home.createTopic("events", 3);
        queries.produce("events", 0, ROWS);
    }

    @AfterAll
    static void stop() {
        home.close();
        other.close();
    }

    /** With a second sink, in the other cluster. */
    private static String yaml(String name, String sql, KafkaQueries.Settings settings) throws Exception {
        home.createTopic(name + "-out", 2);
        other.createTopic(name + "-copy", 2);
        return queries.yaml(name, "events", sql, settings)
                .replace(
                        "  trigger:",
                        "    - {name: copy, outputMode: " + settings.mode()
                                + ", format: {json: {}}, kafka: {bootstrapServers: \"" + other.servers() + "\", topic: "
                                + name + "-copy}}\n  trigger:");
    }

    private static FaultPoints crash(FaultPoints.Step step, int times) {
        int[] left = {times};
        return reached -> {
            if (reached == step && --left[0] == 0) {
                throw new GoldenRun.Crash(reached);
            }
        };
    }

    @ParameterizedTest
    @EnumSource(FaultPoints.Step.class)
    void everyRowIsThereOnceAfterACrashAt(FaultPoints.Step step) throws Exception {
        String name = "crash-" + step.name().toLowerCase(Locale.ROOT).replace('_', '-');
        String yaml = yaml(name, IDS, USUAL.mode("append"));
        for (int after = 2; after <= 3; after++) {
            QueryRun run = queries.query(yaml, name, new ArrayList<>(), crash(step, after));
            assertThrows(GoldenRun.Crash.class, run::run);
        }
        assertEquals(QueryRun.End.COMPLETED, queries.query(yaml, name).run());
        assertEquals(KafkaQueries.ids(0, ROWS), elsewhere.values(name + "-copy"));
        assertEquals(KafkaQueries.ids(0, ROWS), queries.values(name + "-out"));
    }

    /** Rows that are none, and rows that come too late, of topics in which each third one is such a row. */
    @ParameterizedTest
    @EnumSource(FaultPoints.Step.class)
    void everyDeadLetterAndLateRowIsThereOnceAfterACrashAt(FaultPoints.Step step) throws Exception {
        String name = "odd-" + step.name().toLowerCase(Locale.ROOT).replace('_', '-');
        home.createTopic(name + "-in", 1);
        List<String> wrong = new ArrayList<>();
        try (var producer = home.producer()) {
            for (int id = 0; id < 27_000; id++) { // for some epochs more than crashes, on fast machines too
                boolean late = id % 3 == 1;
                String row = id % 3 == 2
                        ? "wrong " + id
                        : "{\"id\":" + id + ",\"ts\":\"2026-01-01T"
                                + (late
                                        ? "00:00:00"
                                        : String.format("%02d:%02d:%02d", 1 + id / 3_600, id / 60 % 60, id % 60))
                                + "\"}";
                producer.send(new ProducerRecord<>(name + "-in", row.getBytes(StandardCharsets.UTF_8)));
                if (id % 3 == 2) {
                    wrong.add(row);
                }
            }
        }
        other.createTopic(name + "-dead", 1);
        other.createTopic(name + "-late", 1);
        String at = "{kafka: {bootstrapServers: \"" + other.servers() + "\", topic: " + name;
        String sql =
                "SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' MINUTE))"
                        + " GROUP BY window_start";
        String yaml = yaml(
                        name,
                        sql,
                        USUAL.mode("append").more("deadLetters: " + at + "-dead}}\n  lateRows: " + at + "-late}}"))
                .replace("topic: events", "topic: " + name + "-in")
                .replace(
                        "schema: id BIGINT, word STRING",
                        "schema: id BIGINT, ts TIMESTAMP(3)\n"
                                + "      watermark: {column: ts, delay: 1s}\n      onMalformed: deadLetter");
        for (int after = 2; after <= 3; after++) {
            QueryRun run = queries.query(yaml, name, new ArrayList<>(), crash(step, after));
            assertThrows(GoldenRun.Crash.class, run::run);
        }
        assertEquals(QueryRun.End.COMPLETED, queries.query(yaml, name).run());
        List<String> dead = elsewhere.values(name + "-dead");
        assertEquals(wrong.size(), dead.size());
        assertEquals(
                wrong.stream().sorted().toList(),
                dead.stream()
                        .map(letter -> letter.replaceAll(".*\"(wrong \\d+)\".*", "$1"))
                        .sorted()
                        .toList());
        List<String> late = elsewhere.values(name + "-late");
        assertEquals(9_000, late.size());
        assertEquals(late.size(), late.stream().distinct().count());
    }

    /** The process dies with its transactions open. */
    @Test
    void killedProcessesLeaveBothExact() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String yaml = yaml("killed", COUNTS, USUAL);
        Path file = directory.resolve("killed.yaml");
        Files.writeString(file, yaml.replace("availableNow: true", "availableNow: false"));
        for (int i = 0; i < 4; i++) {
            Process run = run(file);
            Thread.sleep(1_200 + random.nextInt(1_500));
            run.destroyForcibly().waitFor();
        }
        Files.writeString(file, yaml);
        Process last = run(file);
        assertTrue(last.waitFor(120, TimeUnit.SECONDS), "seed " + seed);
        assertEquals(0, last.exitValue(), Files.readString(directory.resolve("said")));
        queries.checkCounts("killed-out", ROWS);
        elsewhere.checkCounts("killed-copy", ROWS);
    }

    private static Process run(Path file) throws Exception {
        return new ProcessBuilder(
                        KafkaBroker.launcher(), "run", file.toString(), "--state", directory.resolve("killed") + "")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("said").toFile())
                .start();
    }

    /** The epoch is in the log and not in the other cluster when that goes away. */
    @Test
    void aClusterThatIsAwayIsWaitedFor() throws Exception {
        String yaml = yaml("away", IDS, USUAL.mode("append"))
                .replace("topic: away-copy", "topic: away-copy, properties: {max.block.ms: \"5000\"}");
        List<String> notices = new CopyOnWriteArrayList<>();
        boolean[] away = {false};
        FaultPoints outage = step -> {
            if (step == FaultPoints.Step.AFTER_COMMIT && !away[0]) {
                away[0] = true;
                other.kill();
            }
        };
        QueryRun run = queries.query(yaml, "away", notices, outage);
        Thread thread = new Thread(run::run);
        thread.start();
        Awaitility.await()
                .atMost(Duration.ofSeconds(90))
                .until(() -> notices.toString().contains("waiting for it"));
        other.restart();
        thread.join(120_000);
        assertTrue(!thread.isAlive(), notices::toString);
        assertEquals(KafkaQueries.ids(0, ROWS), elsewhere.values("away-copy"));
        assertEquals(KafkaQueries.ids(0, ROWS), queries.values("away-out"));
    }

    @Test
    void numbersThatAreGoneAreNotGuessed() throws Exception {
        String yaml = yaml("gone", IDS, USUAL.mode("append"));
        QueryRun first = queries.query(yaml, "gone", new ArrayList<>(), crash(FaultPoints.Step.AFTER_COMMIT, 2));
        assertThrows(GoldenRun.Crash.class, first::run);
        assertEquals(1, epochs("gone").size());
        assertTrue(epochs("gone").toString().contains("millrace.gone-epochs-copy-"));
        try (var admin = other.admin()) {
            admin.deleteTopics(epochs("gone")).all().get();
        }
        Awaitility.await().until(() -> epochs("gone").isEmpty());
        QueryException e = assertThrows(
                QueryException.class, () -> queries.query(yaml, "gone").run());
        assertEquals("SinkDataLost", e.code(), e::getMessage);
        assertTrue(e.getMessage().contains("sink 'copy'"), e::getMessage);
        assertTrue(e.getMessage().contains("has no record"), e::getMessage);
    }

    private static Set<String> epochs(String query) throws Exception {
        try (var admin = other.admin()) {
            return admin.listTopics().names().get().stream()
                    .filter(topic -> topic.startsWith("millrace." + query + "-"))
                    .collect(Collectors.toSet());
        }
    }

    /** A whole result has its own transaction too. */
    @Test
    void nothingButTheResultIsLeftWhenTheQueryIsDeleted() throws Exception {
        String yaml = yaml("all", COUNTS, USUAL.mode("complete"));
        assertEquals(QueryRun.End.COMPLETED, queries.query(yaml, "all").run());
        List<String> rows = elsewhere.values("all-copy");
        assertEquals(queries.values("all-out"), rows);
        assertTrue(rows.size() > 50, rows::toString);
        Compilation compilation = Compilation.of(
                ResourceReader.read("test.yaml", yaml).documents().get(0), directory);
        assertTrue(!SlotRestrictions.of(compilation).isEmpty(), "it has one slot");
        new Assembly(compilation, Assembly.Place.local(directory.resolve("all"), 1, System.out, null)).cleanUp();
        Awaitility.await().until(() -> epochs("all").isEmpty());
    }

    @Test
    void aTopicThatMayLoseItsLastRecordIsRefused() throws Exception {
        String yaml = yaml("short", IDS, USUAL.mode("append"));
        QueryRun first = queries.query(yaml, "short", new ArrayList<>(), crash(FaultPoints.Step.AFTER_COMMIT, 2));
        assertThrows(GoldenRun.Crash.class, first::run);
        try (var admin = other.admin()) {
            ConfigResource topic = new ConfigResource(
                    ConfigResource.Type.TOPIC, epochs("short").iterator().next());
            ConfigEntry delete = new ConfigEntry("cleanup.policy", "delete");
            admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(delete, AlterConfigOp.OpType.SET))))
                    .all()
                    .get();
        }
        Exception e =
                assertThrows(Exception.class, () -> queries.query(yaml, "short").run());
        assertTrue(e.getMessage().contains("set cleanup.policy=compact"), e::getMessage);
    }
}
