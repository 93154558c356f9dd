package dev.millrace.connectors.jdbc;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.formats.Format;
import dev.millrace.formats.RowDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A table or view of a PostgreSQL database as a static table: read whole, in one snapshot. The database gives its rows as JSON,
 * which is decoded as any other.
 */
public final class JdbcTable implements Source {

    private static final int BATCH_ROWS = 1_000;
    private static final String RIGHT = "; grant SELECT on it";

    private final Config config;

    /**
     * @param name of the source
     * @param table as SQL spells it, with its schema if need be
     * @param properties of the driver
     * @param rows the source's whole schema: each column is one of the table, of the same name
     * @param columns of it that are wanted
     */
    public record Config(
            String name,
            String url,
            String table,
            Map<String, Object> properties,
            Schema rows,
            List<Integer> columns) {}

    public JdbcTable(Config config) {
        this.config = config;
    }

    @Override
    public String identity() {
        return config.table;
    }

    @Override
    public List<Start> discover() {
        return List.of(new Start("table", Position.at(0)));
    }

    @Override
    public Reader reader(MalformedRows malformed) {
        return new Rows(malformed);
    }

    @Override
    public void close() {}

    private String what() {
        return "source '" + config.name + "', table " + config.table;
    }

    /** {@code SELECT to_json(r) …}: bytes as base64, as the decoder takes them, all else as JSON has it. */
    private static String select(Connection connection, Config config) throws SQLException {
        String table = Database.find(connection, config.table)
                .orElseThrow(() -> new ConnectorException(
                        "TableMismatch",
                        "source '" + config.name + "': the table " + config.table + " does not exist"));
        StringBuilder columns = new StringBuilder();
        for (int column : config.columns) {
            Field field = config.rows.field(column);
            String name = quoted(connection, field.name());
            columns.append(columns.isEmpty() ? "" : ", ")
                    .append(
                            field.type().kind() == DataType.Kind.BINARY
                                    ? "translate(encode(" + name + ", 'base64'), E'\\n', '') AS " + name
                                    : name);
        }
        return "SELECT to_json(r)::text FROM (SELECT " + columns + " FROM " + table + ") AS r";
    }

    private static String quoted(Connection connection, String name) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.enquoteIdentifier(name, true);
        }
    }

    private final class Rows implements Reader {
        private final MalformedRows malformed;
        private final RowDecoder decoder =
                new Format.Json(Format.TimestampStyle.ISO8601).decoder(config.rows, config.columns);
        private final Batch batch = new Batch(config.rows.select(config.columns));
        private final int[] partitions = new int[BATCH_ROWS];
        private Connection connection;
        private ResultSet rows;
        private long offset;
        private boolean ended;

        Rows(MalformedRows malformed) {
            this.malformed = malformed;
        }

        @Override
        public void assign(int index, String partition, Position position) {
            Arrays.fill(partitions, index);
            try {
                connection = Database.connect(config.url, config.properties, "millrace " + config.name);
                connection.setReadOnly(true);
                PreparedStatement select = connection.prepareStatement(select(connection, config));
                select.setFetchSize(BATCH_ROWS);
                rows = select.executeQuery();
            } catch (SQLException e) {
                throw Database.failure(what(), e, "TableMismatch", RIGHT);
            }
        }

        @Override
        public void limit(int index, Position end) {}

        @Override
        public void limitToNow() {}

        @Override
        public SourceBatch poll(long timeoutMillis) {
            batch.clear();
            try {
                while (!ended && batch.size() < BATCH_ROWS) {
                    ended = !rows.next();
                    if (!ended) {
                        accept(rows.getString(1).getBytes(StandardCharsets.UTF_8));
                    }
                }
            } catch (SQLException e) {
                throw Database.failure(what(), e, "TableMismatch", RIGHT);
            }
            batch.fill(batch.size(), origin);
            return new SourceBatch(batch, partitions);
        }

        private void accept(byte[] row) {
            long at = offset++;
            String problem = decoder.decode(row, 0, row.length, batch);
            if (problem != null) {
                malformed.malformed(
                        partitions[0], new SourcePosition(config.name, "row", at + 1), row, 0, row.length, problem);
            }
        }

        private final RowOrigin origin = new RowOrigin() {
            @Override
            public SourcePosition position(int row) {
                return new SourcePosition(config.name, "row", offset - batch.size() + row + 1);
            }

            @Override
            public byte[] raw(int row) {
                return null;
            }
        };

        @Override
        public Position position(int index) {
            return Position.at(offset);
        }

        @Override
        public long lag(int index) {
            return -1;
        }

        @Override
        public boolean atEnd(int index) {
            return ended;
        }

        @Override
        public boolean ended(int index) {
            return ended;
        }

        @Override
        public void close() {
            try {
                if (connection != null) {
                    connection.close();
                }
            } catch (SQLException e) {
                throw Database.failure(what(), e, "TableMismatch", RIGHT);
            }
        }
    }
}
