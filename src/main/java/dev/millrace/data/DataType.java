package dev.millrace.data;

import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/** A column's type. {@link #toString} is the SQL spelling and is stable: it is part of operator identities. */
public sealed interface DataType {

    DataType BOOLEAN = new Simple(Kind.BOOLEAN);
    DataType INT = new Simple(Kind.INT);
    DataType BIGINT = new Simple(Kind.BIGINT);
    DataType DOUBLE = new Simple(Kind.DOUBLE);
    DataType STRING = new Simple(Kind.STRING);
    DataType BINARY = new Simple(Kind.BINARY);
    DataType DATE = new Simple(Kind.DATE);
    DataType TIMESTAMP_MILLIS = new Timestamp(3);
    DataType TIMESTAMP_MICROS = new Timestamp(6);

    Kind kind();

    /** Whether cells are {@code long}s in a {@link LongVector}. */
    default boolean isLong() {
        return switch (kind()) {
            case BOOLEAN, INT, BIGINT, DATE, TIMESTAMP -> true;
            case DOUBLE, DECIMAL, STRING, BINARY, ARRAY, ROW -> false;
        };
    }

    default boolean isBytes() {
        return kind() == Kind.STRING || kind() == Kind.BINARY;
    }

    default boolean isNumeric() {
        return kind() == Kind.INT || kind() == Kind.BIGINT || kind() == Kind.DOUBLE || kind() == Kind.DECIMAL;
    }

    /** What a cell holds: BOOLEAN 0 or 1, DATE days since 1970, TIMESTAMP milli- or microseconds since 1970 in UTC. */
    enum Kind {
        BOOLEAN,
        INT,
        BIGINT,
        DOUBLE,
        DECIMAL,
        STRING,
        BINARY,
        TIMESTAMP,
        DATE,
        ARRAY,
        ROW
    }

    /** A type without parameters. */
    record Simple(Kind kind) implements DataType {
        @Override
        public String toString() {
            return kind.name();
        }
    }

    /** A fixed-point number: an unscaled 128-bit integer times 10 to the power of {@code -scale}. */
    record Decimal(int precision, int scale) implements DataType {
        public static final int MAX_PRECISION = 38;

        public Decimal {
            if (precision < 1 || precision > MAX_PRECISION || scale < 0 || scale > precision) {
                throw new IllegalArgumentException("DECIMAL(" + precision + ", " + scale + ")");
            }
        }

        @Override
        public Kind kind() {
            return Kind.DECIMAL;
        }

        @Override
        public String toString() {
            return "DECIMAL(" + precision + ", " + scale + ")";
        }
    }

    /** A point in time without zone, read as UTC; {@code precision} is 3 (cells in milliseconds) or 6 (microseconds). */
    record Timestamp(int precision) implements DataType {
        public Timestamp {
            if (precision != 3 && precision != 6) {
                throw new IllegalArgumentException("TIMESTAMP(" + precision + ")");
            }
        }

        @Override
        public Kind kind() {
            return Kind.TIMESTAMP;
        }

        public long unitsPerSecond() {
            return precision == 3 ? 1_000 : 1_000_000;
        }

        @Override
        public String toString() {
            return "TIMESTAMP(" + precision + ")";
        }
    }

    /** An ordered list of elements of one type. */
    record Array(DataType element) implements DataType {
        public Array {
            Objects.requireNonNull(element);
        }

        @Override
        public Kind kind() {
            return Kind.ARRAY;
        }

        @Override
        public String toString() {
            return element + " ARRAY";
        }
    }

    /** A nested row of named fields. */
    record Row(List<Field> fields) implements DataType {
        public Row {
            fields = List.copyOf(fields);
        }

        @Override
        public Kind kind() {
            return Kind.ROW;
        }

        @Override
        public String toString() {
            return fields.stream().map(Field::toString).collect(Collectors.joining(", ", "ROW(", ")"));
        }
    }
}
