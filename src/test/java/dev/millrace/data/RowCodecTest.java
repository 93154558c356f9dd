package dev.millrace.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Encoded cells come back as they were, and their bytes have the order of the values. */
class RowCodecTest {

    static List<DataType> types() {
        return List.of(
                DataType.BOOLEAN,
                DataType.INT,
                DataType.BIGINT,
                DataType.DOUBLE,
                new DataType.Decimal(38, 4),
                DataType.STRING,
                DataType.BINARY,
                DataType.TIMESTAMP_MICROS,
                DataType.DATE,
                new DataType.Array(DataType.STRING),
                new DataType.Row(List.of(
                        new Field("a", DataType.INT, true),
                        new Field("b", new DataType.Array(DataType.BIGINT), true))));
    }

    private static void random(Vector target, int row, Random random) {
        if (random.nextInt(6) == 0) {
            target.setNull(row);
            return;
        }
        switch (target.type().kind()) {
            case BOOLEAN -> ((LongVector) target).set(row, random.nextInt(2));
            case INT, DATE -> ((LongVector) target).set(row, random.nextInt());
            case BIGINT, TIMESTAMP -> ((LongVector) target).set(row, random.nextLong() >> random.nextInt(64));
            case DOUBLE -> {
                double[] special = {Double.NaN, -0.0, 0.0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
                boolean any = random.nextInt(3) > 0;
                ((DoubleVector) target)
                        .set(
                                row,
                                any
                                        ? Double.longBitsToDouble(random.nextLong())
                                        : special[random.nextInt(special.length)]);
            }
            case DECIMAL -> {
                BigInteger value = new BigInteger(random.nextInt(126), random);
                value = random.nextBoolean() ? value : value.negate();
                ((DecimalVector) target).set(row, Int128.high(value), value.longValue());
            }
            case STRING, BINARY -> {
                byte[] bytes = new byte[random.nextInt(6)];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = (byte) random.nextInt(target.type().kind() == DataType.Kind.STRING ? 3 : 256);
                }
                ((BytesVector) target).set(row, bytes);
            }
            case ARRAY -> {
                ArrayVector arrays = (ArrayVector) target;
                int start = arrays.elements().size();
                int length = random.nextInt(4);
                for (int i = 0; i < length; i++) {
                    random(arrays.elements(), arrays.elements().append(), random);
                }
                arrays.setRange(row, start, length);
            }
            case ROW -> {
                RowVector rows = (RowVector) target;
                for (int i = 0; i < rows.fieldCount(); i++) {
                    random(rows.field(i), row, random);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    void comesBackAndKeepsOrder(DataType type) {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int count = 400;
        Vector column = Vector.create(type);
        column.reset(count);
        for (int row = 0; row < count; row++) {
            column.setMark(row, CellError.VALUE);
            random(column, row, random);
        }
        byte[][] encoded = new byte[count][];
        Vector decoded = Vector.create(type);
        decoded.reset(0);
        for (int row = 0; row < count; row++) {
            Bytes bytes = new Bytes(1);
            RowCodec.encode(column, row, bytes);
            encoded[row] = bytes.toByteArray();
            Bytes.Reader reader = new Bytes.Reader(encoded[row]);
            RowCodec.decode(reader, decoded);
            assertEquals(encoded[row].length, reader.position());
            assertEquals(text(column, row), text(decoded, row), "seed " + seed);
        }
        for (int i = 0; i + 1 < count; i++) {
            int byBytes = Integer.signum(Arrays.compareUnsigned(encoded[i], encoded[i + 1]));
            assertEquals(compare(column, i, i + 1), byBytes, "seed " + seed);
        }
    }

    private static String text(Vector column, int row) {
        Object value = column.toObject(row);
        return value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value);
    }

    /** The order of SQL with NULL first, told from the values themselves. */
    private static int compare(Vector column, int a, int b) {
        if (column.isNull(a) || column.isNull(b)) {
            return Boolean.compare(column.isNull(b), column.isNull(a));
        }
        if (column instanceof LongVector longs) {
            return Long.compare(longs.get(a), longs.get(b));
        }
        if (column instanceof DoubleVector doubles) {
            return Double.compare(doubles.get(a), doubles.get(b));
        }
        if (column instanceof DecimalVector decimals) {
            return decimals.unscaled(a).compareTo(decimals.unscaled(b));
        }
        if (column instanceof BytesVector bytes) {
            return Integer.signum(BytesVector.compare(bytes, a, bytes, b));
        }
        if (column instanceof ArrayVector arrays) {
            for (int i = 0; i < Math.min(arrays.length(a), arrays.length(b)); i++) {
                int order = compare(arrays.elements(), arrays.start(a) + i, arrays.start(b) + i);
                if (order != 0) {
                    return order;
                }
            }
            return Integer.compare(arrays.length(a), arrays.length(b));
        }
        RowVector rows = (RowVector) column;
        for (int i = 0; i < rows.fieldCount(); i++) {
            int order = compare(rows.field(i), a, b);
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    /** Key groups and operator numbers are in stored state: they outlive the process, and the build. */
    @Test
    void theHashIsFrozen() {
        byte[] text = "millrace millrace".getBytes(java.nio.charset.StandardCharsets.UTF_8);
        assertEquals(5966610462041589369L, Hash.hash(Arrays.copyOf(text, 8)));
        long[] frozen = {
            -7608971482456427359L,
            3840885121216478850L,
            -2749396908928602427L,
            8642963054441800837L,
            -7492372864783030121L
        };
        int[] lengths = {0, 1, 7, 11, 17};
        for (int i = 0; i < lengths.length; i++) {
            assertEquals(frozen[i], Hash.hash(Arrays.copyOf(text, lengths[i])), "of " + lengths[i] + " bytes");
            assertEquals(frozen[i], Hash.hash(Arrays.copyOf(text, 40), 0, lengths[i]), "in a longer array");
        }
        assertEquals(-4155599118426012762L, Hash.combine(1, -2));
        assertEquals(List.of(1, 31, 1), List.of(Hash.keyGroup(1, 32), Hash.keyGroup(-1, 32), Hash.keyGroup(-1, 7)));
    }
}
