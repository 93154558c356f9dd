package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.Hash;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import dev.millrace.data.Watermark;
import dev.millrace.plan.AggregateCall;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * GROUP BY and DISTINCT. State: per group the summed weight and the accumulators, and for some aggregates its values
 * ({@link ValueMultiset}); groups that the watermark has closed are dropped.
 *
 * <p>Delta: for each group touched in the epoch, −(old row) if it was there and +(new row) if it is, unless both are
 * equal; the two stand one behind the other in a batch. Without keys there is one group, which is always there: its first row comes with the first epoch.
 */
public final class AggregateStage implements Stage {

    private static final int OUTPUT_ROWS = 4096;

    private final Grouping grouping;
    private final PartialGroups[] parts;
    private final Place place;
    private List<Integer> ownKeyGroups;
    private final StateTable table;
    private final ValueMultiset[] multisets;
    private final Output output;
    private final Batch out;
    private final Vector[] olds;
    private final Vector[] news;
    private boolean[] was = {};
    private long closed = Watermark.NONE;

    /**
     * Where a stage runs: worker number {@code worker} of {@code workers}, with so much memory for its table.
     *
     * @param own by key group: whether it is one of this process, whose workers share them
     */
    public record Place(int worker, int workers, long memoryBytes, boolean[] own) {
        boolean owns(int keyGroup) {
            return own[keyGroup] && keyGroup % workers == worker;
        }

        /** The worker's own of so many key groups. */
        List<Integer> keyGroups(int count) {
            return IntStream.range(0, count).filter(this::owns).boxed().toList();
        }
    }

    public AggregateStage(Grouping grouping, PartialGroups[] parts, Place place, StateStore store, Output output) {
        this.grouping = grouping;
        this.parts = parts;
        this.place = place;
        this.ownKeyGroups = place.keyGroups(grouping.keyGroups());
        this.table = new StateTable(store, grouping.operator(), grouping.accumulators(false), place.memoryBytes());
        table.load(ownKeyGroups);
        this.multisets = new ValueMultiset[grouping.multisets().size()];
        for (int i = 0; i < multisets.length; i++) {
            Grouping.Values values = grouping.multisets().get(i);
            multisets[i] = new ValueMultiset(
                    new StateTable(store, values.operator(), new Accumulator[0], place.memoryBytes()),
                    grouping.input().type(values.argument()));
        }
        this.output = output;
        this.out = new Batch(grouping.output());
        int calls = grouping.calls().size();
        this.olds = new Vector[calls];
        this.news = new Vector[calls];
        for (int i = 0; i < calls; i++) {
            DataType type = grouping.calls().get(i).type();
            olds[i] = Vector.create(type);
            news[i] = Vector.create(type);
        }
    }

    @Override
    public void endEpoch(EpochEnd epoch) {
        touchGroups();
        table.fetch();
        rememberOld();
        for (PartialGroups part : parts) {
            table.mergeOwn(part.groups(), place);
        }
        mergeValues();
        emitChanges();
        dropClosed(epoch.watermark());
    }

    private boolean isGlobal() {
        return grouping.keys().isEmpty();
    }

    private void touchGroups() {
        for (PartialGroups part : parts) {
            table.touchOwn(part.groups(), place);
        }
        if (isGlobal()) {
            long hash = Hash.hash(new byte[0]);
            int keyGroup = grouping.keyGroup(new byte[0], 0, 0, hash);
            if (place.owns(keyGroup)) {
                table.touch(new byte[0], 0, 0, hash, keyGroup, 0);
            }
        }
    }

    private void rememberOld() {
        int count = table.touchedCount();
        if (was.length < count) {
            was = new boolean[Math.max(count, was.length * 2)];
        }
        for (Vector old : olds) {
            old.reset(count);
        }
        GroupTable groups = table.groups();
        for (int t = 0; t < count; t++) {
            int slot = table.touched(t);
            was[t] = isGlobal() ? globalWasEmitted : groups.weight(slot) > 0;
            if (was[t]) {
                results(slot, olds, t);
            }
        }
    }

    /** Whether the row of the group without keys is out: it is once an epoch has been stored. */
    private boolean globalWasEmitted;

    /** Tells a stage that starts over stored state. */
    public void resumed() {
        globalWasEmitted = true;
    }

