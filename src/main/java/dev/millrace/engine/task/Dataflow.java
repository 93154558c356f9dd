package dev.millrace.engine.task;

import dev.millrace.data.Batch;
import dev.millrace.data.Watermark;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.expressions.Kernel;
import dev.millrace.engine.expressions.Kernels;
import dev.millrace.engine.operators.AggregateStage;
import dev.millrace.engine.operators.ClosingStage;
import dev.millrace.engine.operators.FanOut;
import dev.millrace.engine.operators.FilterOperator;
import dev.millrace.engine.operators.Grouping;
import dev.millrace.engine.operators.HoldStage;
import dev.millrace.engine.operators.Output;
import dev.millrace.engine.operators.PartialGroups;
import dev.millrace.engine.operators.ProjectOperator;
import dev.millrace.engine.operators.RowErrors;
import dev.millrace.engine.operators.Stage;
import dev.millrace.engine.operators.StaticJoinOperator;
import dev.millrace.engine.operators.StaticTable;
import dev.millrace.engine.operators.UnnestOperator;
import dev.millrace.engine.operators.WindowOperator;
import dev.millrace.plan.Expression;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Properties;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import dev.millrace.state.memory.MemoryStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A plan as operators, once per worker. Deltas are pushed from the scans down to the roots; equal sub-plans are one
 * operator. Stateful nodes are cut into two halves: see {@link Stage}. At an epoch's end the stages run in the order of the
 * plan, each on all workers before the next.
 */
public final class Dataflow {

    private final Map<PlanNode, Properties> properties;
    private final int keyGroups;
    private final StateStore store;
    private final Reached reached;
    private final boolean[] own;
    private final boolean exchanges;
    private final Map<String, Batch> staticRows;
    private final int workers;
    private final List<Map<PlanNode, FanOut>> outputs = new ArrayList<>();
    private final List<RowErrors> errors;
    private final List<StageNode> stages = new ArrayList<>();
    private final Map<PlanNode, StaticTable> tables = new HashMap<>();
    private final long tableBytes;
    private final long[] rows;
    private final long[] updates;

    /**
     * A stateful node: its halves by worker.
     *
     * @param parts of the workers; where there is an exchange, one more with what has arrived
     * @param own by key group: whether it is this process's
     * @param toOne whether one process has all key groups
     * @param level one more than the greatest of the stages before it, the first is 1
     * @param leaving gathers what leaves, where there are several workers
     */
    private record StageNode(
            Grouping grouping,
            PartialGroups[] parts,
            Stage[] stages,
            boolean[] own,
            boolean toOne,
            int level,
            PartialGroups leaving) {}

    /**
     * What a dataflow is built over.
     *
     * @param own by key group: whether it is this process's at first
     * @param exchanges whether other processes have the others
     * @param reached the watermarks of the epoch that the store holds; one for all levels where
     *     there is one process
     * @param tableBytes of memory for what operators keep in memory of their state, all together
     */
    public record Context(
            Map<PlanNode, Properties> properties,
            int keyGroups,
            StateStore store,
            boolean[] own,
            boolean exchanges,
            Reached reached,
            long tableBytes,
            Map<String, Batch> staticRows,
            List<RowErrors> errors) {}

    /**
     * @param roots whose outputs are wanted
     * @param context {@code errors} has one entry per worker, and so says how many there are
     */
    public Dataflow(List<PlanNode> roots, Context context) {
        this.properties = context.properties();
        this.keyGroups = context.keyGroups();
        this.rows = new long[keyGroups];
        this.updates = new long[keyGroups];
        this.store = context.store();
        this.own = context.own();
        this.exchanges = context.exchanges();
        this.reached = context.reached();
        this.staticRows = context.staticRows();
        this.errors = context.errors();
        this.workers = errors.size();
        Set<PlanNode> nodes = new HashSet<>();
        List<PlanNode> order = new ArrayList<>();
        roots.forEach(root -> collect(root, nodes, order));
        long stateful = order.stream().filter(Dataflow::isStateful).count();
        this.tableBytes = context.tableBytes() / Math.max(1, stateful * workers);
        for (int worker = 0; worker < workers; worker++) {
            Map<PlanNode, FanOut> fans = new HashMap<>();
            order.forEach(node -> fans.put(node, new FanOut()));
            outputs.add(fans);
        }
        checkOperatorNumbers(order);
        order.forEach(this::build);
    }

    private static boolean isStateful(PlanNode node) {
        return node instanceof PlanNode.Aggregate || node instanceof PlanNode.Hold;
    }

