package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import dev.millrace.data.LongVector;
import dev.millrace.data.Vector;
import java.util.Arrays;

/** COUNT of values or of filtered rows: the sum of weights. */
final class CountAccumulator extends Accumulator {

    private long[] counts = {};

    @Override
    void ensure(int slots) {
        if (slots > counts.length) {
            counts = Arrays.copyOf(counts, Math.max(slots, counts.length * 2));
        }
    }

    @Override
    void add(Vector argument, int[] rows, int[] slots, long[] weights, int count) {
        for (int k = 0; k < count; k++) {
            counts[slots[k]] += weights[k];
        }
    }

    @Override
    void merge(int slot, Accumulator other, int otherSlot) {
        counts[slot] += ((CountAccumulator) other).counts[otherSlot];
    }

    @Override
    void result(int slot, Vector out, int row) {
        ((LongVector) out).set(row, counts[slot]);
    }

    @Override
    void write(int slot, Bytes out) {
        out.putZigzag(counts[slot]);
    }

    @Override
    void read(int slot, Bytes.Reader in) {
        counts[slot] = in.getZigzag();
    }

    @Override
    boolean isEmpty(int slot) {
        return counts[slot] == 0;
    }

    @Override
    void clear() {
        Arrays.fill(counts, 0);
    }

    @Override
    void move(int to, int from) {
        counts[to] = counts[from];
    }

    @Override
    void clear(int slot) {
        counts[slot] = 0;
    }
}
