package dev.millrace.formats;

import dev.millrace.data.BytesVector;
import dev.millrace.data.NumberParser;
import dev.millrace.data.Utf8;
import dev.millrace.data.Words;
import java.nio.charset.StandardCharsets;

/**
 * A place in a JSON text (RFC 8259), and the steps over its parts. Each step returns false for a mistake and notes it; the
 * first one counts. What is stepped over is checked for its structure, not for well-formed UTF-8.
 */
final class JsonCursor {

    private static final int MAX_DEPTH = 512;
    private static final long QUOTES = '"' * Words.ONES;
    private static final long BACKSLASHES = '\\' * Words.ONES;
    private static final long BLANKS = ' ' * Words.ONES;
    private static final String ESCAPES = "\"\\/bfnrt";

    private final NumberParser numbers = new NumberParser();
    private byte[] bytes;
    private int at;
    private int end;
    private String problem;
    private int start;
    private int stop;
    private boolean escaped;

    void reset(byte[] array, int from, int length) {
        bytes = array;
        at = from;
        end = from + length;
        problem = null;
    }

    byte[] bytes() {
        return bytes;
    }

    /** The first mistake, or null. */
    String problem() {
        return problem;
    }

    boolean fail(String reason) {
        if (problem == null) {
            problem = reason;
        }
        return false;
    }

    boolean atEnd() {
        return at >= end;
    }

    /** The byte here, or 0 at the end. */
    byte peek() {
        return at < end ? bytes[at] : 0;
    }

    int position() {
        return at;
    }

    /** Where the content of the last string or the last number starts. */
    int start() {
        return start;
    }

    int stop() {
        return stop;
    }

    /** Whether the last string has escapes. */
    boolean escaped() {
        return escaped;
    }

    /** The parser that has read the last number. */
    NumberParser numbers() {
        return numbers;
    }

    void skipBlank() {
        while (at < end && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t')) {
            at++;
        }
    }

    /** A part of what is here, for a message. */
    String excerpt(int from) {
        int until = Math.min(end, from + 20);
        return new String(bytes, from, until - from, StandardCharsets.UTF_8).split("[,}\\]]", 2)[0];
    }

    boolean literal(String word) {
        for (int i = 0; i < word.length(); i++, at++) {
            if (at >= end || bytes[at] != word.charAt(i)) {
                return fail("expected '" + word + "'");
            }
        }
        return true;
    }

    /** Steps over a comma, for which there is more (1), or over the closing byte (0); −1 for a mistake. */
    int separator(byte close) {
        skipBlank();
        if (at >= end) {
            fail("the record ends within an object or array");
            return -1;
        }
        byte b = bytes[at++];
        if (b == close) {
            return 0;
        }
        if (b == ',') {
            return 1;
        }
        fail("expected ',' or '" + (char) close + "'");
        return -1;
    }

    /** Steps over an opening byte, and the closing one if it follows: whether it did. */
    boolean opensEmpty(byte close) {
        at++;
        skipBlank();
        if (at < end && bytes[at] == close) {
            at++;
            return true;
        }
        return false;
    }

    /** Steps over a string, whose opening quote is here; notes where its content is. */
    boolean string() {
        start = at + 1;
        escaped = false;
        if (!restOfString(false)) {
            return false;
        }
        stop = at - 1;
        return Utf8.isValid(bytes, start, stop) || fail("a string is not well-formed UTF-8");
    }

    private boolean restOfString(boolean checkEscapes) {
        at++;
        while ((at = special(bytes, at, end)) < end) {
            byte b = bytes[at];
            if (b == '"') {
                at++;
                return true;
            }
            if (b != '\\') {
                return fail("a control character stands in a string");
            }
            if (checkEscapes && !isEscape()) {
                return fail("a string has a bad escape");
            }
            escaped = true;
            at += 2;
        }
        return fail("the record ends within a string");
    }

    /** The place of the next quote, backslash or control character, or one at or behind the end. */
    static int special(byte[] bytes, int from, int end) {
        int i = from;
        for (; i + Long.BYTES <= end; i += Long.BYTES) {
            long marks = specials(Words.get(bytes, i));
            if (marks != 0) {
                return i + (Long.numberOfTrailingZeros(marks) >>> 3);
            }
        }
        for (; i < end; i++) {
            byte b = bytes[i];
            if (b == '"' || b == '\\' || (b >= 0 && b < ' ')) {
                return i;
            }
        }
        return i;
    }

    /**
     * The high bits of the quotes, backslashes and control characters of eight bytes: of those set, the lowest is right (H.
     * S. Warren, Hacker's Delight, 6-1).
     */
    static long specials(long word) {
        long quotes = word ^ QUOTES;
        long backslashes = word ^ BACKSLASHES;
        return ((quotes - Words.ONES) & ~quotes | (backslashes - Words.ONES) & ~backslashes | (word - BLANKS) & ~word)
                & Words.HIGHS;
    }

