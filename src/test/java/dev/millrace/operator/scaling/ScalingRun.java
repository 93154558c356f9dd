package dev.millrace.operator.scaling;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Plays a load shape against a scaler, and counts. */
final class ScalingRun {

    private static final long GIBIBYTE = 1L << 30;
    static final Bounds BOUNDS = new Bounds(1, 8, 250, 2_000, GIBIBYTE, 4 * GIBIBYTE, LoadShape.PARTITIONS, 32, true);

    /** What a gibibyte of memory costs, in cores. */
    private static final double MEMORY_COST = 0.25;

    private static final long MEMORY_STEP = GIBIBYTE / 4;

    /** A look at a run. */
    record Point(int second, double load, double lagSeconds, Allocation has) {}

    /**
     * @param kept the share of the time in which rows were not too old, or were caught up with in time; what not even all that
     *     the bounds allow could have done does not count
     * @param young the share of the time in which rows were not too old
     * @param cost what was paid by what an oracle without delay had paid
     * @param loadChanges how often the oracle had to change something
     */
    record Result(
            String shape,
            double kept,
            double young,
            double cost,
            int actions,
            int loadChanges,
            double worstLag,
            List<Point> points) {}

    private ScalingRun() {}

    static Result play(LoadShape shape, Scaler scaler, SimulatedQuery query, Objective objective) {
        double maxLag = objective.maxLag().toSeconds();
        double catchUp = objective.catchUp().toSeconds();
        double paid = 0;
        double least = 0;
        int late = 0;
        int kept = 0;
        int young = 0;
        double worst = 0;
        int counted = 0;
        int loadChanges = shape.outageAt() < 0 ? 1 : 3;
        SimulatedQuery best = new SimulatedQuery(
                shape.traits(),
                new Allocation(
                        BOUNDS.maxPods(), Math.min(BOUNDS.maxCpu(), shape.traits().nodeMilliCpu), BOUNDS.maxMemory()),
                0);
        double held = -1;
        List<Point> points = new ArrayList<>();
        for (int t = 0; t < shape.seconds(); t++) {
            double load = shape.load().applyAsDouble(t);
            if (t == shape.outageAt()) {
                query.outage(LoadShape.OUTAGE_SECONDS);
                best.outage(LoadShape.OUTAGE_SECONDS);
            }
            boolean away =
                    shape.outageAt() >= 0 && t >= shape.outageAt() && t < shape.outageAt() + LoadShape.OUTAGE_SECONDS;
            query.second(load);
            best.second(load);
            if (t % 10 == 9) {
                scaler.look(query);
            }
            double lag = query.lagSeconds();
            late = lag <= maxLag || away ? 0 : late + 1;
            if (!away && best.lagSeconds() <= maxLag) {
                counted++;
                kept += late <= catchUp ? 1 : 0;
                young += lag <= maxLag ? 1 : 0;
                worst = Math.max(worst, lag);
            }
            Allocation pays = query.paid();
            paid += cost(pays);
            double need = cheapest(shape, t, load, objective);
            least += need;
            if (held < 0 || need > held * 1.15 || need < held * 0.8) {
                loadChanges += held < 0 ? 0 : 1;
                held = need;
            }
            if (t % 10 == 0) {
                points.add(new Point(t, load, lag, query.has()));
            }
        }
        return new Result(
                shape.name(),
                (double) kept / counted,
                (double) young / counted,
                paid / least,
                scaler.actions(),
                loadChanges,
                worst,
                points);
    }

    private static double cost(Allocation allocation) {
        return allocation.cores() + allocation.pods() * MEMORY_COST * allocation.memory() / GIBIBYTE;
    }

    /** The share of the rows that the busiest pod reads: each partition, the largest first, goes to who has least. */
    private static double busiest(double[] partitionShares, int pods) {
        double[] parts = new double[pods];
        double[] shares = partitionShares.clone();
        Arrays.sort(shares);
        for (int p = shares.length - 1; p >= 0; p--) {
            int least = IntStream.range(0, pods).reduce(0, (a, b) -> parts[b] < parts[a] ? b : a);
            parts[least] += shares[p];
        }
        return Arrays.stream(parts).max().orElseThrow();
    }

    /** The least that does the load at the wished utilisation. */
    private static double cheapest(LoadShape shape, int second, double load, Objective objective) {
        SimulatedQuery.Traits traits = shape.traits();
        double rows = Math.min(load, traits.limit);
        long mostMemory = traits.state(second) == 0 ? BOUNDS.minMemory() : BOUNDS.maxMemory();
        double best = Double.POSITIVE_INFINITY;
        double most = Double.POSITIVE_INFINITY;
        for (int pods = BOUNDS.minPods(); pods <= BOUNDS.maxPods(); pods++) {
            double share = busiest(traits.partitionShares, pods);
            double cores = traits.overheadCores + rows * share / traits.rowsPerCore;
            int cpu = BOUNDS.cpuWithin(1000 * cores / objective.utilisation());
            boolean computes = 1000 * cores / objective.utilisation() <= Math.min(cpu, traits.nodeMilliCpu);
            for (long memory = BOUNDS.minMemory(); memory <= mostMemory; memory += MEMORY_STEP) {
                double thread = traits.rowsPerThread(memory, share * traits.state(second));
                if (computes && rows * share / objective.utilisation() <= traits.usableCores * thread) {
                    best = Math.min(best, cost(new Allocation(pods, cpu, memory)));
                }
            }
            most = Math.min(most, cost(new Allocation(pods, BOUNDS.maxCpu(), BOUNDS.minMemory())));
        }
        return Double.isInfinite(best) ? most : best;
    }
}
