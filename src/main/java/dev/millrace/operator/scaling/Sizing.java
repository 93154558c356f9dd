package dev.millrace.operator.scaling;

import dev.millrace.api.EngineResources;
import java.util.Optional;

/** How many pods with how much CPU and memory do a target, of a query that has some now. */
final class Sizing {

    /** A change of CPU by less is none. */
    private static final double LEAST_CHANGE = 1.05;

    /** To how much of what there is less CPU must come. */
    private static final double SHRINK = 0.8;

    /** So that a little more load is not a reason for another pod at once. */
    private static final double ROOM_OF_FEWER_PODS = 0.9;

    /** Threads of fewer pods have more to do, and may not be many. */
    private static final double ROOM_OF_THREADS = 0.7;

    /** Of a state: more memory than for so much of it is not asked for, and less than for so much more not kept. */
    private static final double ALL_OF_STATE = 1.1;

    private static final double STATE_MAY_GROW = 1.5;

    /** What more memory brings is seen after one step. */
    private static final double LARGEST_STEP = 2;

    private final Bounds bounds;
    private final Allocation has;
    private final double usable;
    private final double skew;
    private final double busy;
    private final Memory memory;

    Sizing(Bounds bounds, Allocation has, Figures figures) {
        this.bounds = bounds;
        this.has = has;
        this.busy = figures.busy();
        this.memory = figures.memory();
        this.usable = 1000 * figures.usable();
        this.skew = Math.max(1, figures.imbalance() / (bounds.largestShare(has.pods()) * has.pods()));
    }

    /** What the busiest of so many pods needs, thousandths of a core. */
    private double cpu(double cores, int pods) {
        return 1000 * cores * bounds.largestShare(pods) * (pods == 1 ? 1 : skew);
    }

    /**
     * More than there is: CPU where that does, else as few pods as do; where none do, those that can do most. Empty where there
     * is no more to be had.
     *
     * @param cores that all pods together need
     * @param mayCpu whether each may have more CPU
     * @param mayPods whether there may be more pods
     */
    Optional<Allocation> more(double cores, boolean mayCpu, boolean mayPods) {
        boolean resizes = bounds.resizes() && mayCpu;
        int each = resizes ? Math.max(has.milliCpu(), bounds.cpuWithin(usable)) : has.milliCpu();
        double does = Math.min(each, usable) * 1.001;
        int pods = has.pods();
        for (int more = pods + 1; mayPods && more <= bounds.maxPods() && cpu(cores, pods) > does; more++) {
            if (bounds.largestShare(more) < bounds.largestShare(pods) - 1e-9) {
                pods = more;
            }
        }
        int cpu = Math.max(has.milliCpu(), Math.min(each, bounds.cpuWithin(cpu(cores, pods))));
        Allocation more = new Allocation(pods, resizes ? cpu : has.milliCpu(), has.memory());
        return pods > has.pods() || more.milliCpu() >= has.milliCpu() * LEAST_CHANGE
                ? Optional.of(more)
                : Optional.empty();
    }

    /** As few pods as can do it with some room, with what CPU they then need; empty where that is not fewer than now. */
    Optional<Allocation> fewerPods(double cores) {
        double each = bounds.resizes() ? Math.min(bounds.maxCpu(), usable) : has.milliCpu();
        for (int pods = bounds.podsWithin(1); pods < has.pods(); pods++) {
            double cpu = cpu(cores, pods);
            boolean threadsDo = busy * has.pods() / pods <= ROOM_OF_THREADS;
            if (threadsDo && fits(pods) && cpu <= ROOM_OF_FEWER_PODS * each) {
                int given = bounds.resizes() ? bounds.cpuWithin(cpu) : has.milliCpu();
                return Optional.of(new Allocation(pods, given, memoryOf(pods)));
            }
        }
        return Optional.empty();
    }

    /** Less CPU for each of the pods; empty where that would be little less. */
    Optional<Allocation> lessCpu(double cores) {
        int cpu = bounds.cpuWithin(cpu(cores, has.pods()));
        return bounds.resizes() && cpu <= SHRINK * has.milliCpu() ? Optional.of(has.withCpu(cpu)) : Optional.empty();
    }

    /** More memory for state that does not fit: for all of it, or twice what there is; empty where no more is to be had, or of use. */
    Optional<Allocation> moreMemory() {
        if (!bounds.resizes() || memory.room() == 0 || memory.state() <= memory.room()) {
            return Optional.empty();
        }
        double wanted = has.memory() + memory.missing(ALL_OF_STATE * memory.state());
        long next = bounds.memoryWithin(Math.min(wanted, LARGEST_STEP * has.memory()));
        return next >= has.memory() * LEAST_CHANGE ? Optional.of(has.withMemory(next)) : Optional.empty();
    }

    /** Less memory where all of the state has room in that, and some more; empty where that would be little less. */
    Optional<Allocation> lessMemory() {
        if (!bounds.resizes() || memory.room() == 0) {
            return Optional.empty();
        }
        double spare = memory.room() - STATE_MAY_GROW * memory.state();
        long next = bounds.memoryWithin(has.memory() - spare);
        return next <= SHRINK * has.memory() ? Optional.of(has.withMemory(next)) : Optional.empty();
    }

    /** Whether the state that lies in memory now would do so with fewer pods. */
    private boolean fits(int pods) {
        return memory.room() == 0
                || memory.state() > memory.room()
                || memory.missing(stateOf(pods)) <= bounds.maxMemory() - has.memory();
    }

    private double stateOf(int pods) {
        return ALL_OF_STATE * memory.state() * has.pods() / pods;
    }

    private long memoryOf(int pods) {
        boolean more = bounds.resizes() && memory.room() > 0 && memory.state() <= memory.room();
        return more
                ? Math.max(has.memory(), bounds.memoryWithin(has.memory() + memory.missing(stateOf(pods))))
                : has.memory();
    }

    /** By which factor more memory lets threads do more, if all of the state is used alike. */
    double gainOfMemory(Allocation more) {
        double fits =
                EngineResources.SHARE_FOR_STATE * (more.memory() - has.memory()) / (memory.state() - memory.room());
        return busy / Math.max(0.05, busy - memory.waits() * Math.min(1, fits));
    }

    /** By which factor another allocation can do more. */
    double gain(Allocation more) {
        return more.pods() * Math.min(more.milliCpu(), usable) / (has.pods() * Math.min(has.milliCpu(), usable));
    }
}
