package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import dev.millrace.data.CellError;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Vector;
import java.util.Arrays;

/** SUM and AVG of DOUBLE: a {@link Superaccumulator} and the count of values per group. */
final class DoubleSumAccumulator extends Accumulator {

    private final boolean average;
    private Superaccumulator[] sums = {};
    private long[] counts = {};

    DoubleSumAccumulator(boolean average) {
        this.average = average;
    }

    @Override
    void ensure(int slots) {
        if (slots > sums.length) {
            int length = Math.max(slots, sums.length * 2);
            sums = Arrays.copyOf(sums, length);
            counts = Arrays.copyOf(counts, length);
        }
    }

    private Superaccumulator sum(int slot) {
        if (sums[slot] == null) {
            sums[slot] = new Superaccumulator();
        }
        return sums[slot];
    }

    @Override
    void add(Vector argument, int[] rows, int[] slots, long[] weights, int count) {
        double[] values = ((DoubleVector) argument).values();
        for (int k = 0; k < count; k++) {
            counts[slots[k]] += weights[k];
            sum(slots[k]).add(values[rows[k]], weights[k]);
        }
    }

    @Override
    void merge(int slot, Accumulator other, int otherSlot) {
        DoubleSumAccumulator from = (DoubleSumAccumulator) other;
        counts[slot] += from.counts[otherSlot];
        if (from.sums[otherSlot] != null) {
            sum(slot).merge(from.sums[otherSlot]);
        }
    }

    @Override
    void result(int slot, Vector out, int row) {
        if (counts[slot] <= 0) {
            out.setNull(row);
            return;
        }
        double value = average ? sum(slot).average(counts[slot]) : sum(slot).value();
        if (!Double.isFinite(value) && !sum(slot).hasSpecial()) {
            out.setError(row, CellError.OVERFLOW);
            return;
        }
        ((DoubleVector) out).set(row, value);
    }

    @Override
    void write(int slot, Bytes out) {
        out.putZigzag(counts[slot]);
        sum(slot).write(out);
    }

    @Override
    void read(int slot, Bytes.Reader in) {
        counts[slot] = in.getZigzag();
        sums[slot] = Superaccumulator.read(in);
    }

    @Override
    boolean isEmpty(int slot) {
        return counts[slot] == 0 && (sums[slot] == null || sums[slot].isEmpty());
    }

    @Override
    void clear() {
        Arrays.fill(sums, null);
        Arrays.fill(counts, 0);
    }

    @Override
    void move(int to, int from) {
        sums[to] = sums[from];
        counts[to] = counts[from];
        sums[from] = null;
    }

    @Override
    void clear(int slot) {
        sums[slot] = null;
        counts[slot] = 0;
    }
}
