package dev.millrace.formats;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowVector;
import dev.millrace.data.TextWriter;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;

/** Rows as JSON objects; NULL is written as null, BINARY as base64, DECIMAL as a number with all its digits. */
final class JsonEncoder implements RecordEncoder {

    private static final byte[] NULL = "null".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private final Format.TimestampStyle style;
    private byte[][] names;
    private List<Field> namesOf;

    JsonEncoder(Format.TimestampStyle style) {
        this.style = style;
    }

    @Override
    public void encode(Batch batch, int row, int[] columns, Bytes out) {
        if (namesOf != batch.schema().fields()) {
            namesOf = batch.schema().fields();
            names = namesOf.stream().map(f -> quoted(f.name())).toArray(byte[][]::new);
        }
        out.put('{');
        for (int i = 0; i < columns.length; i++) {
            if (i > 0) {
                out.put(',');
            }
            out.put(names[columns[i]]).put(':');
            value(batch.column(columns[i]), row, out);
        }
        out.put('}');
    }

    private static byte[] quoted(String name) {
        Bytes out = new Bytes();
        byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
        string(utf8, 0, utf8.length, out);
        return out.toByteArray();
    }

    private void value(Vector column, int row, Bytes out) {
        if (!column.isValue(row)) {
            out.put(NULL);
            return;
        }
        switch (column.type().kind()) {
            case BOOLEAN, INT, BIGINT, DECIMAL -> TextWriter.write(column, row, 'T', out);
            case DOUBLE -> {
                boolean finite = Double.isFinite(((DoubleVector) column).get(row));
                quote(finite, out);
                TextWriter.write(column, row, 'T', out);
                quote(finite, out);
            }
            case DATE -> {
                out.put('"');
                TextWriter.write(column, row, 'T', out);
                out.put('"');
            }
            case TIMESTAMP -> timestamp((LongVector) column, row, out);
            case STRING -> {
                BytesVector text = (BytesVector) column;
                string(text.slab(), text.start(row), text.length(row), out);
            }
            case BINARY -> {
                BytesVector binary = (BytesVector) column;
                int start = binary.start(row);
                byte[] copy = java.util.Arrays.copyOfRange(binary.slab(), start, start + binary.length(row));
                out.put('"').put(Base64.getEncoder().encode(copy)).put('"');
            }
            case ARRAY -> array((ArrayVector) column, row, out);
            case ROW -> object((RowVector) column, row, out);
        }
    }

    private static void quote(boolean finite, Bytes out) {
        if (!finite) {
            out.put('"');
        }
    }

    private void timestamp(LongVector column, int row, Bytes out) {
        if (style == Format.TimestampStyle.ISO8601) {
            out.put('"');
            TextWriter.write(column, row, 'T', out);
            out.put('Z').put('"');
            return;
        }
        long perSecond = ((DataType.Timestamp) column.type()).unitsPerSecond();
        long to = switch (style) {
            case EPOCH_SECONDS -> 1;
            case EPOCH_MICROS -> 1_000_000;
            default -> 1_000;
        };
        long value = column.get(row);
        TextWriter.writeLong(to <= perSecond ? Math.floorDiv(value, perSecond / to) : value * (to / perSecond), out);
    }

    private void array(ArrayVector column, int row, Bytes out) {
        out.put('[');
        for (int i = 0; i < column.length(row); i++) {
            if (i > 0) {
                out.put(',');
            }
            value(column.elements(), column.start(row) + i, out);
        }
        out.put(']');
    }

    private void object(RowVector column, int row, Bytes out) {
        List<Field> fields = ((DataType.Row) column.type()).fields();
        out.put('{');
        for (int i = 0; i < fields.size(); i++) {
            if (i > 0) {
                out.put(',');
            }
            out.put(quoted(fields.get(i).name())).put(':');
            value(column.field(i), row, out);
        }
        out.put('}');
    }

    private static void string(byte[] bytes, int start, int length, Bytes out) {
        out.reserve(length + 2);
        out.put('"');
        int from = start;
        int end = start + length;
        for (int i = start; i < end; i++) {
            byte b = bytes[i];
            if ((b >= 0 && b < 0x20) || b == '"' || b == '\\') {
                out.put(bytes, from, i - from);
                escape(b, out);
                from = i + 1;
            }
        }
        out.put(bytes, from, end - from).put('"');
    }

    private static void escape(byte b, Bytes out) {
        int plain = "\"\\\b\f\n\r\t".indexOf(b);
        out.put('\\');
        if (plain >= 0) {
            out.put("\"\\bfnrt".charAt(plain));
        } else {
            out.put('u').put('0').put('0').put(HEX[b >> 4]).put(HEX[b & 15]);
        }
    }
}
