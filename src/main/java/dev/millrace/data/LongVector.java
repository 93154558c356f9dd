package dev.millrace.data;

import java.util.Arrays;

/** BOOLEAN, INT, BIGINT, DATE and TIMESTAMP cells. */
public final class LongVector extends Vector {

    private long[] values = {};

    public LongVector(DataType type) {
        super(type);
    }

    /** The cells' array, valid until the vector grows. */
    public long[] values() {
        return values;
    }

    public long get(int row) {
        return values[row];
    }

    public void set(int row, long value) {
        values[row] = value;
    }

    public void append(long value) {
        int row = append();
        values[row] = value;
    }

    @Override
    public void gather(Vector source, int[] rows, int count) {
        if (source.marked()) {
            super.gather(source, rows, count);
            return;
        }
        reset(count);
        long[] from = ((LongVector) source).values;
        long[] to = values;
        for (int i = 0; i < count; i++) {
            to[i] = from[rows[i]];
        }
    }

    @Override
    void clearContent() {}

    @Override
    int capacity() {
        return values.length;
    }

    @Override
    void grow(int rows) {
        values = Arrays.copyOf(values, rows);
    }

    @Override
    void copyValue(int row, Vector source, int sourceRow) {
        values[row] = ((LongVector) source).values[sourceRow];
    }

    @Override
    Object valueObject(int row) {
        return type().kind() == DataType.Kind.BOOLEAN ? (Object) (values[row] != 0) : (Object) values[row];
    }
}
