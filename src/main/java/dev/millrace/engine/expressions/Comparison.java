package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.BytesVector;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Int128;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowCodec;
import dev.millrace.data.Vector;
import dev.millrace.plan.Function;
import java.math.BigDecimal;
import java.util.Arrays;

/** Compares two cells of one type in the engine's one order. */
final class Comparison implements Kernel {

    private final Function function;
    private final Kernel left;
    private final Kernel right;
    private final LongVector out = new LongVector(DataType.BOOLEAN);
    private final Bytes leftBytes = new Bytes();
    private final Bytes rightBytes = new Bytes();

    Comparison(Function function, Kernel left, Kernel right) {
        this.function = function;
        this.left = left;
        this.right = right;
    }

    @Override
    public Vector evaluate(Batch batch) {
        Vector a = left.evaluate(batch);
        Vector b = right.evaluate(batch);
        int rows = batch.size();
        out.reset(rows);
        if (function == Function.IS_DISTINCT_FROM || function == Function.IS_NOT_DISTINCT_FROM) {
            distinct(a, b, rows);
            return out;
        }
        out.mergeMarks(a, rows);
        out.mergeMarks(b, rows);
        if (a instanceof LongVector x && b instanceof LongVector y) {
            longs(x.values(), y.values(), rows);
        } else if (a instanceof BytesVector x && b instanceof BytesVector y && isEquality()) {
            bytesEqual(x, y, rows);
        } else {
            for (int i = 0; i < rows; i++) {
                if (out.isValue(i)) {
                    out.set(i, holds(compare(a, b, i)) ? 1 : 0);
                }
            }
        }
        return out;
    }

    private boolean isEquality() {
        return function == Function.EQUALS || function == Function.NOT_EQUALS;
    }

    private void longs(long[] a, long[] b, int rows) {
        long[] to = out.values();
        switch (function) {
            case EQUALS -> {
                for (int i = 0; i < rows; i++) {
                    to[i] = a[i] == b[i] ? 1 : 0;
                }
            }
            case NOT_EQUALS -> {
                for (int i = 0; i < rows; i++) {
                    to[i] = a[i] != b[i] ? 1 : 0;
                }
            }
            case LESS -> {
                for (int i = 0; i < rows; i++) {
                    to[i] = a[i] < b[i] ? 1 : 0;
                }
            }
            case LESS_OR_EQUAL -> {
                for (int i = 0; i < rows; i++) {
                    to[i] = a[i] <= b[i] ? 1 : 0;
                }
            }
            case GREATER -> {
                for (int i = 0; i < rows; i++) {
                    to[i] = a[i] > b[i] ? 1 : 0;
                }
            }
            default -> {
                for (int i = 0; i < rows; i++) {
                    to[i] = a[i] >= b[i] ? 1 : 0;
                }
            }
        }
    }

    private void bytesEqual(BytesVector a, BytesVector b, int rows) {
        long[] to = out.values();
        int whenEqual = function == Function.EQUALS ? 1 : 0;
        for (int i = 0; i < rows; i++) {
            if (!out.isValue(i)) {
                continue;
            }
            int length = a.length(i);
            int aStart = a.start(i);
            int bStart = b.start(i);
            boolean equal = length == b.length(i)
                    && Arrays.equals(a.slab(), aStart, aStart + length, b.slab(), bStart, bStart + length);
            to[i] = equal ? whenEqual : 1 - whenEqual;
        }
    }

    private boolean holds(int comparison) {
        return switch (function) {
            case EQUALS -> comparison == 0;
            case NOT_EQUALS -> comparison != 0;
            case LESS -> comparison < 0;
            case LESS_OR_EQUAL -> comparison <= 0;
            case GREATER -> comparison > 0;
            default -> comparison >= 0;
        };
    }

    private void distinct(Vector a, Vector b, int rows) {
        boolean whenDistinct = function == Function.IS_DISTINCT_FROM;
        for (int i = 0; i < rows; i++) {
            byte mark = (byte) Math.max(a.mark(i), b.mark(i));
            if (CellError.isError(mark)) {
                out.setMark(i, mark);
                continue;
            }
            boolean bothNull = a.isNull(i) && b.isNull(i);
            boolean differ = !bothNull && (mark == CellError.NULL || compare(a, b, i) != 0);
            out.set(i, differ == whenDistinct ? 1 : 0);
        }
    }

    private int compare(Vector a, Vector b, int row) {
        if (a instanceof LongVector x && b instanceof LongVector y) {
            return Long.compare(x.get(row), y.get(row));
        }
        if (a instanceof DoubleVector x && b instanceof DoubleVector y) {
            return DoubleVector.compare(x.get(row), y.get(row));
        }
        if (a instanceof BytesVector x && b instanceof BytesVector y) {
            return BytesVector.compare(x, row, y, row);
        }
        if (a instanceof DecimalVector x && b instanceof DecimalVector y) {
            return x.scale() == y.scale()
                    ? Int128.compare(x.high(row), x.low(row), y.high(row), y.low(row))
                    : new BigDecimal(x.unscaled(row), x.scale()).compareTo(new BigDecimal(y.unscaled(row), y.scale()));
        }
        leftBytes.clear();
        rightBytes.clear();
        RowCodec.encode(a, row, leftBytes);
        RowCodec.encode(b, row, rightBytes);
        return Arrays.compareUnsigned(
                leftBytes.array(), 0, leftBytes.length(), rightBytes.array(), 0, rightBytes.length());
    }
}
