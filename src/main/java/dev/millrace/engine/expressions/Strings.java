package dev.millrace.engine.expressions;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.LongVector;
import dev.millrace.data.Vector;
import dev.millrace.plan.Expression;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/** Functions of STRING. Characters are Unicode code points; positions count from 1. */
final class Strings {

    private Strings() {}

    static Kernel kernel(Expression.Call call, Kernel[] arguments) {
        return switch (call.function()) {
            case UPPER -> new OfStrings(arguments, (row, out, in) -> changeCase(row, out, in[0], true));
            case LOWER -> new OfStrings(arguments, (row, out, in) -> changeCase(row, out, in[0], false));
            case TRIM -> new OfStrings(arguments, (row, out, in) -> trim(row, out, in[0], true, true));
            case LTRIM -> new OfStrings(arguments, (row, out, in) -> trim(row, out, in[0], true, false));
            case RTRIM -> new OfStrings(arguments, (row, out, in) -> trim(row, out, in[0], false, true));
            case SUBSTRING -> new OfStrings(arguments, Strings::substring);
            case LEFT -> new OfStrings(arguments, (row, out, in) -> part(row, out, in, 0, longAt(in[1], row)));
            case RIGHT -> new OfStrings(arguments, Strings::right);
            case CONCAT -> new OfStrings(call.type(), arguments, Strings::concat);
            case REPLACE -> new OfStrings(arguments, Strings::replace);
            case REVERSE ->
                new OfStrings(
                        arguments,
                        (row, out, in) -> out.set(
                                row,
                                new StringBuilder(string(in[0], row)).reverse().toString()));
            case REPEAT -> new OfStrings(arguments, Strings::repeat);
            case CHAR_LENGTH ->
                new OfLongs(call.type(), arguments, (row, in) -> {
                    BytesVector text = (BytesVector) in[0];
                    return characters(text.slab(), text.start(row), text.start(row) + text.length(row));
                });
            case OCTET_LENGTH -> new OfLongs(call.type(), arguments, (row, in) -> ((BytesVector) in[0]).length(row));
            case POSITION -> new OfLongs(call.type(), arguments, Strings::position);
            case STARTS_WITH ->
                new OfLongs(call.type(), arguments, (row, in) -> {
                    BytesVector prefix = (BytesVector) in[1];
                    return matchesAt(in, row, 0, prefix.length(row)) ? 1 : 0;
                });
            case ENDS_WITH ->
                new OfLongs(call.type(), arguments, (row, in) -> {
                    int length = ((BytesVector) in[1]).length(row);
                    return matchesAt(in, row, ((BytesVector) in[0]).length(row) - length, length) ? 1 : 0;
                });
            case LIKE -> {
                LikePattern pattern = LikePattern.of(call.arguments());
                yield new OfLongs(call.type(), new Kernel[] {arguments[0]}, (row, in) -> {
                    BytesVector text = (BytesVector) in[0];
                    return pattern.matches(text.slab(), text.start(row), text.start(row) + text.length(row)) ? 1 : 0;
                });
            }
            case SPLIT -> new Split(arguments);
            default -> throw new IllegalArgumentException(call.toString());
        };
    }

    private interface StringFunction {
        /** Sets the cell of {@code out}; all inputs are values. */
        void apply(int row, BytesVector out, Vector[] in);
    }

    private interface LongFunction {
        long apply(int row, Vector[] in);
    }

    /** A STRING or BINARY result; its slab is that of the first argument as long as results are parts of it. */
    private static final class OfStrings implements Kernel {
        private final Kernel[] arguments;
        private final StringFunction function;
        private final BytesVector out;

        OfStrings(Kernel[] arguments, StringFunction function) {
            this(DataType.STRING, arguments, function);
        }

        OfStrings(DataType type, Kernel[] arguments, StringFunction function) {
            this.out = new BytesVector(type);
            this.arguments = arguments;
            this.function = function;
        }

        @Override
        public Vector evaluate(Batch batch) {
            Vector[] in = new Vector[arguments.length];
            int rows = batch.size();
            out.reset(rows);
            for (int i = 0; i < in.length; i++) {
                in[i] = arguments[i].evaluate(batch);
                out.mergeMarks(in[i], rows);
            }
            for (int row = 0; row < rows; row++) {
                if (out.isValue(row)) {
                    function.apply(row, out, in);
                }
            }
            return out;
        }
    }

    private static final class OfLongs implements Kernel {
        private final Kernel[] arguments;
        private final LongFunction function;
        private final LongVector out;

        OfLongs(DataType type, Kernel[] arguments, LongFunction function) {
            this.arguments = arguments;
            this.function = function;
            this.out = new LongVector(type);
        }

