package dev.millrace.plan;

import dev.millrace.data.Watermark;

/**
 * The promise that no later delta, of either sign, has a value of the column below {@link #at} of the watermark: a
 * non-decreasing function. The watermark is in milliseconds, the result in the column's units.
 */
public sealed interface Waterline {

    long at(long watermark);

    /** The watermark column itself. */
    record Source() implements Waterline {
        @Override
        public long at(long watermark) {
            return watermark;
        }

        @Override
        public String toString() {
            return "w";
        }
    }

    /** {@code inner + millis}, without wrapping around. */
    record Plus(Waterline inner, long millis) implements Waterline {
        @Override
        public long at(long watermark) {
            long value = inner.at(watermark);
            if (value == Watermark.NONE || value == Watermark.END) {
                return value;
            }
            long sum = value + millis;
            boolean wrapped = ((value ^ sum) & (millis ^ sum)) < 0;
            return wrapped ? (millis < 0 ? Watermark.NONE : Watermark.END) : sum;
        }

        @Override
        public String toString() {
            return inner + (millis < 0 ? " - " : " + ") + Math.abs(millis) + "ms";
        }
    }

    /** {@code inner} rounded down to a multiple of {@code step} after {@code offset}. */
    record Floor(Waterline inner, long step, long offset) implements Waterline {
        @Override
        public long at(long watermark) {
            long value = inner.at(watermark);
            if (value <= Watermark.NONE + step + Math.abs(offset) || value >= Watermark.END - Math.abs(offset)) {
                return value;
            }
            return value - Math.floorMod(value - offset, step);
        }

        @Override
        public String toString() {
            return "floor(" + inner + ", " + step + "ms)";
        }
    }

    /** {@code inner} milliseconds as microseconds. */
    record Micros(Waterline inner) implements Waterline {
        @Override
        public long at(long watermark) {
            long value = inner.at(watermark);
            if (value == Watermark.NONE || value == Watermark.END) {
                return value;
            }
            long high = Math.multiplyHigh(value, 1000);
            long low = value * 1000;
            return high == low >> 63 ? low : value < 0 ? Watermark.NONE : Watermark.END;
        }

        @Override
        public String toString() {
            return "micros(" + inner + ")";
        }
    }

    /** The lesser of two. */
    record Least(Waterline first, Waterline second) implements Waterline {
        @Override
        public long at(long watermark) {
            return Math.min(first.at(watermark), second.at(watermark));
        }

        @Override
        public String toString() {
            return "least(" + first + ", " + second + ")";
        }
    }
}
