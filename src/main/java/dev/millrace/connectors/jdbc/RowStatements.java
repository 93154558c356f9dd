package dev.millrace.connectors.jdbc;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.List;

/** Performs statements that take many rows at once, an array of texts per column. */
final class RowStatements {

    /** Of a statement. */
    static final int ROWS = 4_000;

    private final Connection connection;
    private final Refusals refusals;

    /** Takes rows that the database refuses. */
    interface Refusals {
        void refused(String[] row, SQLException reason);
    }

    /**
     * @param refusals null where a row that is refused fails the statement
     */
    RowStatements(Connection connection, Refusals refusals) {
        this.connection = connection;
        this.refusals = refusals;
    }

    /** Another one of the same connection. */
    RowStatements telling(Refusals others) {
        return new RowStatements(connection, others);
    }

    /** Returns the rows that were refused, and left out. */
    List<String[]> execute(String sql, List<String[]> rows) throws SQLException {
        List<String[]> refused = new ArrayList<>();
        for (int from = 0; from < rows.size(); from += ROWS) {
            List<String[]> some = rows.subList(from, Math.min(rows.size(), from + ROWS));
            if (refusals == null) {
                perform(sql, some);
            } else {
                attempt(sql, some, refused);
            }
        }
        return refused;
    }

    /** Halves the rows until one alone is refused. */
    private void attempt(String sql, List<String[]> rows, List<String[]> refused) throws SQLException {
        Savepoint before = connection.setSavepoint();
        try {
            perform(sql, rows);
            connection.releaseSavepoint(before);
        } catch (SQLException e) {
            if (!Database.isOfRow(e)) {
                throw e;
            }
            connection.rollback(before);
            connection.releaseSavepoint(before);
            if (rows.size() == 1) {
                refusals.refused(rows.get(0), e);
                refused.add(rows.get(0));
            } else {
                attempt(sql, rows.subList(0, rows.size() / 2), refused);
                attempt(sql, rows.subList(rows.size() / 2, rows.size()), refused);
            }
        }
    }

    private void perform(String sql, List<String[]> rows) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int c = 0; c < rows.get(0).length; c++) {
                int column = c;
                Object[] texts = rows.stream().map(row -> row[column]).toArray(String[]::new);
                statement.setArray(c + 1, connection.createArrayOf("text", texts));
            }
            statement.execute();
        }
    }
}