        @Override
        public Vector evaluate(Batch batch) {
            Vector[] in = new Vector[arguments.length];
            int rows = batch.size();
            out.reset(rows);
            for (int i = 0; i < in.length; i++) {
                in[i] = arguments[i].evaluate(batch);
                out.mergeMarks(in[i], rows);
            }
            for (int row = 0; row < rows; row++) {
                if (out.isValue(row)) {
                    out.set(row, function.apply(row, in));
                }
            }
            return out;
        }
    }

    private static String string(Vector column, int row) {
        return ((BytesVector) column).getString(row);
    }

    private static long longAt(Vector column, int row) {
        return ((LongVector) column).get(row);
    }

    private static void changeCase(int row, BytesVector out, Vector in, boolean upper) {
        BytesVector text = (BytesVector) in;
        byte[] from = text.slab();
        int start = text.start(row);
        int length = text.length(row);
        int at = out.reserveBytes(length);
        byte[] to = out.slab();
        for (int i = 0; i < length; i++) {
            byte b = from[start + i];
            if (b < 0) {
                String s = text.getString(row);
                out.set(row, upper ? s.toUpperCase(Locale.ROOT) : s.toLowerCase(Locale.ROOT));
                return;
            }
            boolean changes = upper ? b >= 'a' && b <= 'z' : b >= 'A' && b <= 'Z';
            to[at + i] = changes ? (byte) (b ^ 0x20) : b;
        }
        out.commit(row, length);
    }

    private static void trim(int row, BytesVector out, Vector in, boolean leading, boolean trailing) {
        BytesVector text = (BytesVector) in;
        byte[] bytes = text.slab();
        int start = text.start(row);
        int end = start + text.length(row);
        while (leading && start < end && bytes[start] == ' ') {
            start++;
        }
        while (trailing && end > start && bytes[end - 1] == ' ') {
            end--;
        }
        out.set(row, bytes, start, end - start);
    }

    /** SUBSTRING(text FROM from [FOR length]): positions before 1 count as missing characters; a negative length fails. */
    private static void substring(int row, BytesVector out, Vector[] in) {
        long from = longAt(in[1], row);
        long length = in.length > 2 ? longAt(in[2], row) : Long.MAX_VALUE;
        if (length < 0) {
            out.setError(row, CellError.INVALID_ARGUMENT);
            return;
        }
        long until = length > Long.MAX_VALUE - Math.max(from, 0) ? Long.MAX_VALUE : from + length;
        long first = Math.max(from, 1);
        part(row, out, in, first - 1, Math.max(0, until - first));
    }

    private static void right(int row, BytesVector out, Vector[] in) {
        BytesVector text = (BytesVector) in[0];
        long characters = characters(text.slab(), text.start(row), text.start(row) + text.length(row));
        long wanted = Math.max(0, Math.min(characters, longAt(in[1], row)));
        part(row, out, in, characters - wanted, wanted);
    }

    /** {@code count} characters after {@code skip}. */
    private static void part(int row, BytesVector out, Vector[] in, long skip, long count) {
        BytesVector text = (BytesVector) in[0];
        byte[] bytes = text.slab();
        int end = text.start(row) + text.length(row);
        int start = advance(bytes, text.start(row), end, skip);
        int stop = advance(bytes, start, end, Math.max(0, count));
        out.set(row, bytes, start, stop - start);
    }

    private static int advance(byte[] bytes, int start, int end, long characters) {
        int at = start;
        long left = characters;
        while (at < end && left > 0) {
            at++;
            while (at < end && (bytes[at] & 0xC0) == 0x80) {
                at++;
            }
            left--;
        }
        return at;
    }

    static int characters(byte[] bytes, int start, int end) {
        int count = 0;
        for (int i = start; i < end; i++) {
            if ((bytes[i] & 0xC0) != 0x80) {
                count++;
            }
        }
        return count;
    }

    private static void concat(int row, BytesVector out, Vector[] in) {
        int length = 0;
        for (Vector part : in) {
            length += ((BytesVector) part).length(row);
        }
        int at = out.reserveBytes(length);
        for (Vector part : in) {
            BytesVector text = (BytesVector) part;
            System.arraycopy(text.slab(), text.start(row), out.slab(), at, text.length(row));
            at += text.length(row);
        }
        out.commit(row, length);
    }

    private static void replace(int row, BytesVector out, Vector[] in) {
        String search = string(in[1], row);
        String text = string(in[0], row);
        out.set(row, search.isEmpty() ? text : text.replace(search, string(in[2], row)));
    }

    private static void repeat(int row, BytesVector out, Vector[] in) {
        long times = Math.max(0, longAt(in[1], row));
        if (times > (1 << 20) / Math.max(1, ((BytesVector) in[0]).length(row))) {
            out.setError(row, CellError.INVALID_ARGUMENT);
        } else {
            out.set(row, string(in[0], row).repeat((int) times));
        }
    }

