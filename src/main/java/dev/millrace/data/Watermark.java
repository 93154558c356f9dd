package dev.millrace.data;

/** The event time, in milliseconds, below which no further row is expected; {@link #NONE} before the first row. */
public final class Watermark {

    public static final long NONE = Long.MIN_VALUE;

    /** All input has ended or will never come: everything may close. */
    public static final long END = Long.MAX_VALUE;

    private Watermark() {}

    /** {@code largest - delay} without wrapping around; {@link #NONE} where there was no row. */
    public static long after(long largest, long delay) {
        if (largest == NONE) {
            return NONE;
        }
        long mark = largest - delay;
        return mark > largest ? NONE + 1 : mark;
    }
}
