package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Volume;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * When volumes will be full if they go on to fill as in the last hours. Growth is a mean over all that was seen, and when that is
 * longer than six hours one that forgets what is older, little by little; files come and go by the minute, so a shorter time
 * says nothing, and what fills a volume while a state is restored or handed over does not count.
 */
final class VolumeForecast {

    private static final Duration INTERVAL = Duration.ofMinutes(10);
    private static final Duration LEAST = Duration.ofMinutes(30);
    private static final Duration MEMORY = Duration.ofHours(6);
    private static final Duration FAR = Duration.ofDays(365);
    private static final double DAY_SECONDS = 86_400;

    private VolumeForecast() {}

    /**
     * The next measurements; the same ones while there is no new one.
     *
     * @param before null for none
     * @param says what pods say of their volumes, by claim; one that says nothing is known as before
     */
    static List<Volume> next(List<Volume> before, Map<String, Optional<EngineProgress>> says, Instant now) {
        List<Volume> next = new ArrayList<>();
        says.forEach((claim, engine) -> {
            Optional<Volume> known = (before == null ? List.<Volume>of() : before)
                    .stream().filter(volume -> volume.claim().equals(claim)).findFirst();
            if (engine.isEmpty()
                    || engine.get().volumeBytes() == null
                    || engine.get().volumeFree() == null) {
                known.ifPresent(next::add);
            } else if (engine.get().calm() || engine.get().standsBy()) {
                next.add(next(
                        claim, known, engine.get().volumeBytes(), engine.get().volumeFree(), now));
            }
        });
        return next.isEmpty() ? null : next;
    }

    private static Volume next(String claim, Optional<Volume> known, long bytes, long free, Instant now) {
        long used = Math.max(0, bytes - free);
        if (known.isEmpty()) {
            return new Volume(claim, bytes, used, Decider.time(now), Decider.time(now), null, null);
        }
        Volume before = known.get();
        Duration passed = Duration.between(Instant.parse(before.measuredAt()), now);
        if (passed.compareTo(INTERVAL) < 0) {
            return before;
        }
        Instant since = Instant.parse(before.since());
        double seconds = passed.toSeconds();
        double latest = (used - before.usedBytes()) / seconds;
        double weight = Math.min(
                1,
                seconds
                        / Math.min(
                                MEMORY.toSeconds(), Duration.between(since, now).toSeconds()));
        double mean = before.growthPerDay() == null ? 0 : before.growthPerDay() / DAY_SECONDS;
        double growth = mean + weight * (latest - mean);
        long perDay = Statuses.rounded(Long.valueOf(Math.round(growth * DAY_SECONDS)));
        boolean told = Duration.between(since, now).compareTo(LEAST) >= 0;
        String full = told ? fullIn(perDay, free).map(VolumeForecast::text).orElse(null) : null;
        boolean same = Long.valueOf(perDay).equals(before.growthPerDay())
                && Objects.equals(full, before.fullIn())
                && Statuses.rounded(Long.valueOf(used)).equals(Statuses.rounded(before.usedBytes()));
        return same // a query at rest writes nothing
                ? before
                : new Volume(claim, bytes, used, Decider.time(now), before.since(), perDay, full);
    }

    private static Optional<Duration> fullIn(long perDay, long free) {
        double seconds = perDay <= 0 ? Double.POSITIVE_INFINITY : free / (perDay / DAY_SECONDS);
        return seconds > FAR.toSeconds() ? Optional.empty() : Optional.of(Duration.ofSeconds((long) seconds));
    }

    /**
     * In what time it is full; empty where it is not known, or will not be for long.
     *
     * @param free bytes now
     */
    static Optional<Duration> fullIn(Volume volume, long free) {
        return volume.fullIn() == null ? Optional.empty() : fullIn(volume.growthPerDay(), free);
    }

    static String text(Duration time) {
        if (time.toDays() >= 2) {
            return time.toDays() + " days";
        }
        return time.toHours() >= 2 ? time.toHours() + " hours" : time.toMinutes() + " minutes";
    }
}
