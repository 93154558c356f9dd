package dev.millrace.data;

import java.util.Arrays;

/** DOUBLE cells. Every NaN is the one NaN and −0.0 is never stored: one equality everywhere. */
public final class DoubleVector extends Vector {

    private double[] values = {};

    public DoubleVector() {
        super(DataType.DOUBLE);
    }

    public double[] values() {
        return values;
    }

    public double get(int row) {
        return values[row];
    }

    public void set(int row, double value) {
        values[row] = canonical(value);
    }

    /** −0.0 becomes +0.0; NaN becomes the canonical NaN. */
    public static double canonical(double value) {
        return value != value ? Double.NaN : value + 0.0;
    }

    /** The total order of the engine: NaN equals NaN and is largest. */
    public static int compare(double a, double b) {
        return Double.compare(canonical(a), canonical(b));
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
        values[row] = ((DoubleVector) source).values[sourceRow];
    }

    @Override
    Object valueObject(int row) {
        return values[row];
    }
}
