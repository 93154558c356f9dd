package dev.millrace.data;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;

/** DECIMAL cells: unscaled 128-bit integers as a high and a low {@code long}; all cells have the type's scale. */
public final class DecimalVector extends Vector {

    private long[] highs = {};
    private long[] lows = {};

    public DecimalVector(DataType.Decimal type) {
        super(type);
    }

    public int scale() {
        return ((DataType.Decimal) type()).scale();
    }

    public int precision() {
        return ((DataType.Decimal) type()).precision();
    }

    public long high(int row) {
        return highs[row];
    }

    public long low(int row) {
        return lows[row];
    }

    public boolean isLong(int row) {
        return Int128.isLong(highs[row], lows[row]);
    }

    public void set(int row, long high, long low) {
        highs[row] = high;
        lows[row] = low;
    }

    /** Sets the unscaled value, or an overflow error where it needs more digits than the type has. */
    public void setChecked(int row, long high, long low) {
        if (Int128.fits(high, low, precision())) {
            set(row, high, low);
        } else {
            setError(row, CellError.OVERFLOW);
        }
    }

    public void setChecked(int row, BigInteger unscaled) {
        if (Int128.fits(unscaled, precision())) {
            set(row, Int128.high(unscaled), unscaled.longValue());
        } else {
            setError(row, CellError.OVERFLOW);
        }
    }

    public BigInteger unscaled(int row) {
        return Int128.toBigInteger(highs[row], lows[row]);
    }

    @Override
    void clearContent() {}

    @Override
    int capacity() {
        return lows.length;
    }

    @Override
    void grow(int rows) {
        highs = Arrays.copyOf(highs, rows);
        lows = Arrays.copyOf(lows, rows);
    }

    @Override
    void copyValue(int row, Vector source, int sourceRow) {
        DecimalVector from = (DecimalVector) source;
        set(row, from.highs[sourceRow], from.lows[sourceRow]);
    }

    @Override
    Object valueObject(int row) {
        return new BigDecimal(unscaled(row), scale());
    }
}
