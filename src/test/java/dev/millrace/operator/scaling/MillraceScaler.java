package dev.millrace.operator.scaling;

import dev.millrace.operator.scaling.ScalingPolicy.Situation;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import java.time.Duration;
import java.time.Instant;

/** The policy itself, acting as the reconciler does. */
final class MillraceScaler implements Scaler {

    private static final Duration DEFERRED = Duration.ofSeconds(30);

    private final Bounds bounds;
    private final Objective objective;
    private ScalingState state;
    private Instant deferredSince;
    private int actions;

    MillraceScaler(Bounds bounds, Objective objective, Allocation first) {
        this.bounds = bounds;
        this.objective = objective;
        this.state = ScalingState.of(first);
    }

    @Override
    public void look(SimulatedQuery query) {
        if (query.isDeferred()) {
            deferredSince = deferredSince == null ? query.now() : deferredSince;
            if (!deferredSince.plus(DEFERRED).isAfter(query.now())) {
                state = state.refused(query.has(), "the nodes have no more CPU", query.now());
                query.ask(state.asked());
            }
            return;
        }
        deferredSince = null;
        Step step = ScalingPolicy.step(
                new Situation(query.samples(), query.actual(), objective, bounds, true, query.now()), state);
        state = step.state();
        actions += step.change().isPresent() ? 1 : 0;
        query.ask(state.asked());
    }

    @Override
    public int actions() {
        return actions;
    }
}
