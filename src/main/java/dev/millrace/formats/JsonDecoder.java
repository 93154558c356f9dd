package dev.millrace.formats;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.NumberParser;
import dev.millrace.data.RowVector;
import dev.millrace.data.Schema;
import dev.millrace.data.TimeText;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * Reads the wanted fields of JSON objects into vectors and steps over the rest. A field that is missing or null is NULL; of
 * a field that appears twice the last counts. Strict in types: a number is not a string, a fraction is not an integer.
 */
final class JsonDecoder implements RowDecoder {

    private final Shape root;
    private final Format.TimestampStyle style;
    private final NumberParser numbers = new NumberParser();
    private byte[] bytes;
    private int at;
    private int end;
    private String problem;

    /** The fields of an object that are wanted. */
    private static final class Shape {
        private final List<Field> fields;
        private final byte[][] names;
        private final Shape[] children;
        private final boolean[] seen;
        private int next;

        Shape(List<Field> fields) {
            this.fields = fields;
            this.names = fields.stream()
                    .map(f -> f.name().getBytes(StandardCharsets.UTF_8))
                    .toArray(byte[][]::new);
            this.children = fields.stream().map(f -> childOf(f.type())).toArray(Shape[]::new);
            this.seen = new boolean[names.length];
        }

        private static Shape childOf(DataType type) {
            if (type instanceof DataType.Row row) {
                return new Shape(row.fields());
            }
            return type instanceof DataType.Array array ? childOf(array.element()) : null;
        }

        /** The field of that name, or −1; tries the one after the last found first. */
        int find(byte[] array, int start, int stop) {
            for (int i = 0, candidate = next; i < names.length; i++) {
                byte[] name = names[candidate];
                if (name.length == stop - start && Arrays.equals(name, 0, name.length, array, start, stop)) {
                    next = candidate + 1 == names.length ? 0 : candidate + 1;
                    return candidate;
                }
                candidate = candidate + 1 == names.length ? 0 : candidate + 1;
            }
            return -1;
        }
    }

    JsonDecoder(Schema schema, Format.TimestampStyle style) {
        this.root = new Shape(schema.fields());
        this.style = style;
    }

    @Override
    public String decode(byte[] array, int start, int length, Batch into) {
        bytes = array;
        at = start;
        end = start + length;
        problem = null;
        int row = into.size();
        for (int c = 0; c < into.columnCount(); c++) {
            into.column(c).append();
        }
        skipBlank();
        boolean good =
                at < end && bytes[at] == '{' ? object(root, into, null, row) : fail("the record is not an object");
        if (good) {
            skipBlank();
            good = at == end || fail("there is more behind the object");
        }
        if (!good) {
            for (int c = 0; c < into.columnCount(); c++) {
                into.column(c).truncate(row);
            }
            return problem;
        }
        into.appendWeight(1);
        return null;
    }

    private boolean fail(String reason) {
        if (problem == null) {
            problem = reason;
        }
        return false;
    }

    private static Vector column(Batch batch, RowVector row, int index) {
        return batch != null ? batch.column(index) : row.field(index);
    }

    /** Reads an object into a batch's row or into a row cell. */
    private boolean object(Shape shape, Batch batch, RowVector cell, int row) {
        Arrays.fill(shape.seen, false);
        shape.next = 0;
        at++;
        skipBlank();
        if (at < end && bytes[at] == '}') {
            at++;
            return finish(shape, batch, cell, row);
        }
        while (true) {
            int field = name(shape);
            if (field == -2) {
                return false;
            }
            if (field < 0 ? !skipValue(0) : !member(shape, field, batch, cell, row)) {
                return false;
            }
            skipBlank();
            if (at >= end) {
                return fail("the record ends within an object");
            }
            byte b = bytes[at++];
            if (b == '}') {
                return finish(shape, batch, cell, row);
            }
            if (b != ',') {
                return fail("expected ',' or '}'");
            }
        }
    }

    private boolean member(Shape shape, int field, Batch batch, RowVector cell, int row) {
        Vector target = column(batch, cell, field);
        shape.seen[field] = true;
        target.setMark(row, CellError.VALUE);
        return value(target, shape.children[field], row)
                || fail("field '" + shape.fields.get(field).name() + "'");
    }

