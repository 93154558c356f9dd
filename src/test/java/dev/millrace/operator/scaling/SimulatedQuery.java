package dev.millrace.operator.scaling;

import dev.millrace.api.EngineResources;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * A query on a cluster, second by second: rows come into partitions and wait; pods read them as fast as their CPU, their
 * threads and the sinks let them; changes take their time.
 */
final class SimulatedQuery {

    /** What the query costs and can. */
    static final class Traits {
        double rowsPerCore = 50_000;
        double overheadCores = 0.03;
        double usableCores = 4;
        double limit = Double.POSITIVE_INFINITY; // rows per second that the sinks take, or the source gives
        boolean limitedBySource;
        final double[] partitionShares;
        int nodeMilliCpu = Integer.MAX_VALUE;
        int startSeconds = 15; // until another pod runs; 0 where a change stops the whole query
        int pauseSeconds = 2;
        double noise = 0.04;
        double missing; // the share of samples
        double stateBytesPerSecond; // by which the state of the whole query grows
        double missSeconds = 80e-6; // that a thread waits for state that is not in memory

        private Traits(double[] partitionShares) {
            this.partitionShares = partitionShares;
        }

        static Traits plain(int partitions) {
            double[] shares = new double[partitions];
            Arrays.fill(shares, 1.0 / partitions);
            return new Traits(shares);
        }

        /** The same, but for what changes. */
        Traits but(Consumer<Traits> change) {
            Traits other = new Traits(partitionShares.clone());
            other.rowsPerCore = rowsPerCore;
            other.overheadCores = overheadCores;
            other.usableCores = usableCores;
            other.limit = limit;
            other.limitedBySource = limitedBySource;
            other.nodeMilliCpu = nodeMilliCpu;
            other.startSeconds = startSeconds;
            other.pauseSeconds = pauseSeconds;
            other.noise = noise;
            other.missing = missing;
            other.stateBytesPerSecond = stateBytesPerSecond;
            other.missSeconds = missSeconds;
            change.accept(other);
            return other;
        }

        double state(int second) {
            return stateBytesPerSecond * second;
        }

        /** Seconds that a row waits for, on average, if all of the state is used alike. */
        private double waits(long memory, double state) {
            return state <= room(memory) ? 0 : missSeconds * (1 - room(memory) / state);
        }

        /** What one thread can do. */
        double rowsPerThread(long memory, double state) {
            return 1 / (1 / rowsPerCore + waits(memory, state));
        }

        /** As of an engine whose least memory is a gibibyte. */
        static long room(long memory) {
            return (long) (EngineResources.SHARE_FOR_STATE * (memory - 0.4 * (1 << 30) - (200 << 20)));
        }

        /** One partition has this part of the rows. */
        void heat(double share) {
            Arrays.fill(partitionShares, (1 - share) / (partitionShares.length - 1));
            partitionShares[0] = share;
        }
    }

    private static final int SAMPLE_SECONDS = 10;
    private static final int RESIZE_SECONDS = 2;
    private static final int RATE_SAMPLES = 6;

    private final Traits traits;
    private final Random random;
    private final double[] waiting;
    private final List<double[]> arrived = new ArrayList<>(); // by second and partition, in total
    private final double[] total;
    private final double[] read;
    private final int[] oldest;
    private Allocation has;
    private Allocation wanted;
    private int ready; // when what is wanted is there
    private int pausedUntil;
    private int outageUntil;
    private int second;

    private final Map<Integer, Integer> moved = new TreeMap<>();
    private final double[] readBefore;
    private final Deque<double[]> readBySample = new ArrayDeque<>();

    private double[] rateSum = {};
    private double[] coreSum = {};
    private double[] busySum = {};
    private double[] blockedSum = {};
    private double[] waitSum = {};
    private final List<Sample> samples = new ArrayList<>();

