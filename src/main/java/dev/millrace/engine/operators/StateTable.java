package dev.millrace.engine.operators;

import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.Hash;
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

    private static final int MAX_LOADED = 100_000;
    private static final int MAX_SORTED = 1 << 24;

    private final StateStore store;
    private final int operator;
    private final GroupTable groups;
    private final long maxBytes;
    private long[] order = {};
    private final Bytes key = new Bytes();
    private final Bytes value = new Bytes();
    private boolean[] isTouched = {};
    private int[] touched = {};
    private int touchedCount;
    private final List<byte[]> missingKeys = new ArrayList<>();
    private int[] missing = {};
    private int missingCount;
    private byte[] dropBound;
    private List<Integer> dropKeyGroups = List.of();
    private boolean complete;
    private boolean loads;

    StateTable(StateStore store, int operator, Accumulator[] accumulators, long maxBytes) {
        this.store = store;
        this.operator = operator;
        this.groups = new GroupTable(accumulators);
        this.maxBytes = maxBytes;
        this.complete = store.epoch() == StateStore.NO_EPOCH;
    }

    /** Takes a small stored table into memory at once, so that a key that is not there need not be looked for. */
    void load(List<Integer> keyGroups) {
        loads = true;
        if (complete) {
            return;
        }
        for (int i = 0; i < keyGroups.size() && loadable(); i++) {
            int keyGroup = keyGroups.get(i);
            byte[] from = storePrefix(keyGroup);
            store.scan(from, StateKeys.after(from), (stored, content) -> {
                int length = stored.length - StateKeys.PREFIX;
                int slot =
                        groups.findOrAdd(stored, StateKeys.PREFIX, length, Hash.hash(stored, StateKeys.PREFIX, length));
                groups.place(slot, keyGroup, 0);
                groups.read(slot, content);
                groups.stored(slot, true);
                return loadable();
            });
        }
        complete = loadable();
        if (!complete) {
            groups.clear();
        }
    }

    /** Forgets the key groups that have moved, and takes in those of them that are now the worker's. */
    void moved(boolean[] moved, List<Integer> keyGroups) {
        groups.retain(slot -> !moved[groups.keyGroup(slot)]);
        List<Integer> come =
                keyGroups.stream().filter(keyGroup -> moved[keyGroup]).toList();
        if (complete && !come.isEmpty()) {
            complete = false;
            if (loads) {
                load(come);
            }
        }
    }

    private boolean loadable() {
        return groups.size() <= MAX_LOADED && groups.memory() <= maxBytes;
    }

    /** Whether what is not in memory is nowhere. */
    boolean isComplete() {
        return complete;
    }

    private byte[] storePrefix(int keyGroup) {
        Bytes prefix = new Bytes();
        StateKeys.prefix(keyGroup, operator, prefix);
        return prefix.toByteArray();
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
            if (!complete) {
                miss(slot);
            }
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

    private void miss(int slot) {
        if (missingCount == missing.length) {
            missing = Arrays.copyOf(missing, Math.max(64, missingCount * 2));
        }
        missing[missingCount++] = slot;
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
            groups.merge(slot, part, i);
        }
    }

    /** Reads what was touched and is not in memory, in the order of the keys: neighbours lie in one block. */
    void fetch() {
        if (missingCount == 0) {
            return;
        }
        sortByKey(missing, missingCount);
        for (int i = 0; i < missingCount; i++) {
            missingKeys.add(storeKey(missing[i]));
        }
        List<byte[]> values = store.get(missingKeys);
        for (int i = 0; i < missingCount; i++) {
            byte[] stored = values.get(i);
            if (stored != null) {
                groups.read(missing[i], stored);
                groups.stored(missing[i], true);
            }
        }
        missingCount = 0;
        missingKeys.clear();
    }

    /** Sorts slots by key group and three bytes of the key behind what all begin with: near enough for neighbours. */
    private void sortByKey(int[] slots, int count) {
        if (count < 2 || count >= MAX_SORTED) {
            return;
        }
        if (order.length < count) {
            order = new long[slots.length];
        }
        int common = commonBytes(slots, count);
        ByteKeyTable keys = groups.keys();
        for (int i = 0; i < count; i++) {
            int slot = slots[i];
            long prefix = 0;
            for (int k = common; k < common + 3; k++) {
                int next = k < keys.keyLength(slot) ? keys.keyArray()[keys.keyStart(slot) + k] & 0xFF : 0;
                prefix = prefix << 8 | next;
            }
            order[i] = (long) groups.keyGroup(slot) << 48 | prefix << 24 | i;
        }
        Arrays.sort(order, 0, count);
        int[] sorted = new int[count];
        for (int i = 0; i < count; i++) {
            sorted[i] = slots[(int) order[i] & MAX_SORTED - 1];
        }
        System.arraycopy(sorted, 0, slots, 0, count);
    }

    /** How many bytes some of the keys, taken here and there, begin with in common. */
    private int commonBytes(int[] slots, int count) {
        ByteKeyTable keys = groups.keys();
        int first = keys.keyStart(slots[0]);
        int common = keys.keyLength(slots[0]);
        for (int i = 1; i < count; i += 1 + count / 256) {
            int start = keys.keyStart(slots[i]);
            int end = start + Math.min(common, keys.keyLength(slots[i]));
            int differs = Arrays.mismatch(keys.keyArray(), first, first + common, keys.keyArray(), start, end);
            common = differs < 0 ? common : differs;
        }
        return common;
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
     * Drops with the next flush all groups whose first key column is a value below. By single deletes: a range tombstone per
     * key group and closed window would slow every later scan.
     */
    void dropBelow(Bytes encodedBound, List<Integer> keyGroups) {
        dropBound = encodedBound.toByteArray();
        dropKeyGroups = keyGroups;
    }

    /**
     * Writes what was touched, in the order of the keys, and forgets the rest where memory is short; afterwards nothing
     * counts as touched.
     */
    void flush(StateBatch batch) {
        sortByKey(touched, touchedCount);
        for (int i = 0; i < touchedCount; i++) {
            int slot = touched[i];
            isTouched[slot] = false;
            if (isDropped(slot)) {
                continue;
            }
            writeStoreKey(slot);
            if (groups.isEmpty(slot)) {
                delete(slot, batch);
            } else {
                batch.countRows(groups.isStored(slot) ? 0 : 1);
                groups.stored(slot, true);
                value.clear();
                groups.write(slot, value);
                batch.put(key.array(), key.length(), value.array(), value.length());
            }
        }
        touchedCount = 0;
        if (dropBound != null) {
            deleteDropped(batch);
        }
        if (groups.memory() > maxBytes) {
            forget();
        }
    }

    /** Deletes a group, whose store key was written, if it is there. */
    private void delete(int slot, StateBatch batch) {
        if (groups.isStored(slot)) {
            batch.delete(key.array(), key.length());
            batch.countRows(-1);
            groups.stored(slot, false);
        }
    }

    private void deleteDropped(StateBatch batch) {
        if (complete) {
            for (int slot = 0; slot < groups.size(); slot++) {
                if (isDropped(slot)) {
                    writeStoreKey(slot);
                    delete(slot, batch);
                }
            }
        } else {
            for (int keyGroup : dropKeyGroups) {
                Bytes from = new Bytes();
                StateKeys.prefix(keyGroup, operator, from);
                Bytes to = new Bytes();
                to.put(from.array(), 0, from.length()).put(dropBound);
                store.scan(from.put(1).toByteArray(), to.toByteArray(), (dropped, stored) -> {
                    batch.delete(dropped, dropped.length);
                    batch.countRows(-1);
                    return true;
                });
            }
        }
        groups.retain(slot -> !isDropped(slot));
        dropBound = null;
    }

    private boolean isDropped(int slot) {
        if (dropBound == null) {
            return false;
        }
        ByteKeyTable keys = groups.keys();
        int start = keys.keyStart(slot);
        int end = start + keys.keyLength(slot);
        return end > start
                && keys.keyArray()[start] == 1
                && Arrays.compareUnsigned(keys.keyArray(), start, end, dropBound, 0, dropBound.length) < 0;
    }

    /** Drops all groups from memory; what was touched must have been written. */
    void forget() {
        groups.clear();
        complete = false;
    }

    /** The weight in memory of an entry by its store key, or the stored one. */
    long currentWeight(byte[] storedKey, byte[] storedValue) {
        int length = storedKey.length - StateKeys.PREFIX;
        long hash = Hash.hash(storedKey, StateKeys.PREFIX, length);
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
