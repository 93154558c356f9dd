package dev.millrace.operator.reconcile;

import dev.millrace.operator.reconcile.Observed.PodView;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** When to look again though nothing happens: at the first of the times for which there is a reason. */
final class Recheck {

    /** A look that comes a moment too early would be in vain. */
    private static final Duration LATER = Duration.ofMillis(50);

    private final Observed seen;
    private Duration time;

    Recheck(Observed seen) {
        this.seen = seen;
    }

    void in(Duration other) {
        time = time == null || other.compareTo(time) < 0 ? other : time;
    }

    /** What is past gives no reason to look again. */
    void at(Instant other) {
        if (!other.isBefore(seen.now())) {
            in(Duration.between(seen.now(), other).plus(LATER));
        }
    }

    /** Whether so much time has passed; where not, there is a look when it has. */
    boolean isOver(Instant since, Duration time) {
        Instant end = since.plus(time);
        at(end);
        return !seen.now().isBefore(end);
    }

    /** Whether a pod counts as lost; where it may soon, there is a look at that time. */
    boolean isLost(PodView pod) {
        Optional<Instant> lost = seen.lostAt(pod);
        if (lost.isPresent() && seen.now().isBefore(lost.get())) {
            at(lost.get());
            return false;
        }
        return lost.isPresent();
    }

    Optional<Duration> time() {
        return Optional.ofNullable(time);
    }
}
