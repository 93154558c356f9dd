package dev.millrace.connectors.jdbc;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.NotedEpochs;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Hash;
import dev.millrace.data.Schema;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * A table of a PostgreSQL database. An epoch's changes are one transaction, begun when its first row is written and checked by
 * the database before the epoch is committed to the log; it ends after that, together with the epoch's number in the table
 * {@code millrace_epochs}. A transaction that was lost in between is written again by the replay of its epoch, as that number
 * tells.
 *
 * <p>{@link NotedEpochs} tells a table that was set back, or that is ahead of the query.
 *
 * <p>A session that is left behind would hold locks: each start ends those of the same query and sink, and the database ends
 * those that are idle for a minute and two commit intervals.
 */
public final class JdbcSink implements Sink {

    private static final String CREATE =
            "CREATE TABLE millrace_epochs (state_id TEXT, sink TEXT, epoch BIGINT NOT NULL,"
                    + " PRIMARY KEY (state_id, sink))";

    private final Config config;
    private final NotedEpochs noted;
    private final Connection connection;
    private final TargetTable table;
    private final List<TableWriter> writers = new ArrayList<>();
    private final List<Refused> refused = new ArrayList<>();
    private boolean begun;
    private boolean tagged;
    private long previous;
    private ConnectorException failed;

    /**
     * @param name of the sink
     * @param stateId of the query: together they name the sink's row in {@code millrace_epochs}
     * @param table as SQL spells it, with its schema if need be
     * @param properties of the driver
     * @param commitIntervalMillis between two epochs
     * @param rows the result
     * @param onRefused what happens to a row that the table refuses
     * @param keys for a result that is updated: the columns that identify a row; null for one that grows or is replaced
     */
    public record Config(
            String name,
            String stateId,
            String url,
            String table,
            Map<String, Object> properties,
            long commitIntervalMillis,
            Schema rows,
            OnRefused onRefused,
            List<Integer> keys) {}

    /** The epoch fails and with it the query, or goes on without the row. */
    public enum OnRefused {
        FAIL,
        SKIP,
        DEAD_LETTER
    }

    /**
     * @throws ConnectorException where the database cannot be reached, or the table cannot take the rows
     */
    public JdbcSink(Config config) {
        this.config = config;
        this.noted = new NotedEpochs(
                "sink '" + config.name + "', table " + config.table,
                "millrace_epochs of this database",
                "database",
                "has no row for it; if the table has moved, take that row along");
        try {
            connection = connect(config);
        } catch (SQLException e) {
            throw failure(e, "TableMismatch");
        }
        try {
            table = TargetTable.describe(connection, config);
            tagged = tag().isPresent();
            connection.commit();
        } catch (SQLException e) {
            close();
            throw failure(e, "TableMismatch");
        } catch (ConnectorException e) {
            close();
            throw e;
        }
    }

    /** Names the sessions of one sink of one query: PostgreSQL cuts names, so what tells them apart is first. */
    private static String application(Config config) {
        String sink = config.stateId + "/" + config.name;
        long hash = Hash.hash(sink.getBytes(StandardCharsets.UTF_8));
        return String.format("millrace %016x %s", hash, config.name.replaceAll("[^ -~]", "?"));
    }

    private static Connection connect(Config config) throws SQLException {
        String application = application(config);
        Connection made = Database.connect(config.url, config.properties, application);
        try {
            Database.execute(made, "SET application_name = '" + application.replace("'", "''") + "'");
            Database.execute(made, "SET lock_timeout = '30s'");
            Database.execute(
                    made, "SET idle_in_transaction_session_timeout = " + (60_000 + 2 * config.commitIntervalMillis));
            Database.execute(
                    made,
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = current_user AND datname ="
                            + " current_database() AND pid <> pg_backend_pid() AND application_name ="
                            + " current_setting('application_name')");
            made.commit();
            createTags(made);
            made.commit();
            return made;
        } catch (SQLException e) {
            made.close();
            throw e;
        }
    }

    private static void createTags(Connection made) throws SQLException {
        if (hasTags(made)) {
            return;
        }
        try {
            Database.execute(made, CREATE.replace("TABLE", "TABLE IF NOT EXISTS"));
        } catch (SQLException e) { // another query may have made it in the same moment
            made.rollback();
            if (!hasTags(made)) {
                throw e;
            }
        }
    }

    private static boolean hasTags(Connection made) throws SQLException {
        return Database.find(made, "millrace_epochs").isPresent();
    }

    private ConnectorException failure(SQLException e) {
        return failure(e, "RowRefused");
    }

