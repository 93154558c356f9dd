package dev.millrace.engine.operators;

import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.Hash;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import dev.millrace.state.StateKeys;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * All values of a column per group with their weights, for DISTINCT aggregates and for MIN and MAX over input that can
 * shrink. Stored as {@code keyGroup | operator | group key | value} → weight, under the group's key group, so that the
 * first or last entry of the group is its extreme.
 *
 * <p>A value is there while its weight is above 0; only becoming and ceasing to be there reaches the aggregates.
 */
final class ValueMultiset {

    private final StateTable table;
    private final Vector values;
    private int[] rows = {};
    private int[] groupSlots = {};
    private long[] signs = {};
    private int crossings;

    ValueMultiset(StateTable table, DataType type) {
        this.table = table;
        this.values = Vector.create(type);
    }

    StateTable table() {
        return table;
    }

    /** Merges the parts of this worker's key groups and notes which values came or went. */
    void merge(PartialGroups[] parts, int index, AggregateStage.Place place, GroupTable groups) {
        for (PartialGroups part : parts) {
            table.touchOwn(part.multiset(index), place);
        }
        table.fetch();
        int count = table.touchedCount();
        long[] before = new long[count];
        for (int t = 0; t < count; t++) {
            before[t] = table.groups().weight(table.touched(t));
        }
        for (PartialGroups part : parts) {
            table.mergeOwn(part.multiset(index), place);
        }
        cross(before, groups);
    }

    private void cross(long[] before, GroupTable groups) {
        crossings = 0;
        values.reset(0);
        if (rows.length < before.length) {
            rows = new int[before.length];
            groupSlots = new int[before.length];
            signs = new long[before.length];
        }
        Bytes.Reader reader = new Bytes.Reader();
        ByteKeyTable keys = table.groups().keys();
        for (int t = 0; t < before.length; t++) {
            int slot = table.touched(t);
            boolean was = before[t] > 0;
            boolean is = table.groups().weight(slot) > 0;
            if (was != is) {
                int prefix = table.groups().prefix(slot);
                reader.reset(keys.keyArray(), keys.keyStart(slot) + prefix);
                RowCodec.decode(reader, values);
                rows[crossings] = crossings;
                groupSlots[crossings] = groupOf(slot, groups);
                signs[crossings++] = is ? 1 : -1;
            }
        }
    }

    private int groupOf(int slot, GroupTable groups) {
        ByteKeyTable keys = table.groups().keys();
        int prefix = table.groups().prefix(slot);
        long hash = Hash.hash(keys.keyArray(), keys.keyStart(slot), prefix);
        return groups.keys().find(keys.keyArray(), keys.keyStart(slot), prefix, hash);
    }

    /** Feeds a DISTINCT aggregate. */
    void feed(Accumulator accumulator) {
        accumulator.add(values, rows, groupSlots, signs, crossings);
    }

    /** Brings the heads of the touched groups up to date. */
    void updateHeads(ExtremeAccumulator heads, GroupTable groups) {
        Set<Integer> lost = new HashSet<>();
        Bytes encoded = new Bytes();
        for (int i = 0; i < crossings; i++) {
            encoded.clear();
            RowCodec.encode(values, i, encoded);
            int group = groupSlots[i];
            if (signs[i] < 0 && heads.isBest(group, encoded.array(), 0, encoded.length())) {
                lost.add(group);
            }
        }
        for (int group : lost) {
            heads.set(group, storedHead(heads.greatest(), group, groups));
        }
        offerTouched(heads, groups, lost);
    }

    /** Values that were touched and are there; where the head was lost, those the store does not have yet matter too. */
    private void offerTouched(ExtremeAccumulator heads, GroupTable groups, Set<Integer> lost) {
        ByteKeyTable keys = table.groups().keys();
        for (int t = 0; t < table.touchedCount(); t++) {
            int slot = table.touched(t);
            if (table.groups().weight(slot) <= 0) {
                continue;
            }
            int group = groupOf(slot, groups);
            int start = keys.keyStart(slot) + table.groups().prefix(slot);
            int length = keys.keyLength(slot) - table.groups().prefix(slot);
            if (heads.improves(group, keys.keyArray(), start, length)) {
                heads.set(group, Arrays.copyOfRange(keys.keyArray(), start, start + length));
            }
        }
    }

    /** The least or greatest stored value of the group that is still there, or null. */
    private byte[] storedHead(boolean greatest, int group, GroupTable groups) {
        ByteKeyTable keys = groups.keys();
        Bytes prefix = new Bytes();
        StateKeys.prefix(groups.keyGroup(group), table.operator(), prefix);
        prefix.put(keys.keyArray(), keys.keyStart(group), keys.keyLength(group));
        byte[] from = prefix.toByteArray();
        byte[] to = StateKeys.after(from);
        byte[][] found = new byte[1][];
        dev.millrace.state.StateStore.Visitor visitor = (key, value) -> {
            if (table.currentWeight(key, value) <= 0) {
                return true;
            }
            found[0] = Arrays.copyOfRange(key, from.length, key.length);
            return false;
        };
        if (greatest) {
            table.store().scanDescending(from, to, visitor);
        } else {
            table.store().scan(from, to, visitor);
        }
        return found[0];
    }
}
