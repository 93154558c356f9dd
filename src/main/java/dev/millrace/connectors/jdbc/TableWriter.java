package dev.millrace.connectors.jdbc;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.TextWriter;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Turns rows into texts and those into statements, some thousand rows at once. */
final class TableWriter implements Sink.Writer {

    private final TargetTable table;
    private final Consumer<Change> transaction;
    private final RowStatements.Refusals refusals;
    private final List<String[]> inserts = new ArrayList<>();
    private final List<String[]> upserts = new ArrayList<>();
    private Map<List<Boolean>, List<String[]>> deletes = new LinkedHashMap<>();
    private final Bytes bytes = new Bytes();

    /** A statement or several, to be performed in the epoch's transaction. */
    interface Change {
        void perform(Connection connection) throws SQLException;
    }

    /**
     * @param refusals takes rows that the table refuses; null where such a row fails the epoch
     */
    TableWriter(TargetTable table, Consumer<Change> transaction, RowStatements.Refusals refusals) {
        this.refusals = refusals;
        this.table = table;
        this.transaction = transaction;
    }

    @Override
    public void append(Batch rows) {
        for (int row = 0; row < rows.size(); row++) {
            String[] texts = texts(rows, row);
            for (long copy = 0; copy < rows.weight(row); copy++) {
                inserts.add(texts);
                if (inserts.size() >= RowStatements.ROWS) {
                    flush();
                }
            }
        }
    }

    @Override
    public void change(Batch rows, int[] keys) {
        for (int row = 0; row < rows.size(); row++) {
            String[] texts = texts(rows, row);
            if (rows.weight(row) > 0) {
                upserts.add(texts);
            } else {
                delete(texts);
            }
        }
        flush(); // deletes before upserts: another unique column of a row may go over to another row
    }

    private void delete(String[] texts) {
        List<Boolean> nulls = new ArrayList<>();
        List<String> values = new ArrayList<>();
        for (int key : table.keys()) {
            nulls.add(texts[key] == null);
            if (texts[key] != null) {
                values.add(texts[key]);
            }
        }
        deletes.computeIfAbsent(nulls, mask -> new ArrayList<>()).add(values.toArray(String[]::new));
    }

    @Override
    public void replace(long epoch, List<Batch> rows) {
        inserts.clear();
        transaction.accept(connection -> Database.execute(connection, table.deleteAll()));
        rows.forEach(this::append);
    }

    private String[] texts(Batch rows, int row) {
        String[] texts = new String[rows.columnCount()];
        for (int c = 0; c < texts.length; c++) {
            texts[c] = rows.column(c).isValue(row) ? text(rows.column(c), row) : null;
        }
        return texts;
    }

    private String text(Vector column, int row) {
        bytes.clear();
        TextWriter.write(column, row, ' ', bytes);
        if (column.type().kind() == DataType.Kind.BINARY) {
            return HexFormat.of().formatHex(bytes.array(), 0, bytes.length());
        }
        String text = new String(bytes.array(), 0, bytes.length(), StandardCharsets.UTF_8);
        return column.type().kind() == DataType.Kind.TIMESTAMP ? text + "+00" : text;
    }

    /** Sends what waits. */
    void flush() {
        if (inserts.isEmpty() && upserts.isEmpty() && deletes.isEmpty()) {
            return;
        }
        transaction.accept(connection -> {
            RowStatements statements = new RowStatements(connection, refusals);
            if (table.keys() != null && table.keys().isEmpty()) { // the result is one row
                Database.execute(connection, table.deleteAll());
                statements.execute(table.insert(), upserts);
            } else {
                performDeletes(statements);
                if (!upserts.isEmpty()) {
                    List<String[]> refused = statements.execute(table.upsert(), upserts);
                    refused.forEach(this::delete); // what was there of its key is the result no more
                    performDeletes(statements.telling((row, reason) -> {}));
                }
                statements.execute(table.insert(), inserts);
            }
        });
        inserts.clear();
        upserts.clear();
    }

    private void performDeletes(RowStatements statements) throws SQLException {
        Map<List<Boolean>, List<String[]>> all = deletes;
        deletes = new LinkedHashMap<>();
        for (Map.Entry<List<Boolean>, List<String[]>> some : all.entrySet()) {
            statements.execute(table.delete(some.getKey()), some.getValue());
        }
    }
}
