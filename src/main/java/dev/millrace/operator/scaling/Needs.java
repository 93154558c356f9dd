package dev.millrace.operator.scaling;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * How many cores a query needed, the most of each of the last minutes. Less is given only where this was enough for a whole
 * window; a minute that nobody looked at is no reason to give less.
 *
 * @param byMinute since 1970
 */
public record Needs(Map<Long, Double> byMinute) {

    static final int MINUTES = 20;

    public static final Needs NONE = new Needs(Map.of());

    Needs with(Instant now, double cores) {
        long minute = minute(now);
        TreeMap<Long, Double> next = new TreeMap<>(byMinute);
        next.merge(minute, cores, Math::max);
        next.headMap(minute - MINUTES).clear();
        return new Needs(next);
    }

    boolean knows(Instant time) {
        return byMinute.containsKey(minute(time));
    }

    /** The most of a window that ends now; empty where not all of it is known. */
    OptionalDouble most(Instant now, Duration window) {
        long last = minute(now);
        long first = minute(now.minus(window));
        boolean known = LongStream.rangeClosed(first, last).allMatch(byMinute::containsKey);
        return known
                ? LongStream.rangeClosed(first, last).mapToDouble(byMinute::get).max()
                : OptionalDouble.empty();
    }

    private static long minute(Instant time) {
        return Math.floorDiv(time.getEpochSecond(), 60L);
    }
}
