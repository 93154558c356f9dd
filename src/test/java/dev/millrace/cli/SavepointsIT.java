package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.ResourceReader;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.Slot;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.state.StateStore;
import dev.millrace.state.rocksdb.StateMemory;
import dev.millrace.stores.S3Server;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Savepoints in each kind of store: taken while a query runs, kept while its checkpoints come and go and when it is gone,
 * and gone back to by a query of another id, whatever dies on the way.
 */
@Timeout(300)
class SavepointsIT {

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

    /** A query over topics of its own, whose state may have several ids one after the other. */
    private static final class Case {
        private final String name;
        private final String store;
        private final List<String> notices = Collections.synchronizedList(new ArrayList<>());

        Case(String name, String kind) throws Exception {
            this.name = name + "-" + kind;
            this.store = kind.equals("kafka")
                    ? "kafka: {}"
                    : kind.equals("directory")
                            ? "directory: {path: kept}"
                            : "s3: {bucket: " + S3Server.BUCKET + ", endpoint: \"" + s3.endpoint()
                                    + "\", credentialsFrom: {file: s3.properties}}";
            broker.createTopic(this.name + "-in", 2);
            broker.createTopic(this.name + "-out", 2);
        }

        private Compilation compilation(String id, KafkaQueries.Settings settings, String sql) {
            String yaml = queries.yaml(
                    name,
                    name + "-in",
                    sql,
                    settings.more("state: {id: " + id + ", checkpoint: {interval: 100ms, retained: 1, store: {" + store
                            + "}}}"));
            return Compilation.of(
                    ResourceReader.read("test.yaml", yaml).documents().get(0), directory);
        }

        private Assembly assembly(
                String id, KafkaQueries.Settings settings, String sql, String volume, Assembly.History history) {
            return new Assembly(
                    compilation(id, settings, sql),
                    new Assembly.Place(
                            directory.resolve(volume),
                            1,
                            new StateMemory(64 << 20),
                            Optional.empty(),
                            System.out,
                            null,
                            Slot.ONLY,
                            Optional.of(wishes()),
                            Optional.empty(),
                            history));
        }

        QueryRun run(String id, KafkaQueries.Settings settings, String volume, Assembly.History history) {
            return run(id, settings, COUNTS, volume, history);
        }

        QueryRun run(String id, KafkaQueries.Settings settings, String sql, String volume, Assembly.History history) {
            return new QueryRun(
                    assembly(id, settings, sql, volume, history).definition(), notices::add, FaultPoints.NONE);
        }

        Path wishes() {
            return directory.resolve(name + "-wishes");
        }

        void wish(String lines) throws IOException {
            Path next = directory.resolve(name + "-wishes-next");
            Files.writeString(next, lines);
            Files.move(next, wishes(), java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        }

        QueryMetrics.Savepoint fulfilled(QueryRun run, String wish) throws IOException {
            wish(wish);
            await(() -> run.metrics().savepoints().stream()
                    .anyMatch(one -> one.wish().equals(wish)));
            return run.metrics().savepoints().stream()
                    .filter(one -> one.wish().equals(wish))
                    .findFirst()
                    .orElseThrow();
        }

        /** Runs to 10,000 rows, takes the savepoint "before" there, and goes on to 20,000. */
        QueryMetrics.Savepoint takenAtTenThousand(String id) throws Exception {
            queries.produce(name + "-in", 0, 10_000);
            QueryRun run = run(id, USUAL.endless(), name + "-1", Assembly.History.NONE);
            Thread thread = new Thread(run::run);
            thread.start();
            await(() -> run.metrics().rowsIn.sum() == 10_000);
            QueryMetrics.Savepoint taken = fulfilled(run, "take before u1");
            for (int rows = 10_000; rows < 20_000; rows += 1_000) {
                long epoch = run.metrics().stored().epoch();
                queries.produce(name + "-in", rows, rows + 1_000);
                await(() -> run.metrics().stored().epoch() > epoch);
            }
            await(() -> run.metrics().rowsIn.sum() == 20_000);
            run.stop();
            thread.join();
            return taken;
        }

        /** What was read before the savepoint is deleted, so that only the savepoint can have it. */
        void forgetTheBeginning() throws Exception {
            broker.deleteBefore(
                    Map.of(new TopicPartition(name + "-in", 0), 5_000L, new TopicPartition(name + "-in", 1), 5_000L));
        }

        /** As if none had been stored yet. */
        void loseCheckpoints(String id) throws Exception {
            if (store.startsWith("s3")) {
                s3.objects(id + "/").deleteAll();
                return;
            }
            try (var admin = broker.admin()) {
                admin.deleteTopics(List.of("millrace." + id + "-checkpoint"))
                        .all()
                        .get();
            }
        }

        Set<String> topics() throws Exception {
            try (var admin = broker.admin()) {
                return Set.copyOf(admin.listTopics().names().get().stream()
                        .filter(topic -> topic.startsWith("millrace." + name))
                        .toList());
            }
        }
    }

