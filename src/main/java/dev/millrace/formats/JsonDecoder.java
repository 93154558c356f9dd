package dev.millrace.formats;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.Calendar;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowVector;
import dev.millrace.data.Schema;
import dev.millrace.data.SpecialDoubles;
import dev.millrace.data.TimeText;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads the wanted fields of JSON objects into vectors and steps over the rest. A field that is missing or null is NULL; of
 * a field that appears twice the last counts. Strict in types: a number is not a string, a fraction is not an integer.
 */
final class JsonDecoder implements RowDecoder {

    private static final int NONE = -1;
    private static final int MISTAKE = -2;
    private static final int MISSES = 64;
    private static final int MISSES_WITHIN = 1_024;

    private final Shape root;
    private final Format.TimestampStyle style;
    private final JsonCursor json = new JsonCursor();
    private final BytesVector resolved = new BytesVector(DataType.STRING);
    private final List<JsonTemplate.Whole> wholes;
    private final Layout layout = new Layout();
    private JsonTemplate template;
    private int templateReads;
    private int templateMisses;

    /** Where the names of the last record stood: between the values. */
    private static final class Layout {
        private static final int MAX_PLACES = 64;

        private final int[] froms = new int[MAX_PLACES];
        private final int[] tos = new int[MAX_PLACES];
        private final int[] fields = new int[MAX_PLACES];
        private int places;

