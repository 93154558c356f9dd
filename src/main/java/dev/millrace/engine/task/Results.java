package dev.millrace.engine.task;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Hash;
import dev.millrace.data.RowEncoder;
import dev.millrace.data.Schema;
import dev.millrace.data.Vector;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.operators.AggregateStage;
import dev.millrace.engine.operators.Grouping;
import dev.millrace.engine.operators.PartialGroups;
import dev.millrace.engine.operators.RowsStage;
import dev.millrace.engine.operators.Stage;
import dev.millrace.engine.operators.TableStage;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SinkPlan;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;

/**
 * From a root's deltas to what one sink writes, by output mode. Rows with an error in a column are reported and left out.
 * Each epoch's deltas are hashed, in any order, to prove replays right.
 *
 * <p>Append writes at once, from each worker. Update folds the epoch's deltas per key and writes at its end; without a
 * unique key the copies of equal rows are numbered. Complete keeps the table and writes it when it has changed.
 */
final class Results {

    private static final String COPY = "copy_number";

    private final SinkPlan plan;
    private final Sink.Writer[] writers;
    private final LongAdder rowsOut;
    private final long[] hashes;
    private KeyedFold fold;
    private boolean paired;
    private final TableStage[] tables;
    private final int[] keys;
    private boolean suppressed;

    /** What a sink's adapter is attached to. */
    record Context(Dataflow dataflow, StateStore store, int keyGroups, List<Problems> problems, LongAdder rowsOut) {}

    Results(SinkPlan plan, Sink sink, Context context) {
        int workers = context.problems().size();
        this.plan = plan;
        this.rowsOut = context.rowsOut();
        this.writers = new Sink.Writer[workers];
        this.hashes = new long[workers];
        this.tables = new TableStage[workers];
        for (int worker = 0; worker < workers; worker++) {
            writers[worker] = sink.writer();
        }
        Schema schema = plan.root().schema();
        boolean grows = context.dataflow().properties(plan.root()).appendOnly();
        if (plan.mode() == OutputMode.COMPLETE) {
            keys = new int[0];
            attachTable(context, schema);
        } else if (plan.mode() == OutputMode.APPEND || (!plan.keyed() && grows)) {
            keys = new int[0];
            for (int worker = 0; worker < workers; worker++) {
                int number = worker;
                subscribe(context, worker, batch -> append(number, batch));
            }
        } else if (plan.keyed()) {
            keys = plan.keys().stream().mapToInt(Integer::intValue).toArray();
            fold = new KeyedFold(schema, keys);
            paired = isPaired(plan.root());
            for (int worker = 0; worker < workers; worker++) {
                subscribe(context, worker, this::collect);
            }
        } else {
            keys = IntStream.rangeClosed(0, schema.size()).toArray();
            attachRows(context, schema);
        }
    }

    String name() {
        return plan.name();
    }

    /** Whether nothing is written: a replay. */
    void suppress(boolean suppress) {
        suppressed = suppress;
    }

    boolean suppressed() {
        return suppressed;
    }

    /** Hands error-free rows of the root on, hashed. */
    private void subscribe(Context context, int worker, dev.millrace.engine.operators.Output consumer) {
        Batch clean = new Batch(plan.root().schema());
        RowEncoder encoder =
                new RowEncoder(IntStream.range(0, plan.root().schema().size()).toArray());
        Batch view =
                new Batch(plan.root().schema(), new Vector[plan.root().schema().size()]);
        Problems problems = context.problems().get(worker);
        context.dataflow().subscribe(worker, plan.root(), batch -> {
            Batch usable = withoutErrors(named(batch, view), clean, problems);
            if (usable.size() == 0) {
                return;
            }
            encoder.encode(usable);
            long hash = 0;
            for (int row = 0; row < usable.size(); row++) {
                hash += Hash.combine(encoder.hash(row), 0) * usable.weight(row);
            }
            hashes[worker] += hash;
            consumer.accept(usable);
        });
    }

    /** The batch under the root's column names: a branch of a union has its own. */
    private static Batch named(Batch batch, Batch view) {
        if (batch.schema() == view.schema()) {
            return batch;
        }
        for (int c = 0; c < batch.columnCount(); c++) {
            view.setColumn(c, batch.column(c));
        }
        view.fillLike(batch);
        return view;
    }

    private Batch withoutErrors(Batch batch, Batch clean, Problems problems) {
        boolean marked = false;
        for (int c = 0; c < batch.columnCount(); c++) {
            marked |= batch.column(c).marked();
        }
        if (!marked) {
            return batch;
        }
        int[] rows = new int[batch.size()];
        int count = 0;
        for (int row = 0; row < batch.size(); row++) {
            byte mark = worstMark(batch, row);
            if (CellError.isError(mark)) {
                problems.report("sink " + plan.name(), CellError.ofMark(mark), batch, row);
            } else {
                rows[count++] = row;
            }
        }
        if (count == batch.size()) {
            return batch;
        }
        clean.gather(batch, rows, count);
        return clean;
    }

