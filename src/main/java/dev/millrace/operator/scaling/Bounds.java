package dev.millrace.operator.scaling;

/**
 * Between what the autoscaler may choose, and what divides the work.
 *
 * @param minCpu of a pod, thousandths of a core
 * @param minMemory of a pod, bytes
 * @param partitions of all sources; 0 for unknown
 * @param resizes whether CPU and memory of a pod can be changed while it runs
 */
public record Bounds(
        int minPods,
        int maxPods,
        int minCpu,
        int maxCpu,
        long minMemory,
        long maxMemory,
        int partitions,
        int keyGroups,
        boolean resizes) {

    private static final long MEMORY_STEP = 64L << 20;

    @Override
    public String toString() {
        return minPods + " to " + maxPods + " pods, each of " + Allocation.cpu(minCpu) + " to " + Allocation.cpu(maxCpu)
                + " CPU and " + Allocation.memory(minMemory) + " to " + Allocation.memory(maxMemory) + "; " + partitions
                + " partitions, " + keyGroups + " key groups"
                + (resizes ? "" : "; pods cannot be given other amounts while they run");
    }

    /** The part of the work that the busiest of so many pods has, at least. */
    double largestShare(int pods) {
        double read = partitions == 0 ? 1.0 / pods : largestShare(partitions, pods);
        return Math.max(read, largestShare(keyGroups, pods));
    }

    private static double largestShare(int parts, int pods) {
        return (double) ((parts + pods - 1) / pods) / parts;
    }

    int cpuWithin(double milliCpu) {
        double step = milliCpu <= 1000 ? 50 : 100;
        long rounded = (long) (Math.ceil(milliCpu / step - 1e-6) * step);
        return (int) Math.max(minCpu, Math.min(maxCpu, rounded));
    }

    public int podsWithin(int pods) {
        return Math.max(minPods, Math.min(maxPods, pods));
    }

    long memoryWithin(double bytes) {
        long rounded = (long) Math.ceil(bytes / MEMORY_STEP) * MEMORY_STEP;
        return Math.max(minMemory, Math.min(maxMemory, rounded));
    }

    /** The nearest that is allowed. */
    public Allocation within(Allocation any) {
        return new Allocation(
                podsWithin(any.pods()),
                Math.max(minCpu, Math.min(maxCpu, any.milliCpu())),
                Math.max(minMemory, Math.min(maxMemory, any.memory())));
    }

    Bounds withMost(int cpu, long memory) {
        return new Bounds(
                minPods,
                maxPods,
                minCpu,
                Math.max(minCpu, Math.min(maxCpu, cpu)),
                minMemory,
                Math.max(minMemory, Math.min(maxMemory, memory)),
                partitions,
                keyGroups,
                resizes);
    }
}
