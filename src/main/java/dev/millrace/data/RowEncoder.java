package dev.millrace.data;

import java.util.Arrays;

/** Encodes chosen columns of all rows of a batch, one after another, and hashes each: reused from batch to batch. */
public final class RowEncoder {

    private final int[] columns;
    private final Bytes bytes = new Bytes(4096);
    private int[] starts = new int[1];
    private long[] hashes = {};

    public RowEncoder(int[] columns) {
        this.columns = columns.clone();
    }

    public void encode(Batch batch) {
        int rows = batch.size();
        if (starts.length <= rows) {
            starts = new int[Math.max(rows + 1, starts.length * 2)];
            hashes = Arrays.copyOf(hashes, starts.length);
        }
        bytes.clear();
        if (columns.length == 1 && isPlainBytes(batch.column(columns[0]))) {
            encodeStrings((BytesVector) batch.column(columns[0]), rows);
        } else {
            encodeRows(batch, rows);
        }
        starts[rows] = bytes.length();
        bytes.reserve(2 * Long.BYTES);
        byte[] array = bytes.array();
        for (int row = 0; row < rows; row++) {
            hashes[row] = Hash.hash(array, starts[row], starts[row + 1] - starts[row]);
        }
    }

    private static boolean isPlainBytes(Vector column) {
        return column.type().isBytes() && !column.marked();
    }

    private void encodeStrings(BytesVector column, int rows) {
        for (int row = 0; row < rows; row++) {
            starts[row] = bytes.length();
            RowCodec.encodeBytes(column.slab(), column.start(row), column.length(row), bytes);
        }
    }

    private void encodeRows(Batch batch, int rows) {
        for (int row = 0; row < rows; row++) {
            starts[row] = bytes.length();
            for (int column : columns) {
                RowCodec.encode(batch.column(column), row, bytes);
            }
        }
    }

    public byte[] array() {
        return bytes.array();
    }

    public int start(int row) {
        return starts[row];
    }

    public int length(int row) {
        return starts[row + 1] - starts[row];
    }

    /** Whether two rows are equal. */
    public boolean same(int a, int b) {
        return hashes[a] == hashes[b]
                && Arrays.equals(bytes.array(), starts[a], starts[a + 1], bytes.array(), starts[b], starts[b + 1]);
    }

    public long hash(int row) {
        return hashes[row];
    }
}
