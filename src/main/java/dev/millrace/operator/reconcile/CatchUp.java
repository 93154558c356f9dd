package dev.millrace.operator.reconcile;

import dev.millrace.operator.scaling.Sample;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** When a query that is behind will have caught up. */
final class CatchUp {

    private static final int LOOKED_AT = 4;
    private static final Duration FRESH = Duration.ofSeconds(60);

    /** So many seconds of rows are always on their way. */
    private static final double UNDERWAY_SECONDS = 3;

    private CatchUp() {}

    /** Seconds from now, at the pace of the last samples; null where nothing waits, it grows, or is not known. */
    static Double seconds(List<Sample> samples, Instant now) {
        if (samples.size() < 2) {
            return null;
        }
        Sample last = samples.get(samples.size() - 1);
        Sample first = samples.get(Math.max(0, samples.size() - LOOKED_AT));
        double seconds = Duration.between(first.at(), last.at()).toMillis() / 1000.0;
        boolean known =
                first.lag() >= 0 && last.lag() >= 0 && last.at().plus(FRESH).isAfter(now);
        double less = (first.lag() - last.lag()) / seconds;
        boolean waits = last.lag() > UNDERWAY_SECONDS * Math.max(1, last.rate());
        return known && waits && less > 0 ? last.lag() / less : null;
    }
}
