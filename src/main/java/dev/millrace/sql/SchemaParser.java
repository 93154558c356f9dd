package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import dev.millrace.plan.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Reads a column list: {@code name TYPE [NOT NULL], …}. Types: BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(p, s), STRING,
 * BINARY, TIMESTAMP(3 or 6), DATE, {@code T ARRAY} or {@code ARRAY<T>}, {@code ROW(name TYPE, …)}.
 */
public final class SchemaParser {

    private final String text;
    private int at;

    private SchemaParser(String text) {
        this.text = text;
    }

    /** A column list that cannot be read. */
    public static final class SchemaException extends RuntimeException {
        private final transient Position position;

        SchemaException(Position position, String message) {
            super(message);
            this.position = position;
        }

        public Position position() {
            return position;
        }
    }

    /**
     * @throws SchemaException with the position of the mistake
     */
    public static Schema parse(String text) {
        SchemaParser parser = new SchemaParser(text);
        List<Field> fields = parser.fields();
        parser.skipBlank();
        if (parser.at < text.length()) {
            throw parser.error(parser.at, "expected ',' or the end of the column list");
        }
        return new Schema(fields);
    }

    private List<Field> fields() {
        List<Field> fields = new ArrayList<>();
        do {
            int start = startOfNext();
            Field field = field();
            if (fields.stream().anyMatch(f -> f.name().equalsIgnoreCase(field.name()))) {
                throw error(start, "two columns are named '" + field.name() + "'; names differ in more than case");
            }
            fields.add(field);
        } while (accept(','));
        return fields;
    }

    private Field field() {
        String name = name();
        DataType type = type();
        boolean nullable = true;
        if (acceptWord("NOT")) {
            if (!acceptWord("NULL")) {
                throw error(startOfNext(), "expected NULL after NOT");
            }
            nullable = false;
        } else {
            acceptWord("NULL");
        }
        return new Field(name, type, nullable);
    }

    private String name() {
        skipBlank();
        if (at < text.length() && (text.charAt(at) == '"' || text.charAt(at) == '`')) {
            int end = text.indexOf(text.charAt(at), at + 1);
            if (end < 0) {
                throw error(at, "the quoted name does not end");
            }
            String name = text.substring(at + 1, end);
            at = end + 1;
            return name;
        }
        String word = word();
        if (word.isEmpty()) {
            throw error(at, "expected a column name");
        }
        return word;
    }

    private DataType type() {
        int start = startOfNext();
        String word = word().toUpperCase(Locale.ROOT);
        DataType type = switch (word) {
            case "BOOLEAN" -> DataType.BOOLEAN;
            case "INT", "INTEGER" -> DataType.INT;
            case "BIGINT" -> DataType.BIGINT;
            case "DOUBLE" -> {
                acceptWord("PRECISION");
                yield DataType.DOUBLE;
            }
            case "STRING", "VARCHAR", "TEXT" -> DataType.STRING;
            case "BINARY", "VARBINARY", "BYTES" -> DataType.BINARY;
            case "DATE" -> DataType.DATE;
            case "TIMESTAMP" -> timestamp(start);
            case "DECIMAL", "NUMERIC" -> decimal(start);
            case "ARRAY" -> array();
            case "ROW" -> row();
            case "" -> throw error(start, "expected a type");
            default ->
                throw error(
                        start,
                        "unknown type '" + text.substring(start, at)
                                + "'; known are BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(p, s), STRING, BINARY,"
                                + " TIMESTAMP(3), TIMESTAMP(6), DATE, ARRAY<T>, ROW(name T, …)");
        };
        while (acceptWord("ARRAY")) {
            type = new DataType.Array(type);
        }
        return type;
    }

    private DataType timestamp(int start) {
        int precision = 3;
        if (accept('(')) {
            precision = number();
            expect(')');
        }
        if (precision < 0 || precision > 6) {
            throw error(start, "TIMESTAMP(" + precision + "): the precision is 3 (milliseconds) or 6 (microseconds)");
        }
        return new DataType.Timestamp(precision <= 3 ? 3 : 6);
    }

    private DataType decimal(int start) {
        int precision = DataType.Decimal.MAX_PRECISION;
        int scale = 0;
        if (accept('(')) {
            precision = number();
            if (accept(',')) {
                scale = number();
            }
            expect(')');
        }
        if (precision < 1 || precision > DataType.Decimal.MAX_PRECISION || scale > precision) {
            throw error(start, "DECIMAL(" + precision + ", " + scale + "): at most 38 digits, the scale within them");
        }
        return new DataType.Decimal(precision, scale);
    }

    private DataType array() {
        expect('<');
        DataType element = type();
        expect('>');
        return new DataType.Array(element);
    }

    private DataType row() {
        boolean round = accept('(');
        if (!round) {
            expect('<');
        }
        List<Field> fields = fields();
        expect(round ? ')' : '>');
        return new DataType.Row(fields);
    }

    private int number() {
        int start = startOfNext();
        while (at < text.length() && Character.isDigit(text.charAt(at))) {
            at++;
        }
        if (at == start || at - start > 4) {
            throw error(start, "expected a small number");
        }
        return Integer.parseInt(text.substring(start, at));
    }

    private String word() {
        int start = startOfNext();
        while (at < text.length() && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '_')) {
            at++;
        }
        return text.substring(start, at);
    }

    private boolean acceptWord(String expected) {
        int before = at;
        if (word().equalsIgnoreCase(expected)) {
            return true;
        }
        at = before;
        return false;
    }

    private boolean accept(char expected) {
        skipBlank();
        if (at < text.length() && text.charAt(at) == expected) {
            at++;
            return true;
        }
        return false;
    }

    private void expect(char expected) {
        if (!accept(expected)) {
            throw error(at, "expected '" + expected + "'");
        }
    }

    private int startOfNext() {
        skipBlank();
        return at;
    }

    private void skipBlank() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
    }

    private SchemaException error(int offset, String message) {
        String before = text.substring(0, Math.min(offset, text.length()));
        int line = (int) before.chars().filter(c -> c == '\n').count() + 1;
        int column = before.length() - before.lastIndexOf('\n');
        return new SchemaException(new Position(line, column), message);
    }
}
