package dev.millrace.operator.scaling;

import dev.millrace.operator.scaling.ScalingState.Change;
import dev.millrace.operator.scaling.ScalingState.Remedy;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Decides what a query is to be given: a pure function of what was measured, what is wanted, between which bounds, and what was
 * done before. The rules, in this order:
 *
 * <ol>
 *   <li>Nothing while a change is under way, or without fresh samples from after it.
 *   <li>More when two looks in a row say so: of CPU, which running pods can be given; of memory, where pods wait for state that
 *       does not lie in it; where they cannot use more, of pods. Not where it is of no use, as the sinks, the source, the heap or
 *       one pod are what it waits for.
 *   <li>Less when the query keeps up, and less was enough for a whole window, which is longer the more a change costs.
 * </ol>
 */
public final class ScalingPolicy {

    /** Samples older than this say nothing of now. */
    private static final Duration FRESH = Duration.ofSeconds(35);

    private static final Duration NEWS = Duration.ofMinutes(2);

    /** An estimate is made of so many samples; the first one only says what waited before. */
    private static final int SAMPLES = 3;

    /** By how much more than there is must be wanted; by less, where rows wait. */
    private static final double GROW = 1.15;

    private static final double GROW_WHERE_ROWS_WAIT = 1.02;

    private static final Duration LEAST_WINDOW = Duration.ofMinutes(3);
    private static final Duration LARGEST_WINDOW = Duration.ofMinutes(15);
    private static final double WINDOW_PER_COST = 10;

    /** For so long after a change state is read into memory: what that brings is not seen before. */
    static final Duration WARM_UP = Duration.ofMinutes(2);

    /** Less CPU waits for fewer pods if those may come so soon. */
    private static final Duration WORTH_WAITING = Duration.ofMinutes(10);

    private static final String NEXT_LOOK = "rows wait or more is wanted; the next look decides";

    private final Situation seen;
    private final ScalingState state;
    private final Estimate now;
    private final Sizing sizing;
    private final Instant measured;

    /**
     * @param samples the oldest first
     * @param actual what all pods have; empty while they differ, or pods come or go
     * @param acts whether changes are made, or only told
     */
    public record Situation(
            List<Sample> samples,
            Optional<Allocation> actual,
            Objective objective,
            Bounds bounds,
            boolean acts,
            Instant now) {}

    /**
     * What is to be done.
     *
     * @param bottleneck as of now
     * @param change what is, or without {@code acts} would be, changed; empty for nothing
     * @param reason of the change, or why there is none
     * @param keepsUp whether it was seen that what the query has is enough, and not too much
     * @param figures as of now; empty where there are too few measurements
     */
    public record Step(
            ScalingState state,
            Bottleneck bottleneck,
            Optional<Change> change,
            String reason,
            boolean keepsUp,
            Optional<Figures> figures) {

        /** The same, told in other words. */
        public Step because(String other) {
            return new Step(state, bottleneck, change, other, keepsUp, figures);
        }
    }

    private ScalingPolicy(Situation seen, ScalingState state, Estimate now, Instant measured) {
        this.seen = seen;
        this.state = state;
        this.now = now;
        this.measured = measured;
        this.sizing = new Sizing(state.bounds(seen.bounds(), seen.now()), state.asked(), now.figures());
    }

    public static Step step(Situation seen, ScalingState before) {
        boolean reached = seen.actual().filter(before.asked()::equals).isPresent();
        if (!reached) {
            return hold(
                    before,
                    before.settledAt() == null
                            ? "a change is under way"
                            : "not all pods run and have what they are to have");
        }
        ScalingState state = before.settledAt() == null ? before.settled(seen.now()) : before;
        List<Sample> samples = usable(seen, state);
        if (samples.size() < SAMPLES) {
            return hold(state, "there are too few measurements since the last change");
        }
        int last = samples.size();
        Estimate now = estimate(seen, state, samples, last);
        ScalingState next =
                Outcome.told(state.with(needs(seen, state, samples)), now.figures(), seen.objective(), seen.now());
        Optional<Estimate> earlier =
                last > SAMPLES ? Optional.of(estimate(seen, state, samples, last - 1)) : Optional.empty();
        return new ScalingPolicy(seen, next, now, samples.get(last - 1).at()).decide(earlier);
    }

    private static Step hold(ScalingState state, String why) {
        return new Step(state, Bottleneck.None, Optional.empty(), why, false, Optional.empty());
    }

