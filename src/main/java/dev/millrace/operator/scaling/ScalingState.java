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
 * @param asked what the query is to have
 * @param askedAt since when; null where it never changed
 * @param settledAt when the query had it; null while it has not
 * @param last the last change; null for none
 * @param cpuSeconds what the last change of CPU or memory took
 * @param podsSeconds what the last change of the number of pods took
 * @param ceiling to what a pod can be brought, for a while; null for what the bounds say
 * @param blocked until when remedies are not tried that were of no use, or refused
 * @param past changes before the last one, in words, the oldest first
 */
public record ScalingState(
        Allocation asked,
        Instant askedAt,
        Instant settledAt,
        Change last,
        double cpuSeconds,
        double podsSeconds,
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
                first, null, null, null, CPU_SECONDS, POD_SECONDS, Needs.NONE, null, Map.of(), List.of());
    }

    ScalingState asking(Change change) {
        List<String> before = new ArrayList<>(past);
        if (last != null) {
            before.add(last.inWords());
        }
        return new ScalingState(
                change.to(),
                change.at(),
                null,
                change,
                cpuSeconds,
                podsSeconds,
                needs,
                ceiling,
                blocked,
                List.copyOf(before.subList(Math.max(0, before.size() - PAST), before.size())));
    }

    /** From outside of the policy: the bounds are others, or what was asked cannot be had. */
    public ScalingState withAsked(Allocation other, Instant now) {
        return new ScalingState(other, now, null, last, cpuSeconds, podsSeconds, needs, ceiling, blocked, past);
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
                && last.to().equals(asked);
        Allocation instead = had.withPods(shrinks ? last.from().pods() : asked.pods());
        Ceiling next = new Ceiling(
                had.milliCpu() < asked.milliCpu() ? had.milliCpu() : isCapped(now) ? ceiling.milliCpu() : Ceiling.NONE,
                had.memory() < asked.memory() ? had.memory() : isCapped(now) ? ceiling.memory() : Ceiling.NONE,
                now.plus(wait),
                times,
                why);
        return new ScalingState(
                instead,
                now,
                null,
                last == null ? null : last.withOutcome(why),
                cpuSeconds,
                podsSeconds,
                needs,
                next,
                blocked,
                past);
    }

    /** The pods that the last change asked for find no room: without them again, and no more are asked for, for half an hour. */
    public ScalingState withoutRoom(String why, Instant now) {
        return new ScalingState(
                asked.withPods(last.from().pods()),
                now,
                null,
                last.withOutcome(why),
                cpuSeconds,
                podsSeconds,
                needs,
                ceiling,
                blocking(Remedy.Pods, now),
                past);
    }

    private Map<Remedy, Instant> blocking(Remedy remedy, Instant now) {
        Map<Remedy, Instant> all = new TreeMap<>(blocked);
        all.put(remedy, now.plus(BLOCKED));
        return Map.copyOf(all);
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
        boolean measured =
                last != null && last.at().equals(askedAt) && last.to().equals(asked);
        double took = measured ? Duration.between(askedAt, now).toMillis() / 1000.0 : Double.POSITIVE_INFINITY;
        boolean waited = measured && (last.remedy() != Remedy.Memory || last.grows()); // nothing waits for less memory
        boolean usual = waited && took <= MOST_SECONDS; // it was not suspended meanwhile, or the like
        boolean pods = usual && last.remedy() == Remedy.Pods;
        return new ScalingState(
                asked,
                askedAt,
                now,
                last == null ? null : last.settled(asked, now),
                usual && !pods ? took : cpuSeconds,
                pods ? took : podsSeconds,
                needs,
                ceiling != null && ceiling.isBelow(asked) ? null : ceiling,
                blocked,
                past);
    }

    ScalingState withNeeds(Needs next) {
        return new ScalingState(asked, askedAt, settledAt, last, cpuSeconds, podsSeconds, next, ceiling, blocked, past);
    }

    ScalingState withOutcome(String came, Optional<Remedy> ofNoUse, Instant now) {
        return new ScalingState(
                asked,
                askedAt,
                settledAt,
                last.withOutcome(came),
                cpuSeconds,
                podsSeconds,
                needs,
                ceiling,
                ofNoUse.map(remedy -> blocking(remedy, now)).orElse(blocked),
                past);
    }
}
