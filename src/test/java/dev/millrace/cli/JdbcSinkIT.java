package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.ResourceReader;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Results in tables of a real PostgreSQL: exact whatever happens between its transaction and the log. */
class JdbcSinkIT {

    private static final String YAML = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: tables}
            spec:
              sources:
                - {name: events, schema: "@schema", format: {json: {}}, files: {path: in}}
              query: @query
              sinks:
                - {name: out, outputMode: @mode, jdbc: {url: "@url", table: @table, properties: {user: postgres}}}
              trigger: {commitInterval: 10ms, availableNow: true}
            """;

    private static final String SCHEMA = "id INT, k STRING, v INT";
    private static final String SUMS = "SELECT k, SUM(v) AS s, COUNT(*) AS n FROM events GROUP BY k";
    private static final String TABLE = "CREATE TABLE sums (k TEXT PRIMARY KEY, s BIGINT, n BIGINT NOT NULL)";

    private static EmbeddedPostgres postgres;

    @TempDir
    private Path directory;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private final Map<String, String> sums = new TreeMap<>();
    private final Map<String, long[]> totals = new TreeMap<>();
    private int rows;

    @BeforeAll
    static void start() throws IOException {
        postgres = EmbeddedPostgres.builder().start();
    }

    @AfterAll
    static void stop() throws IOException {
        postgres.close();
    }

    @BeforeEach
    void clear() throws Exception {
        System.out.println("seed " + seed);
        sql("DROP SCHEMA public CASCADE", "CREATE SCHEMA public");
        Files.createDirectories(directory.resolve("in"));
    }

    private static void sql(String... statements) throws SQLException {
        try (Connection connection = postgres.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private static List<String> rows(String sql) throws SQLException {
        try (Connection connection = postgres.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement();
                ResultSet found = statement.executeQuery(sql)) {
            List<String> rows = new ArrayList<>();
            while (found.next()) {
                List<String> row = new ArrayList<>();
                for (int c = 1; c <= found.getMetaData().getColumnCount(); c++) {
                    row.add(found.getString(c));
                }
                rows.add(String.join("|", row));
            }
            return rows;
        }
    }

    private static String url() {
        return "jdbc:postgresql://localhost:" + postgres.getPort() + "/postgres";
    }

    private static String yaml(String schema, String query, String mode, String table) {
        return YAML.replace("@schema", schema)
                .replace("@query", query)
                .replace("@mode", mode)
                .replace("@url", url())
                .replace("@table", table);
    }

    private QueryRun query(String yaml, FaultPoints faults) {
        Compilation compilation =
                Compilation.of(ResourceReader.read("q.yaml", yaml).documents().get(0), directory);
        assertEquals(List.of(), compilation.problems());
        Assembly.Place place = Assembly.Place.local(directory.resolve("state"), 2, System.out, null);
        return new QueryRun(new Assembly(compilation, place).definition(), System.out::println, faults);
    }

    /** Another file of random rows, counted in what is expected. */
    private void feed(int count) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count; i++) {
            String key = "k" + random.nextInt(50);
            int value = random.nextInt(100);
            text.append("{\"id\":" + rows++ + ",\"k\":\"" + key + "\",\"v\":" + value + "}\n");
            long[] total = totals.computeIfAbsent(key, k -> new long[2]);
            total[0] += value;
            total[1]++;
        }
        Files.writeString(directory.resolve("in/" + String.format("%09d", rows) + ".json"), text);
    }

    private List<String> expectedSums() {
        totals.forEach((key, total) -> sums.put(key, key + "|" + total[0] + "|" + total[1]));
        return List.copyOf(sums.values());
    }

    @ParameterizedTest
    @EnumSource(FaultPoints.Step.class)
    void aCrashAtAnyStepLeavesTheTablesExact(FaultPoints.Step step) throws Exception {
        sql(TABLE, "CREATE TABLE kept (id INT, v INT)");
        String both = yaml(SCHEMA, SUMS, "update", "sums");
        String appended =
                yaml(SCHEMA, "SELECT id, v FROM events", "append", "kept").replace("name: tables", "name: kept");
        for (String yaml : List.of(both, appended)) {
            Path state = directory.resolve("state");
            for (int round = 0; round < 4; round++) {
                feed(1 + random.nextInt(3_000));
                crashOnce(yaml, step, random.nextInt(2));
            }
            query(yaml, FaultPoints.NONE).run();
            if (yaml == both) {
                assertEquals(expectedSums(), rows("SELECT k, s, n FROM sums ORDER BY k COLLATE \"C\""));
                Signals.deleteTree(state);
            }
        }
        assertEquals(List.of(rows + "|" + rows), rows("SELECT COUNT(*), COUNT(DISTINCT id) FROM kept"));
    }

    /** The log is in a topic, and the volume is lost with each crash. */
    @Test
    void theTableIsExactWhereTheLogIsInKafka() throws Exception {
        sql(TABLE);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            for (FaultPoints.Step step : FaultPoints.Step.values()) {
                sql("TRUNCATE sums");
                String yaml = yaml(SCHEMA, SUMS, "update", "sums")
                        .replace("name: tables", "name: kafka-" + step.ordinal())
                        .replace("spec:", "spec:\n  kafka: {bootstrapServers: \"" + broker.servers() + "\"}");
                for (int round = 0; round < 2; round++) {
                    feed(1 + random.nextInt(3_000));
                    crashOnce(yaml, step, random.nextInt(2));
                    Signals.deleteTree(directory.resolve("state"));
                }
                query(yaml, FaultPoints.NONE).run();
                Signals.deleteTree(directory.resolve("state"));
                assertEquals(
                        expectedSums(), rows("SELECT k, s, n FROM sums ORDER BY k COLLATE \"C\""), step.toString());
            }
        }
    }

    /** Runs until a step was reached so many times and once more, or to the end. */
    private void crashOnce(String yaml, FaultPoints.Step step, int times) {
        int[] left = {times};
        FaultPoints crash = reached -> {
            if (reached == step && left[0]-- == 0) {
                throw new GoldenRun.Crash(step);
            }
        };
        try {
            query(yaml, crash).run();
        } catch (GoldenRun.Crash e) {
            // what is to be survived
        }
    }

    @Test
    void sessionsThatTheDatabaseEndsAreMadeAnew() throws Exception {
        sql(TABLE);
        String yaml = yaml(SCHEMA, SUMS, "update", "sums");
        int[] left = {3};
        FaultPoints outage = step -> {
            if (step == FaultPoints.Step.AFTER_COMMIT && left[0]-- > 0) {
                endSessions();
            }
        };
        for (int round = 0; round < 3; round++) {
            feed(1_000);
            query(yaml, outage).run();
        }
        assertTrue(left[0] < 1);
        assertEquals(expectedSums(), rows("SELECT k, s, n FROM sums ORDER BY k COLLATE \"C\""));
    }

    private static void endSessions() {
        try {
            sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace %'");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The process dies with its transaction open; the next one finds neither its rows nor its locks. */
    @Test
    void killedProcessesLeaveTheTableExact() throws Exception {
        sql(TABLE);
        Path file = directory.resolve("query.yaml");
        Files.writeString(
                file, yaml(SCHEMA, SUMS, "update", "sums").replace(", availableNow: true", ""), StandardCharsets.UTF_8);
        for (int i = 0; i < 4; i++) {
            feed(50_000);
            Process run = run(file);
            Thread.sleep(1_500 + random.nextInt(1_500));
            run.destroyForcibly().waitFor();
        }
        Files.writeString(file, yaml(SCHEMA, SUMS, "update", "sums"));
        Process last = run(file);
        assertTrue(last.waitFor(180, TimeUnit.SECONDS), () -> said());
        assertEquals(0, last.exitValue(), said());
        assertEquals(expectedSums(), rows("SELECT k, s, n FROM sums ORDER BY k COLLATE \"C\""));
    }

    private String said() {
        try {
            return Files.readString(directory.resolve("said"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Process run(Path file) throws IOException {
        return new ProcessBuilder(
                        KafkaBroker.launcher(), "run", file.toString(), "--state", directory.resolve("state") + "")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("said").toFile())
                .start();
    }

    @Test
    void aWholeResultReplacesTheOneBefore() throws Exception {
        sql("CREATE TABLE sums (k TEXT, s BIGINT, n BIGINT)");
        String yaml = yaml(SCHEMA, SUMS + " HAVING COUNT(*) < 30", "complete", "public.sums");
        for (int round = 0; round < 3; round++) {
            feed(400);
            query(yaml, FaultPoints.NONE).run();
            List<String> small = new ArrayList<>(expectedSums());
            small.removeIf(row -> Integer.parseInt(row.substring(row.lastIndexOf('|') + 1)) >= 30);
            assertEquals(small, rows("SELECT k, s, n FROM sums ORDER BY k COLLATE \"C\""));
        }
    }

    /** Keys that are NULL are found again, and rows that leave the result leave the table. */
    @Test
    void rowsLeaveTheTableByTheirKey() throws Exception {
        sql("CREATE TABLE few (k TEXT, b INT, n BIGINT, UNIQUE NULLS NOT DISTINCT (k, b))");
        String yaml = yaml(
                "k STRING, b INT",
                "SELECT k, b, COUNT(*) AS n FROM events GROUP BY k, b HAVING COUNT(*) < 3",
                "update",
                "few");
        String all = "{\"k\":\"a\",\"b\":1}\n{\"k\":null,\"b\":1}\n{\"k\":\"a\",\"b\":null}\n{\"k\":null,\"b\":null}\n";
        Files.writeString(directory.resolve("in/1.json"), all);
        query(yaml, FaultPoints.NONE).run();
        Files.writeString(directory.resolve("in/2.json"), all + "{\"k\":\"b\",\"b\":1}\n");
        query(yaml, FaultPoints.NONE).run();
        assertEquals(
                List.of("a|1|2", "a|null|2", "b|1|1", "null|1|2", "null|null|2"),
                rows("SELECT * FROM few ORDER BY k, b"));
        Files.writeString(directory.resolve("in/3.json"), all);
        query(yaml, FaultPoints.NONE).run();
        assertEquals(List.of("b|1|1"), rows("SELECT * FROM few ORDER BY k, b"));
    }

    @Test
    void valuesArriveAsTheyAre() throws Exception {
        sql("CREATE TABLE typed (b BOOLEAN, i INT, l BIGINT, d DOUBLE PRECISION, x NUMERIC(12, 4), s TEXT, t TIMESTAMP,"
                + " z TIMESTAMPTZ, \"Day\" DATE)");
        Files.writeString(
                directory.resolve("in/1.json"),
                "{\"b\":true,\"i\":-1,\"l\":9223372036854775807,\"d\":1e300,\"x\":12345678.1234,\"s\":\"it's {a,\\\"b\\\"} \\\\ "
                        + "é \",\"t\":\"2024-02-29T12:00:00.123456\",\"z\":\"1969-12-31T23:59:59.999\",\"Day\":\"0001-01-01\"}\n{}\n");
        String yaml = yaml(
                "b BOOLEAN, i INT, l BIGINT, d DOUBLE, x DECIMAL(12, 4), s STRING, t TIMESTAMP(6), z TIMESTAMP(3), `Day` DATE",
                "SELECT * FROM events",
                "append",
                "typed");
        query(yaml, FaultPoints.NONE).run();
        assertEquals(
                List.of("t|-1|9223372036854775807|1e+300|12345678.1234|it's {a,\"b\"} \\ é |2024-02-29 12:00:00.123456"
                        + "|1969-12-31 23:59:59.999|0001-01-01"),
                rows("SELECT b, i, l, d, x, s, t, z AT TIME ZONE 'UTC', \"Day\" FROM typed WHERE b"));
        assertEquals(List.of("1"), rows("SELECT COUNT(*) FROM typed WHERE typed IS NULL"));
    }

    private String joined(String schema, String columns) {
        return yaml(SCHEMA, "SELECT e.id, " + columns + " FROM events e JOIN t ON t.id = e.id", "append", "joined")
                .replace(
                        "  query:",
                        "    - {name: t, schema: \"" + schema + "\", static: {}, jdbc: {url: \"" + url()
                                + "\", table: looked_up, properties: {user: postgres}}}\n  query:");
    }

    /** What the table has later does not count, and neither does it after a crash. */
    @Test
    void aStaticTableIsReadOnceWithAllItsTypes() throws Exception {
        sql(
                "CREATE TABLE looked_up (id INT, b BOOLEAN, l BIGINT, d DOUBLE PRECISION, x NUMERIC(38, 4), s TEXT,"
                        + " t TIMESTAMP, z TIMESTAMPTZ, \"Day\" DATE, y BYTEA, a TEXT[], j JSONB)",
                "INSERT INTO looked_up VALUES (0, true, 9223372036854775807, 'NaN', 1234567890123456789012345678901234.5678,"
                        + " E'it''s {a,\"b\"} \\\\ é\\n', '2024-02-29 12:00:00.123456', '1969-12-31 23:59:59.999+02',"
                        + " '0001-01-01', decode(repeat('00ff', 100), 'hex'), ARRAY['p', NULL, 'q'], '{\"k\": 7}')",
                "INSERT INTO looked_up (id) VALUES (1)",
                "CREATE TABLE joined (id INT, b BOOLEAN, l BIGINT, d DOUBLE PRECISION, x NUMERIC, s TEXT, t TIMESTAMP,"
                        + " z TIMESTAMP, \"Day\" DATE, y BYTEA, p TEXT, k INT)");
        String yaml = joined(
                "id INT, b BOOLEAN, l BIGINT, d DOUBLE, x DECIMAL(38, 4), s STRING, t TIMESTAMP(6), z TIMESTAMP(3),"
                        + " `Day` DATE, y BINARY, a STRING ARRAY, j ROW(k INT)",
                "b, l, d, x, s, t, z, t.\"Day\", y, a[3] AS p, t.j.k AS k");
        feed(2);
        crashOnce(yaml, FaultPoints.Step.BEFORE_SEND, 0);
        sql("UPDATE looked_up SET l = 0, s = 'changed'");
        feed(2);
        query(yaml, FaultPoints.NONE).run();
        assertEquals(
                List.of(
                        "0|t|9223372036854775807|NaN|1234567890123456789012345678901234.5678|it's {a,\"b\"} \\ é\n"
                                + "|2024-02-29 12:00:00.123456|1969-12-31 21:59:59.999|0001-01-01|t|q|7",
                        "1|null|null|null|null|null|null|null|null|null|null|null"),
                rows("SELECT id, b, l, d, x, s, t, z, \"Day\", y = decode(repeat('00ff', 100), 'hex'), p, k FROM joined"
                        + " ORDER BY id"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "CREATE TABLE other (id INT); the table looked_up does not exist",
                "CREATE TABLE looked_up (id INT); column \"s\" does not exist",
                "CREATE TABLE looked_up (id TEXT, s INT); static table t"
            })
    void aStaticTableThatDoesNotFitIsTold(String ddl, String why) throws Exception {
        sql("CREATE TABLE joined (id INT, s TEXT)", ddl);
        if (ddl.contains("TEXT,")) {
            sql("INSERT INTO looked_up VALUES ('x', 1)");
        }
        feed(1);
        QueryException e = assertThrows(
                QueryException.class,
                () -> query(joined("id INT, s STRING", "s"), FaultPoints.NONE).run());
        assertTrue(e.getMessage().contains(why), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "CREATE TABLE other (k TEXT); does not exist",
                "CREATE TABLE sums (k TEXT PRIMARY KEY, s BIGINT); has no column n; it has k, s.",
                "CREATE TABLE sums (k TEXT PRIMARY KEY, s INT, n BIGINT); cannot take the BIGINT s of the result",
                "CREATE TABLE sums (k VARCHAR(3) PRIMARY KEY, s BIGINT, n BIGINT); make it text, without a length",
                "CREATE TABLE sums (k TEXT, s BIGINT, n BIGINT); has no unique index on the key of the result, (k)",
                "CREATE TABLE sums (k TEXT, s BIGINT, n BIGINT, PRIMARY KEY (k, n)); has no unique index",
                "CREATE TABLE sums (k TEXT UNIQUE, s BIGINT, n BIGINT); UNIQUE NULLS NOT DISTINCT (k)",
                "CREATE TABLE sums (k TEXT PRIMARY KEY, s BIGINT, n BIGINT GENERATED ALWAYS AS (1) STORED); generates its column n"
            })
    void aTableThatDoesNotFitIsToldBeforeARowIsRead(String ddl, String why) throws Exception {
        sql(ddl);
        feed(10);
        QueryException e = assertThrows(
                QueryException.class,
                () -> query(yaml(SCHEMA, SUMS, "update", "sums"), FaultPoints.NONE)
                        .run());
        assertEquals("TableMismatch", e.code());
        assertTrue(e.getMessage().contains(why), e.getMessage());
    }

    @Test
    void aRowThatTheTableRefusesStopsTheQueryAndNothingOfItsEpochIsThere() throws Exception {
        sql("CREATE TABLE sums (k TEXT PRIMARY KEY, s BIGINT CHECK (s < 100), n BIGINT)");
        Files.writeString(directory.resolve("in/1.json"), "{\"k\":\"a\",\"v\":1}\n{\"k\":\"secret\",\"v\":100}\n");
        QueryException e = assertThrows(
                QueryException.class,
                () -> query(yaml(SCHEMA, SUMS, "update", "sums"), FaultPoints.NONE)
                        .run());
        assertEquals("RowRefused", e.code());
        assertTrue(e.getMessage().contains("sums_s_check"), e.getMessage());
        assertTrue(!e.getMessage().contains("secret"), "rows are not for logs: " + e.getMessage());
        assertEquals(List.of(), rows("SELECT * FROM sums"));
        sql("ALTER TABLE sums DROP CONSTRAINT sums_s_check");
        query(yaml(SCHEMA, SUMS, "update", "sums"), FaultPoints.NONE).run();
        assertEquals(List.of("a|1|1", "secret|100|1"), rows("SELECT * FROM sums ORDER BY k"));
    }

    /** One of many is found, and what goes on without it is exact, in a replay too. */
    @ParameterizedTest
    @ValueSource(strings = {"deadLetter", "skip"})
    void aQueryGoesOnWithoutARowThatTheTableRefuses(String policy) throws Exception {
        sql("CREATE TABLE sums (k TEXT PRIMARY KEY, s BIGINT CHECK (s <> 777), n BIGINT)");
        String yaml = yaml(SCHEMA, SUMS, "update", "sums")
                .replace("outputMode: update", "outputMode: update, onRefused: " + policy)
                .replace("  trigger:", "  deadLetters: {files: {path: letters}}\n  trigger:");
        feed(2_000);
        Files.writeString(
                directory.resolve("in/refused.json"), "{\"k\":\"bad\",\"v\":77}\n{\"k\":\"worse\",\"v\":777}\n");
        crashOnce(yaml, FaultPoints.Step.AFTER_COMMIT, 1);
        query(yaml, FaultPoints.NONE).run();
        assertEquals(expectedAnd("bad|77|1"), rows("SELECT * FROM sums ORDER BY k COLLATE \"C\""));
        Files.writeString(
                directory.resolve("in/refused-2.json"), "{\"k\":\"bad\",\"v\":700}\n{\"k\":\"worse\",\"v\":1}\n");
        query(yaml, FaultPoints.NONE).run();
        assertEquals(expectedAnd("worse|778|2"), rows("SELECT * FROM sums ORDER BY k COLLATE \"C\""));
        List<String> letters = letters();
        assertEquals(policy.equals("skip") ? 0 : 2, letters.size(), letters::toString);
        for (String key : letters.isEmpty() ? List.<String>of() : List.of("worse", "bad")) {
            assertTrue(
                    letters.stream()
                            .anyMatch(letter -> letter.contains("[" + key + ", 777,")
                                    && letter.contains("REFUSED")
                                    && letter.contains("sums_s_check")),
                    letters::toString);
        }
    }

    private List<String> expectedAnd(String row) {
        String key = row.substring(0, row.indexOf('|'));
        sums.put(key, row);
        List<String> all = expectedSums();
        sums.remove(key);
        return all;
    }

    private List<String> letters() throws IOException {
        if (Files.notExists(directory.resolve("letters"))) {
            return List.of();
        }
        List<String> letters = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory.resolve("letters"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                letters.addAll(Files.readAllLines(file));
            }
        }
        return letters;
    }

    /** A constraint that is checked late, a row that another table needs, rows of a result that grows, one row alone. */
    @Test
    void whateverRefusesARowTheOthersAreThere() throws Exception {
        sql(
                "CREATE TABLE grows (id INT UNIQUE DEFERRABLE INITIALLY DEFERRED, k TEXT, v INT)",
                "CREATE TABLE one (n BIGINT CHECK (n < 3))",
                "CREATE TABLE odd (k TEXT PRIMARY KEY, n BIGINT)",
                "CREATE TABLE needs (k TEXT REFERENCES odd)");
        Files.writeString(
                directory.resolve("in/1.json"),
                IntStream.range(0, 9_000)
                        .mapToObj(i -> "{\"id\":" + (i == 8_500 ? 3 : i) + ",\"k\":\"a\",\"v\":1}\n")
                        .collect(Collectors.joining()));
        query(skipping("grows", "SELECT id, k, v FROM events", "append"), FaultPoints.NONE)
                .run();
        assertEquals(List.of("8999|8999"), rows("SELECT COUNT(*), COUNT(DISTINCT id) FROM grows"));
        Signals.deleteTree(directory.resolve("state"));
        query(skipping("one", "SELECT COUNT(*) AS n FROM events", "update"), FaultPoints.NONE)
                .run();
        assertEquals(List.of(), rows("SELECT * FROM one"), "9000 is refused, and no other count is the result");
        Signals.deleteTree(directory.resolve("state"));
        String odd =
                skipping("odd", "SELECT k, COUNT(*) AS n FROM events GROUP BY k HAVING MOD(COUNT(*), 2) = 0", "update");
        query(odd, FaultPoints.NONE).run();
        assertEquals(List.of("a|9000"), rows("SELECT * FROM odd"));
        sql("INSERT INTO needs VALUES ('a')");
        Files.writeString(
                directory.resolve("in/2.json"),
                "{\"id\":-1,\"k\":\"a\"}\n{\"id\":-2,\"k\":\"b\"}\n{\"id\":-3,\"k\":\"b\"}\n");
        query(odd, FaultPoints.NONE).run();
        assertEquals(List.of("a|9000", "b|2"), rows("SELECT * FROM odd ORDER BY k"), "its row cannot be deleted");
    }

    /** A query that writes what it can into the table of its name. */
    private static String skipping(String name, String query, String mode) {
        return yaml(SCHEMA, query, mode, name)
                .replace("name: tables", "name: " + name)
                .replace("outputMode: " + mode, "outputMode: " + mode + ", onRefused: skip");
    }

    @Test
    void numbersThatAreGoneAreNotGuessed() throws Exception {
        sql(TABLE);
        String yaml = yaml(SCHEMA, SUMS, "update", "sums");
        feed(10);
        FaultPoints crash = step -> {
            if (step == FaultPoints.Step.AFTER_COMMIT && written()) {
                throw new GoldenRun.Crash(step);
            }
        };
        assertThrows(GoldenRun.Crash.class, () -> query(yaml, crash).run());
        sql("DELETE FROM millrace_epochs");
        QueryException e = assertThrows(
                QueryException.class, () -> query(yaml, FaultPoints.NONE).run());
        assertEquals("SinkDataLost", e.code());
    }

    /** A table that is ahead of the query would take none of its rows; one that was set back misses some. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aTableOfAnotherTimeIsNotWritten(boolean ahead) throws Exception {
        sql(TABLE);
        String yaml = yaml(SCHEMA, SUMS, "update", "sums");
        for (int i = 0; i < 2; i++) {
            feed(100);
            query(yaml, FaultPoints.NONE).run();
        }
        List<String> before = rows("SELECT * FROM sums ORDER BY k");
        if (ahead) {
            Signals.deleteTree(directory.resolve("state"));
        } else {
            sql("UPDATE millrace_epochs SET epoch = epoch - 1");
        }
        QueryException e = assertThrows(
                QueryException.class, () -> query(yaml, FaultPoints.NONE).run());
        assertEquals("SinkDataLost", e.code());
        assertEquals(before, rows("SELECT * FROM sums ORDER BY k"));
    }

    @Test
    void aDatabaseThatIsAwayIsWaitedFor() throws Exception {
        feed(10);
        String away = yaml(SCHEMA, SUMS, "update", "sums").replace(":" + postgres.getPort(), ":1");
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        Compilation compilation =
                Compilation.of(ResourceReader.read("q.yaml", away).documents().get(0), directory);
        Assembly.Place place = Assembly.Place.local(directory.resolve("state"), 1, System.out, null);
        QueryRun run = new QueryRun(new Assembly(compilation, place).definition(), notices::add);
        CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
        Thread.sleep(3_000); // some tries
        assertTrue(!end.isDone(), () -> "it waits: " + notices);
        run.stop();
        assertEquals(QueryRun.End.STOPPED, end.get(30, TimeUnit.SECONDS));
        assertEquals(1, notices.size(), notices::toString);
        assertTrue(notices.get(0).contains("waiting"), notices::toString);
    }

    private static boolean written() {
        try {
            return !rows("SELECT * FROM millrace_epochs").isEmpty();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