    private static Assembly.History from(String id) {
        return new Assembly.History(List.of(id), Optional.of(new Assembly.SavepointName(id, "before")));
    }

    private static void await(java.util.concurrent.Callable<Boolean> what) {
        Awaitility.await().atMost(Duration.ofMinutes(2)).until(what);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kafka", "s3", "directory"})
    void aQueryGoesBackToItAndWritesWhatCameAfterAgain(String kind) throws Exception {
        Case query = new Case("back", kind);
        String id = query.name;
        QueryMetrics.Savepoint taken = query.takenAtTenThousand(id);
        assertTrue(taken.bytes() > 0 && taken.place().contains(id), taken::toString);
        query.forgetTheBeginning();
        Map<String, Integer> written = new HashMap<>();
        broker.read(query.name + "-out", record -> written.merge(record.key(), 1, Integer::sum));
        query.run(id + "-2", USUAL, query.name + "-2", from(id)).run();
        queries.checkCounts(query.name + "-out", 20_000);
        assertTrue(query.notices.stream().anyMatch(notice -> notice.contains("goes on from epoch " + taken.epoch())));
        Map<String, String> again = new HashMap<>();
        broker.read(query.name + "-out", record -> {
            if (written.merge(record.key(), -1, Integer::sum) < 0) {
                again.putIfAbsent(record.key(), record.value());
            }
        });
        assertEquals(KafkaQueries.WORDS, again.size(), "each word was counted on");
        again.values().forEach(value -> assertTrue(value.contains("\"n\":1") || value.contains("\"n\":200"), value));
        queries.produce(query.name + "-in", 20_000, 20_100);
        QueryRun next = query.run(id + "-2", USUAL, query.name + "-2", from(id));
        next.run();
        assertEquals("Volume", next.metrics().restored().source());
        queries.checkCounts(query.name + "-out", 20_100);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kafka", "s3"})
    void whateverDiesOnTheWayTheNextStartFindsIt(String kind) throws Exception {
        Case query = new Case("dies", kind);
        String id = query.name;
        query.takenAtTenThousand(id);
        query.forgetTheBeginning();
        try (StateStore fetched = query.assembly(id + "-2", USUAL, COUNTS, query.name + "-2", from(id))
                .definition()
                .state()
                .open()) {
            assertTrue(
                    fetched.epoch() > 0,
                    "a process that dies between the savepoint's files and the log's first record");
        }
        QueryRun second = query.run(id + "-2", USUAL, query.name + "-2", from(id));
        second.run();
        assertEquals("Volume", second.metrics().restored().source());
        queries.checkCounts(query.name + "-out", 20_000);
        query.loseCheckpoints(id + "-2");
        queries.produce(query.name + "-in", 20_000, 21_000);
        QueryRun third = query.run(id + "-2", USUAL, query.name + "-3", from(id));
        third.run();
        assertEquals("Savepoint", third.metrics().restored().source());
        assertTrue(third.metrics().replayedEpochs.sum() > 0, "the log goes on behind the savepoint");
        queries.checkCounts(query.name + "-out", 21_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kafka", "s3"})
    void itOutlivesItsQueryAndGoesWhenItIsDropped(String kind) throws Exception {
        Case query = new Case("outlives", kind);
        String id = query.name;
        query.takenAtTenThousand(id);
        query.forgetTheBeginning();
        query.assembly(id, USUAL, COUNTS, "nowhere", Assembly.History.NONE).cleanUp();
        assertEquals(
                kind.equals("kafka") ? Set.of("millrace." + id + "-checkpoint") : Set.of(),
                query.topics(),
                "only what holds the savepoint is left");
        Assembly.History history =
                new Assembly.History(List.of(), Optional.of(new Assembly.SavepointName(id, "before")));
        query.run(id + "-2", USUAL, query.name + "-2", history).run();
        queries.checkCounts(query.name + "-out", 20_000);
        query.assembly(id, USUAL, COUNTS, "nowhere", Assembly.History.NONE)
                .cleanUp(new Assembly.SavepointName(id, "before"));
        assertTrue(query.topics().stream().noneMatch(topic -> topic.equals("millrace." + id + "-checkpoint")));
        if (kind.equals("s3")) {
            assertEquals(List.of(), s3.objects(id + "/").list(""));
        }
        QueryException e = assertThrows(
                QueryException.class,
                () -> query.run(id + "-3", USUAL, query.name + "-3", history).run());
        assertEquals("SavepointUnusable", e.code());
        assertTrue(e.getMessage().contains("there is no savepoint 'before' in the "), e::getMessage);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kafka", "s3"})
    void aQueryThatRunsDropsItAndAnotherOneStays(String kind) throws Exception {
        Case query = new Case("drops", kind);
        String id = query.name;
        queries.produce(query.name + "-in", 0, 1_000);
        QueryRun run = query.run(id, USUAL.endless(), query.name + "-1", Assembly.History.NONE);
        Thread thread = new Thread(run::run);
        thread.start();
        await(() -> run.metrics().rowsIn.sum() == 1_000);
        QueryMetrics.Savepoint first = query.fulfilled(run, "take before u1");
        QueryMetrics.Savepoint second = query.fulfilled(run, "take after u2");
        assertTrue(second.epoch() >= first.epoch(), "an idle query has savepoints too");
        assertEquals(-1, query.fulfilled(run, "drop before u1").epoch());
        assertEquals(second.epoch(), query.fulfilled(run, "take after u3").epoch(), "what is there is not taken again");
        run.stop();
        thread.join();
        Assembly.History gone =
                new Assembly.History(List.of(id), Optional.of(new Assembly.SavepointName(id, "before")));
        assertThrows(
                QueryException.class,
                () -> query.run(id + "-2", USUAL, query.name + "-2", gone).run());
        Assembly.History there =
                new Assembly.History(List.of(id), Optional.of(new Assembly.SavepointName(id, "after")));
        QueryException e = assertThrows(
                QueryException.class,
                () -> query.run(
                                id + "-3",
                                USUAL,
                                "SELECT word, COUNT(*) AS n, MAX(id) AS total FROM events GROUP BY word",
                                query.name + "-3",
                                there)
                        .run());
        assertEquals("PlanChanged", e.code(), e::getMessage);
        query.run(id + "-4", USUAL, query.name + "-4", there).run();
        queries.checkCounts(query.name + "-out", 1_000);
    }

    @Test
    void aRestoreThatFailsSaysWhereItWasAndTheStateOfBeforeGoesOn() throws Exception {
        Case query = new Case("fails", "kafka");
        String id = query.name;
        QueryMetrics.Savepoint taken = query.takenAtTenThousand(id);
        broker.deleteBefore(Map.of(new TopicPartition(query.name + "-in", 0), 7_000L));
        QueryRun restored = query.run(id + "-2", USUAL, query.name + "-2", from(id));
        assertEquals(
                "SourceDataLost",
                assertThrows(QueryException.class, restored::run).code());
        assertEquals(taken.epoch(), restored.metrics().figures().epoch(), "nothing was written");
        queries.produce(query.name + "-in", 20_000, 21_000);
        Assembly.History back = new Assembly.History(List.of(id + "-2"), Optional.empty());
        query.run(id, USUAL, query.name + "-3", back).run();
        queries.checkCounts(query.name + "-out", 21_000);
    }
}