    /** Inputs before the nodes that read them; the tables of static joins are no part of it. */
    private static void collect(PlanNode node, Set<PlanNode> seen, List<PlanNode> order) {
        if (!seen.add(node)) {
            return;
        }
        List<PlanNode> inputs = node instanceof PlanNode.StaticJoin join ? List.of(join.left()) : node.inputs();
        inputs.forEach(input -> collect(input, seen, order));
        order.add(node);
    }

    private void checkOperatorNumbers(List<PlanNode> order) {
        Map<Integer, String> numbers = new HashMap<>();
        for (PlanNode node : order) {
            if (!isStateful(node)) {
                continue;
            }
            Set<Integer> own = new HashSet<>();
            Grouping grouping = grouping(node);
            own.add(grouping.operator());
            grouping.multisets().forEach(values -> own.add(values.operator()));
            for (int number : own) {
                if (numbers.put(number, node.meaning()) != null) {
                    throw new QueryException(
                            "OperatorCollision",
                            "two operators of the plan have the same number; change the query slightly, for example"
                                    + " the order of its columns");
                }
            }
        }
    }

    private Grouping grouping(PlanNode node) {
        if (node instanceof PlanNode.Aggregate aggregate) {
            return Grouping.of(aggregate, properties, keyGroups);
        }
        PlanNode.Hold hold = (PlanNode.Hold) node;
        return Grouping.ofRows("hold", hold.schema(), hold.column(), hold.waterline(), hold.identity(), keyGroups);
    }

    private void build(PlanNode node) {
        if (isStateful(node)) {
            PlanNode input = node.inputs().get(0);
            addStage(
                    grouping(node),
                    false,
                    input,
                    (worker, parts) -> connect(worker, input, parts[worker]),
                    (place, parts) -> stage(
                            node,
                            grouping(node),
                            parts,
                            place,
                            outputs.get(place.worker()).get(node)));
            return;
        }
        for (int worker = 0; worker < workers; worker++) {
            node.accept(
                    new Linear(worker, errors.get(worker), outputs.get(worker).get(node)));
        }
    }

    /** How many stages there are at most between a source and a node's output. */
    private static int level(PlanNode node) {
        List<PlanNode> inputs = node instanceof PlanNode.StaticJoin join ? List.of(join.left()) : node.inputs();
        int before = inputs.stream().mapToInt(Dataflow::level).max().orElse(0);
        return before + (isStateful(node) ? 1 : 0);
    }

    /** The greatest level of a stage. */
    public int levels() {
        return stages.stream().mapToInt(StageNode::level).max().orElse(0);
    }

    private Stage stage(
            PlanNode node, Grouping grouping, PartialGroups[] parts, AggregateStage.Place place, Output output) {
        if (node instanceof PlanNode.Hold) {
            return new HoldStage(grouping, parts, place, store, output);
        }
        if (grouping.closing().isPresent()) {
            return new ClosingStage(grouping, parts, place, store, reached.ofLevel(level(node)), output);
        }
        AggregateStage stage = new AggregateStage(grouping, parts, place, store, output);
        if (store.epoch() >= 1) {
            stage.resumed();
        }
        return stage;
    }

    private void connect(int worker, PlanNode input, Output consumer) {
        outputs.get(worker).get(input).add(consumer);
    }

    /** Adds a consumer of a node's deltas on one worker. */
    public void subscribe(int worker, PlanNode node, Output consumer) {
        connect(worker, node, consumer);
    }

    /**
     * Adds a stateful operator.
     *
     * @param toOne whether one slot has all of it: that of key group 0
     * @param input what it reads, by way of other operators maybe
     * @param connect subscribes a worker's first half to what it reads
     */
    void addStage(Grouping grouping, boolean toOne, PlanNode input, Connector connect, Results.StageFactory factory) {
        PartialGroups[] parts = new PartialGroups[exchanges ? workers + 1 : workers];
        for (int part = 0; part < parts.length; part++) {
            parts[part] = new PartialGroups(grouping, errors.get(Math.min(part, workers - 1)));
        }
        boolean[] its = own.clone();
        if (toOne) {
            Arrays.fill(its, own[0]);
        }
        Stage[] made = new Stage[workers];
        for (int worker = 0; worker < workers; worker++) {
            connect.connect(worker, parts);
            made[worker] = factory.make(new AggregateStage.Place(worker, workers, tableBytes, its), parts);
        }
        PartialGroups leaving = !exchanges || workers == 1 ? null : new PartialGroups(grouping, errors.get(0));
        stages.add(new StageNode(grouping, parts, made, its, toOne, level(input) + 1, leaving));
    }

