package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Sample;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * What a pod did in the last minutes, from the counters in its answers: their differences over some ten seconds, by its own
 * clock. A time in which it did not answer, was started again, or took over from others is left out.
 */
final class PodSamples {

    private static final double LEAST_SECONDS = 9;
    private static final int MOST = 120;

    /** Threads that compute so much of what the busiest one does share the waiting with it. */
    private static final double BUSY = 0.2;

    /** Samples of several pods are of one time if they ended so near to each other. */
    private static final Duration TOGETHER = Duration.ofSeconds(8);

    private final Deque<PodSample> samples = new ArrayDeque<>();
    private EngineProgress.Usage from;

    /**
     * @param at when it ended
     */
    record PodSample(Instant at, double seconds, Sample.Slot figures) {}

    /**
     * Takes an answer, null for none; returns a sample where it ends one.
     *
     * @param limit cores of the pod, for where it does not know
     */
    synchronized Optional<PodSample> add(EngineProgress said, double limit, Instant now) {
        EngineProgress.Usage usage = said == null || !said.calm() ? null : said.usage();
        EngineProgress.Usage before = from;
        if (usage == null || before == null || !follows(before, usage)) {
            from = usage;
            return Optional.empty();
        }
        double seconds = (usage.nanos() - before.nanos()) / 1e9;
        if (seconds < LEAST_SECONDS) {
            return Optional.empty();
        }
        from = usage;
        PodSample sample = new PodSample(now, seconds, slot(before, usage, said, limit, seconds));
        samples.addLast(sample);
        if (samples.size() > MOST) {
            samples.removeFirst();
        }
        return Optional.of(sample);
    }

    /** Whether both are of one process, and little time lies between. */
    private static boolean follows(EngineProgress.Usage before, EngineProgress.Usage usage) {
        double seconds = (usage.nanos() - before.nanos()) / 1e9;
        return seconds > 0
                && seconds < 3 * LEAST_SECONDS
                && usage.rowsRead() >= before.rowsRead()
                && usage.cpuNanos() >= before.cpuNanos()
                && usage.blockedNanos() >= before.blockedNanos()
                && usage.stateWaitNanos() >= before.stateWaitNanos();
    }

    private static Sample.Slot slot(
            EngineProgress.Usage before,
            EngineProgress.Usage usage,
            EngineProgress said,
            double limit,
            double seconds) {
        List<Long> old = before.threadNanos() == null ? List.of() : before.threadNanos();
        List<Long> threads = usage.threadNanos() == null ? List.of() : usage.threadNanos();
        double[] computed = IntStream.range(0, threads.size())
                .mapToDouble(i -> nanos(threads, i) - nanos(old, i))
                .toArray();
        double busiest = Arrays.stream(computed).max().orElse(0);
        long busy =
                Arrays.stream(computed).filter(nanos -> nanos > BUSY * busiest).count();
        return new Sample.Slot(
                (usage.rowsRead() - before.rowsRead()) / seconds,
                said.lagRecords() == null ? -1 : said.lagRecords(),
                (usage.cpuNanos() - before.cpuNanos()) / 1e9 / seconds,
                usage.cpuLimit() == null ? limit : usage.cpuLimit(),
                Math.min(1, busiest / 1e9 / seconds),
                Math.min(1, (usage.blockedNanos() - before.blockedNanos()) / 1e9 / seconds),
                new Memory(
                        Math.min(
                                1,
                                (usage.stateWaitNanos() - before.stateWaitNanos()) / 1e9 / seconds / Math.max(1, busy)),
                        Math.min(1, Math.max(0, usage.gcNanos() - before.gcNanos()) / 1e9 / seconds),
                        usage.stateUnpackedBytes(),
                        usage.stateMemoryBytes() == null ? 0 : usage.stateMemoryBytes()));
    }

    /** An engine's image is its user's. */
    private static long nanos(List<Long> threads, int i) {
        return i < threads.size() && threads.get(i) != null ? threads.get(i) : 0;
    }

    synchronized List<PodSample> list() {
        return new ArrayList<>(samples);
    }

    /** Samples of a query from those of its pods: where each has one of a time, there is one of the query. */
    static List<Sample> join(List<List<PodSample>> pods) {
        List<Sample> joined = new ArrayList<>();
        if (pods.isEmpty()) {
            return joined;
        }
        for (PodSample first : pods.get(0)) {
            List<Sample.Slot> slots = new ArrayList<>();
            for (List<PodSample> pod : pods) {
                pod.stream()
                        .min(Comparator.comparing(sample -> apart(sample, first)))
                        .filter(sample -> apart(sample, first).compareTo(TOGETHER) <= 0)
                        .ifPresent(sample -> slots.add(sample.figures()));
            }
            if (slots.size() == pods.size()) {
                joined.add(new Sample(first.at(), first.seconds(), slots));
            }
        }
        return joined;
    }

    private static Duration apart(PodSample one, PodSample other) {
        return Duration.between(one.at(), other.at()).abs();
    }
}