    private boolean finish(Shape shape, Batch batch, RowVector cell, int row) {
        for (int i = 0; i < shape.seen.length; i++) {
            Vector target = column(batch, cell, i);
            if (!shape.seen[i]) {
                target.setNull(row);
            }
            if (!shape.fields.get(i).nullable() && target.isNull(row)) {
                return fail("field '" + shape.fields.get(i).name() + "' is missing or null, and it is NOT NULL");
            }
        }
        return true;
    }

    /** Reads a name and its colon: the field, −1 for one that is not wanted, −2 for a mistake. */
    private int name(Shape shape) {
        skipBlank();
        if (at >= end || bytes[at] != '"') {
            fail("expected a field name");
            return -2;
        }
        int start = ++at;
        boolean escaped = false;
        while (at < end && bytes[at] != '"') {
            if (bytes[at] == '\\') {
                escaped = true;
                at++;
            }
            at++;
        }
        if (at >= end) {
            fail("the record ends within a name");
            return -2;
        }
        int field;
        if (escaped) {
            BytesVector name = new BytesVector(DataType.STRING);
            name.append();
            if (!unescape(name, 0, start, at)) {
                return -2;
            }
            field = shape.find(name.slab(), name.start(0), name.start(0) + name.length(0));
        } else {
            field = shape.find(bytes, start, at);
        }
        at++;
        skipBlank();
        if (at >= end || bytes[at] != ':') {
            fail("expected ':' after a name");
            return -2;
        }
        at++;
        return field;
    }

    private boolean value(Vector target, Shape child, int row) {
        skipBlank();
        if (at >= end) {
            return fail("the record ends where a value is expected");
        }
        byte b = bytes[at];
        if (b == 'n') {
            target.setNull(row);
            return literal("null");
        }
        return switch (target.type().kind()) {
            case BOOLEAN -> bool((LongVector) target, row, b);
            case ARRAY -> b == '[' ? array((ArrayVector) target, child, row) : mismatch(target);
            case ROW -> b == '{' ? object(child, null, (RowVector) target, row) : mismatch(target);
            default -> b == '"' ? string(target, row) : number(target, row);
        };
    }

    private boolean mismatch(Vector target) {
        int stop = Math.min(end, at + 20);
        String found = new String(bytes, at, stop - at, StandardCharsets.UTF_8).split("[,}\\]]", 2)[0];
        return fail("the value " + found + " is not of type " + target.type());
    }

    private boolean literal(String word) {
        for (int i = 0; i < word.length(); i++, at++) {
            if (at >= end || bytes[at] != word.charAt(i)) {
                return fail("expected '" + word + "'");
            }
        }
        return true;
    }

    private boolean bool(LongVector target, int row, byte first) {
        if (first != 't' && first != 'f') {
            return mismatch(target);
        }
        target.set(row, first == 't' ? 1 : 0);
        return literal(first == 't' ? "true" : "false");
    }

    private boolean array(ArrayVector target, Shape child, int row) {
        at++;
        Vector elements = target.elements();
        int start = elements.size();
        skipBlank();
        if (at < end && bytes[at] == ']') {
            at++;
            target.setRange(row, start, 0);
            return true;
        }
        while (true) {
            if (!value(elements, child, elements.append())) {
                return false;
            }
            skipBlank();
            if (at >= end) {
                return fail("the record ends within an array");
            }
            byte b = bytes[at++];
            if (b == ']') {
                target.setRange(row, start, elements.size() - start);
                return true;
            }
            if (b != ',') {
                return fail("expected ',' or ']'");
            }
        }
    }

    private boolean number(Vector target, int row) {
        int start = at;
        while (at < end && isNumberByte(bytes[at])) {
            at++;
        }
        if (start == at || bytes[start] == '+' || !numbers.parse(bytes, start, at)) {
            at = start;
            return mismatch(target);
        }
        boolean good = switch (target.type().kind()) {
            case INT, BIGINT -> integer((LongVector) target, row);
            case DOUBLE -> {
                double value = numbers.doubleValue();
                ((DoubleVector) target).set(row, value);
                yield Double.isFinite(value);
            }
            case DECIMAL -> numbers.setDecimal((DecimalVector) target, row, true);
            case TIMESTAMP -> style != Format.TimestampStyle.ISO8601 && epoch((LongVector) target, row);
            default -> false;
        };
        if (!good) {
            at = start;
            return mismatch(target);
        }
        return true;
    }

