package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.BytesVector;
import dev.millrace.data.Calendar;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.DataType.Kind;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Int128;
import dev.millrace.data.LongVector;
import dev.millrace.data.NumberParser;
import dev.millrace.data.SpecialDoubles;
import dev.millrace.data.TextWriter;
import dev.millrace.data.TimeText;
import dev.millrace.data.Utf8;
import dev.millrace.data.Vector;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/**
 * CAST and TRY_CAST. Numbers: to INT and BIGINT fractions are cut off, to DECIMAL they are rounded half up; what does not
 * fit is an error. Text is read without the blanks around it. TRY_CAST gives NULL for what CAST makes an error.
 */
final class CastKernel implements Kernel {

    private final Kernel argument;
    private final Vector out;
    private final Converter converter;
    private final boolean errorsToNull;

    /** Sets the cell of {@code to} from the value cell of {@code from}, or marks it. */
    private interface Converter {
        void convert(Vector from, int row, Vector to);
    }

    private CastKernel(DataType to, Kernel argument, Converter converter, boolean errorsToNull) {
        this.argument = argument;
        this.out = Vector.create(to);
        this.converter = converter;
        this.errorsToNull = errorsToNull;
    }

    static Kernel of(DataType from, DataType to, Kernel argument, boolean errorsToNull) {
        return new CastKernel(to, argument, converter(from, to), errorsToNull);
    }

    @Override
    public Vector evaluate(Batch batch) {
        Vector from = argument.evaluate(batch);
        int rows = batch.size();
        out.reset(rows);
        out.mergeMarks(from, rows);
        for (int i = 0; i < rows; i++) {
            if (out.isValue(i)) {
                converter.convert(from, i, out);
                if (errorsToNull && out.isError(i)) {
                    out.setNull(i);
                }
            }
        }
        return out;
    }

    private static Converter converter(DataType from, DataType to) {
        if (from.isBytes() && to.isBytes()) {
            return bytes(to.kind() == Kind.STRING);
        }
        if (to.kind() == Kind.STRING) {
            return toText();
        }
        return switch (from.kind()) {
            case STRING -> fromText(to);
            case INT, BIGINT -> fromLong(to);
            case DOUBLE -> fromDouble(to);
            case DECIMAL -> fromDecimal(to);
            case DATE, TIMESTAMP -> time(from, to);
            default -> throw new IllegalArgumentException("cast from " + from + " to " + to);
        };
    }

    /** Between BINARY and STRING, as UTF-8. */
    private static Converter bytes(boolean checked) {
        return (from, row, to) -> {
            BytesVector bytes = (BytesVector) from;
            int start = bytes.start(row);
            int length = bytes.length(row);
            if (checked && !Utf8.isValid(bytes.slab(), start, start + length)) {
                to.setError(row, CellError.INVALID_CAST);
            } else {
                ((BytesVector) to).set(row, bytes.slab(), start, length);
            }
        };
    }

    private static Converter toText() {
        Bytes text = new Bytes();
        return (from, row, to) -> {
            text.clear();
            TextWriter.write(from, row, ' ', text);
            ((BytesVector) to).set(row, text.array(), 0, text.length());
        };
    }

    private static Converter fromLong(DataType target) {
        return switch (target.kind()) {
            case INT ->
                (from, row, to) -> {
                    long value = ((LongVector) from).get(row);
                    ((LongVector) to).set(row, value);
                    if (value != (int) value) {
                        to.setError(row, CellError.OVERFLOW);
                    }
                };
            case BIGINT -> (from, row, to) -> ((LongVector) to).set(row, ((LongVector) from).get(row));
            case DOUBLE -> (from, row, to) -> ((DoubleVector) to).set(row, ((LongVector) from).get(row));
            case DECIMAL ->
                (from, row, to) -> {
                    DecimalVector decimals = (DecimalVector) to;
                    long value = ((LongVector) from).get(row);
                    if (decimals.scale() <= 18) {
                        long factor = Int128.longPowerOfTen(decimals.scale());
                        decimals.setChecked(row, Math.multiplyHigh(value, factor), value * factor);
                    } else {
                        decimals.setChecked(
                                row, BigInteger.valueOf(value).multiply(Int128.powerOfTen(decimals.scale())));
                    }
                };
            default -> throw new IllegalArgumentException("cast to " + target);
        };
    }

    private static Converter fromDouble(DataType target) {
        if (target.kind() == Kind.DECIMAL) {
            return (from, row, to) -> {
                double value = ((DoubleVector) from).get(row);
                if (Double.isFinite(value)) {
                    DecimalVector decimals = (DecimalVector) to;
                    decimals.setChecked(
                            row,
                            new BigDecimal(value)
                                    .setScale(decimals.scale(), RoundingMode.HALF_UP)
                                    .unscaledValue());
                } else {
                    to.setError(row, CellError.OVERFLOW);
                }
            };
        }
        boolean narrow = target.kind() == Kind.INT;
        return (from, row, to) -> {
            double value = ((DoubleVector) from).get(row);
            double limit = narrow ? 0x1p31 : 0x1p63;
            boolean fits = value > -limit - (narrow ? 1 : 0) && value < limit || value == -limit;
            if (fits) {
                ((LongVector) to).set(row, (long) value);
            } else {
                to.setError(row, CellError.OVERFLOW);
            }
        };
    }

