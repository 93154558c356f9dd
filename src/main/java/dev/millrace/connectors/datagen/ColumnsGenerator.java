package dev.millrace.connectors.datagen;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Int128;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import dev.millrace.data.Vector;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;

/** Rows of a user's own schema, each column by a way of its own. */
public final class ColumnsGenerator implements Generator {

    private final Schema schema;
    private final List<Column> columns;
    private final RowRandom random;

    /** How a column's values are made. */
    public sealed interface Column {

        /** The share of rows that are NULL. */
        double nullShare();
    }

    /** start, start + step, … by row number. */
    public record SequenceColumn(long start, long step, double nullShare) implements Column {}

    /** Uniformly between min and max, whole numbers where the type is. */
    public record UniformColumn(double min, double max, double nullShare) implements Column {}

    /** One of some texts. */
    public record OneOfColumn(List<String> values, double nullShare) implements Column {}

    /** Times that grow by a step a row and are up to a jitter early, in milliseconds. */
    public record TimeColumn(long start, long step, long jitter, double nullShare) implements Column {}

    /** Random lower-case letters. */
    public record TextColumn(int length, double nullShare) implements Column {}

    /**
     * @param columns one per column of the schema
     */
    public ColumnsGenerator(Schema schema, List<Column> columns, long seed) {
        this.schema = schema;
        this.columns = List.copyOf(columns);
        this.random = new RowRandom(seed);
    }

    /** Why the way does not suit the type, or null. */
    public static String refusal(Column column, DataType type) {
        boolean fits = switch (type.kind()) {
            case INT, BIGINT -> column instanceof SequenceColumn || column instanceof UniformColumn;
            case DOUBLE, DECIMAL -> column instanceof SequenceColumn || column instanceof UniformColumn;
            case STRING -> column instanceof OneOfColumn || column instanceof TextColumn;
            case TIMESTAMP -> column instanceof TimeColumn;
            case BOOLEAN -> column instanceof UniformColumn;
            default -> false;
        };
        return fits ? null : "this way of generating does not suit the type " + type;
    }

    @Override
    public Schema schema() {
        return schema;
    }

    @Override
    public void append(long number, Batch into) {
        random.start(number);
        int row = into.append(1);
        for (int c = 0; c < columns.size(); c++) {
            Column column = columns.get(c);
            Vector target = into.column(c);
            if (column.nullShare() > 0 && random.uniform() < column.nullShare()) {
                target.setNull(row);
            } else if (column instanceof SequenceColumn sequence) {
                number(target, row, BigDecimal.valueOf(sequence.start + number * sequence.step));
            } else if (column instanceof UniformColumn uniform) {
                uniform(target, row, uniform);
            } else if (column instanceof OneOfColumn oneOf) {
                ((BytesVector) target).set(row, oneOf.values.get((int) random.below(oneOf.values.size())));
            } else if (column instanceof TimeColumn time) {
                long jitter = time.jitter > 0 ? random.below(time.jitter + 1) : 0;
                long millis = time.start + number * time.step - jitter;
                boolean micros = target.type().equals(DataType.TIMESTAMP_MICROS);
                ((LongVector) target).set(row, micros ? millis * 1000 : millis);
            } else {
                text(target, row, ((TextColumn) column).length);
            }
        }
    }

    private void uniform(Vector target, int row, UniformColumn uniform) {
        if (target.type().isLong()) {
            long min = (long) uniform.min;
            ((LongVector) target).set(row, min + random.below((long) uniform.max - min + 1));
        } else {
            double value = uniform.min + random.uniform() * (uniform.max - uniform.min);
            number(target, row, BigDecimal.valueOf(value));
        }
    }

    private static void number(Vector target, int row, BigDecimal value) {
        if (target instanceof LongVector longs) {
            longs.set(row, value.longValue());
        } else if (target instanceof DoubleVector doubles) {
            doubles.set(row, value.doubleValue());
        } else {
            DecimalVector decimals = (DecimalVector) target;
            var unscaled =
                    value.setScale(decimals.scale(), RoundingMode.HALF_UP).unscaledValue();
            decimals.set(row, Int128.high(unscaled), unscaled.longValue());
        }
    }

    private void text(Vector target, int row, int length) {
        char[] text = new char[length];
        for (int i = 0; i < length; i++) {
            text[i] = (char) ('a' + random.below(26));
        }
        ((BytesVector) target).set(row, new String(text));
    }
}
