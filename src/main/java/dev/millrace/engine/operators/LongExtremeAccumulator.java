package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import java.util.Arrays;

/** MIN and MAX of long-like values and doubles over input that only grows: the best value so far. */
final class LongExtremeAccumulator extends Accumulator {

    private final boolean greatest;
    private final boolean doubles;
    private long[] best = {};
    private boolean[] present = {};

    LongExtremeAccumulator(boolean greatest, DataType argument) {
        this.greatest = greatest;
        this.doubles = argument.kind() == DataType.Kind.DOUBLE;
    }

    @Override
    void ensure(int slots) {
        if (slots > best.length) {
            int length = Math.max(slots, best.length * 2);
            best = Arrays.copyOf(best, length);
            present = Arrays.copyOf(present, length);
        }
    }

    @Override
    void add(Vector argument, int[] rows, int[] slots, long[] weights, int count) {
        for (int k = 0; k < count; k++) {
            offer(
                    slots[k],
                    doubles ? ordered(((DoubleVector) argument).get(rows[k])) : ((LongVector) argument).get(rows[k]));
        }
    }

    /** A double as a long of the same signed order. */
    private static long ordered(double value) {
        return RowCodec.orderedBits(value) ^ Long.MIN_VALUE;
    }

    private void offer(int slot, long value) {
        if (!present[slot] || (greatest ? value > best[slot] : value < best[slot])) {
            best[slot] = value;
            present[slot] = true;
        }
    }

    @Override
    void merge(int slot, Accumulator other, int otherSlot) {
        LongExtremeAccumulator from = (LongExtremeAccumulator) other;
        if (from.present[otherSlot]) {
            offer(slot, from.best[otherSlot]);
        }
    }

    @Override
    void result(int slot, Vector out, int row) {
        if (!present[slot]) {
            out.setNull(row);
        } else if (doubles) {
            ((DoubleVector) out).set(row, RowCodec.fromOrderedBits(best[slot] ^ Long.MIN_VALUE));
        } else {
            ((LongVector) out).set(row, best[slot]);
        }
    }

    @Override
    void write(int slot, Bytes out) {
        out.put(present[slot] ? 1 : 0);
        if (present[slot]) {
            out.putZigzag(best[slot]);
        }
    }

    @Override
    void read(int slot, Bytes.Reader in) {
        present[slot] = in.get() == 1;
        best[slot] = present[slot] ? in.getZigzag() : 0;
    }

    @Override
    boolean isEmpty(int slot) {
        return !present[slot];
    }

    @Override
    void clear() {
        Arrays.fill(present, false);
    }

    @Override
    void move(int to, int from) {
        best[to] = best[from];
        present[to] = present[from];
    }

    @Override
    void clear(int slot) {
        present[slot] = false;
    }
}
