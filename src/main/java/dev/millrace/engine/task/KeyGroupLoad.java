package dev.millrace.engine.task;

import dev.millrace.engine.QueryMetrics.HotKeyGroup;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
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

    private final Deque<long[]> samples = new ArrayDeque<>();
    private long sampledAt = Long.MIN_VALUE / 2;
    private List<HotKeyGroup> hot = List.of();

    /**
     * Looks, if it is time.
     *
     * @param rows by key group: a count that grows
     * @return the hot ones, hottest first
     */
    List<HotKeyGroup> look(long now, long[] rows) {
        if (now - sampledAt >= SAMPLE_MILLIS) {
            sampledAt = now;
            samples.addLast(rows.clone());
            if (samples.size() > SAMPLES + 1) {
                samples.removeFirst();
            }
            hot = hot(samples.getFirst(), samples.getLast());
        }
        return hot;
    }

    /** Of rows that have come between two samples. */
    private static List<HotKeyGroup> hot(long[] before, long[] after) {
        long[] between = IntStream.range(0, after.length)
                .mapToLong(g -> after[g] - before[g])
                .toArray();
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
