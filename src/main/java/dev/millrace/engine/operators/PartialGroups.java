package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.CellError;
import dev.millrace.data.Hash;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowCodec;
import dev.millrace.data.RowEncoder;
import dev.millrace.data.Vector;
import dev.millrace.plan.AggregateCall;

/**
 * The first half of a stateful operator, one per worker: folds the epoch's deltas by key in memory. It is the exchange's
 * writing side: {@link Stage}s of all workers read from it the groups of their key groups when the epoch ends; groups that
 * another process owns are {@link #depart written} out, and {@link #arrive merged} there into one that stands for all others.
 *
 * <p>A row with an error in a key, or in a value that an aggregate would read, is reported and left out as a whole.
 */
public final class PartialGroups implements Output {

    private final Grouping grouping;
    private final RowErrors errors;
    private final int[] readColumns;
    private final RowEncoder encoder;
    private final GroupTable groups;
    private final GroupTable[] multisets;
    private final GroupTable arriving;
    private final Batch usableRows;
    private final RowSelection usable = new RowSelection();
    private final Bytes scratch = new Bytes();
    private int[] slots = {};
    private int[] chosenRows = {};
    private int[] chosenSlots = {};
    private long[] chosenWeights = {};

    public PartialGroups(Grouping grouping, RowErrors errors) {
        this.grouping = grouping;
        this.errors = errors;
        this.readColumns = grouping.readColumns();
        this.encoder = new RowEncoder(grouping.keyColumns());
        this.groups = new GroupTable(grouping.accumulators(true));
        this.arriving = new GroupTable(grouping.accumulators(true));
        this.multisets = new GroupTable[grouping.multisets().size()];
        for (int i = 0; i < multisets.length; i++) {
            multisets[i] = new GroupTable(new Accumulator[0]);
        }
        this.usableRows = new Batch(grouping.input());
    }

    GroupTable groups() {
        return groups;
    }

    GroupTable multiset(int index) {
        return multisets[index];
    }

    public boolean isEmpty() {
        return groups.size() == 0;
    }

    /** Roughly, the bytes held for the running epoch. */
    public long memory() {
        long sum = groups.memory();
        for (GroupTable multiset : multisets) {
            sum += multiset.memory();
        }
        return sum;
    }

    /**
     * Adds how many of the epoch's rows are of each key group; a group that was touched counts for one at least.
     *
     * @param own by key group: whether it is counted
     */
    public void count(boolean[] own, long[] rows) {
        for (int slot = 0; slot < groups.size(); slot++) {
            int keyGroup = groups.keyGroup(slot);
            if (own[keyGroup]) {
                rows[keyGroup] += Math.max(1, Math.abs(groups.weight(slot)));
            }
        }
    }

    /**
     * Adds how many groups, and values of groups, the epoch's rows come to.
     *
     * @param own by key group: whether it is counted
     */
    public void countUpdates(boolean[] own, long[] updates) {
        count(groups, own, updates);
        for (GroupTable multiset : multisets) {
            count(multiset, own, updates);
        }
    }

    private static void count(GroupTable table, boolean[] own, long[] updates) {
        for (int slot = 0; slot < table.size(); slot++) {
            int keyGroup = table.keyGroup(slot);
            updates[keyGroup] += own[keyGroup] ? 1 : 0;
        }
    }

    /** Forgets the epoch's groups, once all stages have read them. */
    public void clear() {
        groups.clear();
        for (GroupTable multiset : multisets) {
            multiset.clear();
        }
    }

    @Override
    public void accept(Batch delta) {
        if (!mayHaveErrors(delta)) {
            fold(delta);
            return;
        }
        selectUsable(delta);
        if (usable.count() == delta.size()) {
            fold(delta);
        } else if (usable.count() > 0) {
            usableRows.gather(delta, usable.rows(), usable.count());
            fold(usableRows);
        }
    }