    private ConnectorException failure(SQLException e, String refused) {
        return Database.failure(
                "sink '" + config.name + "', table " + config.table,
                e,
                refused,
                "; grant it, and if millrace_epochs is missing: " + CREATE);
    }

    /** The last epoch that is in the table; empty where none was begun. */
    private OptionalLong tag() throws SQLException {
        return tag("");
    }

    private OptionalLong committed() throws SQLException {
        OptionalLong tag = tag();
        connection.rollback();
        return tag;
    }

    private OptionalLong tag(String lock) throws SQLException {
        try (PreparedStatement look = connection.prepareStatement(
                "SELECT epoch FROM millrace_epochs WHERE state_id = ? AND sink = ?" + lock)) {
            look.setString(1, config.stateId);
            look.setString(2, config.name);
            try (ResultSet found = look.executeQuery()) {
                return found.next() ? OptionalLong.of(found.getLong(1)) : OptionalLong.empty();
            }
        }
    }

    @Override
    public synchronized boolean needsReplay(long epoch, String prepared) {
        try {
            return noted.needsReplay(committed(), epoch, prepared);
        } catch (SQLException e) {
            throw failure(e);
        }
    }

    @Override
    public synchronized Writer writer() {
        TableWriter writer =
                new TableWriter(table, this::run, config.onRefused == OnRefused.FAIL ? null : this::refuse);
        writers.add(writer);
        return writer;
    }

    private void refuse(String[] row, SQLException reason) {
        refused.add(
                new Refused(Arrays.toString(row), Database.message(reason), config.onRefused == OnRefused.DEAD_LETTER));
    }

    @Override
    public synchronized List<Refused> takeRefused() {
        writers.forEach(TableWriter::flush);
        List<Refused> taken = List.copyOf(refused);
        refused.clear();
        return taken;
    }

    /** Performs a change in the epoch's transaction; what has failed once fails again, as the transaction is over. */
    private synchronized void run(TableWriter.Change change) {
        if (failed != null) {
            throw failed;
        }
        try {
            if (!tagged) {
                insertTag();
            }
            if (!begun) {
                previous = tag(" FOR UPDATE").orElseThrow(() -> noted.lost("has no row for it"));
                begun = true;
                if (config.onRefused != OnRefused.FAIL) { // each row is to be checked with its statement
                    Database.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE");
                }
            }
            change.perform(connection);
        } catch (SQLException e) {
            failed = failure(e);
            throw failed;
        }
    }

    /** In a transaction of its own, before the first epoch: a row that is missing later was lost. */
    private void insertTag() throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(
                "INSERT INTO millrace_epochs VALUES (?, ?, " + NotedEpochs.NONE_YET + ") ON CONFLICT DO NOTHING")) {
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
        if (!begun) {
            return null;
        }
        String before = noted.prepare(previous, epoch);
        run(session -> Database.execute(session, "SET CONSTRAINTS ALL IMMEDIATE"));
        return before;
    }

    @Override
    public synchronized void publish(long epoch, String prepared) {
        if (!begun) {
            try {
                noted.requirePublished(committed(), epoch, prepared);
            } catch (SQLException e) {
                throw failure(e);
            }
            return;
        }
        try (PreparedStatement advance =
                connection.prepareStatement("UPDATE millrace_epochs SET epoch = ? WHERE state_id = ? AND sink = ?")) {
            advance.setLong(1, epoch);
            advance.setString(2, config.stateId);
            advance.setString(3, config.name);
            advance.executeUpdate(); // its row is locked since the transaction began
            connection.commit();
            begun = false;
        } catch (SQLException e) {
            throw failure(e);
        }
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

    /**
     * Takes the rows of these states out of {@code millrace_epochs}.
     *
     * @param name of the sink
     */
    public static void forget(String name, String url, Map<String, Object> properties, List<String> stateIds) {
        try (Connection connection = Database.connect(url, properties, "millrace clean-up")) {
            if (hasTags(connection)) {
                try (PreparedStatement delete = connection.prepareStatement(
                        "DELETE FROM millrace_epochs WHERE sink = ? AND state_id = ANY (?)")) {
                    delete.setString(1, name);
                    delete.setArray(2, connection.createArrayOf("text", stateIds.toArray()));
                    delete.execute();
                }
            }
            connection.commit();
        } catch (SQLException e) {
            throw Database.failure("the rows of sink '" + name + "' in millrace_epochs", e, "DatabaseUnavailable", "");
        }
    }
}
