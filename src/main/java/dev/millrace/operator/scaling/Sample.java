package dev.millrace.operator.scaling;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What all pods of a query did in the time before an instant; there is none where one of them did not answer.
 *
 * @param seconds how long that time was
 */
public record Sample(Instant at, double seconds, List<Slot> slots) {

    /** Seconds of rows that always are on their way: an epoch, and what is in a buffer. */
    public static final double UNDERWAY_SECONDS = 3;

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

    /** Of values that hold for a time each. */
    static double mean(List<Sample> samples, ToDoubleFunction<Sample> value) {
        double seconds = samples.stream().mapToDouble(Sample::seconds).sum();
        return samples.stream()
                        .mapToDouble(sample -> value.applyAsDouble(sample) * sample.seconds())
                        .sum()
                / seconds;
    }

    /** Means over the time, for each slot, and what it had at the end; all samples have the same slots. */
    public static List<Slot> means(List<Sample> samples) {
        List<Slot> last = samples.get(samples.size() - 1).slots();
        return IntStream.range(0, last.size())
                .mapToObj(i -> new Slot(
                        mean(samples, sample -> sample.slots().get(i).rate()),
                        last.get(i).lag(),
                        mean(samples, sample -> sample.slots().get(i).cores()),
                        mean(samples, sample -> sample.slots().get(i).limit()),
                        mean(samples, sample -> sample.slots().get(i).busy()),
                        mean(samples, sample -> sample.slots().get(i).blocked()),
                        new Memory(
                                mean(
                                        samples,
                                        sample -> sample.slots().get(i).memory().waits()),
                                mean(
                                        samples,
                                        sample -> sample.slots().get(i).memory().collects()),
                                last.get(i).memory().state(),
                                last.get(i).memory().room())))
                .toList();
    }
}
