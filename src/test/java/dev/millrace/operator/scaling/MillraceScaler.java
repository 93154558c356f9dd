package dev.millrace.operator.scaling;

import dev.millrace.api.StreamingQueryStatus.Moves;
import dev.millrace.operator.scaling.ScalingPolicy.Situation;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** The policy itself, acting as the reconciler does. */
final class MillraceScaler implements Scaler {

    private static final Duration DEFERRED = Duration.ofSeconds(30);

    private static final Duration CALM = Duration.ofMinutes(2);
    private static final Duration EVEN_AGAIN = Duration.ofMinutes(10);
    private static final int LEAST_SAMPLES = 8;
    private static final int MOST_MOVED = 100;

    private final Bounds bounds;
    private final Objective objective;
    private ScalingState state;
    private Instant deferredSince;
    private Instant calmSince = Instant.EPOCH;
    private Instant evenAgain = Instant.EPOCH;
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
        if (step.change().isPresent() || query.actual().isEmpty()) {
            calmSince = query.now();
        } else if (!calmSince.plus(CALM).isAfter(query.now()) && !evenAgain.isAfter(query.now())) {
            even(query);
        }
    }

    /** Moves partitions from pods that have more to do than others. */
    private void even(SimulatedQuery query) {
        int pods = query.has().pods();
        Instant from = query.now().minus(CALM);
        List<Sample> samples = query.samples().stream()
                .filter(sample -> sample.at().isAfter(from) && sample.slots().size() == pods)
                .toList();
        int half = samples.size() / 2;
        boolean lasts = samples.size() >= LEAST_SAMPLES
                && Balance.isUneven(loads(query, samples.subList(0, half)))
                && Balance.isUneven(loads(query, samples.subList(half, samples.size())))
                && IntStream.range(0, pods).noneMatch(pod -> catchesUp(samples, pod));
        if (lasts) {
            Balance.of(loads(query, samples), Moves.none(), MOST_MOVED).ifPresent(plan -> {
                Map<Integer, Integer> moved = new TreeMap<>();
                plan.moves().partitions().forEach((name, pod) -> moved.put(Integer.valueOf(name), pod));
                query.move(moved);
                evenAgain = query.now().plus(EVEN_AGAIN);
                calmSince = query.now();
                actions++;
            });
        }
    }

    private static boolean catchesUp(List<Sample> samples, int pod) {
        Sample.Slot first = samples.get(0).slots().get(pod);
        Sample.Slot last = samples.get(samples.size() - 1).slots().get(pod);
        return first.lag() > Sample.UNDERWAY_SECONDS * first.rate() && last.lag() < first.lag();
    }

    private static List<Balance.Load> loads(SimulatedQuery query, List<Sample> samples) {
        List<Sample.Slot> slots = Sample.means(samples);
        return IntStream.range(0, slots.size())
                .mapToObj(pod -> {
                    Map<String, Double> partitions = new TreeMap<>();
                    query.partitionRates(pod)
                            .forEach((partition, rate) -> partitions.put(String.valueOf(partition), rate));
                    Sample.Slot slot = slots.get(pod);
                    return new Balance.Load(slot.cores(), slot.utilisation(), slot.rate(), 0, Map.of(), partitions);
                })
                .toList();
    }

    @Override
    public int actions() {
        return actions;
    }
}
