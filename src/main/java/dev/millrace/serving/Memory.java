package dev.millrace.serving;

/**
 * What a process plans with, in bytes.
 *
 * @param planned of its container; 0 where there is none
 * @param state for blocks and write buffers of its state; 0 for unknown
 */
public record Memory(long planned, long state) {

    public static final Memory UNKNOWN = new Memory(0, 0);
}
