package dev.millrace.operator.scaling;

import java.util.Optional;

/** How many pods with how much CPU do a target, of a query that has some now. */
final class Sizing {

    /** A change of CPU by less is none. */
    private static final double LEAST_CHANGE = 1.05;

    /** To how much of what there is less CPU must come. */
    private static final double SHRINK = 0.8;

    /** So that a little more load is not a reason for another pod at once. */
    private static final double ROOM_OF_FEWER_PODS = 0.9;

    /** Threads of fewer pods have more to do, and may not be many. */
    private static final double ROOM_OF_THREADS = 0.7;

    private final Bounds bounds;
    private final Allocation has;
    private final double usable;
    private final double skew;
    private final double busy;

    Sizing(Bounds bounds, Allocation has, Figures figures) {
        this.bounds = bounds;
        this.has = has;
        this.busy = figures.busy();
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
        Allocation more = new Allocation(pods, resizes ? cpu : has.milliCpu());
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
            if (threadsDo && cpu <= ROOM_OF_FEWER_PODS * each) {
                return Optional.of(new Allocation(pods, bounds.resizes() ? bounds.cpuWithin(cpu) : has.milliCpu()));
            }
        }
        return Optional.empty();
    }

    /** Less CPU for each of the pods; empty where that would be little less. */
    Optional<Allocation> lessCpu(double cores) {
        int cpu = bounds.cpuWithin(cpu(cores, has.pods()));
        return bounds.resizes() && cpu <= SHRINK * has.milliCpu()
                ? Optional.of(new Allocation(has.pods(), cpu))
                : Optional.empty();
    }

    /** By which factor another allocation can do more. */
    double gain(Allocation more) {
        return more.pods() * Math.min(more.milliCpu(), usable) / (has.pods() * Math.min(has.milliCpu(), usable));
    }
}
