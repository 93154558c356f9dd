package dev.millrace.data;

import java.util.Arrays;

/** Encodes chosen columns of all rows of a batch, one after another, and hashes each: reused from batch to batch. */
public final class RowEncoder {

    /** A string of so many bytes is encoded in at most 15. */
    private static final int MAX_SHORT = 12;

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
    }

    private static boolean isPlainBytes(Vector column) {
        return column.type().isBytes() && !column.marked();
    }

    private void encodeStrings(BytesVector column, int rows) {
        byte[] slab = column.slab();
        for (int row = 0; row < rows; row++) {
            int start = column.start(row);
            int length = column.length(row);
            starts[row] = bytes.length();
            if (length > MAX_SHORT || start + 2 * Long.BYTES > slab.length || !encodeShort(slab, start, length, row)) {
                RowCodec.encodeBytes(slab, start, length, bytes);
                hashes[row] = Hash.hash(bytes.array(), starts[row], bytes.length() - starts[row]);
            }
        }
    }

    /** What {@link RowCodec#encodeBytes} writes, in two words; false, and nothing done, where a byte is 0. */
    private boolean encodeShort(byte[] slab, int start, int length, int row) {
        int head = Math.min(length, Long.BYTES);
        long first = Words.get(slab, start) & Words.first(head);
        long second = Words.get(slab, start + Long.BYTES) & Words.first(length - head);
        if ((Words.zeros(first | ~Words.first(head)) | Words.zeros(second | ~Words.first(length - head))) != 0) {
            return false;
        }
        int encoded = length + RowCodec.AROUND_BYTES;
        long low = first << 8 | 1;
        long high = second << 8 | first >>> 56;
        bytes.putWords(low, high, encoded);
        hashes[row] = Hash.hash(low, high, encoded);
        return true;
    }

    private void encodeRows(Batch batch, int rows) {
        for (int row = 0; row < rows; row++) {
            starts[row] = bytes.length();
            for (int column : columns) {
                RowCodec.encode(batch.column(column), row, bytes);
            }
            hashes[row] = Hash.hash(bytes.array(), starts[row], bytes.length() - starts[row]);
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
