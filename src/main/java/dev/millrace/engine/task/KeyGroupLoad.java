package dev.millrace.engine.task;

import dev.millrace.engine.QueryMetrics.HotKeyGroup;
import dev.millrace.engine.QueryMetrics.KeyGroups;
import dev.millrace.engine.QueryMetrics.Updates;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * How the rows of the last minute were spread over a slot's key groups. One is hot that has a fifth of them, and three times what
 * it would have if all had the same: more slots do not help it, and the slot that has it does more than others.
 */
final class KeyGroupLoad {

    private static final long SAMPLE_MILLIS = 10_000;
    private static final int SAMPLES = 6;
    private static final long LEAST_ROWS = 1_000;
    private static final double LEAST_SHARE = 0.2;
    private static final double TIMES = 3;
    private static final int MOST = 4;
    private static final int MOST_RATES = 200;

    private final Deque<Sample> samples = new ArrayDeque<>();
    private KeyGroups known = KeyGroups.NONE;

    private record Sample(long millis, long[] rows, long[] updates) {}

    /**
     * Looks, if it is time.
     *
     * @param rows by key group: a count that grows
     * @param updates by key group: another one, of what rows come to
     */
    KeyGroups look(long now, long[] rows, long[] updates) {
        if (samples.isEmpty() || now - samples.getLast().millis >= SAMPLE_MILLIS) {
            samples.addLast(new Sample(now, rows.clone(), updates.clone()));
            if (samples.size() > SAMPLES + 1) {
                samples.removeFirst();
            }
            known = new KeyGroups(
                    hot(samples.getFirst().rows, samples.getLast().rows),
                    samples.size() > SAMPLES
                            ? Optional.of(updates(samples.getFirst(), samples.getLast()))
                            : Optional.empty());
        }
        return known;
    }

    /** Of the {@value #MOST_RATES} key groups that have most, and of all. */
    private static Updates updates(Sample before, Sample after) {
        double seconds = (after.millis - before.millis) / 1000.0;
        long[] between = between(before.updates, after.updates);
        Map<Integer, Double> busiest = new TreeMap<>();
        IntStream.range(0, between.length)
                .filter(g -> between[g] > 0)
                .boxed()
                .sorted(Comparator.comparingLong(g -> -between[g]))
                .limit(MOST_RATES)
                .forEach(g -> busiest.put(g, perSecond(between[g], seconds)));
        return new Updates(perSecond(Arrays.stream(between).sum(), seconds), busiest);
    }

    private static double perSecond(long count, double seconds) {
        return Math.rint(10 * count / seconds) / 10;
    }

    private static long[] between(long[] before, long[] after) {
        return IntStream.range(0, after.length)
                .mapToLong(g -> after[g] - before[g])
                .toArray();
    }

    /** Of rows that have come between two samples. */
    private static List<HotKeyGroup> hot(long[] before, long[] after) {
        long[] between = between(before, after);
        long all = IntStream.range(0, between.length).mapToLong(g -> between[g]).sum();
        long used =
                IntStream.range(0, between.length).filter(g -> between[g] > 0).count();
        List<HotKeyGroup> hot = new ArrayList<>();
        for (int g = 0; g < between.length; g++) {
            double share = all == 0 ? 0 : (double) between[g] / all;
            if (all >= LEAST_ROWS && share >= LEAST_SHARE && share * used >= TIMES) {
                hot.add(new HotKeyGroup(g, share));
            }
        }
        hot.sort(Comparator.comparingDouble(HotKeyGroup::share).reversed());
        return hot.size() > MOST ? hot.subList(0, MOST) : hot;
    }
}
