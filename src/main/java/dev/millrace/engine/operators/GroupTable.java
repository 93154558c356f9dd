package dev.millrace.engine.operators;

import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.RowCodec;
import java.util.Arrays;

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
            for (Accumulator accumulator : accumulators) {
                if (accumulator != null) {
                    accumulator.ensure(capacity);
                }
            }
        }
        return slot;
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
        Bytes.Reader in = reader(value);
        weights[slot] = in.getZigzag();
        for (Accumulator accumulator : accumulators) {
            if (accumulator != null) {
                accumulator.read(slot, in);
            }
        }
    }

    /** The weight in a stored form. */
    static long storedWeight(byte[] value) {
        return reader(value).getZigzag();
    }

    private static Bytes.Reader reader(byte[] value) {
        Bytes.Reader in = new Bytes.Reader(value);
        int format = in.get();
        if (format != RowCodec.FORMAT) {
            throw new IllegalStateException(
                    "stored row of format " + format + ", this version reads " + RowCodec.FORMAT);
        }
        return in;
    }

    long memory() {
        return keys.memory() + size() * (16L + 24L * accumulators.length);
    }

    void clear() {
        int used = keys.size();
        keys.clear();
        Arrays.fill(weights, 0, Math.min(used, weights.length), 0);
        for (Accumulator accumulator : accumulators) {
            if (accumulator != null) {
                accumulator.clear();
            }
        }
    }
}
