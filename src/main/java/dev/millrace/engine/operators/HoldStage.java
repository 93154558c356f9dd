package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Watermark;
import dev.millrace.plan.Waterline;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;

/**
 * Holds rows back until the waterline of one of their columns has passed them; then emits each once and forgets it. State:
 * row → weight, ordered by that column; bounded by what is not closed yet.
 *
 * <p>At most a constant number of rows leaves per key group and epoch, so that a watermark that closes very many at once
 * does not outgrow a transaction; the rest leaves in the epochs that follow.
 */
public final class HoldStage implements Stage {

    /** Part of the plan's meaning: a replay must release the same rows in the same epochs. */
    public static final int ROWS_PER_KEY_GROUP = 20_000;

    private static final int OUTPUT_ROWS = 4096;

    private final Grouping grouping;
    private final PartialGroups[] parts;
    private final AggregateStage.Place place;
    private final StateTable table;
    private final StateStore store;
    private final Output output;
    private final Batch out;
    private final List<byte[]> released = new ArrayList<>();
    private final Bytes.Reader reader = new Bytes.Reader();
    private boolean more;
    private long releasedBound = Watermark.NONE;

    public HoldStage(
            Grouping grouping, PartialGroups[] parts, AggregateStage.Place place, StateStore store, Output output) {
        this.grouping = grouping;
        this.parts = parts;
        this.place = place;
        this.more = store.epoch() >= 1;
        this.store = store;
        this.table = new StateTable(store, grouping.operator(), new Accumulator[0], place.memoryBytes());
        this.output = output;
        this.out = new Batch(grouping.output());
    }

    @Override
    public boolean hasMore() {
        return more;
    }

    @Override
    public void moved(boolean[] moved, long[] watermarks) {
        table.moved(moved, place.keyGroups(grouping.keyGroups()));
        more = true;
        releasedBound = Watermark.NONE; // what has come may lie below it
    }

    @Override
    public void endEpoch(EpochEnd epoch) {
        merge();
        Waterline waterline = grouping.waterline().orElseThrow();
        long bound = epoch.watermark() == Watermark.NONE ? Watermark.NONE : waterline.at(epoch.watermark());
        boolean nothingNew = bound == Watermark.NONE || (bound == releasedBound && !more);
        more = false;
        if (nothingNew) {
            return;
        }
        releasedBound = bound;
        out.clear();
        for (int keyGroup : place.keyGroups(grouping.keyGroups())) {
            release(keyGroup, bound);
        }
        if (out.size() > 0) {
            output.accept(out);
        }
    }

    private void merge() {
        for (PartialGroups part : parts) {
            table.touchOwn(part.groups(), place);
        }
        table.fetch();
        for (PartialGroups part : parts) {
            table.mergeOwn(part.groups(), place);
        }
    }

    /** Emits rows of the key group below the bound: those of this epoch from memory, the others from the store. */
    private void release(int keyGroup, long bound) {
        Bytes from = new Bytes();
        StateKeys.prefix(keyGroup, grouping.operator(), from);
        Bytes to = new Bytes();
        to.put(from.array(), 0, from.length());
        from.put(1);
        RowCodec.encodeLong(bound, to);
        int left = ROWS_PER_KEY_GROUP;
        TreeMap<byte[], Long> fresh = freshRows(keyGroup, from.toByteArray(), to.toByteArray());
        store.scan(from.toByteArray(), to.toByteArray(), (key, value) -> {
            fresh.putIfAbsent(key, table.currentWeight(key, value));
            return fresh.size() <= ROWS_PER_KEY_GROUP + table.touchedCount();
        });
        for (var entry : fresh.entrySet()) {
            if (left == 0) {
                more = true;
                break;
            }
            if (entry.getValue() > 0) {
                emit(entry.getKey(), entry.getValue());
            }
            left--;
            if (entry.getValue() != 0) { // one that this epoch took back is deleted by the table
                released.add(entry.getKey());
            }
        }
    }

    private TreeMap<byte[], Long> freshRows(int keyGroup, byte[] from, byte[] to) {
        TreeMap<byte[], Long> rows = new TreeMap<>(Arrays::compareUnsigned);
        GroupTable groups = table.groups();
        ByteKeyTable keys = groups.keys();
        for (int t = 0; t < table.touchedCount(); t++) {
            int slot = table.touched(t);
            if (groups.keyGroup(slot) != keyGroup) {
                continue;
            }
            Bytes key = new Bytes();
            StateKeys.prefix(keyGroup, grouping.operator(), key);
            key.put(keys.keyArray(), keys.keyStart(slot), keys.keyLength(slot));
            byte[] full = key.toByteArray();
            if (Arrays.compareUnsigned(full, from) >= 0 && Arrays.compareUnsigned(full, to) < 0) {
                rows.put(full, groups.weight(slot));
            }
        }
        return rows;
    }

    private void emit(byte[] key, long weight) {
        if (out.size() >= OUTPUT_ROWS) {
            output.accept(out);
            out.clear();
        }
        reader.reset(key, StateKeys.PREFIX);
        for (int column : grouping.outputs()) {
            RowCodec.decode(reader, out.column(column));
        }
        out.appendWeight(weight);
    }

    @Override
    public void flush(StateBatch batch) {
        table.flush(batch);
        for (byte[] key : released) {
            batch.delete(key, key.length);
            batch.countRows(-1);
        }
        if (!released.isEmpty()) {
            table.forget();
        }
        released.clear();
    }
}
