package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.Hash;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import dev.millrace.data.Watermark;
import dev.millrace.plan.PlanNode;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.util.Arrays;
import java.util.List;

/**
 * GROUP BY of a window over input that only grows, each group emitted once: in the epoch whose watermark closes its window.
 * State: per group of a window, or of a pane of which several make a window, the weight and the accumulators; a pane is
 * dropped when the last of its windows is closed.
 */
public final class ClosingStage implements Stage {

    private static final int OUTPUT_ROWS = 4096;
    private static final long SIGN = Long.MIN_VALUE;

    private final Grouping grouping;
    private final PlanNode.Closing closing;
    private final PartialGroups[] parts;
    private final AggregateStage.Place place;
    private List<Integer> ownKeyGroups;
    private final StateTable table;
    private final StateStore store;
    private final GroupTable stored;
    private final GroupTable windows;
    private final Output output;
    private final Batch out;
    private final Bytes scratch = new Bytes();
    private final Bytes.Reader reader = new Bytes.Reader();
    private final PlanNode.Panes made;
    private final long slide;
    private final int panes;
    private final long shift;
    private final long[] closed; // by key group: up to where windows have been emitted
    private long behind;

    /**
     * @param watermarks by key group: that of the epoch that the store holds; windows that it closed have been emitted
     */
    public ClosingStage(
            Grouping grouping,
            PartialGroups[] parts,
            AggregateStage.Place place,
            StateStore store,
            long[] watermarks,
            Output output) {
        this.grouping = grouping;
        this.closing = grouping.closing().orElseThrow();
        this.parts = parts;
        this.place = place;
        this.store = store;
        this.output = output;
        this.ownKeyGroups = place.keyGroups(grouping.keyGroups());
        this.table = new StateTable(store, grouping.operator(), grouping.accumulators(false), place.memoryBytes());
        table.load(ownKeyGroups);
        this.stored = new GroupTable(grouping.accumulators(false));
        this.windows = new GroupTable(grouping.accumulators(false));
        this.out = new Batch(grouping.output());
        this.made = closing.panes().orElse(null);
        this.slide = made == null ? 0 : made.slide();
        this.panes = made == null ? 1 : (int) (made.size() / made.slide());
        this.shift = made != null && made.ends().contains(closing.key()) ? made.size() - made.slide() : 0;
        this.closed = new long[grouping.keyGroups()];
        Arrays.setAll(closed, keyGroup -> bound(watermarks[keyGroup]));
        this.behind = least();
    }

    @Override
    public void endEpoch(EpochEnd epoch) {
        for (PartialGroups part : parts) {
            table.touchOwn(part.groups(), place);
        }
        table.fetch();
        for (PartialGroups part : parts) {
            table.mergeOwn(part.groups(), place);
        }
        long bound = bound(epoch.watermark());
        if (bound > behind) {
            close(bound);
        }
    }

    private long bound(long watermark) {
        return watermark == Watermark.NONE
                ? Watermark.NONE
                : closing.waterline().at(watermark);
    }

    @Override
    public void moved(boolean[] moved, long[] watermarks) {
        ownKeyGroups = place.keyGroups(grouping.keyGroups());
        table.moved(moved, ownKeyGroups);
        for (int keyGroup : ownKeyGroups) {
            if (moved[keyGroup]) {
                closed[keyGroup] = bound(watermarks[keyGroup]);
            }
        }
        behind = least();
    }

    /** Up to where windows of all key groups have been emitted. */
    private long least() {
        return ownKeyGroups.stream()
                .mapToLong(keyGroup -> closed[keyGroup])
                .min()
                .orElse(Long.MAX_VALUE);
    }

    private void close(long bound) {
        if (table.isComplete()) {
            collect(table.groups(), -1, bound);
            emitWindows();
        } else {
            for (int keyGroup : ownKeyGroups) {
                collect(table.groups(), keyGroup, bound);
                collectStored(keyGroup, bound);
                emitWindows();
            }
        }
        if (out.size() > 0) {
            output.accept(out);
            out.clear();
        }
        for (int keyGroup : ownKeyGroups) {
            closed[keyGroup] = Math.max(closed[keyGroup], bound);
        }
        behind = least();
        scratch.clear();
        RowCodec.encodeLong(bound - shift, scratch);
        table.dropBelow(scratch, ownKeyGroups);
    }

