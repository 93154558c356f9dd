package dev.millrace.data;

import com.fasterxml.jackson.core.io.NumberOutput;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;

/** Values of scalar types as text, the way casts to STRING, CSV and the console show them. */
public final class TextWriter {

    private static final byte[] TRUE = "true".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FALSE = "false".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] MIN_LONG = "-9223372036854775808".getBytes(StandardCharsets.US_ASCII);

    private TextWriter() {}

    /** Appends a cell that is a value; times with {@code separator} between date and time of day. */
    public static void write(Vector column, int row, char separator, Bytes out) {
        switch (column.type().kind()) {
            case BOOLEAN -> out.put(((LongVector) column).get(row) != 0 ? TRUE : FALSE);
            case INT, BIGINT -> writeLong(((LongVector) column).get(row), out);
            case DOUBLE -> writeDouble(((DoubleVector) column).get(row), out);
            case DECIMAL -> writeDecimal((DecimalVector) column, row, out);
            case DATE -> TimeText.writeDate(((LongVector) column).get(row), out);
            case TIMESTAMP ->
                TimeText.writeTimestamp(
                        ((LongVector) column).get(row),
                        ((DataType.Timestamp) column.type()).precision(),
                        separator,
                        out);
            case STRING, BINARY -> {
                BytesVector bytes = (BytesVector) column;
                out.put(bytes.slab(), bytes.start(row), bytes.length(row));
            }
            case ARRAY, ROW -> out.put(String.valueOf(column.toObject(row)).getBytes(StandardCharsets.UTF_8));
        }
    }

    public static void writeLong(long value, Bytes out) {
        if (value == Long.MIN_VALUE) {
            out.put(MIN_LONG);
            return;
        }
        long rest = Math.abs(value);
        if (value < 0) {
            out.put('-');
        }
        int digits = 1;
        for (long power = 10; digits < 19 && power <= rest; digits++) {
            power *= 10;
        }
        out.reserve(digits);
        byte[] array = out.array();
        int at = out.length();
        for (int i = digits - 1; i >= 0; i--) {
            array[at + i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
        out.truncate(at + digits);
    }

    /** The shortest text that reads back as the same double; whole numbers below 10^15 without exponent. */
    public static void writeDouble(double value, Bytes out) {
        if (value == Math.rint(value) && Math.abs(value) < 1e15) {
            writeLong((long) value, out);
            out.put('.').put('0');
        } else {
            out.put(NumberOutput.toString(value, true).getBytes(StandardCharsets.US_ASCII));
        }
    }

    private static void writeDecimal(DecimalVector column, int row, Bytes out) {
        int scale = column.scale();
        long low = column.low(row);
        if (!column.isLong(row) || scale > 18 || low == Long.MIN_VALUE) {
            out.put(((BigDecimal) column.toObject(row)).toPlainString().getBytes(StandardCharsets.US_ASCII));
            return;
        }
        if (scale == 0) {
            writeLong(low, out);
            return;
        }
        if (low < 0) {
            out.put('-');
        }
        long unit = Int128.longPowerOfTen(scale);
        long magnitude = Math.abs(low);
        writeLong(magnitude / unit, out);
        out.put('.');
        for (long digit = unit / 10, rest = magnitude % unit; digit > 0; digit /= 10) {
            out.put((int) ('0' + rest / digit % 10));
        }
    }
}
