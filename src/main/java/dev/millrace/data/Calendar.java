package dev.millrace.data;

/**
 * Dates of the proleptic Gregorian calendar as days since 1970-01-01, by the algorithms of H. Hinnant ("chrono-compatible
 * low-level date algorithms", 2013), without objects.
 */
public final class Calendar {

    public static final long MILLIS_PER_DAY = 86_400_000L;

    /** Of the years 0000 to 9999, beyond which there are no dates. */
    public static final long FIRST_DAY = days(0, 1, 1);

    public static final long LAST_DAY = days(9999, 12, 31);

    private Calendar() {}

    /** Whether the day is in the years 0000 to 9999, beyond which there are no dates. */
    public static boolean hasDay(long days) {
        return days >= FIRST_DAY && days <= LAST_DAY;
    }

    public static long days(long year, int month, int day) {
        long y = month <= 2 ? year - 1 : year;
        long era = Math.floorDiv(y, 400);
        long yearOfEra = y - era * 400;
        long dayOfYear = (153L * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        long dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return era * 146_097 + dayOfEra - 719_468;
    }

    public static long year(long days) {
        long yearOfEra = yearOfEra(days);
        long year = yearOfEra + Math.floorDiv(days + 719_468, 146_097L) * 400;
        return monthIndex(days) < 10 ? year : year + 1;
    }

    public static int month(long days) {
        int index = monthIndex(days);
        return index < 10 ? index + 3 : index - 9;
    }

    public static int day(long days) {
        return (int) (dayOfShiftedYear(days) - (153L * monthIndex(days) + 2) / 5 + 1);
    }

    /** 1 for the first of January. */
    public static int dayOfYear(long days) {
        return (int) (days - days(year(days), 1, 1) + 1);
    }

    /** 1 for Sunday to 7 for Saturday, as SQL's DAYOFWEEK counts. */
    public static int dayOfWeek(long days) {
        return (int) Math.floorMod(days + 4, 7L) + 1;
    }

    public static boolean isLeap(long year) {
        return (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
    }

    public static int daysInMonth(long year, int month) {
        return switch (month) {
            case 2 -> isLeap(year) ? 29 : 28;
            case 4, 6, 9, 11 -> 30;
            default -> 31;
        };
    }

    /**
     * Adds months; a day beyond the month's end becomes its last day.
     *
     * @throws ArithmeticException where the months do not fit a long
     */
    public static long addMonths(long days, long months) {
        long total = Math.addExact(year(days) * 12 + month(days) - 1, months);
        long year = Math.floorDiv(total, 12L);
        int month = (int) Math.floorMod(total, 12L) + 1;
        return days(year, month, Math.min(day(days), daysInMonth(year, month)));
    }

    private static long yearOfEra(long days) {
        long dayOfEra = Math.floorMod(days + 719_468, 146_097L);
        return (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
    }

    private static long dayOfShiftedYear(long days) {
        long dayOfEra = Math.floorMod(days + 719_468, 146_097L);
        long yearOfEra = yearOfEra(days);
        return dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    }

    private static int monthIndex(long days) {
        return (int) ((5 * dayOfShiftedYear(days) + 2) / 153);
    }
}