    SimulatedQuery(Traits traits, Allocation first, long seed) {
        this.traits = traits;
        this.random = new Random(seed);
        int partitions = traits.partitionShares.length;
        this.waiting = new double[partitions];
        this.total = new double[partitions];
        this.read = new double[partitions];
        this.readBefore = new double[partitions];
        this.oldest = new int[partitions];
        this.has = first;
        this.wanted = first;
        clear();
    }

    private void clear() {
        rateSum = new double[has.pods()];
        coreSum = new double[has.pods()];
        busySum = new double[has.pods()];
        blockedSum = new double[has.pods()];
        waitSum = new double[has.pods()];
    }

    Instant now() {
        return Instant.EPOCH.plusSeconds(second);
    }

    /** What all pods have; empty while something changes. */
    Optional<Allocation> actual() {
        return has.equals(wanted) ? Optional.of(has) : Optional.empty();
    }

    Allocation has() {
        return has;
    }

    /** Pods and CPU that are paid for: those that start, and those that are about to go, too. */
    Allocation paid() {
        return new Allocation(
                Math.max(has.pods(), wanted.pods()),
                Math.max(has.milliCpu(), Math.min(wanted.milliCpu(), traits.nodeMilliCpu)),
                Math.max(has.memory(), wanted.memory()));
    }

    boolean isPaused() {
        return second < pausedUntil || second < outageUntil;
    }

    void ask(Allocation other) {
        if (!other.equals(wanted)) {
            wanted = other;
            ready = second + (other.pods() == has.pods() ? RESIZE_SECONDS : traits.startSeconds);
            if (traits.startSeconds == 0) {
                pausedUntil = second + traits.pauseSeconds;
                ready = pausedUntil;
            }
        }
    }

    /** Whether a change of CPU waits for room on the node. */
    boolean isDeferred() {
        return wanted.milliCpu() > traits.nodeMilliCpu && second >= ready;
    }

    void outage(int seconds) {
        outageUntil = second + seconds;
    }

    List<Sample> samples() {
        return samples;
    }

    /** Partitions are read by these pods from now on. */
    void move(Map<Integer, Integer> partitions) {
        moved.putAll(partitions);
        readBySample.clear();
    }

    private int owner(int partition, int pods) {
        int pod = moved.getOrDefault(partition, pods);
        return pod < pods ? pod : partition % pods;
    }

    /** Rows per second of the partitions that the pod reads, over the last minute; nothing before one is over. */
    Map<Integer, Double> partitionRates(int pod) {
        Map<Integer, Double> rates = new TreeMap<>();
        for (int p = 0; p < waiting.length; p++) {
            int partition = p;
            if (owner(p, has.pods()) == pod && readBySample.size() == RATE_SAMPLES) {
                double rows =
                        readBySample.stream().mapToDouble(of -> of[partition]).sum();
                rates.put(p, rows / (RATE_SAMPLES * SAMPLE_SECONDS));
            }
        }
        return rates;
    }

    double lagRows() {
        double sum = 0;
        for (double rows : waiting) {
            sum += rows;
        }
        return sum;
    }

    /** The age of the oldest row that waits. */
    double lagSeconds() {
        int most = 0;
        for (int p = 0; p < waiting.length; p++) {
            if (waiting[p] > 0.5) {
                most = Math.max(most, second - oldest[p]);
            }
        }
        return most;
    }

    void second(double load) {
        for (int p = 0; p < waiting.length; p++) {
            double rows = load * traits.partitionShares[p];
            waiting[p] += rows;
            total[p] += rows;
        }
        arrived.add(total.clone());
        if (!has.equals(wanted) && second >= ready && wanted.milliCpu() <= traits.nodeMilliCpu) {
            boolean pods = wanted.pods() != has.pods();
            has = wanted;
            if (pods) {
                readBySample.clear();
            }
            if (pods && traits.startSeconds > 0) {
                pausedUntil = second + traits.pauseSeconds;
            }
            clear();
        }
        if (!isPaused()) {
            work();
        } else {
            for (int pod = 0; pod < has.pods(); pod++) {
                coreSum[pod] += traits.overheadCores;
            }
        }
        second++;
        for (int p = 0; p < waiting.length; p++) {
            while (oldest[p] < second - 1 && arrived.get(oldest[p])[p] <= read[p] + 0.5) {
                oldest[p]++;
            }
        }
        if (second % SAMPLE_SECONDS == 0) {
            sample();
        }
    }