    private boolean mayHaveErrors(Batch delta) {
        for (int column : readColumns) {
            if (delta.column(column).marked()) {
                return true;
            }
        }
        return false;
    }

    private void selectUsable(Batch delta) {
        usable.start(delta.size());
        for (int row = 0; row < delta.size(); row++) {
            byte mark = errorIn(delta, row);
            if (mark == CellError.VALUE) {
                usable.add(row);
            } else {
                errors.report(grouping.name(), CellError.ofMark(mark), delta, row);
            }
        }
    }

    private byte errorIn(Batch delta, int row) {
        for (int key : grouping.keys()) {
            if (delta.column(key).isError(row)) {
                return delta.column(key).mark(row);
            }
        }
        for (AggregateCall call : grouping.calls()) {
            if (call.filter() >= 0) {
                LongVector filter = delta.longs(call.filter());
                if (filter.isError(row)) {
                    return filter.mark(row);
                }
                if (!filter.isValue(row) || filter.get(row) == 0) {
                    continue;
                }
            }
            if (call.argument() >= 0 && delta.column(call.argument()).isError(row)) {
                return delta.column(call.argument()).mark(row);
            }
        }
        return CellError.VALUE;
    }

    /** Takes groups that leave, an entry each. */
    public interface Leaving {
        /** Where the next entry of the key group is to be written. */
        Bytes begin(int keyGroup);

        void end(int keyGroup);
    }

    /**
     * Writes the groups of other processes.
     *
     * @param own by key group: whether it stays
     */
    public void depart(boolean[] own, Leaving leaving) {
        ByteKeyTable keys = groups.keys();
        for (int slot = 0; slot < groups.size(); slot++) {
            if (!own[groups.keyGroup(slot)]) {
                Bytes entry = leaving.begin(groups.keyGroup(slot));
                entry.putVarint(0).putVarint(keys.keyLength(slot));
                entry.put(keys.keyArray(), keys.keyStart(slot), keys.keyLength(slot));
                groups.write(slot, entry);
                leaving.end(groups.keyGroup(slot));
            }
        }
        for (int m = 0; m < multisets.length; m++) {
            departValues(m, own, leaving);
        }
    }

    private void departValues(int m, boolean[] own, Leaving leaving) {
        GroupTable values = multisets[m];
        ByteKeyTable keys = values.keys();
        for (int slot = 0; slot < values.size(); slot++) {
            if (!own[values.keyGroup(slot)]) {
                Bytes entry = leaving.begin(values.keyGroup(slot));
                entry.putVarint(1 + m).putVarint(keys.keyLength(slot));
                entry.put(keys.keyArray(), keys.keyStart(slot), keys.keyLength(slot));
                entry.putVarint(values.prefix(slot)).putZigzag(values.weight(slot));
                leaving.end(values.keyGroup(slot));
            }
        }
    }

    /** Adds one entry that {@link #depart} wrote for the same operator. */
    public void arrive(Bytes.Reader in) {
        int kind = (int) in.getVarint();
        int length = (int) in.getVarint();
        byte[] array = in.bytes();
        int start = in.position();
        in.position(start + length);
        if (kind > 0) {
            arriveValue(multisets[kind - 1], array, start, length, in);
            return;
        }
        long hash = Hash.hash(array, start, length);
        arriving.clear();
        arriving.read(arriving.findOrAdd(array, start, length, hash), in);
        int before = groups.size();
        int slot = groups.findOrAdd(array, start, length, hash);
        if (slot == before) {
            groups.place(slot, grouping.keyGroup(array, start, length, hash), 0);
        }
        groups.merge(slot, arriving, 0);
    }

    private void arriveValue(GroupTable values, byte[] array, int start, int length, Bytes.Reader in) {
        int prefix = (int) in.getVarint();
        int before = values.size();
        int slot = values.findOrAdd(array, start, length, Hash.hash(array, start, length));
        if (slot == before) {
            long hash = Hash.hash(array, start, prefix);
            values.place(slot, grouping.keyGroup(array, start, prefix, hash), prefix);
        }
        values.addWeight(slot, in.getZigzag());
    }

