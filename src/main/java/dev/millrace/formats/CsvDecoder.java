package dev.millrace.formats;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.LongVector;
import dev.millrace.data.NumberParser;
import dev.millrace.data.Schema;
import dev.millrace.data.SpecialDoubles;
import dev.millrace.data.TimeText;
import dev.millrace.data.Utf8;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Reads the wanted fields of a record of comma-separated values (RFC 4180; a record is one line). */
final class CsvDecoder implements RowDecoder {

    private final Schema table;
    private final Format.Csv format;
    private final int[] targets;
    private final NumberParser numbers = new NumberParser();
    private int[] fieldTargets;
    private byte[] scratch = new byte[256];
    private int fieldStart;
    private int fieldEnd;
    private byte[] fieldBytes;
    private boolean quoted;

    CsvDecoder(Schema table, List<Integer> columns, Format.Csv format) {
        this.table = table;
        this.format = format;
        this.targets = new int[table.size()];
        for (int i = 0; i < targets.length; i++) {
            targets[i] = columns.indexOf(i);
        }
        this.fieldTargets = targets;
    }

    @Override
    public boolean hasHeader() {
        return format.withHeader();
    }

    @Override
    public String header(byte[] bytes, int start, int length) {
        String[] names = new String(bytes, start, length, StandardCharsets.UTF_8)
                .strip()
                .split(java.util.regex.Pattern.quote(String.valueOf(format.delimiter())), -1);
        int[] found = new int[names.length];
        boolean[] covered = new boolean[targets.length];
        for (int i = 0; i < names.length; i++) {
            int column = indexOf(names[i].strip().replaceAll("^\"|\"$", ""));
            found[i] = column < 0 ? -1 : targets[column];
            if (column >= 0) {
                covered[column] = true;
            }
        }
        for (int i = 0; i < covered.length; i++) {
            if (!covered[i] && targets[i] >= 0) {
                return "the header has no column '" + table.field(i).name() + "'";
            }
        }
        fieldTargets = found;
        return null;
    }

    private int indexOf(String name) {
        for (int i = 0; i < table.size(); i++) {
            if (table.field(i).name().equalsIgnoreCase(name)) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public String decode(byte[] bytes, int start, int length, Batch into) {
        int row = into.size();
        for (int c = 0; c < into.columnCount(); c++) {
            into.column(c).append();
        }
        String problem = fields(bytes, start, start + length, into, row);
        if (problem != null) {
            for (int c = 0; c < into.columnCount(); c++) {
                into.column(c).truncate(row);
            }
            return problem;
        }
        into.appendWeight(1);
        return null;
    }

    private String fields(byte[] bytes, int start, int end, Batch into, int row) {
        int stop = end > start && bytes[end - 1] == '\r' ? end - 1 : end;
        int at = start;
        int field = 0;
        while (true) {
            at = field(bytes, at, stop);
            if (at < 0) {
                return "a quoted field does not end or has text behind it";
            }
            int target = field < fieldTargets.length ? fieldTargets[field] : -1;
            if (target >= 0) {
                String problem =
                        set(into.column(target), into.schema().field(target).nullable(), row);
                if (problem != null) {
                    return "column '" + into.schema().field(target).name() + "': " + problem;
                }
            }
            field++;
            if (at >= stop) {
                break;
            }
            at++;
        }
        return field == fieldTargets.length
                ? null
                : "the record has " + field + " fields where " + fieldTargets.length + " are expected";
    }

    /** Finds the next field; returns where its delimiter or the end is, −1 for a mistake. */
    private int field(byte[] bytes, int start, int end) {
        quoted = start < end && bytes[start] == '"';
        if (!quoted) {
            int at = start;
            while (at < end && bytes[at] != format.delimiter()) {
                at++;
            }
            fieldBytes = bytes;
            fieldStart = start;
            fieldEnd = at;
            return at;
        }
        if (scratch.length < end - start) {
            scratch = new byte[Math.max(end - start, scratch.length * 2)];
        }
        int out = 0;
        int at = start + 1;
        while (at < end) {
            if (bytes[at] == '"') {
                if (at + 1 < end && bytes[at + 1] == '"') {
                    at++;
                } else {
                    break;
                }
            }
            scratch[out++] = bytes[at++];
        }
        fieldBytes = scratch;
        fieldStart = 0;
        fieldEnd = out;
        boolean closed = at < end && (at + 1 == end || bytes[at + 1] == format.delimiter());
        return closed ? at + 1 : -1;
    }

    private String set(Vector target, boolean nullable, int row) {
        if (fieldEnd == fieldStart && !quoted) {
            target.setNull(row);
            return nullable ? null : "it is empty, and it is NOT NULL";
        }
        return parse(target, row)
                ? null
                : "the value '"
                        + new String(
                                fieldBytes, fieldStart, Math.min(40, fieldEnd - fieldStart), StandardCharsets.UTF_8)
                        + "' is not of type " + target.type();
    }

    private boolean parse(Vector target, int row) {
        switch (target.type().kind()) {
            case STRING -> {
                ((BytesVector) target).set(row, fieldBytes, fieldStart, fieldEnd - fieldStart);
                return Utf8.isValid(fieldBytes, fieldStart, fieldEnd);
            }
            case BINARY -> {
                return Base64Text.decode(fieldBytes, fieldStart, fieldEnd, (BytesVector) target, row);
            }
            case BOOLEAN -> {
                String text = new String(fieldBytes, fieldStart, fieldEnd - fieldStart, StandardCharsets.US_ASCII);
                ((LongVector) target).set(row, text.equalsIgnoreCase("true") ? 1 : 0);
                return text.equalsIgnoreCase("true") || text.equalsIgnoreCase("false");
            }
            case DATE -> {
                long days = TimeText.parseDate(fieldBytes, fieldStart, fieldEnd);
                ((LongVector) target).set(row, days);
                return days != TimeText.INVALID;
            }
            case TIMESTAMP -> {
                long micros = TimeText.parseMicros(fieldBytes, fieldStart, fieldEnd);
                boolean millis = ((DataType.Timestamp) target.type()).precision() == 3;
                ((LongVector) target).set(row, millis ? Math.floorDiv(micros, 1000L) : micros);
                return micros != TimeText.INVALID;
            }
            case DOUBLE -> {
                boolean parsed = numbers.parse(fieldBytes, fieldStart, fieldEnd);
                double value = parsed ? numbers.doubleValue() : SpecialDoubles.parse(fieldBytes, fieldStart, fieldEnd);
                ((DoubleVector) target).set(row, value);
                return parsed ? Double.isFinite(value) : value != 0;
            }
            default -> {
                return numbers.parse(fieldBytes, fieldStart, fieldEnd) && number(target, row);
            }
        }
    }

    private boolean number(Vector target, int row) {
        switch (target.type().kind()) {
            case DECIMAL -> {
                return numbers.setDecimal((DecimalVector) target, row, true);
            }
            default -> {
                if (!numbers.isLong()) {
                    return false;
                }
                long value = numbers.longValue();
                ((LongVector) target).set(row, value);
                return target.type().kind() == DataType.Kind.BIGINT || value == (int) value;
            }
        }
    }
}
