package dev.millrace.operator.scaling;

/**
 * What a query is given.
 *
 * @param milliCpu of each pod, thousandths of a core
 */
public record Allocation(int pods, int milliCpu) {

    /** Of all pods together. */
    public double cores() {
        return pods * milliCpu / 1000.0;
    }

    @Override
    public String toString() {
        return pods + (pods == 1 ? " pod" : " pods") + " with " + cpu() + " CPU";
    }

    /** As Kubernetes writes it. */
    public String cpu() {
        return cpu(milliCpu);
    }

    /** So much CPU as Kubernetes writes it. */
    public static String cpu(int milliCpu) {
        return milliCpu % 1000 == 0 ? String.valueOf(milliCpu / 1000) : milliCpu + "m";
    }
}
