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

    /** Writes what {@link RowCodec#encodeBytes} writes; short strings, the usual ones, as two words, without a look back. */
    private void encodeStrings(BytesVector column, int rows) {
        byte[] slab = column.slab();
        int lastShort = slab.length - 2 * Long.BYTES;
        bytes.reserve(rows * 2 * Long.BYTES);
        byte[] array = bytes.array();
        int at = 0;
        for (int row = 0; row < rows; row++) {
            int start = column.start(row);
            int length = column.length(row);
            starts[row] = at;
            if (length <= MAX_SHORT && start <= lastShort) {
                int head = Math.min(length, Long.BYTES);
                long firstMask = Words.first(head);
                long secondMask = Words.first(length - head);
                long first = Words.get(slab, start) & firstMask;
                long second = Words.get(slab, start + Long.BYTES) & secondMask;
                if ((Words.zeros(first | ~firstMask) | Words.zeros(second | ~secondMask)) == 0) {
                    long low = first << 8 | 1;
                    long high = second << 8 | first >>> 56;
                    Words.set(array, at, low);
                    Words.set(array, at + Long.BYTES, high);
                    hashes[row] = Hash.hash(low, high, length + RowCodec.AROUND_BYTES);
                    at += length + RowCodec.AROUND_BYTES;
                    continue;
                }
            }
            bytes.truncate(at);
            RowCodec.encodeBytes(slab, start, length, bytes);
            hashes[row] = Hash.hash(bytes.array(), at, bytes.length() - at);
            at = bytes.length();
            bytes.reserve((rows - row) * 2 * Long.BYTES);
            array = bytes.array();
        }
        bytes.truncate(at);
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
