package dev.millrace.operator.scaling;

import dev.millrace.operator.scaling.ScalingState.Change;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** What came of the last change, as soon as the query shows what it can do. */
final class Outcome {

    /** A change that brings less of what it promised than this is of no use. */
    private static final double EFFECTIVE = 0.1;

    /** For so long the outcome of a change can be told. */
    private static final Duration TELLING = Duration.ofMinutes(10);

    /** A query that does less than this part of what it could does not show what that is. */
    private static final double SHOWS_CAPACITY = 0.6;

    private Outcome() {}

    /** The state with the outcome, and with a remedy that was of no use blocked. */
    static ScalingState told(ScalingState state, Figures figures, Objective objective, Instant now) {
        Change last = state.last();
        if (last == null || last.outcome() != null || !last.at().equals(state.askedAt())) {
            return state;
        }
        if (!last.grows()) {
            boolean waits = figures.lagSeconds() > objective.maxLagSeconds();
            return state.withOutcome(waits ? "rows wait since" : "it still keeps up", Optional.empty(), now);
        }
        boolean fills = last.remedy() == ScalingState.Remedy.Memory
                && state.settledAt().plus(ScalingPolicy.WARM_UP).isAfter(now);
        if (figures.utilisation() < SHOWS_CAPACITY || fills) {
            boolean over = state.settledAt().plus(TELLING).isBefore(now);
            return over
                    ? state.withOutcome("it keeps up; what it could do was not seen", Optional.empty(), now)
                    : state;
        }
        double gained = figures.capacity() - last.figures().capacity();
        boolean effective =
                gained >= EFFECTIVE * (last.expected() - last.figures().capacity());
        String text = "it can do " + Words.rounded(figures.capacity()) + " rows/s, " + Words.rounded(last.expected())
                + " were expected" + (effective ? "" : ": it was of no use");
        return state.withOutcome(text, effective ? Optional.empty() : Optional.of(last.remedy()), now);
    }
}
