package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import dev.millrace.data.Vector;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SourceTable;
import dev.millrace.sql.SchemaParser;
import dev.millrace.sql.SqlCompiler;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Two tables, queries over them, and random rows: few distinct values, NULLs, what text and floating point have of traps. */
final class Events {

    static final Schema EVENTS =
            SchemaParser.parse("k STRING, g INT NOT NULL, v BIGINT, d DOUBLE, m DECIMAL(12, 2), line STRING,"
                    + " tags STRING ARRAY, ts TIMESTAMP(3) NOT NULL");
    static final Schema NAMES = SchemaParser.parse("k STRING, g INT, name STRING, least BIGINT");
    static final List<SourceTable> TABLES = List.of(
            new SourceTable("events", EVENTS, Optional.of(new SourceTable.EventTime(7, 0)), false, true),
            new SourceTable("names", NAMES, Optional.empty(), true, true));
    static final String TUMBLE = "TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND))";
    static final String HOP = "TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND))";

    static final List<String> QUERIES = List.of(
            "SELECT k, v FROM events WHERE v > 3 OR k = 'a'",
            "SELECT k || '!' AS x, v * 2 + g AS y, m - 1 AS z FROM events",
            "SELECT CASE WHEN v IS NULL THEN 'none' WHEN v < 3 THEN 'few' ELSE UPPER(k) END AS c FROM events",
            "SELECT k, word FROM events CROSS JOIN UNNEST(SPLIT(line, ' ')) AS t(word)",
            "SELECT k, tag, n FROM events LEFT JOIN UNNEST(tags) WITH ORDINALITY AS t(tag, n) ON TRUE",
            "SELECT k, window_start, window_end FROM " + TUMBLE,
            "SELECT v, window_start FROM " + HOP,
            "SELECT k, v FROM events UNION ALL SELECT line, g FROM events WHERE v > 2",
            "SELECT k FROM events UNION SELECT line FROM events",
            "SELECT e.k, n.name FROM events e JOIN names n ON e.k = n.k",
            "SELECT e.k, e.v, n.name FROM events e LEFT JOIN names n ON e.k = n.k AND e.g = n.g AND e.v > n.least",
            "SELECT DISTINCT k, g FROM events",
            "SELECT COUNT(*) AS n, COUNT(v) AS c, SUM(v) AS s, AVG(v) AS a, MIN(v) AS lo, MAX(v) AS hi FROM events",
            "SELECT k, g, COUNT(*) AS n, COUNT(v) AS c, SUM(v) AS s, AVG(v) AS a FROM events GROUP BY k, g",
            "SELECT g, SUM(d) AS s, AVG(d) AS a, MIN(d) AS lo, MAX(d) AS hi FROM events GROUP BY g",
            "SELECT g, SUM(m) AS s, AVG(m) AS a, MIN(m) AS lo, MAX(m) AS hi FROM events GROUP BY g",
            "SELECT g, MIN(v) AS lo, MAX(v) AS hi, MIN(k) AS first_k, MAX(line) AS last_line FROM events GROUP BY g",
            "SELECT k, COUNT(DISTINCT v) AS n, SUM(DISTINCT v) AS s, COUNT(DISTINCT line) AS l FROM events GROUP BY k",
            "SELECT k, SUM(v) FILTER (WHERE g > 1) AS s, MAX(v) FILTER (WHERE g = 1) AS hi,"
                    + " COUNT(DISTINCT line) FILTER (WHERE v > 1) AS l FROM events GROUP BY k",
            "SELECT k, COUNT(*) AS n FROM events GROUP BY k HAVING COUNT(*) > 2 AND MAX(v) > 3",
            "SELECT n, COUNT(*) AS ks, MAX(k) AS last_k, SUM(s) AS total FROM"
                    + " (SELECT k, COUNT(*) AS n, SUM(v) AS s FROM events GROUP BY k) GROUP BY n",
            "SELECT MAX(n) AS top FROM (SELECT line, COUNT(*) AS n FROM events GROUP BY line)",
            "SELECT word, COUNT(*) AS n FROM events CROSS JOIN UNNEST(SPLIT(line, ' ')) AS t(word) GROUP BY word",
            "SELECT n.name, COUNT(*) AS c, AVG(e.v) AS a FROM events e JOIN names n ON e.k = n.k GROUP BY n.name",
            "SELECT k, window_end, COUNT(*) AS n, MAX(v) AS hi FROM " + TUMBLE
                    + " GROUP BY k, window_start, window_end",
            "SELECT window_end, SUM(d) AS s, COUNT(DISTINCT k) AS ks FROM " + HOP
                    + " GROUP BY window_start, window_end");

