package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.LongVector;
import dev.millrace.data.Watermark;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.operators.HoldStage;
import dev.millrace.engine.operators.Stage;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Properties;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
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

    private final Random random;
    private final Events events;
    private final long seed;

    OperatorsAgainstZSetsTest() {
        seed = Long.getLong("seed", System.nanoTime());
        random = new Random(seed);
        events = new Events(random);
    }

    @TestFactory
    Stream<DynamicTest> operators() {
        System.out.println("operators against Z-sets: -Dseed=" + seed);
        return Events.QUERIES.stream()
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
            this.plan = Events.compile(sql, OutputMode.UPDATE);
            this.root = plan.root();
            this.workers = workers;
            this.epochs = epochs;
            for (int i = 0; i < 12; i++) {
                SlowZSets.add(names, events.nameRow(), 1);
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
                            Dataflow.all(plan.keyGroups()),
                            false,
                            new Reached(64, Watermark.NONE),
                            random.nextBoolean() ? 1 : 1 << 20,
                            Map.of("names", Events.batch(scan(true), names)),
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
            return scans.isEmpty() ? new PlanNode.Scan(Events.TABLES.get(fixed ? 1 : 0), List.of(0)) : scans.get(0);
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
                List<Object> row = events.eventRow(0);
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
                    Events.append(batch, scan(false), delta.getKey(), delta.getValue());
                }
                dataflow.input(worker, scan(false)).accept(batch);
                at = end;
            }
        }
    }

    /** Append after every epoch is the closed part of the whole result, and what is closed leaves the state. */
    @TestFactory
    Stream<DynamicTest> closedRowsLeaveOnce() {
        return Events.CLOSING.stream()
                .flatMap(sql -> Stream.of(1, 3)
                        .map(workers ->
                                DynamicTest.dynamicTest(workers + " workers: " + sql, () -> closing(sql, workers))));
    }

    private void closing(String sql, int workers) {
        QueryPlan plan = Events.compile(sql, OutputMode.APPEND, OutputMode.UPDATE);
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
                    List<Object> row = events.eventRow(from);
                    SlowZSets.add(input, row, 1);
                    Batch batch = new Batch(scan.schema());
                    Events.append(batch, scan, row, 1);
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
                        Dataflow.all(plan.keyGroups()),
                        false,
                        new Reached(plan.keyGroups(), watermark),
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
        QueryPlan plan = Events.compile(
                "SELECT v, window_end, COUNT(*) AS n FROM " + Events.TUMBLE + " GROUP BY v, window_start, window_end",
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
            Events.append(batch, scan, row, 1);
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
        QueryPlan plan = Events.compile(sql, OutputMode.UPDATE);
        PlanNode.Scan scan = plan.scans(false).get(0);
        Problems problems = new Problems(Map.of("events", policy), false, malformed, new LongAdder());
        Map<String, Batch> tables = new HashMap<>();
        plan.scans(true)
                .forEach(names ->
                        tables.put("names", Events.batch(names, Map.of(Arrays.asList("a", 1L, "name", 1L), 1L))));
        Map<PlanNode, Properties> properties = new HashMap<>(plan.properties());
        properties.replaceAll(
                (node, p) -> new Properties(false, p.uniqueKey(), Map.of(), Properties.StateBound.UNBOUNDED));
        MemoryStore store = new MemoryStore();
        Dataflow dataflow = new Dataflow(
                List.of(plan.root()),
                new Dataflow.Context(
                        properties,
                        plan.keyGroups(),
                        store,
                        Dataflow.all(plan.keyGroups()),
                        false,
                        new Reached(64, Watermark.NONE),
                        1 << 20,
                        tables,
                        List.of(problems)));
        SinkPlan sink = new SinkPlan("rows", OutputMode.UPDATE, plan.root(), false, List.of(), 0, "");
        Results results = new Results(
                sink,
                new Copies(),
                new Results.Context(dataflow, store, plan.keyGroups(), List.of(problems), new LongAdder()));
        for (long weight : weights) {
            Batch batch = new Batch(scan.schema());
            Events.append(batch, scan, Arrays.asList("a", 0L, 0L, 0.0, BigDecimal.ONE, "", List.of(), 0L), weight);
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

    /** By however many workers. */
    @Test
    void rowsAreCountedByKeyGroup() {
        QueryPlan plan = Events.compile("SELECT k, COUNT(*) AS n FROM events GROUP BY k", OutputMode.UPDATE);
        PlanNode.Scan scan = plan.scans(false).get(0);
        for (int workers = 1; workers <= 2; workers++) {
            Dataflow dataflow = dataflow(plan, workers, new MemoryStore(), Watermark.NONE);
            for (int i = 0; i < 12; i++) {
                Batch batch = new Batch(scan.schema());
                String key = i < 9 ? "hot" : "k" + i;
                Events.append(batch, scan, Arrays.asList(key, 0L, 0L, 0.0, BigDecimal.ONE, "", List.of(), 0L), 1);
                dataflow.input(i % workers, scan).accept(batch);
            }
            try (Workers pool = new Workers(workers)) {
                dataflow.endEpoch(new Stage.EpochEnd(1, Watermark.NONE), pool);
                dataflow.endEpoch(new Stage.EpochEnd(2, Watermark.NONE), pool);
            }
            assertEquals(12, Arrays.stream(dataflow.rows()).sum());
            assertTrue(Arrays.stream(dataflow.rows()).anyMatch(rows -> rows >= 9 && rows < 12));
        }
    }

    /** S16: the one group of a query without keys is not in the same key group for every such query. */
    @Test
    void groupsWithoutKeysAreSpread() {
        Set<Integer> keyGroups = new HashSet<>();
        for (int i = 0; i < 20; i++) {
            QueryPlan plan = Events.compile("SELECT COUNT(*) AS n FROM events WHERE v > " + i, OutputMode.UPDATE);
            PlanNode.Scan scan = plan.scans(false).get(0);
            MemoryStore store = new MemoryStore();
            Dataflow dataflow = dataflow(plan, 1, store, Watermark.NONE);
            Batch batch = new Batch(scan.schema());
            Events.append(batch, scan, Arrays.asList("a", 0L, 99L, 0.0, BigDecimal.ONE, "", List.of(), 0L), 1);
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
