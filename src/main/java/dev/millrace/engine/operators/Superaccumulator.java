package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import java.math.BigInteger;
import java.util.Arrays;

/**
 * An exact sum of doubles, after R. M. Neal, "Fast exact summation using small and large superaccumulators" (2015): the
 * range of a double is cut into chunks of 32 bits, each a long with room for carries. Only the chunks that are in use are
 * stored. NaN and the infinities are counted beside, so that they too can be taken out again.
 */
final class Superaccumulator {

    private static final int CHUNK_BITS = 32;
    private static final long CHUNK_MASK = 0xFFFFFFFFL;
    private static final int MANTISSA_BITS = 52;
    private static final int LEAST_EXPONENT = -1074;
    private static final long MAX_WEIGHT = 1L << 20;
    private static final long MAX_PENDING = 1L << 61;

    private long nans;
    private long positiveInfinities;
    private long negativeInfinities;
    private int base;
    private long[] chunks = {};
    private long pending;

    void add(double value, long weight) {
        if (value - value != 0) {
            addSpecial(value, weight);
            return;
        }
        long bits = Double.doubleToRawLongBits(value);
        int biased = (int) (bits >>> MANTISSA_BITS) & 0x7FF;
        long mantissa = bits & (1L << MANTISSA_BITS) - 1;
        if (biased != 0) {
            mantissa |= 1L << MANTISSA_BITS;
        }
        if (mantissa == 0) {
            return;
        }
        int shift = Math.max(biased, 1) - 1;
        long rest = bits < 0 ? -weight : weight;
        while (rest != 0) {
            long part = Math.max(-MAX_WEIGHT, Math.min(MAX_WEIGHT, rest));
            addShifted(mantissa, shift, part);
            rest -= part;
        }
    }

    private void addSpecial(double value, long weight) {
        if (Double.isNaN(value)) {
            nans += weight;
        } else if (value > 0) {
            positiveInfinities += weight;
        } else {
            negativeInfinities += weight;
        }
    }

    /** Adds {@code mantissa * 2^shift * weight}, in units of the least double. */
    private void addShifted(long mantissa, int shift, long weight) {
        int chunk = shift / CHUNK_BITS;
        int within = shift % CHUNK_BITS;
        cover(chunk, chunk + 3);
        long low = mantissa << within;
        long high = within == 0 ? 0 : mantissa >>> 64 - within;
        int at = chunk - base;
        chunks[at] += (low & CHUNK_MASK) * weight;
        chunks[at + 1] += (low >>> CHUNK_BITS) * weight;
        chunks[at + 2] += high * weight;
        pending += Math.abs(weight) << CHUNK_BITS;
        if (pending > MAX_PENDING) {
            normalise();
        }
    }

    /** Makes chunks {@code [from, to)} exist. */
    private void cover(int from, int to) {
        if (chunks.length == 0) {
            base = from;
            chunks = new long[to - from];
        } else if (from < base || to > base + chunks.length) {
            int newBase = Math.min(from, base);
            long[] wider = new long[Math.max(to, base + chunks.length) - newBase];
            System.arraycopy(chunks, 0, wider, base - newBase, chunks.length);
            base = newBase;
            chunks = wider;
        }
    }

    /** Carries over, so that all chunks but the last are in [0, 2^32), and drops what says nothing: one number, one form. */
    private void normalise() {
        long carry = 0;
        for (int i = 0; i < chunks.length; i++) {
            long value = chunks[i] + carry;
            if (i == chunks.length - 1) {
                if (value != (int) value) {
                    chunks = Arrays.copyOf(chunks, chunks.length + 1);
                    chunks[i] = value & CHUNK_MASK;
                    carry = value >> CHUNK_BITS;
                    continue;
                }
                chunks[i] = value;
            } else {
                chunks[i] = value & CHUNK_MASK;
                carry = value >> CHUNK_BITS;
            }
        }
        trim();
        pending = CHUNK_MASK;
    }

    private void trim() {
        int end = chunks.length;
        while (end > 0 && chunks[end - 1] == 0) {
            end--;
        }
        while (end > 1 && chunks[end - 1] == -1 && chunks[end - 2] > Integer.MAX_VALUE) {
            chunks[end - 2] -= 1L << CHUNK_BITS; // the sign of a negative number is repeated
            end--;
        }
        int start = 0;
        while (start < end && chunks[start] == 0) {
            start++;
        }
        if (start > 0 || end < chunks.length) {
            chunks = Arrays.copyOfRange(chunks, start, end);
            base += start;
        }
    }