    private static byte worstMark(Batch batch, int row) {
        byte worst = CellError.VALUE;
        for (int c = 0; c < batch.columnCount(); c++) {
            worst = (byte) Math.max(worst, batch.column(c).mark(row));
        }
        return worst;
    }

    private void append(int worker, Batch batch) {
        long rows = 0;
        for (int row = 0; row < batch.size(); row++) {
            if (batch.weight(row) <= 0) {
                throw new IllegalStateException("an append-only result gave a row of weight " + batch.weight(row));
            }
            rows += batch.weight(row);
        }
        if (!suppressed) {
            writers[worker].append(batch);
            rowsOut.add(rows);
        }
    }

    private Grouping rowGrouping(Context context, String name, Schema schema) {
        long identity = Hash.combine(plan.root().identity(), Hash.hash((name + plan.name()).getBytes()));
        return Grouping.ofRows(name, schema, -1, null, identity, context.keyGroups());
    }

    private void attachTable(Context context, Schema schema) {
        Grouping grouping = rowGrouping(context, "complete", schema);
        context.dataflow()
                .addStage(
                        grouping,
                        true,
                        plan.root(),
                        (worker, parts) -> subscribe(context, worker, parts[worker]),
                        (place, parts) -> {
                            TableStage stage = new TableStage(grouping, parts, place, context.store());
                            tables[place.worker()] = stage;
                            return stage;
                        });
    }

    private void attachRows(Context context, Schema schema) {
        Grouping grouping = rowGrouping(context, "rows", schema);
        List<Field> fields = new ArrayList<>(schema.fields());
        fields.add(new Field(COPY, DataType.BIGINT, false));
        Schema numbered = new Schema(fields);
        fold = new KeyedFold(numbered, keys);
        context.dataflow()
                .addStage(
                        grouping,
                        false,
                        plan.root(),
                        (worker, parts) -> subscribe(context, worker, parts[worker]),
                        (place, parts) -> new RowsStage(
                                grouping, parts, place, context.store(), new Batch(numbered), this::collect));
    }

    /** Whether an epoch's deltas are at most one pair per key: those of an aggregate, row by row. */
    private static boolean isPaired(PlanNode node) {
        if (node instanceof PlanNode.Project || node instanceof PlanNode.Filter) {
            return isPaired(node.inputs().get(0));
        }
        return node instanceof PlanNode.Aggregate;
    }

    private void collect(Batch delta) {
        synchronized (fold) {
            if (paired) {
                fold.addPairs(delta);
                return;
            }
            for (int row = 0; row < delta.size(); row++) {
                fold.add(delta, row);
            }
        }
    }

    /** Writes what waits for the epoch's end. */
    void endEpoch(long epoch) {
        if (tables[0] != null) {
            if (Arrays.stream(tables).anyMatch(TableStage::changed)) {
                writeTable(epoch);
            }
        } else if (fold != null) {
            Batch changes = paired ? fold.pairs() : fold.fold();
            if (changes.size() > 0 && !suppressed) {
                writers[0].change(changes, keys);
                rowsOut.add(changes.size());
            }
            changes.clear();
        }
    }

    private void writeTable(long epoch) {
        Map<byte[], Long> rows = new TreeMap<>(Arrays::compareUnsigned);
        for (TableStage table : tables) {
            table.rows(rows);
        }
        long size = rows.values().stream().mapToLong(Long::longValue).sum();
        if (plan.maxRows() > 0 && size > plan.maxRows()) {
            throw new QueryException(
                    "ResultTooLarge",
                    "sink '" + plan.name() + "': the result table has " + size
                            + " rows, more than its declared maxRows of " + plan.maxRows());
        }
        if (suppressed) {
            return;
        }
        List<Batch> batches = new ArrayList<>();
        Batch batch = new Batch(plan.root().schema());
        for (Map.Entry<byte[], Long> row : rows.entrySet()) {
            tables[0].decode(row.getKey(), row.getValue(), batch);
            if (batch.size() == 4096) {
                batches.add(batch);
                batch = new Batch(plan.root().schema());
            }
        }
        batches.add(batch);
        writers[0].replace(epoch, batches);
        rowsOut.add(size);
    }

    /** The hash of the epoch's output; starts anew. */
    long takeHash() {
        long sum = Arrays.stream(hashes).sum();
        Arrays.fill(hashes, 0);
        return sum;
    }

    /** How {@link Dataflow#addStage} makes one worker's stage. */
    interface StageFactory {
        Stage make(AggregateStage.Place place, PartialGroups[] parts);
    }
}
