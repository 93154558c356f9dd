package dev.millrace.operator.scaling;

import dev.millrace.operator.scaling.ScalingState.Blocked;
import dev.millrace.operator.scaling.ScalingState.Change;
import dev.millrace.operator.scaling.ScalingState.Remedy;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Decides what a query is to be given: a pure function of what was measured, what is wanted, between which bounds, and what was
 * done before. The rules, in this order:
 *
 * <ol>
 *   <li>Nothing while a change is under way, or without fresh samples from after it.
 *   <li>More when two looks in a row say so: of CPU, which running pods can be given; where they cannot use more of it, of pods.
 *       Not where it is of no use, as the sinks, the source or one pod are what it waits for.
 *   <li>Less when the query keeps up, and less was enough for a whole window, which is longer the more a change costs.
 * </ol>
 */
public final class ScalingPolicy {

    /** Samples older than this say nothing of now. */
    private static final Duration FRESH = Duration.ofSeconds(35);

    private static final Duration NEWS = Duration.ofMinutes(2);

    /** By how much more than there is must be wanted. */
    private static final double GROW = 1.15;

    /** To how much of what there is less must come. */
    private static final double SHRINK = 0.8;

    /** So that a little more load is not a reason for another pod at once. */
    private static final double ROOM_OF_FEWER_PODS = 0.9;

    private static final Duration LEAST_WINDOW = Duration.ofMinutes(3);
    private static final Duration LARGEST_WINDOW = Duration.ofMinutes(15);
    /** Less CPU waits for fewer pods if those may come so soon. */
    private static final Duration WORTH_WAITING = Duration.ofMinutes(10);

    private static final double WINDOW_PER_COST = 10;

    /** A change that brings less of what it promised than this is of no use. */
    private static final double EFFECTIVE = 0.1;

    /** For so long the outcome of a change can be told. */
    private static final Duration TELLING = Duration.ofMinutes(10);

    /** A query that does less than this part of what it could does not show what that is. */
    private static final double SHOWS_CAPACITY = 0.6;

    private final Situation seen;
    private final ScalingState state;

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
     * @param figures empty where there are no samples
     */
    public record Step(
            ScalingState state,
            Bottleneck bottleneck,
            Optional<Change> change,
            String reason,
            Optional<Figures> figures) {}

    private ScalingPolicy(Situation seen, ScalingState state) {
        this.seen = seen;
        this.state = state;
    }

    public static Step step(Situation seen, ScalingState before) {
        ScalingState state = settle(seen, before);
        if (state.settledAt() == null) {
            return hold(state, "a change is under way");
        }
        if (seen.actual().filter(state.asked()::equals).isEmpty()) {
            return hold(state, "not all pods run and have what they are to have");
        }
        List<Sample> samples = usable(seen, state);
        if (samples.size() < 3) {
            return hold(state, "there are too few measurements since the last change");
        }
        return new ScalingPolicy(seen, state).decide(samples);
    }

    private static Step hold(ScalingState state, String why) {
        return new Step(state, Bottleneck.None, Optional.empty(), why, Optional.empty());
    }

