package dev.millrace.formats;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.TextWriter;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.stream.Collectors;

/** Rows as comma-separated values; a field is quoted where it must be, and an empty string always. */
final class CsvEncoder implements RecordEncoder {

    private final Format.Csv format;
    private final Bytes field = new Bytes();

    CsvEncoder(Format.Csv format) {
        this.format = format;
    }

    @Override
    public byte[] header(Batch batch) {
        if (!format.withHeader()) {
            return null;
        }
        return batch.schema().names().stream()
                .collect(Collectors.joining(String.valueOf(format.delimiter())))
                .getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void encode(Batch batch, int row, int[] columns, Bytes out) {
        for (int i = 0; i < columns.length; i++) {
            if (i > 0) {
                out.put(format.delimiter());
            }
            Vector column = batch.column(columns[i]);
            if (column.isValue(row)) {
                field.clear();
                text(column, row);
                quote(out);
            }
        }
    }

    private void text(Vector column, int row) {
        if (column.type().kind() == DataType.Kind.BINARY) {
            BytesVector binary = (BytesVector) column;
            int start = binary.start(row);
            field.put(Base64.getEncoder().encode(Arrays.copyOfRange(binary.slab(), start, start + binary.length(row))));
        } else {
            TextWriter.write(column, row, 'T', field);
            if (column.type().kind() == DataType.Kind.TIMESTAMP) {
                field.put('Z');
            }
        }
    }

    private void quote(Bytes out) {
        byte[] bytes = field.array();
        boolean needed = field.length() == 0;
        for (int i = 0; i < field.length() && !needed; i++) {
            needed = bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == format.delimiter();
        }
        if (!needed) {
            out.put(bytes, 0, field.length());
            return;
        }
        out.put('"');
        for (int i = 0; i < field.length(); i++) {
            if (bytes[i] == '"') {
                out.put('"');
            }
            out.put(bytes[i]);
        }
        out.put('"');
    }
}