    /** Adds groups to the windows between what was closed and the bound; of one key group, or of all where it is −1. */
    private void collect(GroupTable groups, int keyGroup, long bound) {
        for (int slot = 0; slot < groups.size(); slot++) {
            if (keyGroup < 0 || groups.keyGroup(slot) == keyGroup) {
                add(groups, slot, groups.keyGroup(slot), bound);
            }
        }
    }

    private void add(GroupTable groups, int slot, int keyGroup, long bound) {
        if (groups.weight(slot) <= 0) {
            return;
        }
        ByteKeyTable keys = groups.keys();
        int start = keys.keyStart(slot);
        long last = (Bytes.getLong(keys.keyArray(), start + 1) ^ SIGN) + shift;
        for (int i = 0; i < panes; i++) {
            long window = last - i * slide;
            if (window >= closed[keyGroup] && window < bound) {
                scratch.clear();
                RowCodec.encodeLong(window, scratch);
                scratch.put(keys.keyArray(), start + Grouping.TIME_BYTES, keys.keyLength(slot) - Grouping.TIME_BYTES);
                scratch.reserve(2 * Long.BYTES);
                long hash = Hash.hash(scratch.array(), 0, scratch.length());
                windows.merge(windows.findOrAdd(scratch.array(), 0, scratch.length(), hash), groups, slot);
            }
        }
    }

    /** Groups that are not in memory. */
    private void collectStored(int keyGroup, long bound) {
        Bytes from = new Bytes();
        StateKeys.prefix(keyGroup, grouping.operator(), from);
        Bytes to = new Bytes();
        to.put(from.array(), 0, from.length());
        long last = bound - shift;
        long beyond = last + (panes - 1) * slide;
        RowCodec.encodeLong(beyond < last ? Watermark.END : beyond, to);
        store.scan(from.toByteArray(), to.toByteArray(), (key, value) -> {
            int length = key.length - StateKeys.PREFIX;
            long hash = Hash.hash(key, StateKeys.PREFIX, length);
            if (table.groups().keys().find(key, StateKeys.PREFIX, length, hash) < 0) {
                stored.clear();
                stored.read(stored.findOrAdd(key, StateKeys.PREFIX, length, hash), value);
                add(stored, 0, keyGroup, bound);
            }
            return true;
        });
        stored.clear();
    }

    private void emitWindows() {
        ByteKeyTable keys = windows.keys();
        for (int slot = 0; slot < windows.size(); slot++) {
            if (out.size() >= OUTPUT_ROWS) {
                output.accept(out);
                out.clear();
            }
            reader.reset(keys.keyArray(), keys.keyStart(slot));
            for (int column : grouping.outputs()) {
                RowCodec.decode(reader, out.column(column));
            }
            if (made != null) {
                appendWindow();
            }
            int first = grouping.output().size() - grouping.calls().size();
            for (int i = 0; i < grouping.calls().size(); i++) {
                Vector column = out.column(first + i);
                windows.result(i, slot, column, column.append());
            }
            out.appendWeight(1);
        }
        windows.clear();
    }

    /** The window's start and end columns that are not in the key, from the one that is. */
    private void appendWindow() {
        int row = out.size();
        long known = ((LongVector) out.column(closing.key())).get(row);
        long start = made.ends().contains(closing.key()) ? known - made.size() : known;
        for (int column : made.starts()) {
            if (column != closing.key()) {
                ((LongVector) out.column(column)).append(start);
            }
        }
        for (int column : made.ends()) {
            if (column != closing.key()) {
                ((LongVector) out.column(column)).append(start + made.size());
            }
        }
    }

    @Override
    public void flush(StateBatch batch) {
        table.flush(batch);
    }
}
