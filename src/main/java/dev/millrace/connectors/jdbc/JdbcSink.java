package dev.millrace.connectors.jdbc;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Schema;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * A table of a PostgreSQL database. An epoch's changes are one transaction, begun when its first row is written and checked by
 * the database before the epoch is committed to the log; it ends after that, together with the epoch's number in the table
 * {@code millrace_epochs}. A transaction that was lost in between is written again by the replay of its epoch, as that number
 * tells.
 *
 * <p>A session that is left behind would hold locks: each start ends those of the same query and sink, and the database ends
 * those that are idle for a minute.
 */
public final class JdbcSink implements Sink {

    private static final String CREATE =
            "CREATE TABLE millrace_epochs (state_id TEXT, sink TEXT, epoch BIGINT NOT NULL,"
                    + " PRIMARY KEY (state_id, sink))";

    private final Config config;
    private final Connection connection;
    private final TargetTable table;
    private final List<TableWriter> writers = new ArrayList<>();
    private boolean begun;
    private boolean tagged;

    /**
     * @param name of the sink
     * @param stateId of the query: together they name the sink's row in {@code millrace_epochs}
     * @param table as SQL spells it, with its schema if need be
     * @param properties of the driver
     * @param rows the result
     * @param keys for a result that is updated: the columns that identify a row; null for one that grows or is replaced
     */
    public record Config(
            String name,
            String stateId,
            String url,
            String table,
            Map<String, Object> properties,
            Schema rows,
            List<Integer> keys) {}

    /**
     * @throws ConnectorException where the database cannot be reached, or the table cannot take the rows
     */
    public JdbcSink(Config config) {
        this.config = config;
        try {
            connection = connect(config);
        } catch (SQLException e) {
            throw failure(e);
        }
        try {
            table = TargetTable.describe(connection, config);
            tagged = tag().isPresent();
            connection.commit();
        } catch (SQLException e) {
            close();
            throw failure(e);
        } catch (ConnectorException e) {
            close();
            throw e;
        }
    }

    private static Connection connect(Config config) throws SQLException {
        String application = "millrace " + config.stateId + " " + config.name;
        Connection made = Database.connect(config.url, config.properties, application);
        try {
            execute(made, "SET idle_in_transaction_session_timeout = '60s'");
            execute(made, "SET lock_timeout = '30s'");
            execute(
                    made,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND datname ="
                            + " current_database() AND pid <> pg_backend_pid() AND application_name ="
                            + " current_setting('application_name')");
            createTags(made);
            made.commit();
            return made;
        } catch (SQLException e) {
            made.close();
            throw e;
        }
    }

    private static void createTags(Connection made) throws SQLException {
        try (PreparedStatement look = made.prepareStatement("SELECT to_regclass('millrace_epochs')");
                ResultSet found = look.executeQuery()) {
            found.next();
            if (found.getString(1) == null) {
                execute(made, CREATE.replace("TABLE", "TABLE IF NOT EXISTS"));
            }
        }
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.execute();
        }
    }

    private ConnectorException failure(SQLException e) {
        return Database.failure(
                "sink '" + config.name + "', table " + config.table,
                e,
                "RowRefused",
                "; grant it, and if millrace_epochs is missing: " + CREATE);
    }

    /** The last epoch that is in the table; empty where none was begun. */
    private OptionalLong tag() throws SQLException {
        try (PreparedStatement look =
                connection.prepareStatement("SELECT epoch FROM millrace_epochs WHERE state_id = ? AND sink = ?")) {
            look.setString(1, config.stateId);
            look.setString(2, config.name);
            try (ResultSet found = look.executeQuery()) {
                return found.next() ? OptionalLong.of(found.getLong(1)) : OptionalLong.empty();
            }
        }
    }

    @Override
    public synchronized boolean needsReplay(long epoch) {
        try {
            OptionalLong tag = tag();
            connection.rollback();
            if (tag.isEmpty()) {
                throw lost("has no row for it; if the table has moved, take that row along");
            }
            return tag.getAsLong() < epoch;
        } catch (SQLException e) {
            throw failure(e);
        }
    }

    private ConnectorException lost(String what) {
        return new ConnectorException(
                "SinkDataLost",
                "sink '" + config.name + "', table " + config.table
                        + ": what was written is unknown: millrace_epochs of this database " + what);
    }

    @Override
    public synchronized Writer writer() {
        TableWriter writer = new TableWriter(table, this::run);
        writers.add(writer);
        return writer;
    }

    /** Performs a change in the epoch's transaction. */
    private synchronized void run(TableWriter.Change change) {
        try {
            if (!tagged) {
                insertTag();
            }
            begun = true;
            change.perform(connection);
        } catch (SQLException e) {
            throw failure(e);
        }
    }

    /** In a transaction of its own, before the first epoch: a row that is missing later was lost. */
    private void insertTag() throws SQLException {
        try (PreparedStatement insert =
                connection.prepareStatement("INSERT INTO millrace_epochs VALUES (?, ?, -1) ON CONFLICT DO NOTHING")) {
            insert.setString(1, config.stateId);
            insert.setString(2, config.name);
            insert.execute();
        }
        connection.commit();
        tagged = true;
    }

    @Override
    public synchronized String prepare(long epoch) {
        writers.forEach(TableWriter::flush);
        return begun ? "" : null;
    }

    @Override
    public synchronized void publish(long epoch, String prepared) {
        if (!begun) {
            if (needsReplay(epoch)) {
                throw lost("does not have epoch " + epoch);
            }
            return;
        }
        try (PreparedStatement advance = connection.prepareStatement(
                "UPDATE millrace_epochs SET epoch = ? WHERE state_id = ? AND sink = ? AND epoch < ?")) {
            advance.setLong(1, epoch);
            advance.setString(2, config.stateId);
            advance.setString(3, config.name);
            advance.setLong(4, epoch);
            if (advance.executeUpdate() != 1) {
                throw new ConnectorException(
                        "DatabaseUnavailable",
                        "sink '" + config.name + "': epoch " + epoch + " was written by another run of the query",
                        null,
                        true);
            }
            connection.commit();
            begun = false;
        } catch (SQLException e) {
            throw failure(e);
        }
    }

    @Override
    public void abort() {
        close();
    }

    /** What was not published is rolled back. */
    @Override
    public void close() {
        try {
            connection.close();
        } catch (SQLException e) {
            throw failure(e);
        }
    }

    /** Takes the rows of these states out of {@code millrace_epochs}. */
    public static void forget(Config config, List<String> stateIds) {
        try (Connection connection = connect(config);
                PreparedStatement delete = connection.prepareStatement(
                        "DELETE FROM millrace_epochs WHERE sink = ? AND state_id = ANY (?)")) {
            delete.setString(1, config.name);
            delete.setArray(2, connection.createArrayOf("text", stateIds.toArray()));
            delete.execute();
            connection.commit();
        } catch (SQLException e) {
            throw new ConnectorException(
                    "DatabaseUnavailable", "sink '" + config.name + "': " + e.getMessage(), e, true);
        }
    }
}
