package dev.millrace.operator.scaling;

import dev.millrace.api.EngineResources;

/**
 * What memory does to the speed of a pod.
 *
 * @param waits the share of the time that each of its busy threads waits for state that does not lie in memory, 0 to 1
 * @param collects the share of the time that collections of the heap take, 0 to 1
 * @param state bytes that all of its state would take in memory
 * @param room bytes of memory for it; 0 for unknown
 */
public record Memory(double waits, double collects, long state, long room) {

    public static final Memory UNKNOWN = new Memory(0, 0, 0, 0);

    private static final double SLOW = 0.25;

    boolean waitsMuch() {
        return waits >= SLOW;
    }

    /** Whether more memory would be felt: threads wait for state, all of which does not fit. */
    boolean slows() {
        return waitsMuch() && state > room;
    }

    /** The share of the time in which a thread does not compute, and cannot. */
    double stopped() {
        return waits + collects;
    }

    /** Bytes that a pod would need beside what it has for a state of so many; negative where it could spare some. */
    double missing(double bytes) {
        return (bytes - room) / EngineResources.SHARE_FOR_STATE;
    }
}
