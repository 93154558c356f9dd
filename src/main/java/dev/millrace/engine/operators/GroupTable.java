package dev.millrace.engine.operators;

import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * Groups by encoded key: for each the summed weight of its rows and its accumulators. A group is there when its weight is
 * above 0; a weight at or below 0 may appear in passing and is kept.
 */
final class GroupTable {

    private final ByteKeyTable keys = new ByteKeyTable();
    private final Accumulator[] accumulators;
    private long[] weights = {};
    private int[] keyGroups = {};
    private int[] prefixes = {};
    private boolean[] stored = {};

    /**
     * @param accumulators some may be null, where the call needs none
     */
    GroupTable(Accumulator[] accumulators) {
        this.accumulators = accumulators;
    }

    ByteKeyTable keys() {
        return keys;
    }

    int size() {
        return keys.size();
    }

    Accumulator accumulator(int index) {
        return accumulators[index];
    }

    int accumulatorCount() {
        return accumulators.length;
    }

    long weight(int slot) {
        return weights[slot];
    }

    void addWeight(int slot, long delta) {
        weights[slot] += delta;
    }

    int keyGroup(int slot) {
        return keyGroups[slot];
    }

    /** How many bytes of the key belong to the group that the entry is part of; for multisets. */
    int prefix(int slot) {
        return prefixes[slot];
    }

    /** The slot of a key; whether it is new shows in {@link #size}. A new group has weight 0 and no values. */
    int findOrAdd(byte[] array, int start, int length, long hash) {
        int slot = keys.findOrAdd(array, start, length, hash);
        if (slot >= weights.length) {
            int capacity = Math.max(64, slot * 2);
            weights = Arrays.copyOf(weights, capacity);
            keyGroups = Arrays.copyOf(keyGroups, capacity);
            prefixes = Arrays.copyOf(prefixes, capacity);
            stored = Arrays.copyOf(stored, capacity);
            for (Accumulator accumulator : accumulators) {
                if (accumulator != null) {
                    accumulator.ensure(capacity);
                }
            }
        }
        return slot;
    }

    /** Whether the store has the group. */
    boolean isStored(int slot) {
        return stored[slot];
    }

    void stored(int slot, boolean is) {
        stored[slot] = is;
    }

    void place(int slot, int keyGroup, int prefix) {
        keyGroups[slot] = keyGroup;
        prefixes[slot] = prefix;
    }

    boolean isEmpty(int slot) {
        if (weights[slot] != 0) {
            return false;
        }
        for (Accumulator accumulator : accumulators) {
            if (accumulator != null && !accumulator.isEmpty(slot)) {
                return false;
            }
        }
        return true;
    }

    /** The stored form: format, weight, accumulators. */
    void write(int slot, Bytes out) {
        out.put(RowCodec.FORMAT).putZigzag(weights[slot]);
        for (Accumulator accumulator : accumulators) {
            if (accumulator != null) {
                accumulator.write(slot, out);
            }
        }
    }

    void read(int slot, byte[] value) {
        read(slot, new Bytes.Reader(value));
    }

    void read(int slot, Bytes.Reader in) {
        checkFormat(in);
        weights[slot] = in.getZigzag();
        for (Accumulator accumulator : accumulators) {
            if (accumulator != null) {
                accumulator.read(slot, in);
            }
        }
    }

    /** The weight in a stored form. */
    static long storedWeight(byte[] value) {
        Bytes.Reader in = new Bytes.Reader(value);
        checkFormat(in);
        return in.getZigzag();
    }

    private static void checkFormat(Bytes.Reader in) {
        int format = in.get();
        if (format != RowCodec.FORMAT) {
            throw new IllegalStateException(
                    "stored row of format " + format + ", this version reads " + RowCodec.FORMAT);
        }
    }

    /** Forgets the groups that are not to be kept; the others may get other slots. */
    void retain(IntPredicate keep) {
        int before = keys.size();
        keys.retain(keep, (from, to) -> {
            weights[to] = weights[from];
            keyGroups[to] = keyGroups[from];
            prefixes[to] = prefixes[from];
            stored[to] = stored[from];
            for (Accumulator accumulator : accumulators) {
                if (accumulator != null) {
                    accumulator.move(to, from);
                }
            }
        });
        for (int slot = keys.size(); slot < before; slot++) {
            weights[slot] = 0;
            stored[slot] = false;
            for (Accumulator accumulator : accumulators) {
                if (accumulator != null) {
                    accumulator.clear(slot);
                }
            }
        }
    }

    /** Adds a group of another table of the same aggregates. */
    void merge(int slot, GroupTable other, int otherSlot) {
        weights[slot] += other.weights[otherSlot];
        for (int a = 0; a < accumulators.length; a++) {
            if (other.accumulators[a] != null) {
                accumulators[a].merge(slot, other.accumulators[a], otherSlot);
            }
        }
    }

    /** Sets the cell to the value of an aggregate: of a plain {@code COUNT(*)}, which has no accumulator, the weight. */
    void result(int aggregate, int slot, Vector into, int row) {
        if (accumulators[aggregate] == null) {
            ((LongVector) into).set(row, weights[slot]);
        } else {
            accumulators[aggregate].result(slot, into, row);
        }
    }

    long memory() {
        return keys.memory() + size() * (16L + 24L * accumulators.length);
    }

    void clear() {
        int used = keys.size();
        keys.clear();
        Arrays.fill(weights, 0, Math.min(used, weights.length), 0);
        Arrays.fill(stored, 0, Math.min(used, stored.length), false);
        for (Accumulator accumulator : accumulators) {
            if (accumulator != null) {
                accumulator.clear();
            }
        }
    }
}