    /** By operator number: what takes up groups that arrive from other slots. */
    Map<Integer, PartialGroups> arrivals() {
        Map<Integer, PartialGroups> arrivals = new HashMap<>();
        stages.forEach(stage -> arrivals.put(stage.grouping.operator(), stage.parts[workers]));
        return arrivals;
    }

    /** What a process owns that has no other beside it. */
    public static boolean[] all(int keyGroups) {
        boolean[] all = new boolean[keyGroups];
        Arrays.fill(all, true);
        return all;
    }

    /** Numbers of the operators that one process has all of. */
    Set<Integer> gathered() {
        Set<Integer> numbers = new HashSet<>();
        stages.stream().filter(StageNode::toOne).forEach(stage -> numbers.add(stage.grouping.operator()));
        return numbers;
    }

    /**
     * Key groups have come or left, between two epochs; the store has what belongs to those that have come.
     *
     * @param keyGroups which
     * @param come whether they are this process's now
     * @param reached the watermarks with which those that have come were computed
     */
    void moved(List<Integer> keyGroups, boolean come, Reached reached) {
        if (keyGroups.isEmpty()) {
            return;
        }
        for (StageNode stage : stages) {
            boolean[] moved = new boolean[this.keyGroups];
            for (int keyGroup : keyGroups) {
                if (!stage.toOne) {
                    moved[keyGroup] = true;
                } else if (keyGroup == 0) {
                    Arrays.fill(moved, true);
                }
            }
            for (int g = 0; g < moved.length; g++) {
                stage.own[g] = moved[g] ? come : stage.own[g];
            }
            long[] watermarks = reached.ofLevel(stage.level);
            Arrays.stream(stage.stages).forEach(part -> part.moved(moved, watermarks));
        }
    }

    private void depart(StageNode stage, Departures departures) {
        departures.begin(stage.grouping.operator(), stage.toOne);
        if (workers == 1) {
            stage.parts[0].depart(stage.own, departures);
            return;
        }
        for (int worker = 0; worker < workers; worker++) {
            stage.leaving.gather(stage.parts[worker], stage.own);
        }
        stage.leaving.depart(stage.own, departures);
        stage.leaving.clear();
    }

    /** Subscribes the first half of a stage on one worker. */
    interface Connector {
        void connect(int worker, PartialGroups[] parts);
    }

    Properties properties(PlanNode node) {
        return properties.get(node);
    }

    /** Where a worker pushes the rows of a source. */
    public Output input(int worker, PlanNode.Scan scan) {
        FanOut output = outputs.get(worker).get(scan);
        return output == null ? delta -> {} : output;
    }

    /** Roughly, the bytes that the worker holds for the running epoch. */
    public long epochMemory(int worker) {
        long sum = 0;
        for (StageNode stage : stages) {
            sum += stage.parts[worker].memory();
        }
        return sum;
    }

    /** Ends an epoch of the only process. */
    public void endEpoch(Stage.EpochEnd epoch, Workers pool) {
        endEpoch(epoch.epoch(), new long[] {epoch.watermark()}, pool, null);
    }

    /**
     * Ends an epoch: all workers' stages, in the order of the plan.
     *
     * @param now the watermarks: of the sources and of each level of stages, or one for all
     * @param departures takes what goes to other slots; null where there are none
     */
    void endEpoch(long epoch, long[] now, Workers pool, Departures departures) {
        for (StageNode stage : stages) {
            if (departures != null) {
                depart(stage, departures);
            }
            Stage.EpochEnd end = new Stage.EpochEnd(epoch, now[Math.min(stage.level, now.length - 1)]);
            pool.run(worker -> stage.stages[worker].endEpoch(end));
            for (PartialGroups part : stage.parts) {
                if (!stage.toOne) {
                    part.count(stage.own, rows);
                }
                if (!stage.toOne && exchanges) {
                    part.countUpdates(stage.own, updates);
                }
                part.clear();
            }
        }
    }

    /** By key group: the rows of stateful operators that can be elsewhere, as a count that grows. */
    long[] rows() {
        return rows;
    }

    /**
     * By key group: the groups, and values of groups, that those rows have changed, as a count that grows; not counted where there
     * are no other slots.
     */
    long[] updates() {
        return updates;
    }

    /** Whether rows are ready that wait for another epoch. */
    public boolean hasMore() {
        return stages.stream().anyMatch(stage -> Arrays.stream(stage.stages).anyMatch(Stage::hasMore));
    }

    /** The epoch's changes of state. */
    public void flush(StateBatch batch) {
        for (StageNode stage : stages) {
            for (Stage part : stage.stages) {
                part.flush(batch);
            }
        }
    }

