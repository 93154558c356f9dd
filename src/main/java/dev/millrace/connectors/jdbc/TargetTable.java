package dev.millrace.connectors.jdbc;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The table that a result goes into, as the database's catalogue describes it, and the statements that change it. Rows come as
 * one array of texts per column ({@code unnest}), each cast to its column's type: a thousand rows are one statement.
 *
 * @param name as SQL has to spell it
 * @param columns of the result, in its order
 * @param keys columns that identify a row; null where rows are not changed
 */
record TargetTable(String name, List<Column> columns, List<Integer> keys) {

    /**
     * A column of the result.
     *
     * @param name quoted
     * @param type of the database, without length or precision: a cast to one that has them would cut
     */
    record Column(String name, DataType from, String type) {

        /** The value of a text. */
        String value(String text) {
            return from.kind() == DataType.Kind.BINARY ? "decode(" + text + ", 'hex')" : text + "::" + type;
        }
    }

    /** What the catalogue says of a column; a typmod is a precision or length in the encoding of the type, −1 for none. */
    private record Described(String quoted, String type, int typmod, boolean notNull, boolean generated) {}

    /**
     * @throws ConnectorException {@code TableMismatch} where the result does not fit
     */
    static TargetTable describe(Connection connection, JdbcSink.Config config) throws SQLException {
        String name = Database.find(connection, config.table())
                .orElseThrow(() -> mismatch(config, "does not exist; create it"));
        Map<String, Described> described = columns(connection, name);
        List<Column> columns = new ArrayList<>();
        for (Field field : config.rows().fields()) {
            columns.add(column(config, field, described));
        }
        TargetTable table = new TargetTable(name, columns, config.keys());
        if (config.keys() != null && !config.keys().isEmpty()) {
            table.requireUnique(connection, config, described);
        }
        return table;
    }

    private static ConnectorException mismatch(JdbcSink.Config config, String what) {
        return new ConnectorException(
                "TableMismatch", "sink '" + config.name() + "': the table " + config.table() + " " + what);
    }

    private static Map<String, Described> columns(Connection connection, String table) throws SQLException {
        Map<String, Described> columns = new LinkedHashMap<>();
        try (PreparedStatement look = connection.prepareStatement(
                "SELECT attname, quote_ident(attname), format_type(atttypid, NULL), atttypmod, attnotnull, attgenerated <>"
                        + " '' OR attidentity = 'a' FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0 AND"
                        + " NOT attisdropped ORDER BY attnum")) {
            look.setString(1, table);
            try (ResultSet found = look.executeQuery()) {
                while (found.next()) {
                    columns.put(
                            found.getString(1),
                            new Described(
                                    found.getString(2),
                                    found.getString(3),
                                    found.getInt(4),
                                    found.getBoolean(5),
                                    found.getBoolean(6)));
                }
            }
        }
        return columns;
    }

    private static Column column(JdbcSink.Config config, Field field, Map<String, Described> described) {
        Described column = described.get(field.name());
        if (column == null) {
            throw mismatch(
                    config,
                    "has no column " + field.name() + "; it has " + String.join(", ", described.keySet())
                            + ". Names are compared as they are, with upper and lower case");
        }
        if (column.generated) {
            throw mismatch(config, "generates its column " + field.name() + " itself; leave it out of the query");
        }
        if (!fits(field.type(), column.type, column.typmod)) {
            throw mismatch(
                    config,
                    "cannot take the " + field.type() + " " + field.name() + " of the result in its column of type "
                            + column.type + (column.typmod < 0 ? "" : " with that precision or length") + "; make it "
                            + advice(field.type()));
        }
        return new Column(column.quoted, field.type(), column.type);
    }

    /** Whether each value of one type is one of the other. */
    static boolean fits(DataType from, String type, int typmod) {
        return switch (from.kind()) {
            case BOOLEAN -> type.equals("boolean");
            case INT -> type.equals("integer") || type.equals("bigint") || isNumeric(type, typmod, 10, 0);
            case BIGINT -> type.equals("bigint") || isNumeric(type, typmod, 19, 0);
            case DOUBLE -> type.equals("double precision");
            case DECIMAL -> {
                DataType.Decimal decimal = (DataType.Decimal) from;
                yield isNumeric(type, typmod, decimal.precision() - decimal.scale(), decimal.scale());
            }
            case STRING ->
                typmod < 0
                        && Set.of("text", "character varying", "json", "jsonb", "uuid")
                                .contains(type);
            case BINARY -> type.equals("bytea");
            case DATE -> type.equals("date");
            case TIMESTAMP ->
                type.startsWith("timestamp ") && (typmod < 0 || typmod >= ((DataType.Timestamp) from).precision());
            case ARRAY, ROW -> false;
        };
    }

    /** A numeric's typmod is its precision and its scale, 16 and 11 bits, and 4. */
    private static boolean isNumeric(String type, int typmod, int whole, int fraction) {
        if (!type.equals("numeric")) {
            return false;
        }
        int precision = (typmod - 4) >> 16 & 0xffff;
        int scale = ((typmod - 4 & 0x7ff) ^ 1024) - 1024;
        return typmod < 0 || (scale >= fraction && precision - scale >= whole);
    }