    @Override
    public void moved(boolean[] moved, long[] watermarks) {
        ownKeyGroups = place.keyGroups(grouping.keyGroups());
        table.moved(moved, ownKeyGroups);
        for (ValueMultiset multiset : multisets) {
            multiset.table().moved(moved, ownKeyGroups);
        }
        closed = Watermark.NONE;
        resumed();
    }

    private void results(int slot, Vector[] into, int row) {
        GroupTable groups = table.groups();
        for (int i = 0; i < into.length; i++) {
            groups.result(i, slot, into[i], row);
        }
    }

    private void mergeValues() {
        for (int m = 0; m < multisets.length; m++) {
            multisets[m].merge(parts, m, place, table.groups());
            for (int i = 0; i < grouping.calls().size(); i++) {
                AggregateCall call = grouping.calls().get(i);
                if (grouping.multisetOf(call) != m) {
                    continue;
                }
                Accumulator accumulator = table.groups().accumulator(i);
                if (accumulator instanceof ExtremeAccumulator heads) {
                    multisets[m].updateHeads(heads, table.groups());
                } else {
                    multisets[m].feed(accumulator);
                }
            }
        }
    }

    private void emitChanges() {
        int count = table.touchedCount();
        for (Vector value : news) {
            value.reset(count);
        }
        out.clear();
        for (int t = 0; t < count; t++) {
            int slot = table.touched(t);
            boolean is = isGlobal() || table.groups().weight(slot) > 0;
            if (is) {
                results(slot, news, t);
            }
            if (was[t] && is && sameResults(t)) {
                continue;
            }
            if (out.size() + 1 >= OUTPUT_ROWS) {
                output.accept(out);
                out.clear();
            }
            if (was[t]) {
                emit(slot, olds, t, -1);
            }
            if (is) {
                emit(slot, news, t, 1);
            }
        }
        if (isGlobal() && count > 0) {
            globalWasEmitted = true;
        }
        if (out.size() > 0) {
            output.accept(out);
        }
    }

    private void emit(int slot, Vector[] results, int row, long weight) {
        ByteKeyTable keys = table.groups().keys();
        reader.reset(keys.keyArray(), keys.keyStart(slot));
        for (int column : grouping.outputs()) {
            RowCodec.decode(reader, out.column(column));
        }
        int first = grouping.outputs().size();
        for (int i = 0; i < results.length; i++) {
            out.column(first + i).append(results[i], row);
        }
        out.appendWeight(weight);
    }

    private final Bytes.Reader reader = new Bytes.Reader();
    private final Bytes oldBytes = new Bytes();
    private final Bytes newBytes = new Bytes();

    private boolean sameResults(int row) {
        for (int i = 0; i < olds.length; i++) {
            byte mark = olds[i].mark(row);
            if (mark != news[i].mark(row)) {
                return false;
            }
            if (mark == CellError.VALUE && !sameValue(olds[i], news[i], row)) {
                return false;
            }
        }
        return true;
    }

    private boolean sameValue(Vector old, Vector now, int row) {
        if (old instanceof LongVector a && now instanceof LongVector b) {
            return a.get(row) == b.get(row);
        }
        oldBytes.clear();
        newBytes.clear();
        RowCodec.encode(old, row, oldBytes);
        RowCodec.encode(now, row, newBytes);
        return Arrays.equals(oldBytes.array(), 0, oldBytes.length(), newBytes.array(), 0, newBytes.length());
    }

    /** No later delta has a first key below the waterline: those groups are never touched again. */
    private void dropClosed(long watermark) {
        if (grouping.waterline().isEmpty() || watermark == Watermark.NONE) {
            return;
        }
        long bound = grouping.waterline().get().at(watermark);
        if (bound == Watermark.NONE || bound <= closed) {
            return;
        }
        closed = bound;
        Bytes encoded = new Bytes();
        RowCodec.encodeLong(bound, encoded);
        table.dropBelow(encoded, ownKeyGroups);
        for (ValueMultiset multiset : multisets) {
            multiset.table().dropBelow(encoded, ownKeyGroups);
        }
    }

    @Override
    public void flush(StateBatch batch) {
        table.flush(batch);
        for (ValueMultiset multiset : multisets) {
            multiset.table().flush(batch);
        }
    }
}
