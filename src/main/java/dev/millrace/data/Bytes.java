package dev.millrace.data;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A growable byte buffer; numbers are big-endian. */
public final class Bytes {

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    private byte[] array;
    private int length;

    public Bytes() {
        this(64);
    }

    public Bytes(int capacity) {
        array = new byte[capacity];
    }

    public byte[] array() {
        return array;
    }

    public int length() {
        return length;
    }

    public void clear() {
        length = 0;
    }

    /** Sets the length: drops what is behind, or takes what was written into {@link #array} within reserved room. */
    public void truncate(int newLength) {
        length = newLength;
    }

    public byte[] toByteArray() {
        return Arrays.copyOf(array, length);
    }

    /** Makes room for {@code count} more bytes. */
    public void reserve(int count) {
        if (length + count > array.length) {
            array = Arrays.copyOf(array, Math.max(length + count, array.length * 2));
        }
    }

    public Bytes put(int value) {
        reserve(1);
        array[length++] = (byte) value;
        return this;
    }

    public Bytes putShort(int value) {
        reserve(2);
        array[length++] = (byte) (value >> 8);
        array[length++] = (byte) value;
        return this;
    }

    public Bytes putInt(int value) {
        reserve(4);
        INT.set(array, length, value);
        length += 4;
        return this;
    }

    public Bytes putLong(long value) {
        reserve(8);
        LONG.set(array, length, value);
        length += 8;
        return this;
    }

    /** A variable-length unsigned number, seven bits a byte, least first. */
    public Bytes putVarint(long value) {
        long rest = value;
        while ((rest & ~0x7FL) != 0) {
            put((int) (rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        return put((int) rest);
    }

    /** A variable-length signed number, small where its absolute value is. */
    public Bytes putZigzag(long value) {
        return putVarint(value << 1 ^ value >> 63);
    }

    public Bytes put(byte[] bytes, int offset, int count) {
        reserve(count);
        System.arraycopy(bytes, offset, array, length, count);
        length += count;
        return this;
    }

    public Bytes put(byte[] bytes) {
        return put(bytes, 0, bytes.length);
    }

    /**
     * Appends bytes, eight at a time, if none of them is 0; else, or where eight cannot be read at once, appends nothing and
     * returns false.
     */
    boolean putWithoutZeros(byte[] bytes, int start, int count) {
        reserve(count + Long.BYTES);
        for (int i = 0; i < count; i += Long.BYTES) {
            if (start + i + Long.BYTES > bytes.length) {
                return false;
            }
            long word = (long) LONG.get(bytes, start + i);
            LONG.set(array, length + i, word);
            long checked = count - i >= Long.BYTES ? word : word | -1L >>> 8 * (count - i);
            if ((checked - Words.ONES & ~checked & Words.HIGHS) != 0) {
                return false;
            }
        }
        length += count;
        return true;
    }

    public static long getLong(byte[] bytes, int offset) {
        return (long) LONG.get(bytes, offset);
    }

    public static int getInt(byte[] bytes, int offset) {
        return (int) INT.get(bytes, offset);
    }

    /** A cursor over bytes that were written by this class. */
    public static final class Reader {
        private byte[] bytes;
        private int position;

        public Reader() {}

        public Reader(byte[] bytes) {
            reset(bytes, 0);
        }

        public void reset(byte[] newBytes, int offset) {
            bytes = newBytes;
            position = offset;
        }

        public byte[] bytes() {
            return bytes;
        }

        public int position() {
            return position;
        }

        public void position(int newPosition) {
            position = newPosition;
        }

        public int get() {
            return bytes[position++] & 0xFF;
        }

        public int getInt() {
            position += 4;
            return Bytes.getInt(bytes, position - 4);
        }

        public long getLong() {
            position += 8;
            return Bytes.getLong(bytes, position - 8);
        }

        public long getVarint() {
            long value = 0;
            int shift = 0;
            int next;
            do {
                next = get();
                value |= (long) (next & 0x7F) << shift;
                shift += 7;
            } while (next >= 0x80);
            return value;
        }

        public long getZigzag() {
            long raw = getVarint();
            return raw >>> 1 ^ -(raw & 1);
        }
    }
}