    /** Steps over a number and reads it. False, with nothing noted, if there is none. */
    boolean number() {
        start = at;
        int point = -1;
        while (at < end && isNumberByte(bytes[at])) {
            point = bytes[at] == '.' ? at : point;
            at++;
        }
        stop = at;
        int first = start < stop && bytes[start] == '-' ? start + 1 : start;
        boolean leadingZeros = first + 1 < stop && bytes[first] == '0' && isDigit(bytes[first + 1]);
        return first < stop
                && isDigit(bytes[first])
                && !leadingZeros
                && (point < 0 || (point + 1 < stop && isDigit(bytes[point + 1])))
                && numbers.parse(bytes, start, stop);
    }

    private static boolean isDigit(byte b) {
        return b >= '0' && b <= '9';
    }

    private static boolean isNumberByte(byte b) {
        return isDigit(b) || b == '-' || b == '+' || b == '.' || b == 'e' || b == 'E';
    }

    /** Steps over a value of any kind. */
    boolean skipValue() {
        return skipValue(0);
    }

    private boolean skipValue(int depth) {
        skipBlank();
        if (at >= end) {
            return fail("the record ends where a value is expected");
        }
        byte b = bytes[at];
        return switch (b) {
            case '"' -> skipString();
            case '{', '[' -> depth < MAX_DEPTH ? skipNested(b == '{', depth) : fail("the record is nested too deeply");
            case 't' -> literal("true");
            case 'f' -> literal("false");
            case 'n' -> literal("null");
            default -> skipNumber() || fail("a value is not JSON");
        };
    }

    private boolean skipString() {
        return restOfString(true);
    }

    private boolean isEscape() {
        byte code = at + 1 < end ? bytes[at + 1] : 0;
        return code == 'u' ? hex(at + 2, end) >= 0 : code != 0 && ESCAPES.indexOf(code) >= 0;
    }

    private boolean skipNumber() {
        at += peek() == '-' ? 1 : 0;
        int first = at;
        if (!skipDigits() || (bytes[first] == '0' && at > first + 1)) {
            return false;
        }
        if (peek() == '.') {
            at++;
            if (!skipDigits()) {
                return false;
            }
        }
        if (peek() == 'e' || peek() == 'E') {
            at++;
            at += peek() == '-' || peek() == '+' ? 1 : 0;
            return skipDigits();
        }
        return true;
    }

    private boolean skipDigits() {
        int first = at;
        while (at < end && isDigit(bytes[at])) {
            at++;
        }
        return at > first;
    }

    private boolean skipNested(boolean object, int depth) {
        byte close = (byte) (object ? '}' : ']');
        if (opensEmpty(close)) {
            return true;
        }
        while (true) {
            if (object && !skipName()) {
                return false;
            }
            if (!skipValue(depth + 1)) {
                return false;
            }
            int more = separator(close);
            if (more <= 0) {
                return more == 0;
            }
        }
    }

    private boolean skipName() {
        skipBlank();
        if (at >= end || bytes[at] != '"') {
            return fail("expected a field name");
        }
        return skipString() && colon();
    }

    /** Steps over the colon behind a name. */
    boolean colon() {
        skipBlank();
        if (at >= end || bytes[at] != ':') {
            return fail("expected ':' after a name");
        }
        at++;
        return true;
    }

    /** Sets a cell to the content of the last string, its escapes resolved. */
    boolean unescape(BytesVector target, int row) {
        int out = target.reserveBytes(stop - start);
        byte[] slab = target.slab();
        int first = out;
        int i = start;
        while (i < stop) {
            byte b = bytes[i++];
            if (b != '\\') {
                slab[out++] = b;
                continue;
            }
            byte code = bytes[i++];
            if (code == 'u') {
                int point = hex(i, stop);
                i += 4;
                if (point >= 0xD800 && point < 0xDC00 && i + 6 <= stop && bytes[i] == '\\' && bytes[i + 1] == 'u') {
                    int low = hex(i + 2, stop);
                    if (low >= 0xDC00 && low < 0xE000) {
                        point = 0x10000 + (point - 0xD800 << 10) + (low - 0xDC00);
                        i += 6;
                    }
                }
                if (point < 0 || (point >= 0xD800 && point < 0xE000)) {
                    return fail("a string has a bad \\u escape");
                }
                out = Utf8.put(point, slab, out);
            } else {
                int plain = ESCAPES.indexOf(code);
                if (plain < 0) {
                    return fail("a string has a bad escape");
                }
                slab[out++] = (byte) "\"\\/\b\f\n\r\t".charAt(plain);
            }
        }
        target.commit(row, out - first);
        return true;
    }

    private int hex(int from, int limit) {
        if (from + 4 > limit) {
            return -1;
        }
        int value = 0;
        for (int i = from; i < from + 4; i++) {
            int digit = Character.digit(bytes[i], 16);
            if (digit < 0) {
                return -1;
            }
            value = value << 4 | digit;
        }
        return value;
    }
}
