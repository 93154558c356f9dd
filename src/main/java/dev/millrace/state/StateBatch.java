package dev.millrace.state;

import dev.millrace.data.Bytes;

/**
 * The changes of one epoch. Kept in the serialised form of RocksDB's WriteBatch (a header of twelve bytes, then tagged
 * records), so that it crosses into native code by one call, however many entries it has.
 */
public final class StateBatch {

    private static final int HEADER = 12;
    private static final int PUT = 1;
    private static final int DELETE = 0;
    private static final int DELETE_RANGE = 15;

    private final Bytes bytes = new Bytes(1 << 16);
    private int count;
    private long rows;

    public StateBatch() {
        clear();
    }

    public void clear() {
        bytes.clear();
        for (int i = 0; i < HEADER; i++) {
            bytes.put(0);
        }
        count = 0;
        rows = 0;
    }

    /** Notes how many more rows an operator keeps after these changes than before. */
    public void countRows(long more) {
        rows += more;
    }

    /** By how many rows the operators' state grows. */
    public long rows() {
        return rows;
    }

    public int count() {
        return count;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    public void put(byte[] key, int keyLength, byte[] value, int valueLength) {
        bytes.put(PUT).putVarint(keyLength).put(key, 0, keyLength);
        bytes.putVarint(valueLength).put(value, 0, valueLength);
        count++;
    }

    public void put(byte[] key, byte[] value) {
        put(key, key.length, value, value.length);
    }

    public void delete(byte[] key, int keyLength) {
        bytes.put(DELETE).putVarint(keyLength).put(key, 0, keyLength);
        count++;
    }

    /** Deletes all keys in {@code [from, to)}. */
    public void deleteRange(byte[] from, byte[] to) {
        bytes.put(DELETE_RANGE)
                .putVarint(from.length)
                .put(from)
                .putVarint(to.length)
                .put(to);
        count++;
    }

    /** Appends the changes of another batch behind these. */
    public void append(StateBatch other) {
        bytes.put(other.bytes.array(), HEADER, other.bytes.length() - HEADER);
        count += other.count;
        rows += other.rows;
    }

    /** The serialised batch. */
    public byte[] toByteArray() {
        byte[] array = bytes.toByteArray();
        for (int i = 0; i < 4; i++) {
            array[8 + i] = (byte) (count >>> 8 * i);
        }
        return array;
    }

    /** Receives the changes in order. */
    public interface Visitor {
        void put(byte[] key, byte[] value);

        void delete(byte[] key);

        void deleteRange(byte[] from, byte[] to);
    }

    public void forEach(Visitor visitor) {
        Bytes.Reader reader = new Bytes.Reader();
        reader.reset(bytes.array(), HEADER);
        for (int i = 0; i < count; i++) {
            int tag = reader.get();
            byte[] first = string(reader);
            switch (tag) {
                case PUT -> visitor.put(first, string(reader));
                case DELETE -> visitor.delete(first);
                default -> visitor.deleteRange(first, string(reader));
            }
        }
    }

    private static byte[] string(Bytes.Reader reader) {
        int length = (int) reader.getVarint();
        byte[] array = java.util.Arrays.copyOfRange(reader.bytes(), reader.position(), reader.position() + length);
        reader.position(reader.position() + length);
        return array;
    }
}
