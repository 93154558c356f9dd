package dev.millrace.sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SourceTable;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which plans queries become, and that what is not supported is refused at its place in the text. */
class SqlCompilerTest {

    private static final List<SourceTable> TABLES = List.of(
            table("lines", "line STRING", -1, false),
            table("clicks", "user_id BIGINT, page STRING, price DECIMAL(10, 2), ts TIMESTAMP(3) NOT NULL", 3, false),
            table("plain", "a INT, b BIGINT, c DOUBLE, tags STRING ARRAY, r ROW(x INT, y STRING)", -1, false),
            table("times", "s TIMESTAMP(3), m TIMESTAMP(6), d DATE, raw BINARY, n DECIMAL(10, 2)", -1, false),
            table("untimed", "y STRING, s TIMESTAMP(3)", -1, false),
            table("pages", "page STRING, section STRING", -1, true),
            table("prices", "n DECIMAL(12, 4), label STRING", -1, true));

    private static SourceTable table(String name, String schema, int time, boolean fixed) {
        return new SourceTable(
                name,
                SchemaParser.parse(schema),
                time < 0 ? Optional.empty() : Optional.of(new SourceTable.EventTime(time, 5000)),
                fixed,
                true);
    }

    private static SqlCompiler.Result compile(String sql, OutputMode mode) {
        return new SqlCompiler(TABLES, 32).compile(sql, List.of(new SqlCompiler.SinkRequest("out", mode, 0)));
    }

    private static QueryPlan plan(String sql, OutputMode mode) {
        SqlCompiler.Result result = compile(sql, mode);
        assertEquals(List.of(), result.errors());
        return result.plan().orElseThrow();
    }

    private static String shape(PlanNode node) {
        StringBuilder text = new StringBuilder(node.meaning());
        for (PlanNode input : node.inputs()) {
            text.append('\n').append(shape(input).indent(2).stripTrailing());
        }
        return text.toString();
    }

    @Test
    void readsOnlyUsedColumns() {
        QueryPlan plan = plan("SELECT page FROM clicks WHERE user_id > 3", OutputMode.APPEND);
        assertEquals(List.of(0, 1, 3), plan.scans(false).get(0).columns());
    }

    @Test
    void wordCountUnnestsTheSplitLine() {
        QueryPlan plan = plan(
                "SELECT word, COUNT(*) AS n FROM lines CROSS JOIN UNNEST(SPLIT(line, ' ')) AS t(word)"
                        + " WHERE word <> '' GROUP BY word",
                OutputMode.UPDATE);
        assertTrue(shape(plan.root()).contains("Unnest(SPLIT($0, ' ':STRING))"), shape(plan.root()));
        assertEquals(Optional.of(List.of(0)), plan.rootProperties().uniqueKey());
    }

    @Test
    void windowedCountIsHeldForAppend() {
        QueryPlan plan = plan(
                "SELECT page, window_end, COUNT(*) AS n, COUNT(DISTINCT user_id) AS users FROM"
                        + " TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
                        + " GROUP BY page, window_start, window_end HAVING COUNT(*) > 1",
                OutputMode.APPEND);
        String shape = shape(plan.sinks().get(0).root());
        assertTrue(shape.contains("Hold("), shape);
        assertTrue(shape.contains("Window($"), shape);
        assertTrue(plan.usesWatermark());
    }

    @Test
    void hopIsAWindowWithSlide() {
        QueryPlan plan = plan(
                "SELECT page, window_end, COUNT(*) AS n FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts),"
                        + " INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY page, window_start, window_end",
                OutputMode.UPDATE);
        assertTrue(shape(plan.root()).contains("size 10000, slide 2000, offset 0"), shape(plan.root()));
    }

    @Test
    void staticTableMayStandOnEitherSide() {
        for (String from :
                List.of("clicks c JOIN pages p ON p.page = c.page", "pages p JOIN clicks c ON p.page = c.page")) {
            QueryPlan plan = plan("SELECT p.section, c.price FROM " + from, OutputMode.APPEND);
            assertTrue(shape(plan.root()).contains("StaticJoin("), shape(plan.root()));
        }
    }

