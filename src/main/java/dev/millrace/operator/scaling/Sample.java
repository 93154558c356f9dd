package dev.millrace.operator.scaling;

import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * What all pods of a query did in the time before an instant; there is none where one of them did not answer.
 *
 * @param seconds how long that time was
 */
public record Sample(Instant at, double seconds, List<Slot> slots) {

    /**
     * One pod's part.
     *
     * @param rate rows that it has read, per second
     * @param lag rows behind it at the end; −1 for unknown
     * @param cores that it used
     * @param limit cores that it could have used
     * @param busy the share of the time that its busiest thread computed, 0 to 1
     * @param blocked the share of the time that it waited for sinks, 0 to 1
     */
    public record Slot(double rate, long lag, double cores, double limit, double busy, double blocked, Memory memory) {

        /** Which part of what it could do it did. */
        public double utilisation() {
            return Math.min(1, Math.max(cpu(), occupied()));
        }

        /** The share of the time in which its busiest thread could not do anything else. */
        double occupied() {
            return Math.min(1, busy + memory.stopped());
        }

        /** Which part of its CPU it used. */
        double cpu() {
            return limit <= 0 ? 0 : cores / limit;
        }
    }

    Instant from() {
        return at.minus(Duration.ofMillis((long) (seconds * 1000)));
    }

    public double rate() {
        return slots.stream().mapToDouble(Slot::rate).sum();
    }

    public double cores() {
        return slots.stream().mapToDouble(Slot::cores).sum();
    }

    /** −1 for unknown. */
    public long lag() {
        return slots.stream().anyMatch(slot -> slot.lag() < 0)
                ? -1
                : slots.stream().mapToLong(Slot::lag).sum();
    }
}