    private static boolean isNumberByte(byte b) {
        return (b >= '0' && b <= '9') || b == '-' || b == '+' || b == '.' || b == 'e' || b == 'E';
    }

    private boolean integer(LongVector target, int row) {
        if (!numbers.isLong()) {
            return false;
        }
        long value = numbers.longValue();
        target.set(row, value);
        return target.type().kind() == DataType.Kind.BIGINT || value == (int) value;
    }

    private boolean epoch(LongVector target, int row) {
        if (!numbers.isLong()) {
            return false;
        }
        long perSecond = ((DataType.Timestamp) target.type()).unitsPerSecond();
        long from = switch (style) {
            case EPOCH_SECONDS -> 1;
            case EPOCH_MICROS -> 1_000_000;
            default -> 1_000;
        };
        long value = numbers.longValue();
        if (perSecond < from) {
            target.set(row, Math.floorDiv(value, from / perSecond));
            return true;
        }
        long factor = perSecond / from;
        target.set(row, value * factor);
        return Math.multiplyHigh(value, factor) == value * factor >> 63;
    }

    private boolean string(Vector target, int row) {
        int quote = at;
        int start = ++at;
        boolean escaped = false;
        int bits = 0;
        while (at < end && bytes[at] != '"') {
            byte b = bytes[at];
            bits |= b;
            if (b == '\\') {
                escaped = true;
                at++;
            } else if (b >= 0 && b < 0x20) {
                return fail("a control character stands in a string");
            }
            at++;
        }
        if (at >= end) {
            return fail("the record ends within a string");
        }
        int stop = at++;
        if (bits < 0 && !Utf8.isValid(bytes, start, stop)) {
            return fail("a string is not well-formed UTF-8");
        }
        if (target.type().kind() == DataType.Kind.STRING) {
            if (escaped) {
                return unescape((BytesVector) target, row, start, stop);
            }
            ((BytesVector) target).set(row, bytes, start, stop - start);
            return true;
        }
        if (!parsed(target, row, start, stop)) {
            at = quote;
            return mismatch(target);
        }
        return true;
    }

    /** A value of another type that is written as a string. */
    private boolean parsed(Vector target, int row, int start, int stop) {
        switch (target.type().kind()) {
            case TIMESTAMP, DATE -> {
                boolean date = target.type().kind() == DataType.Kind.DATE;
                if (date) {
                    long days = TimeText.parseDate(bytes, start, stop);
                    ((LongVector) target).set(row, days);
                    return days != TimeText.INVALID;
                }
                long micros = style == Format.TimestampStyle.ISO8601
                        ? TimeText.parseMicros(bytes, start, stop)
                        : TimeText.INVALID;
                boolean millis = ((DataType.Timestamp) target.type()).precision() == 3;
                ((LongVector) target).set(row, millis ? Math.floorDiv(micros, 1000L) : micros);
                return micros != TimeText.INVALID;
            }
            case DECIMAL -> {
                return numbers.parse(bytes, start, stop) && numbers.setDecimal((DecimalVector) target, row, true);
            }
            case DOUBLE -> {
                String text = new String(bytes, start, stop - start, StandardCharsets.US_ASCII);
                double value = switch (text) {
                    case "NaN" -> Double.NaN;
                    case "Infinity" -> Double.POSITIVE_INFINITY;
                    case "-Infinity" -> Double.NEGATIVE_INFINITY;
                    default -> 0;
                };
                ((DoubleVector) target).set(row, value);
                return value != 0;
            }
            case BINARY -> {
                try {
                    ((BytesVector) target).set(row, Base64.getDecoder().decode(Arrays.copyOfRange(bytes, start, stop)));
                    return true;
                } catch (IllegalArgumentException e) {
                    return false;
                }
            }
            default -> {
                return false;
            }
        }
    }

