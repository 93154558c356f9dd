package dev.millrace.data;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Eight bytes of an array taken as one number, the first byte lowest, and tests of all eight at once (H. S. Warren,
 * Hacker's Delight, chapter 6).
 */
public final class Words {

    /** The byte 1, and the byte 0x80, eight times: times a byte it is that byte eight times. */
    public static final long ONES = 0x0101_0101_0101_0101L;

    public static final long HIGHS = 0x80 * ONES;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** By number of bytes, 0 to 8: the lowest ones. */
    private static final long[] LOWEST = new long[Long.BYTES + 1];

    static {
        for (int bytes = 1; bytes <= Long.BYTES; bytes++) {
            LOWEST[bytes] = -1L >>> 8 * (Long.BYTES - bytes);
        }
    }

    private Words() {}

    /** The eight bytes at {@code offset}, all of which lie in the array. */
    public static long get(byte[] bytes, int offset) {
        return (long) LONG.get(bytes, offset);
    }

    public static void set(byte[] bytes, int offset, long word) {
        LONG.set(bytes, offset, word);
    }

    /** Mask of the first {@code count} bytes of a word, 0 to 8. */
    static long first(int count) {
        return LOWEST[count];
    }

    /** The high bit of each byte that is 0, and of no other. */
    static long zeros(long word) {
        long low = ~HIGHS;
        return ~((word & low) + low | word | low);
    }
}
