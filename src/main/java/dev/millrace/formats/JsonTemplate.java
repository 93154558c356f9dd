package dev.millrace.formats;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Words;
import java.util.Arrays;
import java.util.List;

/**
 * The short road for records that look like an earlier one: the same bytes between the values, and values in their plainest
 * form. It goes over a record once, eight bytes at a time, and gives up at the first thing that it does not know; the record
 * is then read from its start by the general decoder, which alone says what is wrong with it.
 *
 * <p>Digits are put together by pairs, fours and eights (D. Lemire, "Quickly parsing eight digits", 2018).
 */
final class JsonTemplate {

    private static final long ZEROS = '0' * Words.ONES;
    private static final long BEYOND_NINE = 0x76 * Words.ONES;
    private static final long[] POWERS = {1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000};

    private static final byte SKIP = 0;
    private static final byte LONG = 1;
    private static final byte STRING = 2;
    private static final byte OTHER = 3;

    private final byte[][] literals;
    private final long[] heads;
    private final long[] tails;
    private final long[] headMasks;
    private final byte[] actions;
    private final int[] fields;
    private final long[] least;
    private final long[] greatest;
    private final JsonCursor json;
    private final General general;
    private byte[] bytes;
    private int at;
    private int end;

    /** The general decoder of one value. */
    interface General {
        /** Reads the value at the cursor into the row's cell; false for one that must not be there. */
        boolean value(int field, Batch into, int row);
    }

    /** Whole numbers that a field may hold as they stand: none where the value has to be converted. */
    record Whole(long least, long greatest) {
        static final Whole NONE = new Whole(1, 0);
    }

    /**
     * @param literals what stands before each value, and behind the last
     * @param fields by value: the column, or −1 for one that is stepped over
     * @param types of the columns
     * @param wholes by column
     */
    JsonTemplate(
            List<byte[]> literals,
            int[] fields,
            List<DataType> types,
            List<Whole> wholes,
            JsonCursor json,
            General general) {
        int count = fields.length;
        this.literals = literals.toArray(byte[][]::new);
        this.fields = fields;
        this.json = json;
        this.general = general;
        this.heads = new long[count];
        this.tails = new long[count];
        this.headMasks = new long[count];
        this.actions = new byte[count];
        this.least = new long[count];
        this.greatest = new long[count];
        for (int i = 0; i < count; i++) {
            setLiteral(i, this.literals[i]);
            if (fields[i] >= 0) {
                Whole whole = wholes.get(fields[i]);
                least[i] = whole.least();
                greatest[i] = whole.greatest();
                boolean plain = whole.least() <= whole.greatest();
                actions[i] = types.get(fields[i]).kind() == DataType.Kind.STRING ? STRING : plain ? LONG : OTHER;
            }
        }
    }

    private void setLiteral(int place, byte[] literal) {
        byte[] padded = Arrays.copyOf(literal, Math.max(literal.length, Long.BYTES));
        heads[place] = Words.get(padded, 0);
        headMasks[place] = literal.length >= Long.BYTES ? -1L : (1L << 8 * literal.length) - 1;
        tails[place] = Words.get(padded, padded.length - Long.BYTES);
    }

    /** Sets the cells of the batch's row; false, with some of them set, where the record is not of this form. */
    boolean read(byte[] record, int start, int length, Batch into, int row) {
        bytes = record;
        at = start;
        end = start + length;
        for (int place = 0; place < fields.length; place++) {
            if (!stepOver(place) || !value(place, into, row)) {
                return false;
            }
        }
        byte[] last = literals[fields.length];
        return at <= end && Arrays.equals(record, at, end, last, 0, last.length);
    }

    private boolean stepOver(int place) {
        byte[] literal = literals[place];
        int length = literal.length;
        int next = at + length;
        if (next > end) {
            return false;
        }
        boolean same;
        if (length <= 2 * Long.BYTES && at + 2 * Long.BYTES <= bytes.length) {
            same = (Words.get(bytes, at) & headMasks[place]) == heads[place]
                    && (length <= Long.BYTES || Words.get(bytes, next - Long.BYTES) == tails[place]);
        } else {
            same = Arrays.equals(bytes, at, next, literal, 0, length);
        }
        at = next;
        return same;
    }