    /** Those without a gap up to now that began when the query had what it has. */
    private static List<Sample> usable(Situation seen, ScalingState state) {
        List<Sample> all = seen.samples();
        int from = all.size();
        Instant next = seen.now();
        while (from > 0
                && Duration.between(all.get(from - 1).at(), next).compareTo(FRESH) <= 0
                && !all.get(from - 1).from().isBefore(state.settledAt())
                && all.get(from - 1).slots().size() == state.asked().pods()) {
            from--;
            next = all.get(from).from();
        }
        return all.subList(from, all.size());
    }

    /** As of the end of so many samples. */
    private static Estimate estimate(Situation seen, ScalingState state, List<Sample> samples, int end) {
        boolean pods = seen.bounds().maxPods() > seen.bounds().minPods();
        return Estimate.of(
                samples.subList(end - SAMPLES, end),
                seen.objective(),
                seen.bounds(),
                pods ? state.costs().pods() : state.costs().cpu());
    }

    /** Of all that was measured: not every sample is a reason to look. */
    private static Needs needs(Situation seen, ScalingState state, List<Sample> samples) {
        Needs needs = state.needs();
        for (int end = SAMPLES; end <= samples.size(); end++) {
            Instant at = samples.get(end - 1).at();
            if (needs.knows(at) && at.isBefore(seen.now().minus(NEWS))) {
                continue; // it was counted at an earlier look
            }
            needs = needs.with(at, estimate(seen, state, samples, end).figures().coresNeeded());
        }
        return needs;
    }

    private static boolean wantsMore(Situation seen, Estimate estimate) {
        Figures figures = estimate.figures();
        boolean late = figures.lagSeconds() > seen.objective().maxLagSeconds();
        return figures.target() > figures.capacity() * (late ? GROW_WHERE_ROWS_WAIT : GROW);
    }

    /**
     * @param earlier as of the sample before; what both say is no accident
     */
    private Step decide(Optional<Estimate> earlier) {
        Figures figures = now.figures();
        boolean waits = figures.lagSeconds() > Math.max(2, seen.objective().maxLagSeconds() / 2);
        if (now.bottleneck() == Bottleneck.Sink
                || now.bottleneck() == Bottleneck.Source
                || now.bottleneck() == Bottleneck.Heap) {
            boolean again =
                    earlier.filter(one -> one.bottleneck() == now.bottleneck()).isPresent();
            return again
                    ? less().orElseGet(() ->
                            nothing("it waits for " + now.bottleneck().words() + ": more of anything would not help"))
                    : hold(state, NEXT_LOOK);
        }
        if (wantsMore(seen, now)) {
            boolean again = earlier.filter(one -> wantsMore(seen, one)).isPresent();
            return again ? more() : nothing(NEXT_LOOK);
        }
        return waits ? nothing("it catches up") : less().orElseGet(() -> nothing("it keeps up", true));
    }

    private Step more() {
        Figures figures = now.figures();
        boolean mayPods = !state.isBlocked(Remedy.Pods, seen.now()) && now.bottleneck() != Bottleneck.Skew;
        boolean waitsForState = now.bottleneck() != Bottleneck.Cpu && figures.waitsForState();
        if (isWarmingUp()) {
            return nothing("it reads state into the memory that it has now");
        }
        Optional<Allocation> memory =
                waitsForState && !state.isBlocked(Remedy.Memory, seen.now()) ? sizing.moreMemory() : Optional.empty();
        if (memory.isPresent()) {
            double computed = figures.coresPerRow() == 0
                    ? Double.POSITIVE_INFINITY
                    : state.asked().cores() / figures.coresPerRow();
            double expected = Math.min(computed, figures.capacity() * sizing.gainOfMemory(memory.get()));
            return change(memory.get(), expected, whyMore());
        }
        boolean mayCpu = !waitsForState && !state.isBlocked(Remedy.Cpu, seen.now());
        Optional<Allocation> more = sizing.more(figures.target() * figures.coresPerRow(), mayCpu, mayPods);
        if (more.isEmpty()) {
            return nothing(limited());
        }
        return change(more.get(), figures.capacity() * sizing.gain(more.get()), whyMore());
    }

    private boolean isWarmingUp() {
        return now.figures().memory().waitsMuch()
                && state.askedAt() != null
                && !state.isCapped(seen.now())
                && state.settledAt().plus(WARM_UP).isAfter(seen.now());
    }

    private String whyMore() {
        Figures figures = now.figures();
        boolean late = figures.lagSeconds() > seen.objective().maxLagSeconds();
        String keeps = now.bottleneck() == Bottleneck.None
                ? "nothing yet, but there is less to spare than is wanted"
                : now.bottleneck().words();
        return Words.rounded(figures.arrivals()) + " rows/s come"
                + (late ? " and " + Words.rounded(figures.lag()) + " wait" : "") + "; with " + state.asked()
                + " it can do " + Words.rounded(figures.capacity()) + ", it should be able to do "
                + Words.rounded(figures.target()) + "; what keeps it is " + keeps;
    }