    static final List<String> CLOSING = List.of(
            "SELECT k, window_end, COUNT(*) AS n, MAX(v) AS hi FROM " + TUMBLE
                    + " GROUP BY k, window_start, window_end",
            "SELECT window_end, SUM(d) AS s, COUNT(DISTINCT k) AS ks FROM " + HOP
                    + " GROUP BY window_start, window_end",
            "SELECT FLOOR(ts TO SECOND) AS t0, k, MIN(v) AS lo FROM events GROUP BY FLOOR(ts TO SECOND), k"
                    + " HAVING COUNT(*) > 1",
            "SELECT n, window_end, COUNT(*) AS ks FROM (SELECT k, window_end, COUNT(*) AS n FROM " + TUMBLE
                    + " GROUP BY k, window_start, window_end) GROUP BY n, window_end",
            "SELECT k, window_start, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS lo, AVG(d) AS a FROM " + HOP
                    + " GROUP BY k, window_start, window_end",
            "SELECT window_end, COUNT(*) AS n FROM " + HOP + " WHERE v > 2 GROUP BY window_end",
            "SELECT window_start, window_end, MAX(n) AS most, COUNT(*) AS ks FROM (SELECT k, v, window_start, window_end,"
                    + " COUNT(*) AS n FROM " + HOP
                    + " GROUP BY k, v, window_start, window_end) GROUP BY window_start, window_end",
            "SELECT window_start, v, COUNT(*) AS n FROM " + HOP + " GROUP BY window_start, v HAVING COUNT(*) > 1");

    static QueryPlan compile(String sql, OutputMode... modes) {
        List<SqlCompiler.SinkRequest> sinks = Arrays.stream(modes)
                .map(mode -> new SqlCompiler.SinkRequest(mode.name(), mode, 0))
                .toList();
        SqlCompiler.Result result = new SqlCompiler(TABLES, 8).compile(sql, sinks);
        assertEquals(List.of(), result.errors(), sql);
        return result.plan().orElseThrow();
    }

    private final Random random;

    Events(Random random) {
        this.random = random;
    }

    List<Object> eventRow(long time) {
        List<Object> tags = new ArrayList<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            tags.add(random.nextInt(5) == 0 ? null : "t" + random.nextInt(3));
        }
        return Arrays.asList(
                pick("a", "b", "c", "é", "\uD83D\uDE00", "\uFFFD", null),
                (long) random.nextInt(3),
                random.nextInt(6) == 0 ? null : (Object) (long) random.nextInt(7),
                pick(0.0, 0.1, 1e16, -1e16, 1e300, 3.5, null),
                random.nextInt(6) == 0 ? null : BigDecimal.valueOf(random.nextInt(2000) - 1000, 2),
                pick("x y", "y", "", "x x z", null),
                random.nextInt(6) == 0 ? null : tags,
                time + random.nextInt(5000));
    }

    List<Object> nameRow() {
        return Arrays.asList(
                pick("a", "b", "c", "é", null),
                random.nextInt(4) == 0 ? null : (Object) (long) random.nextInt(3),
                "n" + random.nextInt(4),
                random.nextInt(4) == 0 ? null : (Object) (long) random.nextInt(5));
    }

    Object pick(Object... values) {
        return values[random.nextInt(values.length)];
    }

    static Batch batch(PlanNode.Scan scan, Map<List<Object>, Long> rows) {
        Batch batch = new Batch(scan.schema());
        rows.forEach((row, weight) -> {
            for (long copy = 0; copy < weight; copy++) {
                append(batch, scan, row, 1);
            }
        });
        return batch;
    }

    static void append(Batch batch, PlanNode.Scan scan, List<Object> row, long weight) {
        int at = batch.append(weight);
        for (int i = 0; i < scan.columns().size(); i++) {
            set(batch.column(i), at, row.get(scan.columns().get(i)));
        }
    }

    static void set(Vector vector, int row, Object value) {
        if (value == null) {
            vector.setNull(row);
        } else if (vector instanceof LongVector longs) {
            longs.set(row, (Long) value);
        } else if (vector instanceof DoubleVector doubles) {
            doubles.set(row, (Double) value);
        } else if (vector instanceof BytesVector bytes) {
            bytes.set(row, (String) value);
        } else if (vector instanceof DecimalVector decimals) {
            decimals.setChecked(row, ((BigDecimal) value).unscaledValue());
        } else if (vector instanceof ArrayVector arrays) {
            int start = arrays.elements().size();
            ((List<?>) value)
                    .forEach(element -> set(arrays.elements(), arrays.elements().append(), element));
            arrays.setRange(row, start, ((List<?>) value).size());
        }
    }
}