    private static String advice(DataType type) {
        return switch (type.kind()) {
            case BOOLEAN -> "boolean";
            case INT -> "integer";
            case BIGINT -> "bigint";
            case DOUBLE -> "double precision";
            case DECIMAL -> "numeric, of enough digits if of any number";
            case STRING -> "text, without a length";
            case BINARY -> "bytea";
            case DATE -> "date";
            case TIMESTAMP -> "timestamp, or timestamp with time zone";
            case ARRAY, ROW -> "no part of the result: these have no column type here";
        };
    }

    /** An upsert needs a unique index on just the key, and one that takes two NULLs for the same where there are any. */
    private void requireUnique(Connection connection, JdbcSink.Config config, Map<String, Described> described)
            throws SQLException {
        List<Field> key = keys.stream().map(config.rows()::field).toList();
        for (Field field : key) {
            String type = described.get(field.name()).type;
            if (field.type().kind() == DataType.Kind.STRING
                    && !type.equals("text")
                    && !type.equals("character varying")) {
                throw mismatch(
                        config,
                        "has " + type + " for the key column " + field.name()
                                + ", which takes different texts for the same; make it text");
            }
        }
        Set<String> names = key.stream().map(Field::name).collect(Collectors.toSet());
        boolean nulls = key.stream().anyMatch(field -> field.nullable() && !described.get(field.name()).notNull);
        boolean distinctNulls = false;
        try (PreparedStatement look = connection.prepareStatement(
                "SELECT i.indexrelid, i.indnullsnotdistinct, a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid ="
                        + " i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) WHERE i.indrelid ="
                        + " ?::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND"
                        + " i.indexprs IS NULL")) {
            look.setString(1, name);
            Map<Long, Set<String>> indexes = new LinkedHashMap<>();
            Map<Long, Boolean> notDistinct = new LinkedHashMap<>();
            try (ResultSet found = look.executeQuery()) {
                while (found.next()) {
                    indexes.computeIfAbsent(found.getLong(1), id -> new HashSet<>())
                            .add(found.getString(3));
                    notDistinct.put(found.getLong(1), found.getBoolean(2));
                }
            }
            for (Map.Entry<Long, Set<String>> index : indexes.entrySet()) {
                if (index.getValue().equals(names) && (!nulls || notDistinct.get(index.getKey()))) {
                    return;
                }
                distinctNulls |= index.getValue().equals(names);
            }
        }
        String list =
                key.stream().map(field -> described.get(field.name()).quoted).collect(Collectors.joining(", "));
        throw mismatch(
                config,
                distinctNulls
                        ? "takes two NULLs in its key for different, and the result's key can be NULL; make it UNIQUE NULLS"
                                + " NOT DISTINCT (" + list + "), or the columns NOT NULL"
                        : "has no unique index on the key of the result, (" + list + "); add one, or a primary key");
    }

    // ---------------------------------------------------------------- statements

    private static String texts(int count) {
        String arrays = String.join(", ", java.util.Collections.nCopies(count, "?::text[]"));
        String names = IntStream.range(0, count).mapToObj(i -> "x" + i).collect(Collectors.joining(", "));
        return "unnest(" + arrays + ") AS r (" + names + ")";
    }

    /** Takes the texts of all columns. */
    String insert() {
        String names = columns.stream().map(Column::name).collect(Collectors.joining(", "));
        String values = IntStream.range(0, columns.size())
                .mapToObj(i -> columns.get(i).value("r.x" + i))
                .collect(Collectors.joining(", "));
        return "INSERT INTO " + name + " (" + names + ") SELECT " + values + " FROM " + texts(columns.size());
    }

    /** Takes the texts of all columns, of one row per key. */
    String upsert() {
        String key = keys.stream().map(i -> columns.get(i).name).collect(Collectors.joining(", "));
        String rest = IntStream.range(0, columns.size())
                .filter(i -> !keys.contains(i))
                .mapToObj(i -> columns.get(i).name + " = EXCLUDED." + columns.get(i).name)
                .collect(Collectors.joining(", "));
        return insert() + " ON CONFLICT (" + key + ") DO " + (rest.isEmpty() ? "NOTHING" : "UPDATE SET " + rest);
    }

    /**
     * Takes the texts of those key columns that are not NULL.
     *
     * @param nulls by key column: whether it is NULL in these rows
     */
    String delete(List<Boolean> nulls) {
        List<String> conditions = new ArrayList<>();
        int texts = 0;
        for (int k = 0; k < keys.size(); k++) {
            Column column = columns.get(keys.get(k));
            conditions.add("t." + column.name + (nulls.get(k) ? " IS NULL" : " = " + column.value("r.x" + texts)));
            texts += nulls.get(k) ? 0 : 1;
        }
        return "DELETE FROM " + name + " AS t" + (texts == 0 ? "" : " USING " + texts(texts)) + " WHERE "
                + String.join(" AND ", conditions);
    }

    String deleteAll() {
        return "DELETE FROM " + name;
    }
}
