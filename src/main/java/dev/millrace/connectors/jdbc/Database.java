package dev.millrace.connectors.jdbc;

import dev.millrace.connectors.ConnectorException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Connections, and what their failures mean. */
final class Database {

    private Database() {}

    /** A connection without automatic commits. Details of errors hold values of rows, and are not asked for. */
    static Connection connect(String url, Map<String, Object> properties, String application) throws SQLException {
        Properties all = new Properties();
        all.putAll(Map.of(
                "connectTimeout",
                "10",
                "socketTimeout",
                "120",
                "tcpKeepAlive",
                "true",
                "logServerErrorDetail",
                "false"));
        all.putAll(properties);
        all.put("ApplicationName", application);
        Connection made = DriverManager.getConnection(url, all);
        try {
            made.setAutoCommit(false);
            return made;
        } catch (SQLException e) {
            made.close();
            throw e;
        }
    }

    /** A table's name as SQL has to spell it; empty where there is no such table. */
    static Optional<String> find(Connection connection, String table) throws SQLException {
        try (PreparedStatement look = connection.prepareStatement("SELECT to_regclass(?)::text")) {
            look.setString(1, table);
            try (ResultSet found = look.executeQuery()) {
                found.next();
                return Optional.ofNullable(found.getString(1));
            }
        }
    }

    static void execute(Connection connection, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.execute();
        }
    }

    /**
     * An outage is waited for, and so is a right; what the database refuses for another reason it would refuse again.
     *
     * @param refused the code of what is refused
     * @param right what to do where a right is missing
     */
    static ConnectorException failure(String what, SQLException e, String refused, String right) {
        String state = e.getSQLState() == null ? "" : e.getSQLState();
        String message = what + ": " + message(e, state);
        if (state.equals("42501")) {
            return new ConnectorException("AccessDenied", message + right, e, true);
        }
        if (state.startsWith("28")) {
            return new ConnectorException("AccessDenied", message, e, true);
        }
        boolean lasting = state.matches("(0A|21|22|23|3|42|44|54|P0).*");
        return lasting
                ? new ConnectorException(refused, message, e, false)
                : new ConnectorException("DatabaseUnavailable", message, e, true);
    }

    /** Whether another row might not be refused. */
    static boolean isOfRow(SQLException e) {
        return e.getSQLState() != null && e.getSQLState().matches("(22|23|44|54|P0).*");
    }

    static String message(SQLException e) {
        return message(e, e.getSQLState());
    }

    /** Without values of rows: they are not for logs. */
    private static String message(SQLException e, String state) {
        if (!state.matches("(22|23|P0).*")) {
            return e.getMessage();
        }
        ServerErrorMessage server = e instanceof PSQLException known ? known.getServerErrorMessage() : null;
        String constraint = server == null ? null : server.getConstraint();
        return constraint == null
                ? "a value is refused (SQLSTATE " + state + "); the database's own log has it"
                : "a row violates the constraint " + constraint + " (SQLSTATE " + state + ")";
    }
}