    private boolean unescape(BytesVector target, int row, int start, int stop) {
        int out = target.reserveBytes(stop - start);
        byte[] slab = target.slab();
        int first = out;
        int i = start;
        while (i < stop) {
            byte b = bytes[i++];
            if (b != '\\') {
                slab[out++] = b;
                continue;
            }
            byte code = bytes[i++];
            if (code == 'u') {
                int point = hex(i, stop);
                i += 4;
                if (point >= 0xD800 && point < 0xDC00 && i + 6 <= stop && bytes[i] == '\\' && bytes[i + 1] == 'u') {
                    int low = hex(i + 2, stop);
                    if (low >= 0xDC00 && low < 0xE000) {
                        point = 0x10000 + (point - 0xD800 << 10) + (low - 0xDC00);
                        i += 6;
                    }
                }
                if (point < 0 || (point >= 0xD800 && point < 0xE000)) {
                    return fail("a string has a bad \\u escape");
                }
                out = putCodePoint(slab, out, point);
            } else {
                int plain = "\"\\/bfnrt".indexOf(code);
                if (plain < 0) {
                    return fail("a string has a bad escape");
                }
                slab[out++] = (byte) "\"\\/\b\f\n\r\t".charAt(plain);
            }
        }
        target.commit(row, out - first);
        return true;
    }

    private int hex(int start, int stop) {
        if (start + 4 > stop) {
            return -1;
        }
        int value = 0;
        for (int i = start; i < start + 4; i++) {
            int digit = Character.digit(bytes[i], 16);
            if (digit < 0) {
                return -1;
            }
            value = value << 4 | digit;
        }
        return value;
    }

    private static int putCodePoint(byte[] slab, int start, int point) {
        int out = start;
        if (point < 0x80) {
            slab[out++] = (byte) point;
        } else if (point < 0x800) {
            slab[out++] = (byte) (0xC0 | point >> 6);
            slab[out++] = (byte) (0x80 | point & 0x3F);
        } else if (point < 0x10000) {
            slab[out++] = (byte) (0xE0 | point >> 12);
            slab[out++] = (byte) (0x80 | point >> 6 & 0x3F);
            slab[out++] = (byte) (0x80 | point & 0x3F);
        } else {
            slab[out++] = (byte) (0xF0 | point >> 18);
            slab[out++] = (byte) (0x80 | point >> 12 & 0x3F);
            slab[out++] = (byte) (0x80 | point >> 6 & 0x3F);
            slab[out++] = (byte) (0x80 | point & 0x3F);
        }
        return out;
    }

    /** Steps over a value of any kind. */
    private boolean skipValue(int depth) {
        skipBlank();
        if (at >= end) {
            return fail("the record ends where a value is expected");
        }
        byte b = bytes[at];
        if (b == '"') {
            return skipString();
        }
        if (b == '{' || b == '[') {
            return depth < 512 ? skipNested(b == '{', depth) : fail("the record is nested too deeply");
        }
        int start = at;
        while (at < end && bytes[at] != ',' && bytes[at] != '}' && bytes[at] != ']' && bytes[at] > ' ') {
            at++;
        }
        if (b == '-' || (b >= '0' && b <= '9')) {
            return numbers.parse(bytes, start, at) || fail("a value is not JSON");
        }
        String word = new String(bytes, start, Math.min(at - start, 8), StandardCharsets.ISO_8859_1);
        return word.equals("true") || word.equals("false") || word.equals("null") || fail("a value is not JSON");
    }

    private boolean skipString() {
        at++;
        while (at < end && bytes[at] != '"') {
            at += bytes[at] == '\\' ? 2 : 1;
        }
        return at++ < end || fail("the record ends within a string");
    }

    private boolean skipNested(boolean object, int depth) {
        byte close = (byte) (object ? '}' : ']');
        at++;
        skipBlank();
        if (at < end && bytes[at] == close) {
            at++;
            return true;
        }
        while (true) {
            if (object) {
                skipBlank();
                if (at >= end || bytes[at] != '"' || !skipString()) {
                    return fail("expected a field name");
                }
                skipBlank();
                if (at >= end || bytes[at++] != ':') {
                    return fail("expected ':' after a name");
                }
            }
            if (!skipValue(depth + 1)) {
                return false;
            }
            skipBlank();
            if (at >= end) {
                return fail("the record ends within a nested value");
            }
            byte b = bytes[at++];
            if (b == close) {
                return true;
            }
            if (b != ',') {
                return fail("expected ','");
            }
        }
    }

    private void skipBlank() {
        while (at < end && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t')) {
            at++;
        }
    }
}
