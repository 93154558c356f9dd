package dev.millrace.formats;

import dev.millrace.data.BytesVector;
import java.util.Arrays;
import java.util.Base64;

/** BINARY in text formats. */
final class Base64Text {

    private Base64Text() {}

    /** Sets the cell to the bytes that the text stands for; false if it is not base64. */
    static boolean decode(byte[] bytes, int start, int stop, BytesVector target, int row) {
        try {
            target.set(row, Base64.getDecoder().decode(Arrays.copyOfRange(bytes, start, stop)));
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