    private void work() {
        int pods = has.pods();
        double[] spare = new double[pods];
        double limit = has.milliCpu() / 1000.0;
        double state = traits.state(second) / pods;
        double thread = traits.rowsPerThread(has.memory(), state);
        double capacity = Math.min(
                Math.max(0, Math.min(limit, traits.usableCores) - traits.overheadCores) * traits.rowsPerCore,
                traits.usableCores * thread);
        double[] wish = new double[pods];
        for (int p = 0; p < waiting.length; p++) {
            wish[owner(p, pods)] += Math.min(waiting[p], thread); // one thread a partition
        }
        double all = 0;
        for (int pod = 0; pod < pods; pod++) {
            spare[pod] = Math.min(wish[pod], capacity);
            all += spare[pod];
        }
        double sink = all <= traits.limit ? 1 : traits.limit / all;
        for (int pod = 0; pod < pods; pod++) {
            double rows = spare[pod] * sink;
            double part = wish[pod] == 0 ? 0 : rows / wish[pod];
            double hottest = 0;
            for (int p = 0; p < waiting.length; p++) {
                if (owner(p, pods) != pod) {
                    continue;
                }
                double taken = Math.min(waiting[p], thread) * part;
                waiting[p] -= taken;
                read[p] += taken;
                hottest = Math.max(hottest, taken / traits.rowsPerCore);
            }
            rateSum[pod] += rows;
            coreSum[pod] += Math.min(limit, traits.overheadCores + rows / traits.rowsPerCore);
            double threads = rows / (traits.usableCores * traits.rowsPerCore);
            waitSum[pod] += rows * traits.waits(has.memory(), state) / traits.usableCores;
            busySum[pod] += Math.min(1, Math.max(hottest, threads));
            blockedSum[pod] += sink < 1 && !traits.limitedBySource ? 1 - sink * 0.5 : 0.05;
        }
    }

    private void sample() {
        double[] between = new double[read.length];
        for (int p = 0; p < read.length; p++) {
            between[p] = read[p] - readBefore[p];
            readBefore[p] = read[p];
        }
        readBySample.addLast(between);
        if (readBySample.size() > RATE_SAMPLES) {
            readBySample.removeFirst();
        }
        if (!isPaused() && has.equals(wanted) && random.nextDouble() >= traits.missing) {
            List<Sample.Slot> slots = new ArrayList<>();
            for (int pod = 0; pod < has.pods(); pod++) {
                double lag = 0;
                for (int p = 0; p < waiting.length; p++) {
                    lag += owner(p, has.pods()) == pod ? waiting[p] : 0;
                }
                slots.add(new Sample.Slot(
                        noisy(rateSum[pod] / SAMPLE_SECONDS),
                        (long) lag,
                        Math.min(has.milliCpu() / 1000.0, noisy(coreSum[pod] / SAMPLE_SECONDS)),
                        has.milliCpu() / 1000.0,
                        Math.min(1, busySum[pod] / SAMPLE_SECONDS),
                        Math.min(1, blockedSum[pod] / SAMPLE_SECONDS),
                        new Memory(
                                Math.min(1, waitSum[pod] / SAMPLE_SECONDS),
                                0,
                                (long) (traits.state(second) / has.pods()),
                                Traits.room(has.memory()))));
            }
            samples.add(new Sample(now(), SAMPLE_SECONDS, slots));
        }
        if (samples.size() > 200) {
            samples.subList(0, 100).clear();
        }
        clear();
    }

    private double noisy(double figure) {
        return Math.max(0, figure * (1 + traits.noise * random.nextGaussian()));
    }
}
