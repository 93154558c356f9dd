package dev.millrace.data;

/**
 * The one byte encoding of cells: comparing encoded rows as unsigned bytes orders them as SQL does, with NULL first, NaN
 * largest and strings by their UTF-8 bytes; equal rows have equal bytes. Keys, stored rows and row hashes all use it.
 *
 * <p>Format 1: a tag byte (0 NULL, 1 value), then: BOOLEAN one byte; INT, DATE four bytes and BIGINT, TIMESTAMP eight,
 * sign bit flipped; DOUBLE eight, flipped by sign; DECIMAL sixteen, sign bit flipped; STRING, BINARY with 0 escaped as
 * {@code 0 FF} and {@code 0 0} at the end; ARRAY each element behind a 1, then 0; ROW its fields.
 */
public final class RowCodec {

    /** Stands at the head of each stored value. */
    public static final int FORMAT = 1;

    /** What stands around the bytes of a STRING or BINARY in its encoding: a 1 before, two 0 behind. */
    static final int AROUND_BYTES = 3;

    private static final long SIGN = Long.MIN_VALUE;

    private RowCodec() {}

    /** Appends the cell; the cell must not be an error. */
    public static void encode(Vector column, int row, Bytes out) {
        byte mark = column.mark(row);
        if (mark != CellError.VALUE) {
            if (mark != CellError.NULL) {
                throw new IllegalStateException("an error cell cannot be encoded: " + CellError.ofMark(mark));
            }
            out.put(0);
            return;
        }
        switch (column.type().kind()) {
            case BOOLEAN -> out.put(1).put((int) ((LongVector) column).get(row));
            case INT, DATE -> out.put(1).putInt((int) ((LongVector) column).get(row) ^ Integer.MIN_VALUE);
            case BIGINT, TIMESTAMP -> out.put(1).putLong(((LongVector) column).get(row) ^ SIGN);
            case DOUBLE -> out.put(1).putLong(orderedBits(((DoubleVector) column).get(row)));
            case DECIMAL -> {
                DecimalVector decimals = (DecimalVector) column;
                out.put(1).putLong(decimals.high(row) ^ SIGN).putLong(decimals.low(row));
            }
            case STRING, BINARY -> {
                BytesVector bytes = (BytesVector) column;
                encodeBytes(bytes.slab(), bytes.start(row), bytes.length(row), out);
            }
            case ARRAY -> encodeArray((ArrayVector) column, row, out);
            case ROW -> {
                RowVector fields = (RowVector) column;
                out.put(1);
                for (int i = 0; i < fields.fieldCount(); i++) {
                    encode(fields.field(i), row, out);
                }
            }
        }
    }

    public static void encodeNull(Bytes out) {
        out.put(0);
    }

    /** The encoding of a TIMESTAMP or BIGINT cell of that value. */
    public static void encodeLong(long value, Bytes out) {
        out.put(1).putLong(value ^ SIGN);
    }

    static void encodeBytes(byte[] bytes, int start, int length, Bytes out) {
        out.put(1);
        if (!out.putWithoutZeros(bytes, start, length)) {
            int from = start;
            int end = start + length;
            for (int i = start; i < end; i++) {
                if (bytes[i] == 0) {
                    out.put(bytes, from, i - from).put(0).put(0xFF);
                    from = i + 1;
                }
            }
            out.put(bytes, from, end - from);
        }
        out.putShort(0);
    }

    private static void encodeArray(ArrayVector arrays, int row, Bytes out) {
        out.put(1);
        int start = arrays.start(row);
        for (int i = 0; i < arrays.length(row); i++) {
            out.put(1);
            encode(arrays.elements(), start + i, out);
        }
        out.put(0);
    }

    /** Appends the cell that is encoded at {@code reader} to {@code target} and moves the reader behind it. */
    public static void decode(Bytes.Reader reader, Vector target) {
        int row = target.append();
        decode(reader, target, row);
    }

    private static void decode(Bytes.Reader reader, Vector target, int row) {
        if (reader.get() == 0) {
            target.setNull(row);
            return;
        }
        switch (target.type().kind()) {
            case BOOLEAN -> ((LongVector) target).set(row, reader.get());
            case INT, DATE -> ((LongVector) target).set(row, reader.getInt() ^ Integer.MIN_VALUE);
            case BIGINT, TIMESTAMP -> ((LongVector) target).set(row, reader.getLong() ^ SIGN);
            case DOUBLE -> ((DoubleVector) target).set(row, fromOrderedBits(reader.getLong()));
            case DECIMAL -> ((DecimalVector) target).set(row, reader.getLong() ^ SIGN, reader.getLong());
            case STRING, BINARY -> decodeBytes(reader, (BytesVector) target, row);
            case ARRAY -> {
                ArrayVector arrays = (ArrayVector) target;
                int start = arrays.elements().size();
                while (reader.get() == 1) {
                    decode(reader, arrays.elements());
                }
                arrays.setRange(row, start, arrays.elements().size() - start);
            }
            case ROW -> {
                RowVector fields = (RowVector) target;
                for (int i = 0; i < fields.fieldCount(); i++) {
                    decode(reader, fields.field(i), row);
                }
            }
        }
    }

    private static void decodeBytes(Bytes.Reader reader, BytesVector target, int row) {
        byte[] bytes = reader.bytes();
        int start = reader.position();
        int end = start;
        int escapes = 0;
        while (bytes[end] != 0 || bytes[end + 1] != 0) {
            if (bytes[end] == 0) {
                escapes++;
                end++;
            }
            end++;
        }
        int length = end - start - escapes;
        int at = target.reserveBytes(length);
        byte[] slab = target.slab();
        for (int i = start; i < end; i++) {
            slab[at++] = bytes[i];
            if (bytes[i] == 0) {
                i++;
            }
        }
        target.commit(row, length);
        reader.position(end + 2);
    }

    /** Bits of a double whose unsigned order is the engine's order of doubles. */
    public static long orderedBits(double value) {
        long bits = Double.doubleToLongBits(DoubleVector.canonical(value));
        return bits < 0 ? ~bits : bits | SIGN;
    }

    public static double fromOrderedBits(long ordered) {
        return Double.longBitsToDouble(ordered < 0 ? ordered & ~SIGN : ~ordered);
    }
}
