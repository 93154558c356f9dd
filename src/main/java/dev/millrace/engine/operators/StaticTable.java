package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.CellError;
import dev.millrace.data.RowEncoder;
import dev.millrace.engine.QueryException;
import java.util.Arrays;

/** The rows of a static table, found by key. Immutable once built; shared by all workers. */
public final class StaticTable {

    private final Batch rows;
    private final ByteKeyTable keys = new ByteKeyTable();
    private final int[] firsts;
    private final int[] nexts;

    /**
     * @param rows kept, each of weight 1
     */
    public StaticTable(Batch rows, int[] keyColumns) {
        this.rows = rows;
        this.firsts = new int[rows.size()];
        this.nexts = new int[rows.size()];
        Arrays.fill(firsts, -1);
        checkKeys(rows, keyColumns);
        RowEncoder encoder = new RowEncoder(keyColumns);
        encoder.encode(rows);
        for (int row = rows.size() - 1; row >= 0; row--) {
            int slot = keys.findOrAdd(encoder.array(), encoder.start(row), encoder.length(row), encoder.hash(row));
            nexts[row] = firsts[slot];
            firsts[slot] = row;
        }
    }

    private static void checkKeys(Batch rows, int[] keyColumns) {
        for (int column : keyColumns) {
            for (int row = 0; row < rows.size(); row++) {
                byte mark = rows.column(column).mark(row);
                if (CellError.isError(mark)) {
                    throw new QueryException(
                            "StaticTableFailed",
                            "a row of a static table cannot be joined: "
                                    + CellError.ofMark(mark).text() + " in a key of " + rows.toObjects(row));
                }
            }
        }
    }

    Batch rows() {
        return rows;
    }

    /** The first row of the key, or −1. */
    int first(byte[] key, int start, int length, long hash) {
        int slot = keys.find(key, start, length, hash);
        return slot < 0 ? -1 : firsts[slot];
    }

    /** The next row of the same key, or −1. */
    int next(int row) {
        return nexts[row];
    }
}
