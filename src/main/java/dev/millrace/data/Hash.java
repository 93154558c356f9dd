package dev.millrace.data;

/**
 * The frozen 64-bit hash of encoded keys. It decides key groups and operator numbers, which outlive a process, so it must
 * never change. A multiply-and-fold hash in the manner of wyhash (Wang Yi, 2019) over little-endian words.
 */
public final class Hash {

    private static final long SEED = 0x9E3779B97F4A7C15L;
    private static final long K1 = 0xA0761D6478BD642FL;
    private static final long K2 = 0xE7037ED1A0B428DBL;

    private Hash() {}

    public static long hash(byte[] bytes, int offset, int length) {
        long state = SEED ^ length;
        int position = offset;
        int end = offset + length;
        while (end - position >= 8) {
            state = mix(state ^ Words.get(bytes, position), K1);
            position += 8;
        }
        return mix(state ^ tail(bytes, position, end), K2 ^ length);
    }

    /** The hash of 1 to 15 bytes, given as two words whose other bytes are 0. */
    static long hash(long first, long second, int length) {
        boolean two = length >= Long.BYTES;
        long state = SEED ^ length;
        return mix((two ? mix(state ^ first, K1) : state) ^ (two ? second : first), K2 ^ length);
    }

    /** The less than eight bytes from {@code position} to {@code end}, the first one lowest. */
    private static long tail(byte[] bytes, int position, int end) {
        if (position + 8 <= bytes.length) {
            return Words.get(bytes, position) & Words.first(end - position);
        }
        long tail = 0;
        for (int i = position, shift = 0; i < end; i++, shift += 8) {
            tail |= (bytes[i] & 0xFFL) << shift;
        }
        return tail;
    }

    public static long hash(byte[] bytes) {
        return hash(bytes, 0, bytes.length);
    }

    /** Mixes two hashes or numbers, order-sensitive. */
    public static long combine(long a, long b) {
        return mix(a ^ K1, b ^ K2);
    }

    /** The key group of a key by its hash. */
    public static int keyGroup(long hash, int keyGroups) {
        return (int) Long.remainderUnsigned(hash, keyGroups);
    }

    private static long mix(long a, long b) {
        long low = a * b;
        long high = Math.multiplyHigh(a, b) + (a >> 63 & b) + (b >> 63 & a);
        return low ^ high ^ SEED;
    }
}
