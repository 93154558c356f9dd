package dev.millrace.operator.scaling;

/**
 * What a query is given.
 *
 * @param milliCpu of each pod, thousandths of a core
 * @param memory of each pod, bytes
 */
public record Allocation(int pods, int milliCpu, long memory) {

    private static final long MEBIBYTE = 1L << 20;

    public Allocation withPods(int other) {
        return new Allocation(other, milliCpu, memory);
    }

    public Allocation withCpu(int other) {
        return new Allocation(pods, other, memory);
    }

    public Allocation withMemory(long other) {
        return new Allocation(pods, milliCpu, other);
    }

    /** Of all pods together. */
    public double cores() {
        return pods * milliCpu / 1000.0;
    }

    @Override
    public String toString() {
        return pods + (pods == 1 ? " pod" : " pods") + " of " + cpu() + " CPU"
                + (memory == 0 ? "" : " and " + memoryText());
    }

    /** As Kubernetes writes it. */
    public String cpu() {
        return cpu(milliCpu);
    }

    /** As Kubernetes writes it. */
    public String memoryText() {
        return memory(memory);
    }

    /** So much CPU as Kubernetes writes it. */
    public static String cpu(int milliCpu) {
        return milliCpu % 1000 == 0 ? String.valueOf(milliCpu / 1000) : milliCpu + "m";
    }

    /** So much memory as Kubernetes writes it. */
    public static String memory(long bytes) {
        return bytes % MEBIBYTE == 0 ? bytes / MEBIBYTE + "Mi" : String.valueOf(bytes);
    }
}
