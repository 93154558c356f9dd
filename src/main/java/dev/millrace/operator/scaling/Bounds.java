package dev.millrace.operator.scaling;

/**
 * Between what the autoscaler may choose, and what divides the work.
 *
 * @param minCpu of a pod, thousandths of a core
 * @param partitions of all sources; 0 for unknown
 * @param resizes whether the CPU of a pod can be changed while it runs
 */
public record Bounds(int minPods, int maxPods, int minCpu, int maxCpu, int partitions, int keyGroups, boolean resizes) {

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

    Bounds withMaxCpu(int most) {
        return new Bounds(
                minPods, maxPods, minCpu, Math.max(minCpu, Math.min(maxCpu, most)), partitions, keyGroups, resizes);
    }
}
