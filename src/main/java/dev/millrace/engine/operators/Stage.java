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
     * Key groups have come to this process or left it, between two epochs: what is kept of them in memory is void.
     *
     * @param moved by key group: whether it is one of them; what the stage owns says which have come
     * @param watermarks by key group: the greatest with which it was computed, here or elsewhere
     */
    void moved(boolean[] moved, long[] watermarks);

    /**
     * What a stage may know of the epoch.
     *
     * @param watermark as of the epoch's end, in milliseconds
     */
    record EpochEnd(long epoch, long watermark) {}
}
