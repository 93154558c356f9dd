package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.Sink;
import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import dev.millrace.data.Vector;
import dev.millrace.data.Watermark;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.operators.HoldStage;
import dev.millrace.engine.operators.Stage;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Properties;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import dev.millrace.plan.SourceTable;
import dev.millrace.sql.SchemaParser;
import dev.millrace.sql.SqlCompiler;
import dev.millrace.state.StateBatch;
import dev.millrace.state.memory.MemoryStore;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Every operator, over random deltas with retractions, gives what {@link SlowZSets} computes from the whole input: whatever
 * the order inside of an epoch, the batches, the number of workers, and restarts over the stored state. Weights may fall
 * below 0 for epochs; then only the sum must come right when they are back.
 */
class OperatorsAgainstZSetsTest {

    private static final Schema EVENTS =
            SchemaParser.parse("k STRING, g INT NOT NULL, v BIGINT, d DOUBLE, m DECIMAL(12, 2), line STRING,"
                    + " tags STRING ARRAY, ts TIMESTAMP(3) NOT NULL");
    private static final Schema NAMES = SchemaParser.parse("k STRING, g INT, name STRING, least BIGINT");
    private static final List<SourceTable> TABLES = List.of(
            new SourceTable("events", EVENTS, Optional.of(new SourceTable.EventTime(7, 0)), false, true),
            new SourceTable("names", NAMES, Optional.empty(), true, true));
    private static final String TUMBLE = "TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND))";
    private static final String HOP =
            "TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '3' SECOND))";

