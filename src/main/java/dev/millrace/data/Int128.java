package dev.millrace.data;

import java.math.BigInteger;

/**
 * Arithmetic on 128-bit two's complement integers as a high and a low {@code long}. Functions that give two longs give
 * the high one by a method of its own, so that nothing is allocated; a decimal's range is checked by {@link #fits}.
 */
public final class Int128 {

    private static final BigInteger[] POWERS = new BigInteger[80];
    private static final long[] LONG_POWERS = new long[19];
    private static final BigInteger LOW_MASK = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

    static {
        POWERS[0] = BigInteger.ONE;
        for (int i = 1; i < POWERS.length; i++) {
            POWERS[i] = POWERS[i - 1].multiply(BigInteger.TEN);
        }
        for (int i = 0; i < LONG_POWERS.length; i++) {
            LONG_POWERS[i] = POWERS[i].longValueExact();
        }
    }

    private Int128() {}

    /** 10 to the power of {@code exponent}, 0 to 79. */
    public static BigInteger powerOfTen(int exponent) {
        return POWERS[exponent];
    }

    /** 10 to the power of {@code exponent}, 0 to 18. */
    public static long longPowerOfTen(int exponent) {
        return LONG_POWERS[exponent];
    }

    public static long addHigh(long aHigh, long aLow, long bHigh, long bLow) {
        long low = aLow + bLow;
        return aHigh + bHigh + (Long.compareUnsigned(low, aLow) < 0 ? 1 : 0);
    }

    /** The high half of −(high, low); the low half is {@code -low}. */
    public static long negateHigh(long high, long low) {
        return ~high + (low == 0 ? 1 : 0);
    }

    public static int compare(long aHigh, long aLow, long bHigh, long bLow) {
        int byHigh = Long.compare(aHigh, bHigh);
        return byHigh != 0 ? byHigh : Long.compareUnsigned(aLow, bLow);
    }

    /** Whether the value is a {@code long} (its low half). */
    public static boolean isLong(long high, long low) {
        return high == low >> 63;
    }

    public static BigInteger toBigInteger(long high, long low) {
        return BigInteger.valueOf(high).shiftLeft(64).or(BigInteger.valueOf(low).and(LOW_MASK));
    }

    public static long high(BigInteger value) {
        return value.shiftRight(64).longValue();
    }

    /** Whether |value| &lt; 10^precision. */
    public static boolean fits(BigInteger value, int precision) {
        return value.abs().compareTo(POWERS[precision]) < 0;
    }

    /** Whether |(high, low)| &lt; 10^precision. */
    public static boolean fits(long high, long low, int precision) {
        if (isLong(high, low)) {
            return precision > 18 || (low > -LONG_POWERS[precision] && low < LONG_POWERS[precision]);
        }
        return precision > 18 && fits(toBigInteger(high, low), precision);
    }
}
