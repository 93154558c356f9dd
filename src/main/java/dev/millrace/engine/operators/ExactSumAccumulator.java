package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.LongVector;
import dev.millrace.data.Vector;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Arrays;

/**
 * SUM and AVG of integers and decimals: a 192-bit integer and the count of values, so that no sum of 2^63 values of 38
 * digits overflows in passing; only a result that does not fit its type is an error.
 */
final class ExactSumAccumulator extends Accumulator {

    private static final int WORDS = 3;

    private final boolean average;
    private final int scale;
    private long[] words = {};
    private long[] counts = {};

    ExactSumAccumulator(boolean average, DataType argument) {
        this.average = average;
        this.scale = argument instanceof DataType.Decimal decimal ? decimal.scale() : 0;
    }

    @Override
    void ensure(int slots) {
        if (slots > counts.length) {
            int length = Math.max(slots, counts.length * 2);
            counts = Arrays.copyOf(counts, length);
            words = Arrays.copyOf(words, length * WORDS);
        }
    }

    @Override
    void add(Vector argument, int[] rows, int[] slots, long[] weights, int count) {
        if (argument instanceof LongVector longs) {
            long[] values = longs.values();
            for (int k = 0; k < count; k++) {
                long value = values[rows[k]];
                long weight = weights[k];
                counts[slots[k]] += weight;
                long low = value * weight;
                add(slots[k], low, Math.multiplyHigh(value, weight));
            }
            return;
        }
        DecimalVector decimals = (DecimalVector) argument;
        for (int k = 0; k < count; k++) {
            counts[slots[k]] += weights[k];
            addProduct(slots[k], decimals.high(rows[k]), decimals.low(rows[k]), weights[k]);
        }
    }

    private void add(int slot, long low, long middle) {
        add(slot, low, middle, middle >> 63);
    }

    private void add(int slot, long low, long middle, long high) {
        int at = slot * WORDS;
        long sum = words[at] + low;
        long carry = Long.compareUnsigned(sum, low) < 0 ? 1 : 0;
        words[at] = sum;
        long second = words[at + 1] + middle;
        long carrySecond = Long.compareUnsigned(second, middle) < 0 ? 1 : 0;
        long third = second + carry;
        carrySecond += carry == 1 && third == 0 ? 1 : 0;
        words[at + 1] = third;
        words[at + 2] += high + carrySecond;
    }

    private void addProduct(int slot, long high, long low, long weight) {
        if (weight == 1) {
            add(slot, low, high);
            return;
        }
        // low is unsigned: low * weight = signed product, corrected where low's top bit is set
        long productLow = low * weight;
        long productMiddle = Math.multiplyHigh(low, weight) + (low < 0 ? weight : 0);
        add(slot, productLow, productMiddle);
        add(slot, 0, high * weight, Math.multiplyHigh(high, weight));
    }

    @Override
    void merge(int slot, Accumulator other, int otherSlot) {
        ExactSumAccumulator from = (ExactSumAccumulator) other;
        int at = otherSlot * WORDS;
        counts[slot] += from.counts[otherSlot];
        add(slot, from.words[at], from.words[at + 1], from.words[at + 2]);
    }

    private BigInteger sum(int slot) {
        int at = slot * WORDS;
        byte[] bytes = new Bytes(24)
                .putLong(words[at + 2])
                .putLong(words[at + 1])
                .putLong(words[at])
                .toByteArray();
        return new BigInteger(bytes);
    }

    private boolean isLong(int slot) {
        int at = slot * WORDS;
        long sign = words[at] >> 63;
        return words[at + 1] == sign && words[at + 2] == sign;
    }

    @Override
    void result(int slot, Vector out, int row) {
        if (counts[slot] <= 0) {
            out.setNull(row);
        } else if (average) {
            average(slot, out, row);
        } else if (out instanceof LongVector longs) {
            if (isLong(slot)) {
                longs.set(row, words[slot * WORDS]);
            } else {
                out.setError(row, CellError.OVERFLOW);
            }
        } else {
            ((DecimalVector) out).setChecked(row, sum(slot));
        }
    }

    private void average(int slot, Vector out, int row) {
        long count = counts[slot];
        if (out instanceof DoubleVector doubles) {
            long low = words[slot * WORDS];
            boolean exact = isLong(slot) && Math.abs(low) <= 1L << 53 && count <= 1L << 53;
            doubles.set(
                    row,
                    exact
                            ? (double) low / count
                            : new BigDecimal(sum(slot))
                                    .divide(BigDecimal.valueOf(count), MathContext.DECIMAL128)
                                    .doubleValue());
            return;
        }
        DecimalVector decimals = (DecimalVector) out;
        BigDecimal mean = new BigDecimal(sum(slot), scale)
                .divide(BigDecimal.valueOf(count), decimals.scale(), RoundingMode.HALF_UP);
        decimals.setChecked(row, mean.unscaledValue());
    }

    @Override
    void write(int slot, Bytes out) {
        out.putZigzag(counts[slot]);
        if (isLong(slot)) {
            out.put(1).putZigzag(words[slot * WORDS]);
        } else {
            out.put(WORDS);
            for (int i = 0; i < WORDS; i++) {
                out.putLong(words[slot * WORDS + i]);
            }
        }
    }

    @Override
    void read(int slot, Bytes.Reader in) {
        counts[slot] = in.getZigzag();
        int at = slot * WORDS;
        if (in.get() == 1) {
            words[at] = in.getZigzag();
            words[at + 1] = words[at] >> 63;
            words[at + 2] = words[at + 1];
        } else {
            for (int i = 0; i < WORDS; i++) {
                words[at + i] = in.getLong();
            }
        }
    }

    @Override
    boolean isEmpty(int slot) {
        int at = slot * WORDS;
        return counts[slot] == 0 && words[at] == 0 && words[at + 1] == 0 && words[at + 2] == 0;
    }

    @Override
    void clear() {
        Arrays.fill(words, 0);
        Arrays.fill(counts, 0);
    }

    @Override
    void move(int to, int from) {
        counts[to] = counts[from];
        System.arraycopy(words, from * WORDS, words, to * WORDS, WORDS);
    }

    @Override
    void clear(int slot) {
        counts[slot] = 0;
        Arrays.fill(words, slot * WORDS, slot * WORDS + WORDS, 0);
    }
}
