package dev.millrace.operator.scaling;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What the autoscaler knows of a query beside the samples; it outlives the operator's process.
 *
 * @param wish what the query is to have
 * @param last the last change; null for none
 * @param costs what changes take
 * @param ceiling to what a pod can be brought, for a while; null for what the bounds say
 * @param blocked until when remedies are not tried that were of no use, or refused
 * @param past changes before the last one, in words, the oldest first
 */
public record ScalingState(
        Wish wish,
        Change last,
        Costs costs,
        Needs needs,
        Ceiling ceiling,
        Map<Remedy, Instant> blocked,
        List<String> past) {

    private static final double CPU_SECONDS = 3;
    private static final double POD_SECONDS = 20;
    private static final Duration CEILING = Duration.ofMinutes(10);
    private static final int MOST_DOUBLINGS = 6;

    /** A change that took longer was held up by something else. */
    private static final double MOST_SECONDS = 600;

    private static final int PAST = 9;
    private static final Duration BLOCKED = Duration.ofMinutes(30);

    /**
     * What the query is to have.
     *
     * @param at since when; null where it never changed
     * @param settledAt when the query had it; null while it has not
     */
    public record Wish(Allocation asked, Instant at, Instant settledAt) {}

    /**
     * What the last changes took, in seconds.
     *
     * @param cpu of CPU or memory
     * @param pods of the number of pods
     */
    public record Costs(double cpu, double pods) {}

    /** What more of is given. */
    public enum Remedy {
        Cpu,
        Memory,
        Pods
    }

    /**
     * A change.
     *
     * @param figures as of before it
     * @param expected rows per second that the query should be able to do after it
     * @param settledAt when the query had so many pods; null while it never had
     * @param outcome what came of it; null while that is not known
     */
    public record Change(
            Instant at,
            Allocation from,
            Allocation to,
            Bottleneck bottleneck,
            String reason,
            Figures figures,
            double expected,
            Instant settledAt,
            String outcome) {

        public Remedy remedy() {
            if (to.pods() != from.pods()) {
                return Remedy.Pods;
            }
            return to.milliCpu() == from.milliCpu() ? Remedy.Memory : Remedy.Cpu;
        }

        boolean grows() {
            return to.cores() > from.cores() || remedy() == Remedy.Memory && to.memory() > from.memory();
        }

        private Change settled(Allocation has, Instant now) {
            return settledAt != null || has.pods() != to.pods()
                    ? this
                    : new Change(at, from, to, bottleneck, reason, figures, expected, now, outcome);
        }

        String inWords() {
            return at + " " + from + " → " + to + ": " + reason + (outcome == null ? "" : "; " + outcome);
        }

        Change withOutcome(String came) {
            return new Change(at, from, to, bottleneck, reason, figures, expected, settledAt, came);
        }
    }

    /**
     * @param milliCpu {@link #NONE} where CPU is not what was refused
     * @param memory {@link #NONE} where memory is not what was refused
     * @param times how often in a row there was one
     * @param why in words
     */
    public record Ceiling(int milliCpu, long memory, Instant until, int times, String why) {
        public static final int NONE = 0;

        private boolean isBelow(Allocation any) {
            return milliCpu != NONE && any.milliCpu() > milliCpu || memory != NONE && any.memory() > memory;
        }

        private Bounds within(Bounds allowed) {
            return allowed.withMost(
                    milliCpu == NONE ? Integer.MAX_VALUE : milliCpu, memory == NONE ? Long.MAX_VALUE : memory);
        }
    }

    /** Of a query that has just begun. */
    public static ScalingState of(Allocation first) {
        return new ScalingState(
                new Wish(first, null, null),
                null,
                new Costs(CPU_SECONDS, POD_SECONDS),
                Needs.NONE,
                null,
                Map.of(),
                List.of());
    }

    public Allocation asked() {
        return wish.asked();
    }

    public Instant askedAt() {
        return wish.at();
    }

    public Instant settledAt() {
        return wish.settledAt();
    }

    private ScalingState with(Wish next) {
        return new ScalingState(next, last, costs, needs, ceiling, blocked, past);
    }

    private ScalingState with(Change next) {
        return new ScalingState(wish, next, costs, needs, ceiling, blocked, past);
    }

    private ScalingState with(Ceiling next) {
        return new ScalingState(wish, last, costs, needs, next, blocked, past);
    }

    ScalingState with(Needs next) {
        return new ScalingState(wish, last, costs, next, ceiling, blocked, past);
    }

    private ScalingState blocking(Remedy remedy, Instant now) {
        Map<Remedy, Instant> all = new TreeMap<>(blocked);
        all.put(remedy, now.plus(BLOCKED));
        return new ScalingState(wish, last, costs, needs, ceiling, Map.copyOf(all), past);
    }

    ScalingState asking(Change change) {
        List<String> before = new ArrayList<>(past);
        if (last != null) {
            before.add(last.inWords());
        }
        List<String> kept = List.copyOf(before.subList(Math.max(0, before.size() - PAST), before.size()));
        Wish next = new Wish(change.to(), change.at(), null);
        return new ScalingState(next, change, costs, needs, ceiling, blocked, kept);
    }

    /** From outside of the policy: the bounds are others, or what was asked cannot be had. */
    public ScalingState withAsked(Allocation other, Instant now) {
        return with(new Wish(other, now, null));
    }

    /**
     * The pods do not get what was asked for: they are to have what they had, and no more is asked for, for ten minutes
     * at first, and longer each time.
     *
     * @param had what each has
     * @param why in words
     */
    public ScalingState refused(Allocation had, String why, Instant now) {
        int times = ceiling == null ? 1 : ceiling.times() + 1;
        Duration wait = CEILING.multipliedBy(1L << Math.min(times - 1, MOST_DOUBLINGS));
        boolean shrinks = last != null
                && last.to().pods() < last.from().pods()
                && last.to().equals(asked());
        Allocation instead = had.withPods(shrinks ? last.from().pods() : asked().pods());
        Ceiling next = new Ceiling(
                had.milliCpu() < asked().milliCpu()
                        ? had.milliCpu()
                        : isCapped(now) ? ceiling.milliCpu() : Ceiling.NONE,
                had.memory() < asked().memory() ? had.memory() : isCapped(now) ? ceiling.memory() : Ceiling.NONE,
                now.plus(wait),
                times,
                why);
        ScalingState refused = withAsked(instead, now).with(next);
        return last == null ? refused : refused.with(last.withOutcome(why));
    }

    /** The pods that the last change asked for find no room: without them again, and no more are asked for, for half an hour. */
    public ScalingState withoutRoom(String why, Instant now) {
        return withAsked(asked().withPods(last.from().pods()), now)
                .with(last.withOutcome(why))
                .blocking(Remedy.Pods, now);
    }

    boolean isBlocked(Remedy remedy, Instant now) {
        return blocked.getOrDefault(remedy, Instant.MIN).isAfter(now);
    }

    boolean isCapped(Instant now) {
        return ceiling != null && ceiling.until().isAfter(now);
    }

    /** What can be had now of what is allowed. */
    Bounds bounds(Bounds allowed, Instant now) {
        return isCapped(now) ? ceiling.within(allowed) : allowed;
    }

    /** The query has what was asked; what that took is what it is thought to take the next time. */
    ScalingState settled(Instant now) {
        return new ScalingState(
                new Wish(asked(), askedAt(), now),
                last == null ? null : last.settled(asked(), now),
                costs(now),
                needs,
                ceiling != null && ceiling.isBelow(asked()) ? null : ceiling,
                blocked,
                past);
    }

    private Costs costs(Instant now) {
        boolean measured =
                last != null && last.at().equals(askedAt()) && last.to().equals(asked());
        boolean waited = measured && (last.remedy() != Remedy.Memory || last.grows()); // nothing waits for less memory
        double took = waited ? Duration.between(askedAt(), now).toMillis() / 1000.0 : Double.POSITIVE_INFINITY;
        if (took > MOST_SECONDS) { // it was suspended meanwhile, or the like
            return costs;
        }
        return last.remedy() == Remedy.Pods ? new Costs(costs.cpu(), took) : new Costs(took, costs.pods());
    }

    ScalingState withOutcome(String came, Optional<Remedy> ofNoUse, Instant now) {
        ScalingState told = with(last.withOutcome(came));
        return ofNoUse.map(remedy -> told.blocking(remedy, now)).orElse(told);
    }
}
