package dev.millrace.engine;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;

/**
 * One committed epoch: all that is needed to compute it again. Epoch 0 holds the starting positions and reads nothing; a
 * claim repeats the epoch that it found and says who writes from now on. A log that continues a savepoint begins with a
 * claim of the savepoint's epoch: whatever came after it is computed, and written, again.
 *
 * @param lineage names the unbroken history that epochs belong to
 * @param plan the id of the plan that computed the epoch; only that plan replays it
 * @param claim whether this is the first record of an incarnation
 * @param timeMillis the epoch's time, never less than an earlier one's
 * @param watermark in milliseconds, after the epoch
 * @param outputs by sink: an order-independent hash of the rows that left
 * @param prepared by sink: what publishing the epoch needs
 * @param slot which of the query's slots computed the epoch, and of how many; null for the only one
 * @param exchange what was read of the exchange; null where there is none
 * @param continues in the first record of a log that continues a savepoint: the savepoint's lineage; else null
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ProgressRecord(
        int format,
        String lineage,
        String plan,
        long incarnation,
        boolean claim,
        long epoch,
        long timeMillis,
        long watermark,
        Map<String, SourceProgress> sources,
        Map<String, Long> outputs,
        Map<String, String> prepared,
        String build,
        Slot slot,
        ExchangeProgress exchange,
        String continues) {

    public static final int FORMAT = 1;

    /**
     * The engine that computes epochs. It changes whenever the same input could give other rows or other state, and only
     * then: another engine's epochs are not replayed.
     */
    public static final String BUILD = "0.1";

    /** The record that takes over from here. */
    public ProgressRecord claimedBy(long newIncarnation) {
        return claim(lineage, newIncarnation, prepared, null);
    }

    /** The record that begins another history from here. What this one prepared is its own history's to publish. */
    public ProgressRecord continuedBy(String newLineage, long newIncarnation) {
        return claim(newLineage, newIncarnation, Map.of(), lineage);
    }

    private ProgressRecord claim(
            String itsLineage, long newIncarnation, Map<String, String> itsPrepared, String itsOrigin) {
        return new ProgressRecord(
                FORMAT,
                itsLineage,
                plan,
                newIncarnation,
                true,
                epoch,
                timeMillis,
                watermark,
                sources,
                outputs,
                itsPrepared,
                BUILD,
                slot,
                exchange,
                itsOrigin);
    }

    /**
     * The exchange after the epoch.
     *
     * @param announcements the offset behind the last announcement that was taken: it says what the epoch has read
     * @param keyGroups by key group: the offset from which frames are still to be read
     * @param slots by slot: what was taken, or of the slot itself sent, last
     * @param watermarks with which the epoch ran, as an announcement has them
     */
    public record ExchangeProgress(
            long announcements, List<Long> keyGroups, List<SlotProgress> slots, List<Long> watermarks) {}

    /**
     * What a slot has announced.
     *
     * @param watermarks empty where nothing is known of it
     */
    public record SlotProgress(long epoch, List<Long> watermarks, boolean idle) {}

    /**
     * @param identity what positions refer to
     * @param journal facts about the source that became known in this epoch
     */
    public record SourceProgress(String identity, List<PartitionProgress> partitions, List<String> journal) {}

    /**
     * A partition after the epoch.
     *
     * @param offset of the next record
     * @param largest greatest event time so far in milliseconds, {@link Long#MIN_VALUE} for none
     * @param floor the time below which rows are late whatever came before: the watermark when the partition was new or
     *     came back from idleness
     * @param idle whether it counts in the watermark no more until it has rows again
     * @param rows read in this epoch
     */
    public record PartitionProgress(
            String partition, long offset, int leaderEpoch, long largest, long floor, boolean idle, long rows) {}
}
