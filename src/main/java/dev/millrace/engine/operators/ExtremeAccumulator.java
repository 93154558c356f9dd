package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import java.util.Arrays;

/**
 * MIN and MAX by encoded value. Over input that only grows it is fed values; over input that can shrink it holds the head
 * of the group's {@link ValueMultiset}, which sets it.
 */
final class ExtremeAccumulator extends Accumulator {

    private final boolean greatest;
    private final Vector decoded;
    private final Bytes scratch = new Bytes();
    private byte[][] best = {};

    ExtremeAccumulator(boolean greatest, DataType argument) {
        this.greatest = greatest;
        this.decoded = Vector.create(argument);
    }

    boolean greatest() {
        return greatest;
    }

    @Override
    void ensure(int slots) {
        if (slots > best.length) {
            best = Arrays.copyOf(best, Math.max(slots, best.length * 2));
        }
    }

    @Override
    void add(Vector argument, int[] rows, int[] slots, long[] weights, int count) {
        for (int k = 0; k < count; k++) {
            scratch.clear();
            RowCodec.encode(argument, rows[k], scratch);
            if (improves(slots[k], scratch.array(), 0, scratch.length())) {
                best[slots[k]] = scratch.toByteArray();
            }
        }
    }

    /** Whether the encoded value would become the group's. */
    boolean improves(int slot, byte[] value, int start, int length) {
        byte[] current = best[slot];
        if (current == null) {
            return true;
        }
        int comparison = Arrays.compareUnsigned(value, start, start + length, current, 0, current.length);
        return greatest ? comparison > 0 : comparison < 0;
    }

    boolean isBest(int slot, byte[] value, int start, int length) {
        byte[] current = best[slot];
        return current != null && Arrays.equals(value, start, start + length, current, 0, current.length);
    }

    /** Sets the head; null for none. */
    void set(int slot, byte[] value) {
        best[slot] = value;
    }

    @Override
    void merge(int slot, Accumulator other, int otherSlot) {
        byte[] value = ((ExtremeAccumulator) other).best[otherSlot];
        if (value != null && improves(slot, value, 0, value.length)) {
            best[slot] = value;
        }
    }

    @Override
    void result(int slot, Vector out, int row) {
        if (best[slot] == null) {
            out.setNull(row);
            return;
        }
        decoded.reset(0);
        RowCodec.decode(new Bytes.Reader(best[slot]), decoded);
        out.copy(row, decoded, 0);
    }

    @Override
    void write(int slot, Bytes out) {
        if (best[slot] == null) {
            out.putVarint(0);
        } else {
            out.putVarint(best[slot].length).put(best[slot]);
        }
    }

    @Override
    void read(int slot, Bytes.Reader in) {
        int length = (int) in.getVarint();
        best[slot] = length == 0 ? null : Arrays.copyOfRange(in.bytes(), in.position(), in.position() + length);
        in.position(in.position() + length);
    }

    @Override
    boolean isEmpty(int slot) {
        return best[slot] == null;
    }

    @Override
    void clear() {
        Arrays.fill(best, null);
    }

    @Override
    void move(int to, int from) {
        best[to] = best[from];
        best[from] = null;
    }

    @Override
    void clear(int slot) {
        best[slot] = null;
    }
}
