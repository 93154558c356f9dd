package dev.millrace.engine.operators;

import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One worker's part of an operator's stored groups: a write-back table over the store. Missing keys of an epoch are fetched
 * by one multi-get; what was touched is written once, when the epoch is flushed.
 *
 * <p>Stored as {@code keyGroup(2) | operator(4) | encoded key} → format, weight, accumulators.
 */
final class StateTable {

    private final StateStore store;
    private final int operator;
    private final GroupTable groups;
    private final long maxBytes;
    private final Bytes key = new Bytes();
    private final Bytes value = new Bytes();
    private boolean[] isTouched = {};
    private int[] touched = {};
    private int touchedCount;
    private final List<byte[]> missingKeys = new ArrayList<>();
    private int[] missing = {};
    private int missingCount;
    private final List<byte[][]> droppedRanges = new ArrayList<>();

    StateTable(StateStore store, int operator, Accumulator[] accumulators, long maxBytes) {
        this.store = store;
        this.operator = operator;
        this.groups = new GroupTable(accumulators);
        this.maxBytes = maxBytes;
    }

    GroupTable groups() {
        return groups;
    }

    int touchedCount() {
        return touchedCount;
    }

    int touched(int index) {
        return touched[index];
    }

    /** The slot of the group, which counts as touched from now on; its content is there after {@link #fetch}. */
    int touch(byte[] array, int start, int length, long hash, int keyGroup, int prefix) {
        int before = groups.size();
        int slot = groups.findOrAdd(array, start, length, hash);
        if (slot == before) {
            groups.place(slot, keyGroup, prefix);
            if (missingCount == missing.length) {
                missing = Arrays.copyOf(missing, Math.max(64, missingCount * 2));
            }
            missing[missingCount++] = slot;
            missingKeys.add(storeKey(slot));
        }
        if (slot >= isTouched.length) {
            isTouched = Arrays.copyOf(isTouched, Math.max(64, slot * 2));
        }
        if (!isTouched[slot]) {
            isTouched[slot] = true;
            if (touchedCount == touched.length) {
                touched = Arrays.copyOf(touched, Math.max(64, touchedCount * 2));
            }
            touched[touchedCount++] = slot;
        }
        return slot;
    }

    /** Touches the groups of a part that belong to the worker. */
    void touchOwn(GroupTable part, AggregateStage.Place place) {
        ByteKeyTable keys = part.keys();
        for (int i = 0; i < part.size(); i++) {
            if (place.owns(part.keyGroup(i))) {
                touch(
                        keys.keyArray(),
                        keys.keyStart(i),
                        keys.keyLength(i),
                        keys.hash(i),
                        part.keyGroup(i),
                        part.prefix(i));
            }
        }
    }

    /** Adds the part's groups that belong to the worker to those that were touched and fetched. */
    void mergeOwn(GroupTable part, AggregateStage.Place place) {
        ByteKeyTable keys = part.keys();
        for (int i = 0; i < part.size(); i++) {
            if (!place.owns(part.keyGroup(i))) {
                continue;
            }
            int slot = groups.keys().find(keys.keyArray(), keys.keyStart(i), keys.keyLength(i), keys.hash(i));
            groups.addWeight(slot, part.weight(i));
            for (int a = 0; a < part.accumulatorCount(); a++) {
                if (part.accumulator(a) != null) {
                    groups.accumulator(a).merge(slot, part.accumulator(a), i);
                }
            }
        }
    }

    /** Reads what was touched and is not in memory. */
    void fetch() {
        if (missingCount == 0) {
            return;
        }
        List<byte[]> values = store.get(missingKeys);
        for (int i = 0; i < missingCount; i++) {
            byte[] stored = values.get(i);
            if (stored != null) {
                groups.read(missing[i], stored);
            }
        }
        missingCount = 0;
        missingKeys.clear();
    }

    private byte[] storeKey(int slot) {
        writeStoreKey(slot);
        return key.toByteArray();
    }

    private void writeStoreKey(int slot) {
        ByteKeyTable keys = groups.keys();
        key.clear();
        StateKeys.prefix(groups.keyGroup(slot), operator, key);
        key.put(keys.keyArray(), keys.keyStart(slot), keys.keyLength(slot));
    }

    /**
     * Drops with the next flush all groups whose first key column is below. By single deletes: a range tombstone per key
     * group and closed window would slow every later scan.
     */
    void dropBelow(Bytes encodedBound, List<Integer> keyGroups) {
        for (int keyGroup : keyGroups) {
            Bytes from = new Bytes();
            StateKeys.prefix(keyGroup, operator, from);
            from.put(1);
            Bytes to = new Bytes();
            StateKeys.prefix(keyGroup, operator, to);
            to.put(encodedBound.array(), 0, encodedBound.length());
            droppedRanges.add(new byte[][] {from.toByteArray(), to.toByteArray()});
        }
    }

    /** Writes what was touched and forgets the rest where memory is short; afterwards nothing counts as touched. */
    void flush(StateBatch batch) {
        for (int i = 0; i < touchedCount; i++) {
            int slot = touched[i];
            isTouched[slot] = false;
            writeStoreKey(slot);
            if (groups.isEmpty(slot) || isDropped()) {
                batch.delete(key.array(), key.length());
            } else {
                value.clear();
                groups.write(slot, value);
                batch.put(key.array(), key.length(), value.array(), value.length());
            }
        }
        touchedCount = 0;
        for (byte[][] range : droppedRanges) {
            store.scan(range[0], range[1], (dropped, stored) -> {
                batch.delete(dropped, dropped.length);
                return true;
            });
        }
        if (!droppedRanges.isEmpty() || groups.memory() > maxBytes) {
            droppedRanges.clear();
            groups.clear();
        }
    }

    /** Whether the key that was written last lies in a dropped range. */
    private boolean isDropped() {
        for (byte[][] range : droppedRanges) {
            if (Arrays.compareUnsigned(key.array(), 0, key.length(), range[0], 0, range[0].length) >= 0
                    && Arrays.compareUnsigned(key.array(), 0, key.length(), range[1], 0, range[1].length) < 0) {
                return true;
            }
        }
        return false;
    }

    /** The weight in memory of an entry by its store key, or the stored one. */
    long currentWeight(byte[] storedKey, byte[] storedValue) {
        int length = storedKey.length - StateKeys.PREFIX;
        long hash = dev.millrace.data.Hash.hash(storedKey, StateKeys.PREFIX, length);
        int slot = groups.keys().find(storedKey, StateKeys.PREFIX, length, hash);
        return slot >= 0 ? groups.weight(slot) : GroupTable.storedWeight(storedValue);
    }

    StateStore store() {
        return store;
    }

    int operator() {
        return operator;
    }
}
