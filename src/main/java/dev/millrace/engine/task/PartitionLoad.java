package dev.millrace.engine.task;

import dev.millrace.engine.Division;
import dev.millrace.engine.PartitionMetrics;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How many rows the last minute brought to each partition that a slot reads. */
final class PartitionLoad {

    private static final long SAMPLE_MILLIS = 10_000;
    private static final int SAMPLES = 6;
    private static final int MOST_RATES = 50;
    private static final int MAX_NAME = 600;

    private final Deque<Sample> samples = new ArrayDeque<>();
    private Map<String, Double> known = Map.of();

    /**
     * @param rows by partition, as a {@link Division} names it
     */
    private record Sample(long millis, Map<String, Long> rows) {}

    /**
     * Looks, if it is time. Returns rows per second of the {@value #MOST_RATES} that have most, of those that it has read all the
     * time; none before a minute is over.
     */
    Map<String, Double> look(long now, List<PartitionMetrics> partitions) {
        if (samples.isEmpty() || now - samples.getLast().millis >= SAMPLE_MILLIS) {
            Map<String, Long> rows = new HashMap<>();
            for (PartitionMetrics one : partitions) {
                String name = Division.partition(one.source(), one.partition());
                if (name.length() <= MAX_NAME) {
                    rows.put(name, one.rowsIn());
                }
            }
            samples.addLast(new Sample(now, rows));
            if (samples.size() > SAMPLES + 1) {
                samples.removeFirst();
            }
            known = samples.size() > SAMPLES ? rates(samples.getFirst(), samples.getLast()) : Map.of();
        }
        return known;
    }

    private static Map<String, Double> rates(Sample before, Sample after) {
        double seconds = (after.millis - before.millis) / 1000.0;
        Map<String, Double> rates = new TreeMap<>();
        after.rows.entrySet().stream()
                .filter(one -> before.rows.containsKey(one.getKey()))
                .map(one -> Map.entry(one.getKey(), one.getValue() - before.rows.get(one.getKey())))
                .filter(one -> one.getValue() > 0)
                .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
                .limit(MOST_RATES)
                .forEach(one -> rates.put(one.getKey(), Math.rint(10 * one.getValue() / seconds) / 10));
        return rates;
    }
}
