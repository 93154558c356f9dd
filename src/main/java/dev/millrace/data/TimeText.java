package dev.millrace.data;

/**
 * Times as text: {@code 2024-05-01}, {@code 2024-05-01T12:00:00.5Z}, {@code 2024-05-01 12:00:00+02:00}. A text with an
 * offset is converted to UTC; one without is UTC.
 */
public final class TimeText {

    /** What a parser gives for a text that is no time. */
    public static final long INVALID = Long.MIN_VALUE;

    private TimeText() {}

    /** Days since 1970, or {@link #INVALID}. */
    public static long parseDate(byte[] bytes, int start, int end) {
        return end - start == 10 ? date(bytes, start) : INVALID;
    }

    /** Microseconds since 1970, or {@link #INVALID}. Digits below the microsecond are cut off. */
    public static long parseMicros(byte[] bytes, int start, int end) {
        if (end - start < 10) {
            return INVALID;
        }
        long days = date(bytes, start);
        if (days == INVALID || end - start == 10) {
            return days == INVALID ? INVALID : days * 86_400_000_000L;
        }
        int at = start + 10;
        if (end - at < 6 || (bytes[at] != 'T' && bytes[at] != ' ' && bytes[at] != 't')) {
            return INVALID;
        }
        int hour = two(bytes, at + 1, 23);
        int minute = two(bytes, at + 4, 59);
        if (hour < 0 || minute < 0 || bytes[at + 3] != ':') {
            return INVALID;
        }
        at += 6;
        int second = 0;
        long fraction = 0;
        if (at < end && bytes[at] == ':') {
            second = end - at >= 3 ? two(bytes, at + 1, 59) : -1;
            if (second < 0) {
                return INVALID;
            }
            at += 3;
            if (at < end && (bytes[at] == '.' || bytes[at] == ',')) {
                int first = ++at;
                long unit = 100_000;
                while (at < end && bytes[at] >= '0' && bytes[at] <= '9') {
                    fraction += (bytes[at++] - '0') * unit;
                    unit /= 10;
                }
                if (at == first) {
                    return INVALID;
                }
            }
        }
        long offset = offsetMinutes(bytes, at, end);
        if (offset == INVALID) {
            return INVALID;
        }
        long seconds = days * 86_400 + hour * 3_600L + (minute - offset) * 60L + second;
        return seconds * 1_000_000 + fraction;
    }

    private static long date(byte[] bytes, int start) {
        if (bytes[start + 4] != '-' || bytes[start + 7] != '-') {
            return INVALID;
        }
        int century = two(bytes, start, 99);
        int yearOfCentury = two(bytes, start + 2, 99);
        int month = two(bytes, start + 5, 12);
        int day = two(bytes, start + 8, 31);
        if (century < 0 || yearOfCentury < 0 || month < 1 || day < 1) {
            return INVALID;
        }
        long year = century * 100L + yearOfCentury;
        return day <= Calendar.daysInMonth(year, month) ? Calendar.days(year, month, day) : INVALID;
    }

    /** Two digits of at most {@code max}, or −1. */
    private static int two(byte[] bytes, int at, int max) {
        int tens = bytes[at] - '0';
        int ones = bytes[at + 1] - '0';
        if (tens < 0 || tens > 9 || ones < 0 || ones > 9) {
            return -1;
        }
        int value = tens * 10 + ones;
        return value <= max ? value : -1;
    }

    private static long offsetMinutes(byte[] bytes, int at, int end) {
        if (at == end || (at + 1 == end && (bytes[at] == 'Z' || bytes[at] == 'z'))) {
            return 0;
        }
        if ((bytes[at] != '+' && bytes[at] != '-') || end - at < 3) {
            return INVALID;
        }
        int hours = two(bytes, at + 1, 18);
        int minutes = 0;
        int rest = end - at - 3;
        if (rest == 3 && bytes[at + 3] == ':') {
            minutes = two(bytes, at + 4, 59);
        } else if (rest == 2) {
            minutes = two(bytes, at + 3, 59);
        } else if (rest != 0) {
            return INVALID;
        }
        if (hours < 0 || minutes < 0) {
            return INVALID;
        }
        return bytes[at] == '-' ? -(hours * 60 + minutes) : hours * 60 + minutes;
    }

    public static void writeDate(long days, Bytes out) {
        long year = Calendar.year(days);
        if (year < 0 || year > 9999) {
            if (year < 0) {
                out.put('-');
            }
            out.put(Long.toString(Math.abs(year)).getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        } else {
            writeDigits(year, 4, out);
        }
        out.put('-');
        writeDigits(Calendar.month(days), 2, out);
        out.put('-');
        writeDigits(Calendar.day(days), 2, out);
    }

    /** {@code date<separator>HH:mm:ss.fraction} with 3 or 6 digits of fraction. */
    public static void writeTimestamp(long value, int precision, char separator, Bytes out) {
        long unitsPerSecond = precision == 3 ? 1_000 : 1_000_000;
        long seconds = Math.floorDiv(value, unitsPerSecond);
        long fraction = Math.floorMod(value, unitsPerSecond);
        writeDate(Math.floorDiv(seconds, 86_400L), out);
        long ofDay = Math.floorMod(seconds, 86_400L);
        out.put(separator);
        writeDigits(ofDay / 3600, 2, out);
        out.put(':');
        writeDigits(ofDay / 60 % 60, 2, out);
        out.put(':');
        writeDigits(ofDay % 60, 2, out);
        out.put('.');
        writeDigits(fraction, precision, out);
    }

    private static void writeDigits(long value, int digits, Bytes out) {
        out.reserve(digits);
        byte[] array = out.array();
        long rest = value;
        int at = out.length();
        for (int i = digits - 1; i >= 0; i--) {
            array[at + i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
        out.truncate(at + digits);
    }
}