    private String limited() {
        Figures figures = now.figures();
        return "it should be able to do " + Words.rounded(figures.target()) + " rows/s and can do "
                + Words.rounded(figures.capacity()) + ": " + limit() + whatWaits();
    }

    private String limit() {
        if (Arrays.stream(Remedy.values()).anyMatch(remedy -> state.isBlocked(remedy, seen.now()))) {
            return "what would help was of no use, or refused, a while ago";
        }
        if (state.isCapped(seen.now())) {
            return state.ceiling().why();
        }
        if (now.bottleneck() == Bottleneck.State) {
            return "its state is larger than the memory for it; resources.max allows no more, or no more pods";
        }
        return now.bottleneck() == Bottleneck.Skew
                ? "more pods would not help, as one has much more to do than the others"
                : "the bounds in spec.scaling, or the number of partitions, allow no more";
    }

    private String whatWaits() {
        Figures figures = now.figures();
        double left = figures.capacity() - figures.arrivals();
        if (figures.lagSeconds() <= seen.objective().maxLagSeconds()) {
            return "";
        }
        return left > 0.02 * figures.arrivals()
                ? "; what waits is read in " + Words.rounded(figures.lag() / left) + " s"
                : "; what waits grows";
    }

    /** Fewer pods, with what CPU they then need; where so many are needed, less CPU for each. */
    private Optional<Step> less() {
        Duration window = window(state.costs().pods());
        OptionalDouble most = needed(window);
        if (most.isPresent()) {
            Optional<Allocation> fewer = sizing.fewerPods(most.getAsDouble());
            if (fewer.isPresent()) {
                return Optional.of(less(fewer.get(), most.getAsDouble(), window));
            }
        }
        boolean soon = sizing.fewerPods(now.figures().coresNeeded()).isPresent();
        if (soon && window.compareTo(WORTH_WAITING) <= 0) {
            return Optional.empty(); // both at once, a little later
        }
        Duration shorter = window(state.costs().cpu());
        OptionalDouble cores = needed(shorter);
        Optional<Step> lessCpu = cores.isEmpty()
                ? Optional.empty()
                : sizing.lessCpu(cores.getAsDouble()).map(less -> less(less, cores.getAsDouble(), shorter));
        return lessCpu.or(this::lessMemory);
    }

    /** A state that was small for long has room in less. */
    private Optional<Step> lessMemory() {
        boolean early = state.settledAt().plus(LARGEST_WINDOW).isAfter(seen.now());
        return early
                ? Optional.empty()
                : sizing.lessMemory()
                        .map(less -> change(
                                less,
                                now.figures().capacity(),
                                "the largest part of its state has "
                                        + Words.mebibytes(now.figures().memory().state()) + " and room for "
                                        + Words.mebibytes(now.figures().memory().room())));
    }

    /** The most cores that were needed in a window in which the query had what it has; empty where that is not known. */
    private OptionalDouble needed(Duration window) {
        return state.settledAt().plus(window).isAfter(seen.now())
                ? OptionalDouble.empty()
                : state.needs().most(measured, window);
    }

    private static Duration window(double cost) {
        Duration window = Duration.ofMillis((long) (1000 * WINDOW_PER_COST * cost));
        window = window.compareTo(LEAST_WINDOW) < 0 ? LEAST_WINDOW : window;
        return window.compareTo(LARGEST_WINDOW) > 0 ? LARGEST_WINDOW : window;
    }

    private Step less(Allocation fewer, double cores, Duration window) {
        double perRow = now.figures().coresPerRow();
        String reason = "in the last " + window.toMinutes() + " min it needed " + Words.rounded(cores)
                + " cores at most, and has " + Words.rounded(state.asked().cores());
        return change(fewer, perRow == 0 ? now.figures().capacity() : fewer.cores() / perRow, reason);
    }

    private Step change(Allocation to, double expected, String reason) {
        Figures figures = now.figures();
        Change change =
                new Change(seen.now(), state.asked(), to, now.bottleneck(), reason, figures, expected, null, null);
        ScalingState next = seen.acts() ? state.asking(change) : state;
        return new Step(next, now.bottleneck(), Optional.of(change), reason, false, Optional.of(figures));
    }

    private Step nothing(String reason) {
        return nothing(reason, false);
    }

    private Step nothing(String reason, boolean keepsUp) {
        return new Step(state, now.bottleneck(), Optional.empty(), reason, keepsUp, Optional.of(now.figures()));
    }
}