    /** POSITION(search IN text): 0 if it is not there. */
    private static long position(int row, Vector[] in) {
        BytesVector search = (BytesVector) in[0];
        BytesVector text = (BytesVector) in[1];
        int start = text.start(row);
        int found = indexOf(
                text.slab(), start, start + text.length(row), search.slab(), search.start(row), search.length(row));
        return found < 0 ? 0 : characters(text.slab(), start, found) + 1;
    }

    private static boolean matchesAt(Vector[] in, int row, int offset, int length) {
        BytesVector text = (BytesVector) in[0];
        BytesVector part = (BytesVector) in[1];
        if (offset < 0 || offset + length > text.length(row)) {
            return false;
        }
        int start = text.start(row) + offset;
        int partStart = part.start(row);
        return Arrays.equals(text.slab(), start, start + length, part.slab(), partStart, partStart + length);
    }

    static int indexOf(byte[] text, int start, int end, byte[] search, int searchStart, int length) {
        for (int i = start; i <= end - length; i++) {
            if (Arrays.equals(text, i, i + length, search, searchStart, searchStart + length)) {
                return i;
            }
        }
        return -1;
    }

    /**
     * SPLIT(text, separator): the parts between separators, which lie in the text's own slab. An empty text has one empty
     * part; an empty separator cuts nothing.
     */
    private static final class Split implements Kernel {
        private final Kernel text;
        private final Kernel separator;
        private final ArrayVector out = new ArrayVector(new DataType.Array(DataType.STRING));

        Split(Kernel[] arguments) {
            this.text = arguments[0];
            this.separator = arguments[1];
        }

        @Override
        public Vector evaluate(Batch batch) {
            BytesVector texts = (BytesVector) text.evaluate(batch);
            BytesVector separators = (BytesVector) separator.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(texts, rows);
            out.mergeMarks(separators, rows);
            BytesVector parts = (BytesVector) out.elements();
            parts.borrow(texts);
            for (int row = 0; row < rows; row++) {
                if (out.isValue(row)) {
                    split(texts, separators, parts, row);
                }
            }
            return out;
        }

        private void split(BytesVector texts, BytesVector separators, BytesVector parts, int row) {
            byte[] bytes = texts.slab();
            int start = texts.start(row);
            int end = start + texts.length(row);
            int length = separators.length(row);
            int first = parts.size();
            if (length == 1) {
                parts.appendParts(start, end, separators.slab()[separators.start(row)]);
            } else {
                int from = start;
                int found;
                while (length > 0
                        && (found = indexOf(bytes, from, end, separators.slab(), separators.start(row), length)) >= 0) {
                    parts.appendRange(from, found - from);
                    from = found + length;
                }
                parts.appendRange(from, end - from);
            }
            out.setRange(row, first, parts.size() - first);
        }
    }

    /** A constant LIKE pattern: % any characters, _ one, with an optional escape character. */
    static final class LikePattern {
        private static final int ANY = -1;
        private static final int ONE = -2;

        private final int[] codePoints;

        private LikePattern(int[] codePoints) {
            this.codePoints = codePoints;
        }

        static LikePattern of(java.util.List<Expression> arguments) {
            String pattern = (String) ((Expression.Literal) arguments.get(1)).value();
            String escape = arguments.size() > 2 ? (String) ((Expression.Literal) arguments.get(2)).value() : null;
            int[] points = pattern.codePoints().toArray();
            int[] compiled = new int[points.length];
            int count = 0;
            for (int i = 0; i < points.length; i++) {
                if (escape != null && points[i] == escape.codePointAt(0) && i + 1 < points.length) {
                    compiled[count++] = points[++i];
                } else {
                    compiled[count++] = points[i] == '%' ? ANY : points[i] == '_' ? ONE : points[i];
                }
            }
            return new LikePattern(Arrays.copyOf(compiled, count));
        }

        /** Greedy matching with one point to go back to: the last %. */
        boolean matches(byte[] bytes, int start, int end) {
            String text = new String(bytes, start, end - start, StandardCharsets.UTF_8);
            int at = 0;
            int p = 0;
            int backText = -1;
            int backPattern = -1;
            while (at < text.length()) {
                int point = text.codePointAt(at);
                if (p < codePoints.length && codePoints[p] == ANY) {
                    backPattern = ++p;
                    backText = at;
                } else if (p < codePoints.length && (codePoints[p] == ONE || codePoints[p] == point)) {
                    p++;
                    at += Character.charCount(point);
                } else if (backPattern >= 0) {
                    backText += Character.charCount(text.codePointAt(backText));
                    at = backText;
                    p = backPattern;
                } else {
                    return false;
                }
            }
            while (p < codePoints.length && codePoints[p] == ANY) {
                p++;
            }
            return p == codePoints.length;
        }
    }
}