    /** Adds the operator of a node without state. */
    private final class Linear implements PlanNode.Visitor<Void> {
        private final int worker;
        private final RowErrors rowErrors;
        private final FanOut output;

        Linear(int worker, RowErrors rowErrors, FanOut output) {
            this.worker = worker;
            this.rowErrors = rowErrors;
            this.output = output;
        }

        @Override
        public Void scan(PlanNode.Scan node) {
            return null;
        }

        @Override
        public Void filter(PlanNode.Filter node) {
            Kernel predicate = Kernels.compile(node.predicate());
            connect(worker, node.input(), new FilterOperator(node.schema(), predicate, rowErrors, output));
            return null;
        }

        @Override
        public Void project(PlanNode.Project node) {
            Kernel[] kernels = node.expressions().stream().map(Kernels::compile).toArray(Kernel[]::new);
            connect(worker, node.input(), new ProjectOperator(node.schema(), kernels, output));
            return null;
        }

        @Override
        public Void unnest(PlanNode.Unnest node) {
            Kernel array = Kernels.compile(node.array());
            connect(
                    worker,
                    node.input(),
                    new UnnestOperator(
                            node.input().schema(),
                            node.schema(),
                            array,
                            node.outer(),
                            node.ordinality(),
                            rowErrors,
                            output));
            return null;
        }

        @Override
        public Void window(PlanNode.Window node) {
            connect(worker, node.input(), new WindowOperator(node.input().schema(), node, rowErrors, output));
            return null;
        }

        @Override
        public Void union(PlanNode.Union node) {
            node.inputs().forEach(input -> connect(worker, input, output));
            return null;
        }

        @Override
        public Void staticJoin(PlanNode.StaticJoin node) {
            boolean[] nullSafe = new boolean[node.nullSafe().size()];
            for (int i = 0; i < nullSafe.length; i++) {
                nullSafe[i] = node.nullSafe().get(i);
            }
            Expression residual = node.residual();
            StaticJoinOperator.Shape shape = new StaticJoinOperator.Shape(
                    node.left().schema(),
                    node.schema(),
                    ints(node.leftKeys()),
                    nullSafe,
                    residual == null ? null : Kernels.compile(residual),
                    node.outer());
            connect(worker, node.left(), new StaticJoinOperator(shape, table(node), rowErrors, output));
            return null;
        }

        @Override
        public Void aggregate(PlanNode.Aggregate node) {
            throw new IllegalStateException("stateful");
        }

        @Override
        public Void hold(PlanNode.Hold node) {
            throw new IllegalStateException("stateful");
        }
    }

    private static int[] ints(List<Integer> list) {
        return list.stream().mapToInt(Integer::intValue).toArray();
    }

    private StaticTable table(PlanNode.StaticJoin node) {
        return tables.computeIfAbsent(node, key -> new StaticTable(rowsOf(node.right()), ints(node.rightKeys())));
    }

    /** The rows of a plan over static tables: one epoch of a dataflow of its own, in memory. */
    private Batch rowsOf(PlanNode right) {
        Batch rows = new Batch(right.schema());
        if (right instanceof PlanNode.Scan scan) {
            append(staticRows.get(scan.table().name()), rows);
            return rows;
        }
        RowErrors strict = (operator, error, batch, row) -> {
            throw new QueryException(
                    "StaticTableFailed",
                    "a row of a static table cannot be used: " + error.text() + " in " + operator + " of "
                            + batch.toObjects(row));
        };
        Dataflow inner = new Dataflow(
                List.of(right),
                new Context(
                        properties,
                        keyGroups,
                        new MemoryStore(),
                        all(keyGroups),
                        false,
                        new Reached(keyGroups, Watermark.NONE),
                        1 << 20,
                        staticRows,
                        List.of(strict)));
        inner.subscribe(0, right, delta -> append(delta, rows));
        Map<String, PlanNode.Scan> scans = new LinkedHashMap<>();
        scans(right, scans);
        scans.values()
                .forEach(scan ->
                        inner.input(0, scan).accept(staticRows.get(scan.table().name())));
        try (Workers pool = new Workers(1)) {
            inner.endEpoch(new Stage.EpochEnd(1, Watermark.NONE), pool);
        }
        return rows;
    }

    private static void scans(PlanNode node, Map<String, PlanNode.Scan> into) {
        if (node instanceof PlanNode.Scan scan) {
            into.put(scan.table().name(), scan);
        }
        node.inputs().forEach(input -> scans(input, into));
    }

    private static void append(Batch from, Batch to) {
        for (int row = 0; row < from.size(); row++) {
            to.append(from, row, from.weight(row));
        }
    }
}