    /** Notes when a query has what was asked for, and what that has cost. */
    private static ScalingState settle(Situation seen, ScalingState state) {
        boolean reached = seen.actual().filter(state.asked()::equals).isPresent();
        if (state.settledAt() != null || !reached) {
            return state;
        }
        if (state.last() == null || state.askedAt() == null) {
            return state.settled(seen.now(), state.cpuSeconds(), state.podsSeconds());
        }
        double took = Duration.between(state.askedAt(), seen.now()).toMillis() / 1000.0;
        boolean pods = state.last().remedy() == Remedy.Pods;
        return state.settled(seen.now(), pods ? state.cpuSeconds() : took, pods ? took : state.podsSeconds());
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

    private Step decide(List<Sample> samples) {
        int last = samples.size();
        Estimate now = estimate(samples.subList(last - 3, last));
        Figures figures = now.figures();
        ScalingState next = state.withNeeds(needs(samples));
        next = told(next, now);
        boolean wants = wantsMore(figures);
        boolean wanted = last >= 4
                && wantsMore(estimate(samples.subList(last - 4, last - 1)).figures());
        if (wants) {
            return wanted ? grow(next, now) : step(next, now, "more is wanted, if the next look says so too");
        }
        return shrink(next, now);
    }

    /** Of all that was measured: not every sample is a reason to look. */
    private Needs needs(List<Sample> samples) {
        Needs needs = state.needs();
        for (int end = 3; end <= samples.size(); end++) {
            Instant at = samples.get(end - 1).at();
            if (needs.knows(at) && at.isBefore(seen.now().minus(NEWS))) {
                continue; // it was counted at an earlier look
            }
            needs = needs.with(at, steadyNeed(estimate(samples.subList(end - 3, end))));
        }
        return needs;
    }

    private Estimate estimate(List<Sample> samples) {
        double pause = seen.bounds().maxPods() > seen.bounds().minPods() ? state.podsSeconds() : state.cpuSeconds();
        return Estimate.of(samples, seen.objective(), seen.bounds(), pause);
    }

    /** Cores for what comes, without what waits; where no more can be read than is, for that. */
    private double steadyNeed(Estimate now) {
        Figures figures = now.figures();
        boolean held = now.bottleneck() == Bottleneck.Sink || now.bottleneck() == Bottleneck.Source;
        double rows = held ? Math.min(figures.rate(), figures.arrivals()) : figures.arrivals();
        return rows / seen.objective().utilisation() * figures.coresPerRow();
    }

    private boolean wantsMore(Figures figures) {
        boolean late = figures.lagSeconds() > seen.objective().maxLag().toMillis() / 1000.0;
        return figures.target() > figures.capacity() * (late ? 1.02 : GROW);
    }

    // ---------------------------------------------------------------- more

    private Step grow(ScalingState next, Estimate now) {
        Figures figures = now.figures();
        switch (now.bottleneck()) {
            case Sink, Source -> {
                return less(next, now)
                        .orElseGet(() -> step(
                                next,
                                now,
                                "it waits for " + now.bottleneck().words() + ": more of anything would not help"));
            }
            default -> {}
        }
        Allocation has = state.asked();
        Bounds bounds = bounds();
        int mostUseful = bounds.cpuWithin(1000 * figures.usable());
        int cpu = bounds.resizes() ? bounds.cpuWithin(cpuFor(figures, has.pods())) : has.milliCpu();
        boolean threads = now.bottleneck() == Bottleneck.Threads;
        boolean cpuSuffices = !threads && cpuFor(figures, has.pods()) <= Math.min(mostUseful, bounds.maxCpu()) * 1.001;
        Allocation more = has;
        if (cpuSuffices && cpu > has.milliCpu() && !isBlocked(Remedy.Cpu)) {
            more = new Allocation(has.pods(), cpu);
        } else if (now.bottleneck() == Bottleneck.Skew) {
            more = new Allocation(has.pods(), Math.max(has.milliCpu(), Math.min(cpu, mostUseful)));
        } else {
            more = withPods(figures, has, bounds, Math.min(mostUseful, bounds.maxCpu()));
        }
        boolean pods = more.pods() > has.pods();
        boolean useful = pods || more.milliCpu() >= has.milliCpu() * 1.05;
        if (!useful || isBlocked(pods ? Remedy.Pods : Remedy.Cpu)) {
            return step(next, now, limited(now));
        }
        double expected = figures.capacity() * gain(has, more, figures);
        String reason = String.format(
                Locale.ROOT,
                "%s rows/s come%s; with %s it can do %s, it should be able to do %s; what keeps it is %s",
                rounded(figures.arrivals()),
                figures.lagSeconds() > seen.objective().maxLag().toMillis() / 1000.0
                        ? " and " + rounded(figures.lag()) + " wait"
                        : "",
                has,
                rounded(figures.capacity()),
                rounded(figures.target()),
                now.bottleneck() == Bottleneck.None
                        ? "nothing yet, but there is less to spare than is wanted"
                        : now.bottleneck().words());
        return changed(next, now, pods ? Remedy.Pods : Remedy.Cpu, more, expected, reason);
    }

    /** The CPU of each of the pods that there are, so that the busiest can do its part of the target. */
    private double cpuFor(Figures figures, int pods) {
        double imbalance =
                pods == 1 ? 1 : Math.max(figures.imbalance(), seen.bounds().largestShare(pods) * pods);
        return 1000 * figures.coresWanted() / pods * imbalance;
    }

    /** As few as can do the target, each with as much CPU as is needed for it; where none can, those that can do most. */
    private Allocation withPods(Figures figures, Allocation has, Bounds bounds, int mostCpu) {
        int most = bounds.podsWithin(Integer.MAX_VALUE);
        int each = bounds.resizes() ? mostCpu : has.milliCpu();
        int pods = has.pods();
        double share = bounds.largestShare(pods);
        for (int more = has.pods() + 1; more <= most; more++) {
            if (1000 * figures.coresWanted() * share <= each) {
                break;
            }
            if (bounds.largestShare(more) < share - 1e-9) {
                share = bounds.largestShare(more);
                pods = more;
            }
        }
        double cpu = 1000 * figures.coresWanted() * share;
        return new Allocation(
                pods, bounds.resizes() ? Math.max(has.milliCpu(), Math.min(each, bounds.cpuWithin(cpu))) : each);
    }

    private static double gain(Allocation has, Allocation more, Figures figures) {
        double before = Math.min(has.milliCpu() / 1000.0, figures.usable());
        double after = Math.min(more.milliCpu() / 1000.0, figures.usable());
        return more.pods() * after / (has.pods() * before);
    }

    private String limited(Estimate now) {
        Figures figures = now.figures();
        double left = figures.capacity() - figures.arrivals();
        String lag = figures.lagSeconds() <= seen.objective().maxLag().toMillis() / 1000.0
                ? ""
                : left > 0.02 * figures.arrivals()
                        ? "; what waits is read in " + rounded(figures.lag() / left) + " s"
                        : "; what waits grows";
        String why = isBlocked(Remedy.Cpu) || isBlocked(Remedy.Pods)
                ? "what would help was of no use, or refused, a while ago"
                : state.ceiling() != null && state.ceiling().until().isAfter(seen.now())
                        ? state.ceiling().why()
                        : now.bottleneck() == Bottleneck.Skew
                                ? "more pods would not help, as one has much more to do than the others"
                                : "the bounds in spec.scaling, or the number of partitions, allow no more";
        return "it should be able to do " + rounded(figures.target()) + " rows/s and can do "
                + rounded(figures.capacity()) + ": " + why + lag;
    }

    // ---------------------------------------------------------------- less

    private Step shrink(ScalingState next, Estimate now) {
        double maxLag = seen.objective().maxLag().toMillis() / 1000.0;
        return now.figures().lagSeconds() > Math.max(2, maxLag / 2)
                ? step(next, now, "it catches up")
                : less(next, now).orElseGet(() -> step(next, now, "it keeps up"));
    }

    /** Fewer pods, with what CPU they then need; where so many are needed, less CPU for each. */
    private Optional<Step> less(ScalingState next, Estimate now) {
        Figures figures = now.figures();
        Bounds bounds = bounds();
        Duration window = window(state.podsSeconds());
        OptionalDouble most = next.needs().most(seen.now(), window);
        Optional<Allocation> fewer =
                most.isPresent() ? fewerPods(most.getAsDouble(), figures, bounds) : Optional.empty();
        if (fewer.isPresent() && longEnough(window)) {
            return Optional.of(less(next, now, Remedy.Pods, fewer.get(), most.getAsDouble(), window));
        }
        boolean soon = fewerPods(steadyNeed(now), figures, bounds).isPresent();
        if (!bounds.resizes() || soon && window.compareTo(WORTH_WAITING) <= 0) {
            return Optional.empty(); // both at once, a little later
        }
        Duration shorter = window(state.cpuSeconds());
        OptionalDouble needed = next.needs().most(seen.now(), shorter);
        if (needed.isEmpty() || !longEnough(shorter)) {
            return Optional.empty();
        }
        Allocation has = state.asked();
        int cpu = bounds.cpuWithin(1000 * needed.getAsDouble() / has.pods() * imbalance(figures, has.pods()));
        return cpu > SHRINK * has.milliCpu()
                ? Optional.empty()
                : Optional.of(
                        less(next, now, Remedy.Cpu, new Allocation(has.pods(), cpu), needed.getAsDouble(), shorter));
    }

    private double imbalance(Figures figures, int pods) {
        return pods == 1 ? 1 : Math.max(figures.imbalance(), seen.bounds().largestShare(pods) * pods);
    }

    private Optional<Allocation> fewerPods(double cores, Figures figures, Bounds bounds) {
        Allocation has = state.asked();
        double usable = Math.min(bounds.maxCpu(), 1000 * figures.usable());
        double each = bounds.resizes() ? usable : has.milliCpu();
        double skew = Math.max(1, figures.imbalance() / (bounds.largestShare(has.pods()) * has.pods()));
        for (int pods = bounds.podsWithin(1); pods < has.pods(); pods++) {
            double cpu = 1000 * cores * bounds.largestShare(pods) * (pods == 1 ? 1 : skew);
            if (cpu <= ROOM_OF_FEWER_PODS * each) {
                return Optional.of(new Allocation(pods, bounds.resizes() ? bounds.cpuWithin(cpu) : has.milliCpu()));
            }
        }
        return Optional.empty();
    }

    private static Duration window(double cost) {
        Duration window = Duration.ofMillis((long) (1000 * WINDOW_PER_COST * cost));
        window = window.compareTo(LEAST_WINDOW) < 0 ? LEAST_WINDOW : window;
        return window.compareTo(LARGEST_WINDOW) > 0 ? LARGEST_WINDOW : window;
    }

    /** What the query has it has for so long. */
    private boolean longEnough(Duration window) {
        return !state.settledAt().plus(window).isAfter(seen.now());
    }

    private Step less(ScalingState next, Estimate now, Remedy remedy, Allocation fewer, double cores, Duration window) {
        double expected = now.figures().coresPerRow() == 0
                ? now.figures().capacity()
                : fewer.cores() / now.figures().coresPerRow();
        String reason = String.format(
                Locale.ROOT,
                "in the last %d min it needed %s cores at most, and has %s",
                window.toMinutes(),
                rounded(cores),
                rounded(state.asked().cores()));
        return changed(next, now, remedy, fewer, expected, reason);
    }

    // ---------------------------------------------------------------- what comes of it

    /** What came of the last change, as soon as the query shows what it can do. */
    private ScalingState told(ScalingState next, Estimate now) {
        Change last = next.last();
        if (last == null
                || last.outcome() != null
                || next.askedAt() == null
                || !last.at().equals(next.askedAt())) {
            return next;
        }
        Figures figures = now.figures();
        boolean shows = figures.utilisation() >= SHOWS_CAPACITY;
        if (!last.grows()) {
            return next.withOutcome(
                    figures.lagSeconds() > seen.objective().maxLag().toMillis() / 1000.0
                            ? "rows wait since"
                            : "it still keeps up",
                    null);
        }
        if (!shows) {
            boolean over = next.settledAt().plus(TELLING).isBefore(seen.now());
            return over ? next.withOutcome("it keeps up; what it could do was not seen", null) : next;
        }
        double gained = figures.capacity() - last.capacity();
        boolean effective = gained >= EFFECTIVE * (last.expected() - last.capacity());
        String text = "it can do " + rounded(figures.capacity()) + " rows/s, " + rounded(last.expected())
                + " were expected" + (effective ? "" : ": it was of no use");
        return next.withOutcome(
                text, effective ? null : new Blocked(last.remedy(), seen.now().plus(ScalingState.BLOCKED)));
    }

    private boolean isBlocked(Remedy remedy) {
        Blocked blocked = state.blocked();
        return blocked != null && blocked.remedy() == remedy && blocked.until().isAfter(seen.now());
    }

    private Bounds bounds() {
        boolean capped = state.ceiling() != null && state.ceiling().until().isAfter(seen.now());
        return capped ? seen.bounds().withMaxCpu(state.ceiling().milliCpu()) : seen.bounds();
    }

    private Step changed(
            ScalingState next, Estimate now, Remedy remedy, Allocation to, double expected, String reason) {
        Change change = new Change(
                seen.now(),
                remedy,
                state.asked(),
                to,
                now.bottleneck(),
                reason,
                now.figures(),
                now.figures().capacity(),
                expected,
                null);
        return new Step(
                seen.acts() ? next.asking(change) : next,
                now.bottleneck(),
                Optional.of(change),
                reason,
                Optional.of(now.figures()));
    }

    private static Step step(ScalingState next, Estimate now, String reason) {
        return new Step(next, now.bottleneck(), Optional.empty(), reason, Optional.of(now.figures()));
    }

    private static String rounded(double figure) {
        if (Double.isInfinite(figure)) {
            return "any number of";
        }
        return new java.math.BigDecimal(figure)
                .round(new java.math.MathContext(2))
                .stripTrailingZeros()
                .toPlainString();
    }
}
