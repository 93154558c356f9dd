package dev.millrace.operator.scaling;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The policy of Flink's autoscaler as its documentation describes it (Flink Kubernetes Operator 1.12), for a job of one vertex:
 * pods of a fixed size, whose number follows {@code lag / catch-up + rate · restart / catch-up + rate / utilization} by the true
 * processing rate, averaged over the window. Each change stops the job for as long as a restore takes.
 */
final class FlinkScaler implements Scaler {

    private static final double MOST_DOWN = 0.6;

    private final Settings settings;
    private final int most;
    private final List<Recommended> recommended = new ArrayList<>();
    private Instant runningSince = Instant.EPOCH;
    private Allocation asked;
    private int actions;

    /**
     * @param window of the averages; nothing is done before it is full
     * @param stabilization after a change
     * @param down for how long less is waited for
     * @param restart how long a change is thought to take
     */
    record Settings(
            Duration window,
            Duration stabilization,
            Duration down,
            Duration restart,
            Duration catchUp,
            double least,
            double target,
            double greatest) {

        /** What comes with it. */
        static final Settings DEFAULT = new Settings(
                Duration.ofMinutes(15),
                Duration.ofMinutes(5),
                Duration.ofHours(1),
                Duration.ofMinutes(5),
                Duration.ofMinutes(30),
                0.4,
                0.7,
                1.0);

        /** As fast as one would dare. */
        static final Settings FAST = new Settings(
                Duration.ofMinutes(1),
                Duration.ofSeconds(30),
                Duration.ofMinutes(5),
                Duration.ofSeconds(30),
                Duration.ofMinutes(5),
                0.5,
                0.7,
                0.85);
    }

    private record Recommended(Instant at, int pods) {}

    FlinkScaler(Settings settings, Allocation first, int most) {
        this.settings = settings;
        this.asked = first;
        this.most = most;
    }

    @Override
    public void look(SimulatedQuery query) {
        Instant now = query.now();
        if (query.actual().isEmpty() || query.isPaused()) {
            runningSince = now;
            return;
        }
        Instant full = runningSince.plus(settings.stabilization()).plus(settings.window());
        List<Sample> window = query.samples().stream()
                .filter(sample -> sample.at().isAfter(now.minus(settings.window()))
                        && !sample.from().isBefore(runningSince)
                        && sample.slots().size() == asked.pods())
                .toList();
        if (now.isBefore(full) || window.size() < 2) {
            return;
        }
        decide(query, window, now);
    }

    private void decide(SimulatedQuery query, List<Sample> window, Instant now) {
        double seconds = window.stream().mapToDouble(Sample::seconds).sum();
        double rate = window.stream()
                        .mapToDouble(sample -> sample.rate() * sample.seconds())
                        .sum()
                / seconds;
        double busy = window.stream()
                .mapToDouble(sample -> sample.slots().stream()
                        .map(Sample.Slot::utilisation)
                        .max(Comparator.naturalOrder())
                        .orElse(0.0))
                .average()
                .orElse(0);
        long lag = Math.max(0, window.get(window.size() - 1).lag());
        double growth = (lag - Math.max(0, window.get(0).lag()))
                / Math.max(1, seconds - window.get(0).seconds());
        double input = Math.max(0, rate + growth);
        double truly = busy <= 0.001 ? Double.POSITIVE_INFINITY : rate / busy;
        double catchUp = lag / (double) settings.catchUp().toSeconds();
        double restart =
                input * settings.restart().toSeconds() / settings.catchUp().toSeconds();
        boolean behind = lag > input * 300;
        double upper = input / (behind ? 1 : settings.greatest()) + catchUp;
        double lower = behind ? 0 : input / settings.least() + catchUp;
        double target = catchUp + restart + input / settings.target();
        int wanted = (int) Math.ceil(Math.max(1 - MOST_DOWN, target / truly) * asked.pods() - 1e-9);
        int pods = Math.max(1, Math.min(most, wanted));
        if (truly >= upper && (truly <= lower || lower == 0)) {
            recommended.clear();
            return;
        }
        if (pods < asked.pods()) {
            recommended.add(new Recommended(now, pods));
            if (recommended.get(0).at().plus(settings.down()).isAfter(now)) {
                return;
            }
            pods = recommended.stream().mapToInt(Recommended::pods).max().orElse(pods);
        }
        if (pods != asked.pods()) {
            recommended.clear();
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