    void merge(Superaccumulator other) {
        nans += other.nans;
        positiveInfinities += other.positiveInfinities;
        negativeInfinities += other.negativeInfinities;
        other.normalise();
        normalise();
        if (other.chunks.length > 0) {
            cover(other.base, other.base + other.chunks.length);
            for (int i = 0; i < other.chunks.length; i++) {
                chunks[other.base - base + i] += other.chunks[i];
            }
            pending += CHUNK_MASK;
        }
    }

    boolean isEmpty() {
        normalise();
        return chunks.length == 0 && nans == 0 && positiveInfinities == 0 && negativeInfinities == 0;
    }

    /** Whether a NaN or an infinity was added and not taken out: the result may be infinite or NaN then. */
    boolean hasSpecial() {
        return nans != 0 || positiveInfinities != 0 || negativeInfinities != 0;
    }

    /** The sum, rounded once, to the nearest double and ties to even; infinite where it is too large. */
    double value() {
        if (nans > 0 || (positiveInfinities > 0 && negativeInfinities > 0)) {
            return Double.NaN;
        }
        if (positiveInfinities > 0 || negativeInfinities > 0) {
            return positiveInfinities > 0 ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
        }
        normalise();
        return round(exact(), base * CHUNK_BITS + LEAST_EXPONENT);
    }

    /** The sum divided by a count above 0, rounded once. */
    double average(long count) {
        if (hasSpecial()) {
            return value();
        }
        normalise();
        BigInteger sum = exact();
        if (sum.signum() == 0) {
            return 0;
        }
        BigInteger divisor = BigInteger.valueOf(count);
        int shift = Math.max(0, 2 * Double.SIZE + divisor.bitLength() - sum.bitLength());
        BigInteger[] quotient = sum.abs().shiftLeft(shift).divideAndRemainder(divisor);
        BigInteger sticky = quotient[0].shiftLeft(1).or(BigInteger.valueOf(quotient[1].signum()));
        double average = round(sticky, base * CHUNK_BITS + LEAST_EXPONENT - shift - 1);
        return sum.signum() < 0 ? 0 - average : average;
    }

    private BigInteger exact() {
        BigInteger sum = BigInteger.ZERO;
        for (int i = chunks.length - 1; i >= 0; i--) {
            sum = sum.shiftLeft(CHUNK_BITS).add(BigInteger.valueOf(chunks[i]));
        }
        return sum;
    }

    /** {@code integer * 2^exponent}, rounded half to even. */
    static double round(BigInteger integer, int exponent) {
        BigInteger magnitude = integer.abs();
        int cut = Math.max(magnitude.bitLength() - (MANTISSA_BITS + 1), LEAST_EXPONENT - exponent);
        double result;
        if (cut <= 0) {
            result = Math.scalb((double) magnitude.longValue(), exponent);
        } else {
            BigInteger kept = magnitude.shiftRight(cut);
            boolean half = magnitude.testBit(cut - 1);
            boolean more = half && magnitude.getLowestSetBit() < cut - 1;
            if (half && (more || kept.testBit(0))) {
                kept = kept.add(BigInteger.ONE);
            }
            result = Math.scalb((double) kept.longValue(), exponent + cut);
        }
        return integer.signum() < 0 ? -result : result;
    }

    void write(Bytes out) {
        normalise();
        out.putZigzag(nans).putZigzag(positiveInfinities).putZigzag(negativeInfinities);
        out.putVarint(chunks.length);
        if (chunks.length > 0) {
            out.putVarint(base);
            for (long chunk : chunks) {
                out.putZigzag(chunk);
            }
        }
    }

    static Superaccumulator read(Bytes.Reader in) {
        Superaccumulator sum = new Superaccumulator();
        sum.nans = in.getZigzag();
        sum.positiveInfinities = in.getZigzag();
        sum.negativeInfinities = in.getZigzag();
        sum.chunks = new long[(int) in.getVarint()];
        if (sum.chunks.length > 0) {
            sum.base = (int) in.getVarint();
            for (int i = 0; i < sum.chunks.length; i++) {
                sum.chunks[i] = in.getZigzag();
            }
        }
        sum.pending = CHUNK_MASK;
        return sum;
    }
}
