package dev.millrace.data;

/** Checks bytes for well-formed UTF-8 (Unicode 15, table 3-7). */
public final class Utf8 {

    private Utf8() {}

    public static boolean isValid(byte[] bytes, int start, int end) {
        int at = start;
        while (at < end) {
            if (at + Long.BYTES <= end && (Words.get(bytes, at) & Words.HIGHS) == 0) {
                at += Long.BYTES;
                continue;
            }
            int b = bytes[at];
            if (b >= 0) {
                at++;
            } else {
                int length = sequence(bytes, at, end);
                if (length == 0) {
                    return false;
                }
                at += length;
            }
        }
        return true;
    }

    /** The length of the sequence of two to four bytes, or 0. */
    private static int sequence(byte[] bytes, int at, int end) {
        int first = bytes[at] & 0xFF;
        if (first >= 0xC2 && first <= 0xDF) {
            return at + 1 < end && within(bytes[at + 1], 0x80, 0xBF) ? 2 : 0;
        }
        if (first >= 0xE0 && first <= 0xEF) {
            int low = first == 0xE0 ? 0xA0 : 0x80;
            int high = first == 0xED ? 0x9F : 0xBF;
            return at + 2 < end && within(bytes[at + 1], low, high) && within(bytes[at + 2], 0x80, 0xBF) ? 3 : 0;
        }
        if (first >= 0xF0 && first <= 0xF4) {
            int low = first == 0xF0 ? 0x90 : 0x80;
            int high = first == 0xF4 ? 0x8F : 0xBF;
            return at + 3 < end
                            && within(bytes[at + 1], low, high)
                            && within(bytes[at + 2], 0x80, 0xBF)
                            && within(bytes[at + 3], 0x80, 0xBF)
                    ? 4
                    : 0;
        }
        return 0;
    }

    private static boolean within(byte b, int low, int high) {
        int value = b & 0xFF;
        return value >= low && value <= high;
    }

    /** Writes a code point that is no surrogate; returns where it ends. */
    public static int put(int point, byte[] slab, int start) {
        int out = start;
        if (point < 0x80) {
            slab[out++] = (byte) point;
        } else if (point < 0x800) {
            slab[out++] = (byte) (0xC0 | point >> 6);
            slab[out++] = (byte) (0x80 | point & 0x3F);
        } else if (point < 0x10000) {
            slab[out++] = (byte) (0xE0 | point >> 12);
            slab[out++] = (byte) (0x80 | point >> 6 & 0x3F);
            slab[out++] = (byte) (0x80 | point & 0x3F);
        } else {
            slab[out++] = (byte) (0xF0 | point >> 18);
            slab[out++] = (byte) (0x80 | point >> 12 & 0x3F);
            slab[out++] = (byte) (0x80 | point >> 6 & 0x3F);
            slab[out++] = (byte) (0x80 | point & 0x3F);
        }
        return out;
    }
}