    private static final List<String> QUERIES = List.of(
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

    private final Random random;
    private final long seed;

    OperatorsAgainstZSetsTest() {
        seed = Long.getLong("seed", System.nanoTime());
        random = new Random(seed);
    }

    @TestFactory
    Stream<DynamicTest> operators() {
        System.out.println("operators against Z-sets: -Dseed=" + seed);
        return QUERIES.stream()
                .flatMap(sql -> Stream.of(1, 3)
                        .map(workers -> DynamicTest.dynamicTest(
                                workers + " workers: " + sql, () -> new Case(sql, workers, 12).run())));
    }

    /** One query over one history of deltas. */
    private final class Case {
        private final QueryPlan plan;
        private final PlanNode root;
        private final int workers;
        private final int epochs;
        private final MemoryStore store = new MemoryStore();
        private final Map<List<Object>, Long> input = new HashMap<>();
        private final Map<List<Object>, Long> output = new HashMap<>();
        private final Map<List<Object>, Long> names = new HashMap<>();
        private final Map<String, Copies> sinks = new HashMap<>();
        private Dataflow dataflow;
        private List<Results> results;

        Case(String sql, int workers, int epochs) {
            this.plan = compile(sql, OutputMode.UPDATE);
            this.root = plan.root();
            this.workers = workers;
            this.epochs = epochs;
            for (int i = 0; i < 12; i++) {
                SlowZSets.add(names, nameRow(), 1);
            }
            start();
        }

        /** All operators are told that their input changes: sources of this version only grow. */
        private Map<PlanNode, Properties> changing() {
            Map<PlanNode, Properties> changing = new HashMap<>();
            plan.properties()
                    .forEach((node, p) -> changing.put(
                            node, new Properties(false, p.uniqueKey(), Map.of(), Properties.StateBound.UNBOUNDED)));
            return changing;
        }

        private void start() {
            List<Problems> problems = new ArrayList<>();
            for (int i = 0; i < workers; i++) {
                problems.add(new Problems(Map.of(), false, new LongAdder(), new LongAdder()));
            }
            dataflow = new Dataflow(
                    List.of(root),
                    new Dataflow.Context(
                            changing(),
                            plan.keyGroups(),
                            store,
                            Watermark.NONE,
                            random.nextBoolean() ? 1 : 1 << 20,
                            Map.of("names", batch(scan(true), names)),
                            List.copyOf(problems)));
            for (int worker = 0; worker < workers; worker++) {
                dataflow.subscribe(worker, root, delta -> {
                    synchronized (output) {
                        SlowZSets.add(output, delta);
                    }
                });
            }
            Results.Context context = new Results.Context(dataflow, store, plan.keyGroups(), problems, new LongAdder());
            results = new ArrayList<>();
            List<Integer> keys = plan.rootProperties().uniqueKey().orElse(List.of());
            boolean keyed = plan.rootProperties().uniqueKey().isPresent();
            for (SinkPlan sink : List.of(
                    new SinkPlan("update", OutputMode.UPDATE, root, keyed, keys, 0, ""),
                    new SinkPlan("rows", OutputMode.UPDATE, root, false, List.of(), 0, ""),
                    new SinkPlan("complete", OutputMode.COMPLETE, root, keyed, keys, 0, ""))) {
                Copies held = sinks.computeIfAbsent(sink.name(), name -> new Copies());
                results.add(new Results(sink, held, context));
            }
        }

        private PlanNode.Scan scan(boolean fixed) {
            List<PlanNode.Scan> scans = plan.scans(fixed);
            return scans.isEmpty() ? new PlanNode.Scan(TABLES.get(fixed ? 1 : 0), List.of(0)) : scans.get(0);
        }

        void run() {
            try (Workers pool = new Workers(workers)) {
                for (int epoch = 1; epoch <= epochs; epoch++) {
                    if (random.nextInt(4) == 0) {
                        start();
                    }
                    feed(epoch == epochs ? settle() : deltas());
                    dataflow.endEpoch(new Stage.EpochEnd(epoch, Watermark.NONE), pool);
                    for (Results result : results) {
                        result.endEpoch(epoch);
                    }
                    StateBatch batch = new StateBatch();
                    dataflow.flush(batch);
                    store.apply(batch, epoch);
                    assertEquals(store.size(), store.rows(), () -> "rows kept, -Dseed=" + seed);
                    if (input.values().stream().allMatch(weight -> weight > 0)) {
                        check(epoch);
                    }
                }
            }
            assertTrue(input.values().stream().allMatch(weight -> weight > 0));
        }

        private void check(int epoch) {
            Map<List<Object>, Long> expected = new SlowZSets(Map.of("events", input, "names", names)).of(root);
            assertEquals(expected, output, () -> "after epoch " + epoch + ", -Dseed=" + seed);
            sinks.forEach((name, sink) -> assertEquals(
                    expected, sink.rows(), () -> "sink " + name + " after epoch " + epoch + ", -Dseed=" + seed));
        }

        /** Rows that come, and rows that go: most of them were there, some will only come later. */
        private List<Map.Entry<List<Object>, Long>> deltas() {
            List<Map.Entry<List<Object>, Long>> deltas = new ArrayList<>();
            int count = random.nextInt(40);
            List<List<Object>> present = new ArrayList<>(input.keySet());
            for (int i = 0; i < count; i++) {
                List<Object> row = eventRow(0);
                long weight = 1 + random.nextInt(2);
                deltas.add(Map.entry(row, weight));
                if (random.nextInt(4) == 0) {
                    deltas.add(Map.entry(row, -weight));
                }
            }
            for (List<Object> row : present) {
                if (random.nextInt(3) == 0) {
                    deltas.add(Map.entry(row, -(1L + random.nextInt(2))));
                }
            }
            Collections.shuffle(deltas, random);
            return deltas;
        }

        /** Brings all weights back above 0. */
        private List<Map.Entry<List<Object>, Long>> settle() {
            List<Map.Entry<List<Object>, Long>> deltas = new ArrayList<>();
            input.forEach((row, weight) -> {
                if (weight < 0) {
                    deltas.add(Map.entry(row, 1 - weight));
                }
            });
            return deltas;
        }

        private void feed(List<Map.Entry<List<Object>, Long>> deltas) {
            int at = 0;
            while (at < deltas.size()) {
                int worker = random.nextInt(workers);
                int end = Math.min(deltas.size(), at + 1 + random.nextInt(10));
                Batch batch = new Batch(scan(false).schema());
                for (Map.Entry<List<Object>, Long> delta : deltas.subList(at, end)) {
                    SlowZSets.add(input, delta.getKey(), delta.getValue());
                    append(batch, scan(false), delta.getKey(), delta.getValue());
                }
                dataflow.input(worker, scan(false)).accept(batch);
                at = end;
            }
        }
    }

    private static final List<String> CLOSING = List.of(
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

    /** Append after every epoch is the closed part of the whole result, and what is closed leaves the state. */
    @TestFactory
    Stream<DynamicTest> closedRowsLeaveOnce() {
        return CLOSING.stream()
                .flatMap(sql -> Stream.of(1, 3)
                        .map(workers ->
                                DynamicTest.dynamicTest(workers + " workers: " + sql, () -> closing(sql, workers))));
    }

    private void closing(String sql, int workers) {
        QueryPlan plan = compile(sql, OutputMode.APPEND, OutputMode.UPDATE);
        PlanNode held = plan.sinks().get(0).root();
        PlanNode.Hold hold = (PlanNode.Hold) held;
        PlanNode.Scan scan = plan.scans(false).get(0);
        MemoryStore store = new MemoryStore();
        Map<List<Object>, Long> input = new HashMap<>();
        Map<List<Object>, Long> appended = new HashMap<>();
        Map<List<Object>, Long> updated = new HashMap<>();
        Dataflow dataflow = null;
        long watermark = Watermark.NONE;
        try (Workers pool = new Workers(workers)) {
            for (int epoch = 1; epoch <= 15; epoch++) {
                if (dataflow == null || random.nextInt(4) == 0) {
                    dataflow = dataflow(plan, workers, store, watermark);
                    for (int worker = 0; worker < workers; worker++) {
                        subscribe(dataflow, worker, held, appended);
                        subscribe(dataflow, worker, plan.root(), updated);
                    }
                }
                long from = Math.max(-5_000, watermark);
                for (int i = random.nextInt(30); i > 0; i--) {
                    List<Object> row = eventRow(from);
                    SlowZSets.add(input, row, 1);
                    Batch batch = new Batch(scan.schema());
                    append(batch, scan, row, 1);
                    dataflow.input(random.nextInt(workers), scan).accept(batch);
                }
                watermark = epoch == 15 ? Watermark.END : from + random.nextInt(3000);
                dataflow.endEpoch(new Stage.EpochEnd(epoch, watermark), pool);
                StateBatch batch = new StateBatch();
                dataflow.flush(batch);
                store.apply(batch, epoch);
                assertEquals(store.size(), store.rows(), () -> "rows kept, -Dseed=" + seed);
                Map<List<Object>, Long> whole = new SlowZSets(Map.of("events", input)).of(plan.root());
                Map<List<Object>, Long> closed = new HashMap<>(whole);
                long bound = hold.waterline().at(watermark);
                closed.keySet().removeIf(row -> (Long) row.get(hold.column()) >= bound);
                assertEquals(closed, appended, "after epoch " + epoch + ", -Dseed=" + seed);
                assertEquals(whole, updated, "after epoch " + epoch + ", -Dseed=" + seed);
            }
        }
        assertEquals(0, store.size(), "all windows are closed, so nothing is remembered");
    }

    private Dataflow dataflow(QueryPlan plan, int workers, MemoryStore store, long watermark) {
        List<Problems> problems = new ArrayList<>();
        for (int i = 0; i < workers; i++) {
            problems.add(new Problems(Map.of(), false, new LongAdder(), new LongAdder()));
        }
        return new Dataflow(
                plan.sinks().stream().map(SinkPlan::root).toList(),
                new Dataflow.Context(
                        plan.properties(),
                        plan.keyGroups(),
                        store,
                        watermark,
                        random.nextBoolean() ? 1 : 1 << 20,
                        Map.of(),
                        List.copyOf(problems)));
    }

    private static void subscribe(Dataflow dataflow, int worker, PlanNode node, Map<List<Object>, Long> into) {
        dataflow.subscribe(worker, node, delta -> {
            synchronized (into) {
                SlowZSets.add(into, delta);
            }
        });
    }

    /** P10: a watermark that closes very many rows at once does not make one transaction of them. */
    @Test
    void heldRowsLeaveInPortions() {
        QueryPlan plan = compile(
                "SELECT v, window_end, COUNT(*) AS n FROM " + TUMBLE + " GROUP BY v, window_start, window_end",
                OutputMode.APPEND);
        PlanNode.Scan scan = plan.scans(false).get(0);
        MemoryStore store = new MemoryStore();
        Map<List<Object>, Long> appended = new HashMap<>();
        Dataflow dataflow = dataflow(plan, 1, store, Watermark.NONE);
        subscribe(dataflow, 0, plan.sinks().get(0).root(), appended);
        int rows = 2 * 8 * HoldStage.ROWS_PER_KEY_GROUP + 8 * HoldStage.ROWS_PER_KEY_GROUP / 2;
        Batch batch = new Batch(scan.schema());
        for (int i = 0; i < rows; i++) {
            List<Object> row = Arrays.asList("k", 0L, (long) i, 0.0, BigDecimal.ONE, "", List.of(), 0L);
            append(batch, scan, row, 1);
        }
        dataflow.input(0, scan).accept(batch);
        List<Integer> sizes = new ArrayList<>();
        try (Workers pool = new Workers(1)) {
            for (int epoch = 1; epoch == 1 || dataflow.hasMore(); epoch++) {
                dataflow.endEpoch(new Stage.EpochEnd(epoch, 10_000), pool);
                StateBatch changes = new StateBatch();
                dataflow.flush(changes);
                store.apply(changes, epoch);
                assertEquals(store.size(), store.rows(), () -> "rows kept, -Dseed=" + seed);
                sizes.add(appended.size());
                if (epoch == 2) {
                    dataflow = dataflow(plan, 1, store, Watermark.NONE);
                    subscribe(dataflow, 0, plan.sinks().get(0).root(), appended);
                }
            }
        }
        assertEquals(8 * HoldStage.ROWS_PER_KEY_GROUP, sizes.get(0));
        assertTrue(sizes.size() >= 3, sizes::toString);
        assertEquals(rows, appended.size());
        assertTrue(appended.values().stream().allMatch(weight -> weight == 1));
        assertEquals(0, store.size());
    }

    /** S7: a row that cannot be used counts as often as it is there, and less often when it is taken back. */
    @Test
    void anErrorHasTheWeightOfItsRow() {
        for (String sql : List.of(
                "SELECT k FROM events WHERE 10 / v > 1",
                "SELECT 10 / v AS q FROM events",
                "SELECT COUNT(*) AS n FROM events GROUP BY 10 / v",
                "SELECT SUM(10 / v) AS s FROM events",
                "SELECT e.k FROM events e JOIN names n ON n.least = 10 / e.v",
                "SELECT e.k FROM events e JOIN names n ON n.k = e.k AND n.least < 10 / e.v",
                "SELECT e.k FROM events e JOIN names n ON n.k = e.k AND n.least IS NOT DISTINCT FROM 10 / e.v")) {
            LongAdder malformed = new LongAdder();
            assertEquals(List.of(3L, -1L), letterWeights(sql, MalformedPolicy.DEAD_LETTER, malformed, 3, -1), sql);
            assertEquals(3, malformed.sum(), sql);
            letterWeights(sql, MalformedPolicy.FAIL, malformed, 2, -2);
            assertThrows(QueryException.class, () -> letterWeights(sql, MalformedPolicy.FAIL, malformed, 2, -1), sql);
        }
    }

    /** Feeds a row whose v is 0 with the weights, one after another, and gives those of the epoch's dead letters. */
    private List<Long> letterWeights(String sql, MalformedPolicy policy, LongAdder malformed, long... weights) {
        QueryPlan plan = compile(sql, OutputMode.UPDATE);
        PlanNode.Scan scan = plan.scans(false).get(0);
        Problems problems = new Problems(Map.of("events", policy), false, malformed, new LongAdder());
        Map<String, Batch> tables = new HashMap<>();
        plan.scans(true)
                .forEach(names -> tables.put("names", batch(names, Map.of(Arrays.asList("a", 1L, "name", 1L), 1L))));
        Map<PlanNode, Properties> properties = new HashMap<>(plan.properties());
        properties.replaceAll(
                (node, p) -> new Properties(false, p.uniqueKey(), Map.of(), Properties.StateBound.UNBOUNDED));
        MemoryStore store = new MemoryStore();
        Dataflow dataflow = new Dataflow(
                List.of(plan.root()),
                new Dataflow.Context(
                        properties, plan.keyGroups(), store, Watermark.NONE, 1 << 20, tables, List.of(problems)));
        SinkPlan sink = new SinkPlan("rows", OutputMode.UPDATE, plan.root(), false, List.of(), 0, "");
        Results results = new Results(
                sink,
                new Copies(),
                new Results.Context(dataflow, store, plan.keyGroups(), List.of(problems), new LongAdder()));
        for (long weight : weights) {
            Batch batch = new Batch(scan.schema());
            append(batch, scan, Arrays.asList("a", 0L, 0L, 0.0, BigDecimal.ONE, "", List.of(), 0L), weight);
            dataflow.input(0, scan).accept(batch);
        }
        try (Workers pool = new Workers(1)) {
            dataflow.endEpoch(new Stage.EpochEnd(1, Watermark.NONE), pool);
        }
        results.endEpoch(1);
        problems.check();
        Batch letters = new Batch(Problems.SCHEMA);
        problems.letters(1, letters);
        LongVector column = letters.longs(Problems.SCHEMA.indexOf("weight"));
        return IntStream.range(0, letters.size()).mapToObj(column::get).toList();
    }

    /** S16: the one group of a query without keys is not in the same key group for every such query. */
    @Test
    void groupsWithoutKeysAreSpread() {
        Set<Integer> keyGroups = new HashSet<>();
        for (int i = 0; i < 20; i++) {
            QueryPlan plan = compile("SELECT COUNT(*) AS n FROM events WHERE v > " + i, OutputMode.UPDATE);
            PlanNode.Scan scan = plan.scans(false).get(0);
            MemoryStore store = new MemoryStore();
            Dataflow dataflow = dataflow(plan, 1, store, Watermark.NONE);
            Batch batch = new Batch(scan.schema());
            append(batch, scan, Arrays.asList("a", 0L, 99L, 0.0, BigDecimal.ONE, "", List.of(), 0L), 1);
            dataflow.input(0, scan).accept(batch);
            try (Workers pool = new Workers(1)) {
                dataflow.endEpoch(new Stage.EpochEnd(1, Watermark.NONE), pool);
            }
            StateBatch changes = new StateBatch();
            dataflow.flush(changes);
            store.apply(changes, 1);
            assertEquals(store.size(), store.rows(), () -> "rows kept, -Dseed=" + seed);
            assertEquals(1, store.size());
            store.scan(new byte[1], new byte[] {-1}, (key, value) -> {
                keyGroups.add((int) key[1]);
                return true;
            });
        }
        assertTrue(keyGroups.size() > 3, keyGroups::toString);
    }

    private static QueryPlan compile(String sql, OutputMode... modes) {
        List<SqlCompiler.SinkRequest> sinks = Arrays.stream(modes)
                .map(mode -> new SqlCompiler.SinkRequest(mode.name(), mode, 0))
                .toList();
        SqlCompiler.Result result = new SqlCompiler(TABLES, 8).compile(sql, sinks);
        assertEquals(List.of(), result.errors(), sql);
        return result.plan().orElseThrow();
    }

    private List<Object> eventRow(long time) {
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

    private List<Object> nameRow() {
        return Arrays.asList(
                pick("a", "b", "c", "é", null),
                random.nextInt(4) == 0 ? null : (Object) (long) random.nextInt(3),
                "n" + random.nextInt(4),
                random.nextInt(4) == 0 ? null : (Object) (long) random.nextInt(5));
    }

    private Object pick(Object... values) {
        return values[random.nextInt(values.length)];
    }

    private static Batch batch(PlanNode.Scan scan, Map<List<Object>, Long> rows) {
        Batch batch = new Batch(scan.schema());
        rows.forEach((row, weight) -> {
            for (long copy = 0; copy < weight; copy++) {
                append(batch, scan, row, 1);
            }
        });
        return batch;
    }

    private static void append(Batch batch, PlanNode.Scan scan, List<Object> row, long weight) {
        int at = batch.append(weight);
        for (int i = 0; i < scan.columns().size(); i++) {
            set(batch.column(i), at, row.get(scan.columns().get(i)));
        }
    }

    private static void set(Vector vector, int row, Object value) {
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

    /** What a sink of any mode holds; a delete of what is not there fails. */
    private static final class Copies implements Sink, Sink.Writer {
        private final Map<List<Object>, List<Object>> byKey = new HashMap<>();
        private final Map<List<Object>, Long> table = new HashMap<>();

        Map<List<Object>, Long> rows() {
            Map<List<Object>, Long> rows = new HashMap<>(table);
            byKey.values().forEach(row -> rows.merge(row, 1L, Long::sum));
            return rows;
        }

        @Override
        public Writer writer() {
            return this;
        }

        @Override
        public void append(Batch rows) {
            throw new AssertionError("a result that changes is not appended");
        }

        @Override
        public void change(Batch rows, int[] keys) {
            for (int row = 0; row < rows.size(); row++) {
                List<Object> cells = rows.toObjects(row);
                List<Object> key =
                        Arrays.asList(Arrays.stream(keys).mapToObj(cells::get).toArray());
                if (rows.weight(row) > 0) {
                    boolean numbered = rows.schema().indexOf("copy_number") >= 0;
                    byKey.put(key, numbered ? cells.subList(0, cells.size() - 1) : cells);
                } else if (byKey.remove(key) == null) {
                    throw new AssertionError("a delete of a row that is not there: " + cells);
                }
            }
        }

        @Override
        public void replace(long epoch, List<Batch> rows) {
            table.clear();
            rows.forEach(batch -> SlowZSets.add(table, batch));
        }

        @Override
        public void close() {}
    }
}
