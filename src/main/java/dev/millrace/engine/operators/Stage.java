package dev.millrace.engine.operators;

import dev.millrace.state.StateBatch;

/**
 * The second half of a stateful operator, one per worker: at the end of an epoch it merges what the {@link PartialGroups}
 * of all workers hold for its key groups into its state, and emits what changed.
 */
public interface Stage {

    /** Merges, emits, and drops what the watermark has closed. */
    void endEpoch(EpochEnd epoch);

    /** Adds what changed in this epoch to the batch that is applied once the epoch is committed. */
    void flush(StateBatch batch);

    /** Whether it holds back rows that it could already emit: another epoch is due although no input has come. */
    default boolean hasMore() {
        return false;
    }

    /**
     * What a stage may know of the epoch.
     *
     * @param watermark as of the epoch's end, in milliseconds
     */
    record EpochEnd(long epoch, long watermark) {}
}
