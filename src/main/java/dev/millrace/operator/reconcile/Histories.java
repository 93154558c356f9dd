package dev.millrace.operator.reconcile;

import dev.millrace.operator.scaling.Sample;
import dev.millrace.operator.scaling.ScalingHistory;
import dev.millrace.operator.scaling.ScalingHistory.Look;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the autoscaler saw of each query in the last minutes, for those who ask why; of many queries less of each. */
final class Histories {

    private static final int MOST = 180;
    private static final int LEAST = 12;
    private static final int MOST_OF_ALL = 20_000;

    private final Map<String, History> histories = new HashMap<>();

    private static final class History {
        private final Deque<Look> looks = new ArrayDeque<>();
        private final Deque<Sample> samples = new ArrayDeque<>();

        private void add(Look look, List<Sample> seen, int most) {
            Instant last = samples.isEmpty() ? Instant.MIN : samples.getLast().at();
            seen.stream().filter(sample -> sample.at().isAfter(last)).forEach(samples::addLast);
            looks.addLast(look);
            while (looks.size() > most) {
                looks.removeFirst();
            }
            while (samples.size() > most + ScalingHistory.SAMPLES) {
                samples.removeFirst();
            }
        }
    }

    synchronized void add(String query, Look look, List<Sample> samples) {
        int most = Math.max(LEAST, Math.min(MOST, MOST_OF_ALL / Math.max(1, histories.size())));
        histories.computeIfAbsent(query, name -> new History()).add(look, samples, most);
    }

    synchronized void forget(String query) {
        histories.remove(query);
    }

    synchronized Optional<ScalingHistory> of(String query) {
        return Optional.ofNullable(histories.get(query))
                .map(history ->
                        new ScalingHistory(query, new ArrayList<>(history.looks), new ArrayList<>(history.samples)));
    }
}