    @Test
    void aggregateOverAggregateAndWithAndDistinct() {
        plan(
                "WITH c AS (SELECT page, COUNT(*) AS n FROM clicks GROUP BY page) SELECT n, COUNT(*) AS pages, MAX(page) AS m"
                        + " FROM c GROUP BY n",
                OutputMode.UPDATE);
        plan("SELECT DISTINCT page FROM clicks", OutputMode.APPEND);
        plan(
                "SELECT CAST(user_id AS STRING) AS s, CAST(page AS DECIMAL(10, 2)) AS d, CAST(ts AS DATE) AS t FROM clicks",
                OutputMode.APPEND);
        plan("SELECT page FROM clicks UNION SELECT page FROM clicks", OutputMode.UPDATE);
        plan(
                "SELECT a + 1 AS x, r.y AS y, tags[1] AS t FROM plain UNION ALL SELECT b, 'z', 'q' FROM plain",
                OutputMode.APPEND);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "SELECT FROM clicks | SqlSyntax | 1 | 8",
                "SELECT page FROM click | TableNotFound | 1 | 18",
                "SELECT pagee FROM clicks | ColumnNotFound | 1 | 8",
                "SELECT FOO(page) AS x FROM clicks | SqlInvalid | 1 | 8",
                "SELECT page FROM clicks ORDER BY page | SqlNotSupported | 1 | 25",
                "SELECT page, ROW_NUMBER() OVER (PARTITION BY page ORDER BY ts) AS n FROM clicks | SqlNotSupported | 1 | 14",
                "SELECT c.page FROM clicks c JOIN lines l ON l.line = c.page | JoinNotSupported | 1 | 34",
                "SELECT page FROM pages | NoStream | 1 | 1",
                "SELECT COUNT(*) FROM clicks | UnnamedColumn | 1 | 8",
                "SELECT page FROM clicks WHERE ts > CURRENT_TIMESTAMP | NotDeterministic | 1 | 36",
                "SELECT page FROM clicks WHERE page IN (SELECT page FROM pages) | SqlNotSupported | 1 | 31",
                "SELECT CAST(page AS VARCHAR(3)) AS p FROM clicks | TypeNotSupported | 1 | 21",
                "SELECT CAST(user_id AS SMALLINT) AS p FROM clicks | TypeNotSupported | 1 | 24",
                "SELECT CAST(ts AS TIMESTAMP(0)) AS p FROM clicks | TypeNotSupported | 1 | 19",
                "SELECT d, OCTET_LENGTH(raw) AS o, SUBSTRING(raw FROM 2) AS n FROM times | SqlNotSupported | 1 | 35",
                "SELECT page FROM clicks WHERE page LIKE page | SqlNotSupported | 1 | 31",
                "SELECT page, ROUND(price, CAST(user_id AS INT)) AS r FROM clicks | SqlNotSupported | 1 | 14",
                "SELECT d + INTERVAL '1' HOUR AS x FROM times | SqlNotSupported | 1 | 8",
                "SELECT TIMESTAMPADD(MICROSECOND, 5, m) AS x FROM times | SqlNotSupported | 1 | 8",
                "SELECT TIMESTAMPDIFF(MONTH, s, m) AS x FROM times | SqlNotSupported | 1 | 8",
                "SELECT m + INTERVAL '1.0005' SECOND(2, 4) AS x FROM times | SqlNotSupported | 1 | 12",
                "SELECT CAST((m - s) SECOND AS BIGINT) AS x FROM times | SqlNotSupported | 1 | 8",
                "SELECT m + INTERVAL '1' HOUR * 1.5 AS x FROM times | SqlNotSupported | 1 | 12",
                "SELECT d, COUNT(raw, d) AS x FROM times GROUP BY d | SqlNotSupported | 1 | 50",
                "SELECT window_end FROM TABLE(TUMBLE(TABLE times, DESCRIPTOR(m), INTERVAL '1' HOUR)) | SqlNotSupported | 1 | 24",
                "SELECT window_end FROM TABLE(TUMBLE((SELECT ts FROM clicks UNION ALL SELECT ts FROM clicks), DESCRIPTOR(ts), INTERVAL '1' HOUR)) | SqlNotSupported | 1 | 37",
                "SELECT v FROM plain CROSS JOIN UNNEST(tags, tags) AS t(v, w) | SqlNotSupported | 1 | 32",
                "SELECT page FROM clicks UNION ALL SELECT page FROM pages | UnionNotSupported | 1 | 35",
                "SELECT CAST(n AS DECIMAL(38, 20)) AS x FROM times UNION ALL SELECT CAST(n AS DECIMAL(38, 2)) FROM times | SqlNotSupported | 1 | 8",
                "SELECT page, user_id AS Page FROM clicks | DuplicateColumn | 1 | 14",
                "SELECT SUM(user_id) WITHIN DISTINCT (page) AS n FROM clicks | SqlNotSupported | 1 | 8",
                "SELECT SUM(NULL) AS n FROM clicks | SqlNotSupported | 1 | 8",
                "SELECT page, window_end, n FROM (SELECT page, window_end + INTERVAL '1' MONTH AS window_end, COUNT(*) AS n"
                        + " FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY page, window_end + INTERVAL '1' MONTH)"
                        + " | OutputModeNotPossible | 1 | 185",
                "SELECT page, ts, COUNT(*) AS n FROM (SELECT page, ts FROM clicks UNION ALL SELECT y, s FROM untimed) GROUP BY page, ts"
                        + " | OutputModeNotPossible | 1 | 111",
                "SELECT page, COUNT(*) AS n FROM clicks GROUP BY page | OutputModeNotPossible | 1 | 49",
            })
    void refusesWithPosition(String sql, String code, int line, int column) {
        SqlCompiler.Result result = compile(sql, OutputMode.APPEND);
        assertEquals(1, result.errors().size(), () -> sql + " gave " + result);
        SqlError error = result.errors().get(0);
        assertEquals(
                code + " " + line + ":" + column,
                error.code() + " " + error.position().line() + ":"
                        + error.position().column(),
                error::message);
    }

    @Test
    void aTableThatGrowsIsCompleteOnlyUpToADeclaredLimit() {
        String sql = "SELECT page FROM clicks";
        assertEquals(
                "OutputModeNotPossible",
                compile(sql, OutputMode.COMPLETE).errors().get(0).code());
        SqlCompiler.SinkRequest limited = new SqlCompiler.SinkRequest("out", OutputMode.COMPLETE, 100);
        assertEquals(
                List.of(),
                new SqlCompiler(TABLES, 32).compile(sql, List.of(limited)).errors());
    }

    /** S13: Calcite's own types would lose digits. */
    @Test
    void aggregatesAreWiderThanTheirArguments() {
        PlanNode root = plan(
                        "SELECT SUM(a) AS sa, SUM(b) AS sb, SUM(c) AS sc, AVG(a) AS aa, COUNT(*) AS n FROM plain",
                        OutputMode.UPDATE)
                .root();
        assertEquals(
                "[sa BIGINT, sb BIGINT, sc DOUBLE, aa DOUBLE, n BIGINT NOT NULL]",
                root.schema().fields().toString());
        PlanNode decimals = plan("SELECT SUM(n) AS s, AVG(n) AS a, MAX(m) AS m FROM times", OutputMode.UPDATE)
                .root();
        assertEquals(
                "[s DECIMAL(38, 2), a DECIMAL(38, 6), m TIMESTAMP(6)]",
                decimals.schema().fields().toString());
    }

    @Test
    void joinKeysOfOtherTypesAreComparedInOne() {
        plan("SELECT p.label, t.n FROM times t JOIN prices p ON p.n = t.n", OutputMode.APPEND);
        plan("SELECT p.label, t.a FROM plain t LEFT JOIN prices p ON p.n = t.b", OutputMode.APPEND);
    }

    @Test
    void identityFollowsMeaningNotNames() {
        String a = "SELECT page, COUNT(*) AS n FROM clicks GROUP BY page";
        String b = "SELECT page AS p, COUNT(*) AS m FROM clicks AS k GROUP BY page";
        String c = "SELECT page, COUNT(*) AS n FROM clicks WHERE user_id > 1 GROUP BY page";
        assertEquals(
                plan(a, OutputMode.UPDATE).root().identity(),
                plan(b, OutputMode.UPDATE).root().identity());
        assertTrue(plan(a, OutputMode.UPDATE).root().identity()
                != plan(c, OutputMode.UPDATE).root().identity());
    }

    /** S1, P2: what was written by the one is never continued by the other. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "SELECT COUNT(a) AS n FROM plain | SELECT COUNT(b) AS n FROM plain",
                "SELECT COUNT(a) AS n, SUM(b) AS s FROM plain | SELECT COUNT(b) AS n, SUM(a) AS s FROM plain",
                "SELECT COUNT(a) AS n FROM plain | SELECT COUNT(DISTINCT a) AS n FROM plain",
                "SELECT COUNT(*) FILTER (WHERE a > 1) AS n, SUM(b) AS s FROM plain"
                        + " | SELECT COUNT(*) AS n, SUM(b) FILTER (WHERE a > 1) AS s FROM plain",
                "SELECT MIN(a) AS n FROM plain | SELECT MAX(a) AS n FROM plain",
                "SELECT a FROM plain WHERE a > 1 | SELECT a FROM plain WHERE a > 2",
                "SELECT CAST(a AS BIGINT) AS n FROM plain | SELECT CAST(a AS DOUBLE) AS n FROM plain",
                "SELECT a + 1 AS n FROM plain | SELECT a + 1.0 AS n FROM plain",
                "SELECT a FROM plain UNION ALL SELECT a FROM plain | SELECT a FROM plain",
                "SELECT v FROM plain CROSS JOIN UNNEST(tags) AS t(v) | SELECT v FROM plain LEFT JOIN UNNEST(tags) AS t(v) ON TRUE",
                "SELECT c.page, section FROM clicks c JOIN pages p ON p.page = c.page"
                        + " | SELECT c.page, section FROM clicks c LEFT JOIN pages p ON p.page = c.page",
                "SELECT window_end FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR))"
                        + " | SELECT window_end FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '2' HOUR))",
                "SELECT window_end FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '4' HOUR))"
                        + " | SELECT window_end FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '2' HOUR, INTERVAL '4' HOUR))",
            })
    void otherRowsAreAnotherPlan(String one, String other) {
        assertNotEquals(
                plan(one, OutputMode.UPDATE).id(),
                plan(other, OutputMode.UPDATE).id());
    }

    /** S3: what holds of all branches holds of the union. */
    @Test
    void aUnionPromisesWhatEachOfItsBranchesDoes() {
        QueryPlan times =
                plan("SELECT ts FROM clicks UNION ALL SELECT ts - INTERVAL '1' HOUR FROM clicks", OutputMode.APPEND);
        assertEquals(
                -3_600_000L,
                times.rootProperties().waterlines().get(0).at(0),
                () -> times.rootProperties().waterlines().toString());
        String changing = "SELECT page FROM (SELECT page, COUNT(*) AS n FROM clicks GROUP BY page) WHERE n < 3";
        for (String sql : List.of(
                "SELECT page FROM clicks UNION ALL " + changing, changing + " UNION ALL SELECT page FROM clicks")) {
            assertEquals(
                    List.of("OutputModeNotPossible"),
                    compile(sql, OutputMode.APPEND).errors().stream()
                            .map(SqlError::code)
                            .toList());
        }
    }

    @Test
    void whatSurroundsTheQueryIsPartOfThePlan() {
        String sql = "SELECT ts, COUNT(*) AS n FROM clicks GROUP BY ts";
        String id = plan(sql, OutputMode.UPDATE).id();
        assertNotEquals(id, plan(sql, OutputMode.APPEND).id());
        assertNotEquals(id, plan(sql, OutputMode.COMPLETE).id());
        List<SqlCompiler.SinkRequest> sinks = List.of(new SqlCompiler.SinkRequest("out", OutputMode.UPDATE, 0));
        assertNotEquals(
                id,
                new SqlCompiler(TABLES, 16)
                        .compile(sql, sinks)
                        .plan()
                        .orElseThrow()
                        .id());
        SourceTable later = new SourceTable(
                "clicks", TABLES.get(1).schema(), Optional.of(new SourceTable.EventTime(3, 6000)), false, true);
        assertNotEquals(
                id,
                new SqlCompiler(List.of(later), 32)
                        .compile(sql, sinks)
                        .plan()
                        .orElseThrow()
                        .id());
    }
}
