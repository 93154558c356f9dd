package dev.millrace.formats;

import dev.millrace.data.DataType;
import dev.millrace.data.Schema;
import java.util.List;

/** How rows are written as bytes. */
public sealed interface Format {

    /**
     * A decoder of some columns of a table.
     *
     * @param columns the wanted ones, ascending: the columns of the batches that are given to the decoder
     */
    RowDecoder decoder(Schema table, List<Integer> columns);

    RecordEncoder encoder();

    /** Why rows of this schema cannot be written or read, or null. */
    default String refusal(Schema schema) {
        return null;
    }

    /** How JSON shows times. */
    enum TimestampStyle {
        ISO8601,
        EPOCH_MILLIS,
        EPOCH_SECONDS,
        EPOCH_MICROS
    }

    /** One JSON object per record. DOUBLE's NaN and infinities are the strings "NaN", "Infinity", "-Infinity". */
    record Json(TimestampStyle timestamps) implements Format {
        @Override
        public RowDecoder decoder(Schema table, List<Integer> columns) {
            return new JsonDecoder(table.select(columns), timestamps);
        }

        @Override
        public RecordEncoder encoder() {
            return new JsonEncoder(timestamps);
        }
    }

    /** Comma-separated values. An empty field is NULL, a quoted empty field the empty string. */
    record Csv(boolean withHeader, char delimiter) implements Format {
        @Override
        public RowDecoder decoder(Schema table, List<Integer> columns) {
            return new CsvDecoder(table, columns, this);
        }

        @Override
        public RecordEncoder encoder() {
            return new CsvEncoder(this);
        }

        @Override
        public String refusal(Schema schema) {
            return schema.fields().stream()
                    .filter(f ->
                            f.type().kind() == DataType.Kind.ARRAY || f.type().kind() == DataType.Kind.ROW)
                    .findFirst()
                    .map(f -> "csv cannot hold the column '" + f.name() + "' of type " + f.type() + "; use json")
                    .orElse(null);
        }
    }

    /** The whole record is the table's one STRING or BINARY column. */
    record Text() implements Format {
        @Override
        public RowDecoder decoder(Schema table, List<Integer> columns) {
            return new TextDecoder(columns.isEmpty() ? null : table.type(0));
        }

        @Override
        public RecordEncoder encoder() {
            return new TextEncoder();
        }

        @Override
        public String refusal(Schema schema) {
            boolean fits = schema.size() == 1 && schema.type(0).isBytes();
            return fits ? null : "text needs exactly one column, of type STRING or BINARY";
        }
    }
}