    private boolean value(int place, Batch into, int row) {
        int field = fields[place];
        return switch (actions[place]) {
            case SKIP -> skip();
            case LONG -> integer(place, into, row);
            case STRING -> string(field, into, row);
            default -> otherwise(field, into, row);
        };
    }

    private boolean otherwise(int field, Batch into, int row) {
        json.reset(bytes, at, end - at);
        boolean good = field < 0 ? json.skipValue() : general.value(field, into, row);
        at = json.position();
        return good;
    }

    private boolean skip() {
        if (at >= end) {
            return false;
        }
        if (bytes[at] == '"') {
            int stop = JsonCursor.special(bytes, at + 1, end);
            if (stop < end && bytes[stop] == '"') {
                at = stop + 1;
                return true;
            }
        }
        return otherwise(-1, null, 0);
    }

    /** Copies a string of ASCII without escapes; anything else takes the general way. */
    private boolean string(int field, Batch into, int row) {
        if (at >= end || bytes[at] != '"') {
            return otherwise(field, into, row);
        }
        BytesVector target = (BytesVector) into.column(field);
        int from = at + 1;
        int shift = target.reserveBytes(end - from + Long.BYTES) - from;
        byte[] slab = target.slab();
        int last = Math.min(end - 1, bytes.length - Long.BYTES);
        for (int i = from; i <= last; i += Long.BYTES) {
            long word = Words.get(bytes, i);
            Words.set(slab, shift + i, word);
            long marks = JsonCursor.specials(word) | word & Words.HIGHS;
            if (marks != 0) {
                int stop = i + (Long.numberOfTrailingZeros(marks) >>> 3);
                if (stop >= end || bytes[stop] != '"') {
                    break;
                }
                target.commit(row, stop - from);
                at = stop + 1;
                return true;
            }
        }
        return otherwise(field, into, row);
    }

    /** Reads a whole number of at most fifteen digits; other values take the general way. */
    private boolean integer(int place, Batch into, int row) {
        int i = at;
        if (i + 1 + 2 * Long.BYTES > bytes.length) {
            return otherwise(fields[place], into, row);
        }
        boolean negative = bytes[i] == '-';
        i += negative ? 1 : 0;
        long word = Words.get(bytes, i) ^ ZEROS;
        int digits = digits(word);
        long value = number(word, digits);
        if (digits == Long.BYTES) {
            word = Words.get(bytes, i + Long.BYTES) ^ ZEROS;
            int more = digits(word);
            value = value * POWERS[more] + number(word, more);
            digits += more;
        }
        value = negative ? -value : value;
        boolean plain = digits > 0 && digits < 2 * Long.BYTES && (bytes[i] != '0' || digits == 1);
        if (!plain || value < least[place] || value > greatest[place]) {
            return otherwise(fields[place], into, row);
        }
        into.longs(fields[place]).set(row, value);
        at = i + digits;
        return true;
    }

    /** How many bytes are digits before the first that is none; the word is XORed with zeros. */
    private static int digits(long word) {
        long others = (word + BEYOND_NINE | word) & Words.HIGHS;
        return others == 0 ? Long.BYTES : Long.numberOfTrailingZeros(others) >>> 3;
    }

    /** The number that the word's first digits make; the first is the most significant. */
    private static long number(long word, int digits) {
        if (digits == 0) {
            return 0;
        }
        long ones = word << 8 * (Long.BYTES - digits);
        long pairs = (ones & 0x000F_000F_000F_000FL) * 10 + (ones >>> 8 & 0x000F_000F_000F_000FL);
        long fours = (pairs & 0x0000_00FF_0000_00FFL) * 100 + (pairs >>> 16 & 0x0000_00FF_0000_00FFL);
        return (fours & 0xFFFF) * 10_000 + (fours >>> 32 & 0xFFFF);
    }
}
