package dev.millrace.operator.scaling;

import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * From samples to what a query needs, and what keeps it from doing more.
 *
 * <p>What it can do is what it does now by the part of itself that it uses for that: of its busiest pod, the larger one of the
 * share of its CPU, and the share of the time of its busiest thread. (As the true processing rate of the three-steps-scaling
 * paper, Kalavri et al., "Three steps is all you need", OSDI 2018; with CPU instead of time without waiting, as threads share
 * the CPU of a pod.) Where rows wait, and the pod has nothing left, this is what was observed.
 */
record Estimate(Figures figures, Bottleneck bottleneck) {

    /** A pod that uses so much of its CPU, or a thread that computes so much of the time, has nothing left. */
    private static final double SATURATED = 0.85;

    /** Of the time to catch up: a change that once took longer is not always thought to. */
    private static final double MOST_PAUSE = 0.25;

    private static final double WAITS_FOR_SINKS = 0.5;

    /** By how much more than the unavoidable one pod may have to do. */
    private static final double SKEWED = 2;

    /** Rows that wait are taken by what is beyond the arrivals; some of it goes into the work around them. */
    private static final double WHILE_CATCHING_UP = 0.95;

    /** A thread that computes more of the time than this share shows how much CPU its pod can use at all. */
    private static final double TELLS_USABLE = 0.5;

    private static final double COLLECTS = 0.4;

    /**
     * @param samples one after the other, at least two; of the first one only the lag counts
     * @param pauseSeconds that a change may take
     */
    static Estimate of(List<Sample> samples, Objective objective, Bounds bounds, double pauseSeconds) {
        List<Sample> counted = samples.subList(1, samples.size());
        double seconds = counted.stream().mapToDouble(Sample::seconds).sum();
        double rate = Sample.mean(counted, Sample::rate);
        double cores = Sample.mean(counted, Sample::cores);
        long before = samples.get(0).lag();
        long lag = counted.get(counted.size() - 1).lag();
        double growth = before < 0 || lag < 0 ? 0 : (lag - before) / seconds;
        double arrivals = Math.max(0, rate + growth);
        double lagSeconds = Math.max(0, lag) / Math.max(1, Math.max(arrivals, rate));

        List<Sample.Slot> slots = Sample.means(counted);
        Sample.Slot busiest = slots.stream()
                .max(Comparator.comparingDouble(Sample.Slot::utilisation))
                .orElseThrow();
        double imbalance = imbalance(slots, Sample.Slot::cpu); // a busy thread is no reason for more CPU
        double utilisation = busiest.utilisation();
        double capacity = utilisation <= 0.001 ? Double.POSITIVE_INFINITY : rate / utilisation;
        double waiting = lagSeconds > Sample.UNDERWAY_SECONDS ? Math.max(0, lag) : 0;
        double catchUp = Math.max(1, objective.catchUp().toMillis() / 1000.0);
        double pause = Math.min(pauseSeconds, MOST_PAUSE * catchUp);
        double coresPerRow = rate <= 0 ? 0 : cores / rate;
        double usable = busiest.occupied() >= TELLS_USABLE && busiest.occupied() > busiest.cpu()
                ? busiest.cores() / busiest.occupied()
                : Double.POSITIVE_INFINITY;
        double unavoidable = bounds.largestShare(slots.size()) * slots.size();
        boolean behind = waiting > 0 && lagSeconds > objective.maxLagSeconds() / 2;
        Bottleneck bottleneck =
                bottleneck(busiest, imbalance(slots, Sample.Slot::utilisation) / unavoidable, slots.size(), behind);
        boolean held = bottleneck == Bottleneck.Sink || bottleneck == Bottleneck.Source;
        Figures figures = new Figures(
                arrivals,
                rate,
                lag,
                lagSeconds,
                capacity,
                Math.max(
                        inTheLongRun(arrivals, objective, pause / catchUp),
                        (arrivals + (waiting + arrivals * pause) / catchUp) / WHILE_CATCHING_UP),
                inTheLongRun(held ? Math.min(rate, arrivals) : arrivals, objective, pause / catchUp),
                coresPerRow,
                utilisation,
                imbalance,
                busiest.occupied(),
                usable,
                memory(busiest, slots));
        return new Estimate(figures, bottleneck);
    }

    /** Of the busiest slot, by the mean of all. */
    private static double imbalance(List<Sample.Slot> slots, ToDoubleFunction<Sample.Slot> of) {
        double average = slots.stream().mapToDouble(of).average().orElseThrow();
        return average <= 0
                ? 1
                : Math.max(1, slots.stream().mapToDouble(of).max().orElseThrow() / average);
    }

    private static Memory memory(Sample.Slot busiest, List<Sample.Slot> slots) {
        Memory memory = busiest.memory();
        long state =
                slots.stream().mapToLong(slot -> slot.memory().state()).max().orElseThrow();
        return new Memory(memory.waits(), memory.collects(), state, memory.room());
    }

    /** With room for what comes while a change is made. */
    private static double inTheLongRun(double rows, Objective objective, double pause) {
        return Math.max(rows / objective.utilisation(), rows * (1 + pause) / WHILE_CATCHING_UP);
    }

    private static Bottleneck bottleneck(Sample.Slot busiest, double skew, int pods, boolean behind) {
        boolean saturated = busiest.utilisation() >= SATURATED;
        if (busiest.blocked() >= WAITS_FOR_SINKS && !saturated) {
            return behind ? Bottleneck.Sink : Bottleneck.None;
        }
        if (pods > 1 && skew >= SKEWED && (behind || saturated)) {
            return Bottleneck.Skew;
        }
        boolean state = busiest.memory().slows() && busiest.occupied() >= busiest.cpu();
        if (!saturated && behind) {
            return state ? Bottleneck.State : Bottleneck.Source;
        }
        if (!saturated) {
            return Bottleneck.None;
        }
        if (busiest.memory().collects() >= COLLECTS) {
            return Bottleneck.Heap;
        }
        if (busiest.cpu() >= SATURATED) {
            return Bottleneck.Cpu;
        }
        return state ? Bottleneck.State : Bottleneck.Threads;
    }
}