    private static Converter fromDecimal(DataType target) {
        return switch (target.kind()) {
            case DOUBLE ->
                (from, row, to) -> {
                    DecimalVector decimals = (DecimalVector) from;
                    ((DoubleVector) to)
                            .set(row, new BigDecimal(decimals.unscaled(row), decimals.scale()).doubleValue());
                };
            case DECIMAL ->
                (from, row, to) -> {
                    DecimalVector source = (DecimalVector) from;
                    DecimalVector decimals = (DecimalVector) to;
                    int shift = decimals.scale() - source.scale();
                    if (shift >= 0 && shift <= 18 && source.isLong(row)) {
                        long factor = Int128.longPowerOfTen(shift);
                        long value = source.low(row);
                        decimals.setChecked(row, Math.multiplyHigh(value, factor), value * factor);
                    } else {
                        BigDecimal value = new BigDecimal(source.unscaled(row), source.scale());
                        decimals.setChecked(
                                row,
                                value.setScale(decimals.scale(), RoundingMode.HALF_UP)
                                        .unscaledValue());
                    }
                };
            default -> {
                int bits = target.kind() == Kind.INT ? 32 : 64;
                yield (from, row, to) -> {
                    DecimalVector decimals = (DecimalVector) from;
                    BigInteger whole = decimals.unscaled(row).divide(Int128.powerOfTen(decimals.scale()));
                    if (whole.bitLength() < bits) {
                        ((LongVector) to).set(row, whole.longValue());
                    } else {
                        to.setError(row, CellError.OVERFLOW);
                    }
                };
            }
        };
    }

    private static Converter time(DataType source, DataType target) {
        long fromUnit = unitsPerDay(source);
        long toUnit = unitsPerDay(target);
        return (from, row, to) -> {
            long value = ((LongVector) from).get(row);
            if (toUnit <= fromUnit) {
                ((LongVector) to).set(row, Math.floorDiv(value, fromUnit / toUnit));
            } else {
                long factor = toUnit / fromUnit;
                ((LongVector) to).set(row, value * factor);
                if (Math.multiplyHigh(value, factor) != value * factor >> 63) {
                    to.setError(row, CellError.OVERFLOW);
                }
            }
        };
    }

    static long unitsPerDay(DataType type) {
        return type instanceof DataType.Timestamp timestamp
                ? timestamp.unitsPerSecond() * 86_400
                : type.kind() == Kind.DATE ? 1 : Calendar.MILLIS_PER_DAY;
    }

    /** Reads text without the blanks around it. */
    private static Converter fromText(DataType target) {
        NumberParser numbers = new NumberParser();
        return (from, row, to) -> {
            BytesVector text = (BytesVector) from;
            byte[] bytes = text.slab();
            int start = text.start(row);
            int end = start + text.length(row);
            while (start < end && bytes[start] == ' ') {
                start++;
            }
            while (end > start && bytes[end - 1] == ' ') {
                end--;
            }
            if (!parse(numbers, bytes, start, end, target, to, row)) {
                to.setError(row, CellError.INVALID_CAST);
            }
        };
    }

    private static boolean parse(
            NumberParser numbers, byte[] bytes, int start, int end, DataType target, Vector to, int row) {
        switch (target.kind()) {
            case BOOLEAN -> {
                String text = new String(bytes, start, end - start, java.nio.charset.StandardCharsets.US_ASCII);
                if (!text.equalsIgnoreCase("true") && !text.equalsIgnoreCase("false")) {
                    return false;
                }
                ((LongVector) to).set(row, text.equalsIgnoreCase("true") ? 1 : 0);
            }
            case DATE, TIMESTAMP -> {
                long micros = TimeText.parseMicros(bytes, start, end);
                if (micros == TimeText.INVALID) {
                    return false;
                }
                ((LongVector) to).set(row, Math.floorDiv(micros, 86_400_000_000L / unitsPerDay(target)));
            }
            case INT, BIGINT -> {
                if (!numbers.parse(bytes, start, end) || !numbers.isLong()) {
                    return false;
                }
                long value = numbers.longValue();
                ((LongVector) to).set(row, value);
                return target.kind() == Kind.BIGINT || value == (int) value;
            }
            case DOUBLE -> {
                boolean parsed = numbers.parse(bytes, start, end);
                double value = parsed ? numbers.doubleValue() : SpecialDoubles.parse(bytes, start, end);
                ((DoubleVector) to).set(row, value);
                return parsed ? Double.isFinite(value) : value != 0;
            }
            case DECIMAL -> {
                return numbers.parse(bytes, start, end) && numbers.setDecimal((DecimalVector) to, row, false);
            }
            default -> throw new IllegalArgumentException("cast to " + target);
        }
        return true;
    }
}