        void note(int from, int to, int field) {
            if (places < MAX_PLACES) {
                froms[places] = from;
                tos[places] = to;
                fields[places] = field;
            }
            places++;
        }
    }

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
        this.wholes = schema.fields().stream().map(field -> whole(field.type())).toList();
    }

    /** The JSON numbers that are stored as they stand. */
    private JsonTemplate.Whole whole(DataType type) {
        return switch (type.kind()) {
            case INT -> new JsonTemplate.Whole(Integer.MIN_VALUE, Integer.MAX_VALUE);
            case BIGINT -> new JsonTemplate.Whole(Long.MIN_VALUE, Long.MAX_VALUE);
            case TIMESTAMP -> {
                long perSecond = ((DataType.Timestamp) type).unitsPerSecond();
                boolean same = style != Format.TimestampStyle.ISO8601 && perSecond == unitsPerSecond();
                long units = 86_400 * perSecond;
                yield same
                        ? new JsonTemplate.Whole(Calendar.FIRST_DAY * units, Calendar.LAST_DAY * units)
                        : JsonTemplate.Whole.NONE;
            }
            default -> JsonTemplate.Whole.NONE;
        };
    }

    /** Of the numbers that stand for times. */
    private long unitsPerSecond() {
        return switch (style) {
            case EPOCH_SECONDS -> 1;
            case EPOCH_MICROS -> 1_000_000;
            default -> 1_000;
        };
    }

    @Override
    public String decode(byte[] array, int start, int length, Batch into) {
        int row = into.size();
        for (int c = 0; c < into.columnCount(); c++) {
            into.column(c).append();
        }
        if (template != null && readByTemplate(array, start, length, into, row)) {
            into.appendWeight(1);
            return null;
        }
        json.reset(array, start, length);
        layout.places = 0;
        json.skipBlank();
        boolean good = json.peek() == '{' ? object(root, into, null, row) : json.fail("the record is not an object");
        if (good) {
            json.skipBlank();
            good = json.atEnd() || json.fail("there is more behind the object");
        }
        if (!good) {
            for (int c = 0; c < into.columnCount(); c++) {
                into.column(c).truncate(row);
            }
            return json.problem();
        }
        if (template == null) {
            template = template(array, start, start + length);
        }
        into.appendWeight(1);
        return null;
    }

    /** Records that change their form are taken as a new form once there are many of them. */
    private boolean readByTemplate(byte[] array, int start, int length, Batch into, int row) {
        if (++templateReads == MISSES_WITHIN) {
            templateReads = 0;
            templateMisses = 0;
        }
        if (template.read(array, start, length, into, row)) {
            return true;
        }
        if (++templateMisses == MISSES) {
            templateMisses = 0;
            template = null;
        }
        return false;
    }

    /** A template of the record that was just read; null where it does not have each wanted field once. */
    private JsonTemplate template(byte[] array, int start, int end) {
        int values = layout.places - 1;
        if (values < 1 || values >= Layout.MAX_PLACES) {
            return null;
        }
        List<byte[]> literals = new ArrayList<>();
        int wanted = 0;
        for (int i = 0; i < values; i++) {
            literals.add(Arrays.copyOfRange(array, i == 0 ? start : layout.froms[i], layout.tos[i]));
            wanted += layout.fields[i] == NONE ? 0 : 1;
        }
        literals.add(Arrays.copyOfRange(array, layout.froms[values], end));
        boolean each = wanted == root.seen.length;
        for (boolean seen : root.seen) {
            each &= seen;
        }
        int[] fields = Arrays.copyOf(layout.fields, values);
        List<DataType> types = root.fields.stream().map(Field::type).toList();
        return each ? new JsonTemplate(literals, fields, types, wholes, json, this::generalValue) : null;
    }

    private boolean generalValue(int field, Batch into, int row) {
        Vector target = into.column(field);
        return value(target, root.children[field], row)
                && (root.fields.get(field).nullable() || !target.isNull(row));
    }

    private static Vector column(Batch batch, RowVector row, int index) {
        return batch != null ? batch.column(index) : row.field(index);
    }

    /** Reads an object into a batch's row or into a row cell. */
    private boolean object(Shape shape, Batch batch, RowVector cell, int row) {
        Arrays.fill(shape.seen, false);
        shape.next = 0;
        for (boolean first = true; ; first = false) {
            int from = json.position();
            int more = first ? (json.opensEmpty((byte) '}') ? 0 : 1) : json.separator((byte) '}');
            int field = more == 1 ? name(shape) : NONE;
            if (shape == root) {
                layout.note(from, json.position(), field);
            }
            if (more <= 0) {
                return more == 0 && finish(shape, batch, cell, row);
            }
            boolean good =
                    field != MISTAKE && (field == NONE ? json.skipValue() : member(shape, field, batch, cell, row));
            if (!good) {
                return false;
            }
        }
    }

    private boolean member(Shape shape, int field, Batch batch, RowVector cell, int row) {
        Vector target = column(batch, cell, field);
        shape.seen[field] = true;
        target.setMark(row, CellError.VALUE);
        return value(target, shape.children[field], row)
                || json.fail("field '" + shape.fields.get(field).name() + "'");
    }

    private boolean finish(Shape shape, Batch batch, RowVector cell, int row) {
        for (int i = 0; i < shape.seen.length; i++) {
            Vector target = column(batch, cell, i);
            if (!shape.seen[i]) {
                target.setNull(row);
            }
            if (!shape.fields.get(i).nullable() && target.isNull(row)) {
                return json.fail("field '" + shape.fields.get(i).name() + "' is missing or null, and it is NOT NULL");
            }
        }
        return true;
    }

    /** Reads a name and its colon: the field, or that it is not wanted, or a mistake. */
    private int name(Shape shape) {
        json.skipBlank();
        if (json.peek() != '"') {
            json.fail("expected a field name");
            return MISTAKE;
        }
        if (!json.string()) {
            return MISTAKE;
        }
        int field;
        if (json.escaped()) {
            if (!resolve()) {
                return MISTAKE;
            }
            field = shape.find(resolved.slab(), resolved.start(0), resolved.start(0) + resolved.length(0));
        } else {
            field = shape.find(json.bytes(), json.start(), json.stop());
        }
        return json.colon() ? field : MISTAKE;
    }

    /** Puts the last string, its escapes resolved, into {@link #resolved}. */
    private boolean resolve() {
        resolved.reset(1);
        return json.unescape(resolved, 0);
    }

    private boolean value(Vector target, Shape child, int row) {
        json.skipBlank();
        if (json.atEnd()) {
            return json.fail("the record ends where a value is expected");
        }
        byte b = json.peek();
        if (b == 'n') {
            target.setNull(row);
            return json.literal("null");
        }
        return switch (target.type().kind()) {
            case BOOLEAN -> bool((LongVector) target, row, b);
            case ARRAY -> b == '[' ? array((ArrayVector) target, child, row) : mismatch(target, json.position());
            case ROW -> b == '{' ? object(child, null, (RowVector) target, row) : mismatch(target, json.position());
            default -> b == '"' ? string(target, row) : number(target, row);
        };
    }

    private boolean mismatch(Vector target, int from) {
        return json.fail("the value " + json.excerpt(from) + " is not of type " + target.type());
    }

    private boolean bool(LongVector target, int row, byte first) {
        if (first != 't' && first != 'f') {
            return mismatch(target, json.position());
        }
        target.set(row, first == 't' ? 1 : 0);
        return json.literal(first == 't' ? "true" : "false");
    }

    private boolean array(ArrayVector target, Shape child, int row) {
        Vector elements = target.elements();
        int start = elements.size();
        int more = json.opensEmpty((byte) ']') ? 0 : 1;
        while (more == 1) {
            if (!value(elements, child, elements.append())) {
                return false;
            }
            more = json.separator((byte) ']');
        }
        target.setRange(row, start, elements.size() - start);
        return more == 0;
    }

    private boolean number(Vector target, int row) {
        int from = json.position();
        boolean good = json.number()
                && switch (target.type().kind()) {
                    case INT, BIGINT -> integer((LongVector) target, row);
                    case DOUBLE -> {
                        double value = json.numbers().doubleValue();
                        ((DoubleVector) target).set(row, value);
                        yield Double.isFinite(value);
                    }
                    case DECIMAL -> json.numbers().setDecimal((DecimalVector) target, row, true);
                    case TIMESTAMP -> style != Format.TimestampStyle.ISO8601 && epoch((LongVector) target, row);
                    default -> false;
                };
        return good || mismatch(target, from);
    }

    private boolean integer(LongVector target, int row) {
        if (!json.numbers().isLong()) {
            return false;
        }
        long value = json.numbers().longValue();
        target.set(row, value);
        return target.type().kind() == DataType.Kind.BIGINT || value == (int) value;
    }

    private boolean epoch(LongVector target, int row) {
        if (!json.numbers().isLong()) {
            return false;
        }
        long perSecond = ((DataType.Timestamp) target.type()).unitsPerSecond();
        long from = unitsPerSecond();
        long value = json.numbers().longValue();
        if (!Calendar.hasDay(Math.floorDiv(value, 86_400 * from))) {
            return false;
        }
        if (perSecond < from) {
            target.set(row, Math.floorDiv(value, from / perSecond));
            return true;
        }
        target.set(row, value * (perSecond / from));
        return true;
    }

    private boolean string(Vector target, int row) {
        int quote = json.position();
        if (!json.string()) {
            return false;
        }
        if (target.type().kind() == DataType.Kind.STRING) {
            if (json.escaped()) {
                return json.unescape((BytesVector) target, row);
            }
            ((BytesVector) target).set(row, json.bytes(), json.start(), json.stop() - json.start());
            return true;
        }
        boolean good;
        if (json.escaped()) {
            good = resolve()
                    && parsed(target, row, resolved.slab(), resolved.start(0), resolved.start(0) + resolved.length(0));
        } else {
            good = parsed(target, row, json.bytes(), json.start(), json.stop());
        }
        return good || mismatch(target, quote);
    }

    /** A value of another type that is written as a string. */
    private boolean parsed(Vector target, int row, byte[] bytes, int start, int stop) {
        switch (target.type().kind()) {
            case DATE -> {
                long days = TimeText.parseDate(bytes, start, stop);
                ((LongVector) target).set(row, days);
                return days != TimeText.INVALID;
            }
            case TIMESTAMP -> {
                if (style != Format.TimestampStyle.ISO8601) {
                    return false;
                }
                long micros = TimeText.parseMicros(bytes, start, stop);
                boolean millis = ((DataType.Timestamp) target.type()).precision() == 3;
                ((LongVector) target).set(row, millis ? Math.floorDiv(micros, 1000L) : micros);
                return micros != TimeText.INVALID;
            }
            case DECIMAL -> {
                return json.numbers().parse(bytes, start, stop)
                        && json.numbers().setDecimal((DecimalVector) target, row, true);
            }
            case DOUBLE -> {
                double value = SpecialDoubles.parse(bytes, start, stop);
                ((DoubleVector) target).set(row, value);
                return value != 0;
            }
            case BINARY -> {
                return Base64Text.decode(bytes, start, stop, (BytesVector) target, row);
            }
            default -> {
                return false;
            }
        }
    }
}
