package dev.millrace.operator.scaling;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A HorizontalPodAutoscaler on the lag, as KEDA makes it for Kafka: {@code lag / threshold} pods of a fixed size, at most twice
 * as many or four more within fifteen seconds, fewer only when that was enough for five minutes.
 */
final class LagScaler implements Scaler {

    private static final Duration DOWN = Duration.ofMinutes(5);
    private static final Duration UP = Duration.ofSeconds(15);
    private static final double TOLERANCE = 0.1;

    private final double threshold;
    private final int most;
    private final List<Wanted> history = new ArrayList<>();
    private Allocation asked;
    private Instant grown = Instant.EPOCH;
    private int actions;

    private record Wanted(Instant at, int pods) {}

    /**
     * @param threshold rows of lag for each pod
     */
    LagScaler(double threshold, Allocation first, int most) {
        this.threshold = threshold;
        this.asked = first;
        this.most = most;
    }

    @Override
    public void look(SimulatedQuery query) {
        Instant now = query.now();
        double ratio = query.lagRows() / (threshold * asked.pods());
        int wanted = Math.abs(ratio - 1) <= TOLERANCE ? asked.pods() : (int) Math.ceil(query.lagRows() / threshold);
        wanted = Math.max(1, Math.min(most, wanted));
        history.add(new Wanted(now, wanted));
        history.removeIf(one -> one.at().plus(DOWN).isBefore(now));
        int stable = wanted >= asked.pods()
                ? wanted
                : history.stream().mapToInt(Wanted::pods).max().orElse(wanted);
        int pods = Math.min(stable, Math.max(2 * asked.pods(), asked.pods() + 4));
        if (pods > asked.pods() && grown.plus(UP).isAfter(now)) {
            return;
        }
        if (pods != asked.pods()) {
            grown = pods > asked.pods() ? now : grown;
            asked = asked.withPods(pods);
            actions++;
            query.ask(asked);
        }
    }

    @Override
    public int actions() {
        return actions;
    }
}