    /** Adds the groups of another worker that leave the process, so that each leaves once however many workers there are. */
    public void gather(PartialGroups other, boolean[] own) {
        gather(groups, other.groups, own);
        for (int m = 0; m < multisets.length; m++) {
            gather(multisets[m], other.multisets[m], own);
        }
    }

    private static void gather(GroupTable into, GroupTable from, boolean[] own) {
        ByteKeyTable keys = from.keys();
        for (int i = 0; i < from.size(); i++) {
            if (!own[from.keyGroup(i)]) {
                int before = into.size();
                int slot = into.findOrAdd(keys.keyArray(), keys.keyStart(i), keys.keyLength(i), keys.hash(i));
                if (slot == before) {
                    into.place(slot, from.keyGroup(i), from.prefix(i));
                }
                into.merge(slot, from, i);
            }
        }
    }

    private void fold(Batch delta) {
        int rows = delta.size();
        encoder.encode(delta);
        if (slots.length < rows) {
            slots = new int[rows];
            chosenRows = new int[rows];
            chosenSlots = new int[rows];
            chosenWeights = new long[rows];
        }
        long[] weights = delta.weights();
        groups.keys().findAtOnce(encoder, rows, slots);
        for (int row = 0; row < rows; row++) {
            if (slots[row] < 0) {
                slots[row] = findOrAdd(row);
            }
            groups.addWeight(slots[row], weights[row]);
        }
        for (int i = 0; i < groups.accumulatorCount(); i++) {
            Accumulator accumulator = groups.accumulator(i);
            if (accumulator != null) {
                AggregateCall call = grouping.calls().get(i);
                int count = choose(delta, call.argument(), call.filter());
                Vector argument = call.argument() < 0 ? null : delta.column(call.argument());
                accumulator.add(argument, chosenRows, chosenSlots, chosenWeights, count);
            }
        }
        for (int i = 0; i < multisets.length; i++) {
            collect(delta, grouping.multisets().get(i), multisets[i]);
        }
    }

    private int findOrAdd(int row) {
        int before = groups.size();
        long hash = encoder.hash(row);
        int start = encoder.start(row);
        int length = encoder.length(row);
        int slot = groups.findOrAdd(encoder.array(), start, length, hash);
        if (slot == before) {
            groups.place(slot, grouping.keyGroup(encoder.array(), start, length, hash), 0);
        }
        return slot;
    }

    /** The rows that pass the filter and have a value. */
    private int choose(Batch delta, int argument, int filter) {
        Vector values = argument < 0 ? null : delta.column(argument);
        LongVector conditions = filter < 0 ? null : delta.longs(filter);
        long[] weights = delta.weights();
        int count = 0;
        for (int row = 0; row < delta.size(); row++) {
            boolean passes = conditions == null || (conditions.isValue(row) && conditions.get(row) != 0);
            if (passes && (values == null || values.isValue(row))) {
                chosenRows[count] = row;
                chosenSlots[count] = slots[row];
                chosenWeights[count++] = weights[row];
            }
        }
        return count;
    }

    private void collect(Batch delta, Grouping.Values values, GroupTable into) {
        int count = choose(delta, values.argument(), values.filter());
        Vector argument = delta.column(values.argument());
        for (int k = 0; k < count; k++) {
            int row = chosenRows[k];
            scratch.clear();
            scratch.put(encoder.array(), encoder.start(row), encoder.length(row));
            RowCodec.encode(argument, row, scratch);
            int before = into.size();
            long hash = Hash.hash(scratch.array(), 0, scratch.length());
            int slot = into.findOrAdd(scratch.array(), 0, scratch.length(), hash);
            if (slot == before) {
                into.place(slot, groups.keyGroup(chosenSlots[k]), encoder.length(row));
            }
            into.addWeight(slot, chosenWeights[k]);
        }
    }
}
