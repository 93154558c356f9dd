package dev.millrace.engine.operators;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.data.Bytes;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The sum of doubles is exact, rounded once, and forgets what is taken out. */
class SuperaccumulatorTest {

    private static double anyDouble(Random random) {
        return switch (random.nextInt(5)) {
            case 0 -> random.nextGaussian();
            case 1 -> random.nextGaussian() * 1e300;
            case 2 -> Double.longBitsToDouble(random.nextLong() & 0x000FFFFFFFFFFFFFL);
            case 3 -> random.nextInt(100);
            default -> {
                double value = Double.longBitsToDouble(random.nextLong());
                yield Double.isFinite(value) ? value / 1024 : 1e-300;
            }
        };
    }

    @Test
    void equalsTheExactSumRoundedOnce() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 300; round++) {
            Superaccumulator sum = new Superaccumulator();
            BigDecimal exact = BigDecimal.ZERO;
            for (int i = 0; i < random.nextInt(60); i++) {
                double value = anyDouble(random);
                long weight = random.nextInt(7) - 3;
                sum.add(value, weight);
                exact = exact.add(new BigDecimal(value).multiply(BigDecimal.valueOf(weight)));
            }
            assertEquals(exact.doubleValue() + 0.0, sum.value() + 0.0, "seed " + seed);
        }
    }

    @Test
    void orderPartsAndStorageLeaveNoTrace() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 100; round++) {
            List<Double> values = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                values.add(anyDouble(random));
            }
            Superaccumulator whole = new Superaccumulator();
            values.forEach(value -> whole.add(value, 1));
            Collections.shuffle(values, random);
            Superaccumulator left = new Superaccumulator();
            Superaccumulator right = new Superaccumulator();
            values.forEach(value -> (random.nextBoolean() ? left : right).add(value, 1));
            Bytes stored = new Bytes();
            left.write(stored);
            Superaccumulator merged = Superaccumulator.read(new Bytes.Reader(stored.toByteArray()));
            merged.merge(right);
            assertEquals(whole.value(), merged.value(), "seed " + seed);
            values.forEach(value -> merged.add(value, -1));
            assertTrue(merged.isEmpty(), "seed " + seed);
        }
    }

    @Test
    void manyAdditionsCarry() {
        Superaccumulator sum = new Superaccumulator();
        for (int i = 0; i < 100_000; i++) {
            sum.add(0x1.fffffffffffffp1000, 1L << 20);
        }
        sum.add(0x1.fffffffffffffp1000, -100_000 * (1L << 20) + 3);
        assertEquals(3 * 0x1.fffffffffffffp1000, sum.value());
    }

    @Test
    void nanAndInfinitiesCanBeTakenOut() {
        Superaccumulator sum = new Superaccumulator();
        sum.add(1.5, 1);
        sum.add(Double.NaN, 1);
        sum.add(Double.POSITIVE_INFINITY, 1);
        assertTrue(Double.isNaN(sum.value()));
        sum.add(Double.NaN, -1);
        assertEquals(Double.POSITIVE_INFINITY, sum.value());
        sum.add(Double.POSITIVE_INFINITY, -1);
        assertEquals(1.5, sum.value());
    }

    /** S14: in parts, in storage and behind it. */
    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void nanAndInfinitiesAreMergedAndStored(double special) {
        Superaccumulator part = new Superaccumulator();
        part.add(special, 2);
        Superaccumulator sum = new Superaccumulator();
        sum.add(1.5, 1);
        sum.merge(part);
        Bytes stored = new Bytes();
        sum.write(stored);
        Superaccumulator read = Superaccumulator.read(new Bytes.Reader(stored.toByteArray()));
        for (Superaccumulator same : List.of(sum, read)) {
            assertEquals(special, same.value());
            assertEquals(special, same.average(3));
            same.add(-special, 1);
            assertTrue(Double.isNaN(same.value()), "of both infinities there is no sum");
            same.add(-special, -1);
            same.add(special, -1);
            assertEquals(special, same.value());
            same.add(special, -1);
            assertEquals(1.5, same.value());
        }
    }

    @Test
    void averagesAreRoundedOnce() {
        Superaccumulator large = new Superaccumulator();
        large.add(1.5e308, 2);
        assertEquals(1.5e308, large.average(2));
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 300; i++) {
            Superaccumulator sum = new Superaccumulator();
            BigDecimal exact = BigDecimal.ZERO;
            int count = 1 + random.nextInt(50);
            for (int k = 0; k < count; k++) {
                double value = random.nextGaussian() * Math.pow(10, random.nextInt(30) - 15);
                value = random.nextInt(10) == 0 ? Double.MIN_VALUE * random.nextInt(9) : value;
                sum.add(value, 1);
                exact = exact.add(new BigDecimal(value));
            }
            double expected = exact.divide(BigDecimal.valueOf(count), new java.math.MathContext(1_500))
                    .doubleValue();
            assertEquals(expected, sum.average(count), "seed " + seed);
        }
    }
}
