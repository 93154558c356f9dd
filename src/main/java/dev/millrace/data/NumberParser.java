package dev.millrace.data;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;

/**
 * Reads a decimal number from bytes without making objects, as long as it has at most 18 digits; then gives it as a long, a
 * double or a decimal. One instance per decoder, reused.
 *
 * <p>Doubles: exact by Clinger's fast path (at most 15 digits and a power of ten up to 22), else by the JDK.
 */
public final class NumberParser {

    private static final double[] POWERS = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22
    };
    private static final int MAX_DIGITS = 18;

    private byte[] bytes;
    private int start;
    private int end;
    private boolean negative;
    private long digits;
    private int exponent;
    private boolean small;

    /** Reads the whole range {@code [start, end)} as {@code [+-]digits[.digits][e[+-]digits]}; false if it is not one. */
    public boolean parse(byte[] array, int from, int to) {
        bytes = array;
        start = from;
        end = to;
        int at = from;
        negative = false;
        if (at < to && (array[at] == '-' || array[at] == '+')) {
            negative = array[at++] == '-';
        }
        digits = 0;
        exponent = 0;
        int count = 0;
        int seen = 0;
        boolean point = false;
        for (; at < to; at++) {
            int digit = array[at] - '0';
            if (digit >= 0 && digit <= 9) {
                seen++;
                if (count > 0 || digit != 0) {
                    count++;
                }
                if (count <= MAX_DIGITS) {
                    digits = digits * 10 + digit;
                }
                exponent -= point ? 1 : 0;
            } else if (array[at] == '.' && !point) {
                point = true;
            } else {
                break;
            }
        }
        small = count <= MAX_DIGITS;
        if (seen == 0) {
            return false;
        }
        return at == to || parseExponent(at);
    }

    private boolean parseExponent(int from) {
        int at = from;
        if (bytes[at] != 'e' && bytes[at] != 'E') {
            return false;
        }
        at++;
        boolean minus = false;
        if (at < end && (bytes[at] == '-' || bytes[at] == '+')) {
            minus = bytes[at++] == '-';
        }
        if (at == end || end - at > 5) {
            return false;
        }
        int value = 0;
        for (; at < end; at++) {
            int digit = bytes[at] - '0';
            if (digit < 0 || digit > 9) {
                return false;
            }
            value = value * 10 + digit;
        }
        exponent += minus ? -value : value;
        return true;
    }

    /** Whether the number is a whole number within {@code long}; {@link #longValue} gives it then. */
    public boolean isLong() {
        if (small && exponent == 0) {
            return true;
        }
        if (small && digits == 0) {
            return true;
        }
        if (small && exponent < 0 && exponent >= -MAX_DIGITS) {
            return digits % Int128.longPowerOfTen(-exponent) == 0;
        }
        if (exponent > 20 || exponent < -400) {
            return false;
        }
        BigDecimal exact = bigDecimal();
        return exact.stripTrailingZeros().scale() <= 0 && exact.toBigInteger().bitLength() < 64;
    }

    public long longValue() {
        if (small && exponent <= 0 && exponent >= -MAX_DIGITS) {
            long whole = digits / Int128.longPowerOfTen(-exponent);
            return negative ? -whole : whole;
        }
        return digits == 0 && small ? 0 : bigDecimal().longValueExact();
    }

    /** The nearest double; infinite where the number is too large for one. */
    public double doubleValue() {
        if (small && digits < 1L << 53 && exponent >= -22 && exponent <= 22) {
            double value = exponent < 0 ? digits / POWERS[-exponent] : digits * POWERS[exponent];
            return negative ? 0.0 - value : value;
        }
        return DoubleVector.canonical(Double.parseDouble(text()));
    }

    /**
     * Sets the cell to the number. Digits beyond the scale must be zeros when {@code exact}, else they are rounded half up.
     * Returns false, the cell unset, where the number does not fit the type.
     */
    public boolean setDecimal(DecimalVector target, int row, boolean exact) {
        int shift = exponent + target.scale();
        if (small && shift >= 0 && shift <= MAX_DIGITS) {
            long factor = Int128.longPowerOfTen(shift);
            long high = Math.multiplyHigh(digits, factor);
            long low = digits * factor;
            long signedHigh = negative ? Int128.negateHigh(high, low) : high;
            long signedLow = negative ? -low : low;
            if (!Int128.fits(signedHigh, signedLow, target.precision())) {
                return false;
            }
            target.set(row, signedHigh, signedLow);
            return true;
        }
        if (small && digits == 0) {
            target.set(row, 0, 0);
            return true;
        }
        if (exponent > 400 || exponent < -4000) {
            return false;
        }
        BigDecimal value = bigDecimal();
        BigDecimal scaled = value.setScale(target.scale(), java.math.RoundingMode.HALF_UP);
        BigInteger unscaled = scaled.unscaledValue();
        if (exact && scaled.compareTo(value) != 0 || !Int128.fits(unscaled, target.precision())) {
            return false;
        }
        target.set(row, Int128.high(unscaled), unscaled.longValue());
        return true;
    }

    private BigDecimal bigDecimal() {
        return new BigDecimal(text());
    }

    private String text() {
        return new String(bytes, start, end - start, StandardCharsets.ISO_8859_1);
    }
}
