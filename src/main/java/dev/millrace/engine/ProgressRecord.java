package dev.millrace.engine;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Collections;
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

    /** Whether what follows is computed with an exchange. */
    public boolean usesExchange() {
        return exchange != null && !exchange.alone();
    }

    /** The record that takes over from here. */
    public ProgressRecord claimedBy(long newIncarnation) {
        return claim(lineage, newIncarnation, prepared, exchange, null);
    }

    /** The record that begins another history from here. What this one prepared is its own history's to publish, and so is its exchange. */
    public ProgressRecord continuedBy(String newLineage, long newIncarnation) {
        return claim(newLineage, newIncarnation, Map.of(), null, lineage);
    }

    private ProgressRecord claim(
            String itsLineage,
            long newIncarnation,
            Map<String, String> itsPrepared,
            ExchangeProgress itsExchange,
            String itsOrigin) {
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
                itsExchange,
                itsOrigin);
    }

    /**
     * The exchange after the epoch.
     *
     * @param identity which exchange it is: offsets mean nothing in another
     * @param division the latest wish that is known
     * @param announcements the offset behind the last announcement that was taken: it says what the epoch has read; while
     *     the slot waits to read its own first one, −1 less the offset from which it is looked for
     * @param epochs by slot: the last whose announcement was taken
     * @param own key groups with which the epoch was computed
     * @param keyGroups by key group: the offset from which frames are still to be read; −1 where none are
     * @param slots what is known of each, and what this one has announced itself
     * @param watermarks with which the epoch ran, as an announcement has them
     * @param reached by key group that was computed with other watermarks: those; null for none
     * @param coming what another slot has handed over and is not all here; null for nothing
     * @param handed what was handed over and is on its way
     * @param received what has come from others not long ago
     * @param lastMove the offset of the last announcement that tells of state on its way; −1 for none
     * @param returning the epoch up to which what the slot has sent to itself, while key groups came, is still to be taken; −1
     *     for none
     * @param returned the watermarks of the last announcement of its own that it has taken
     * @param released what is not the slot's any more from this epoch on; null for nothing
     * @param left whether the slot has left the query, and owns nothing
     * @param alone whether there is no other slot, and nothing on its way: what follows is computed without the exchange
     */
    public record ExchangeProgress(
            String identity,
            Division division,
            long announcements,
            Map<Integer, Long> epochs,
            List<Integer> own,
            List<Long> keyGroups,
            List<SlotProgress> slots,
            List<Long> watermarks,
            Map<Integer, List<Long>> reached,
            Coming coming,
            List<Handed> handed,
            List<Received> received,
            long lastMove,
            long returning,
            List<Long> returned,
            Release released,
            boolean left,
            boolean alone) {

        /** The offset of the first announcement that is needed behind this. */
        public long firstAnnouncement() {
            return coming == null ? announcements : coming.release().announcements();
        }

        /** Of an epoch that came later, and was computed with one watermark for all. */
        public ExchangeProgress ofOnly(boolean stillAlone, long watermark) {
            return new ExchangeProgress(
                    identity,
                    division,
                    announcements,
                    epochs,
                    own,
                    keyGroups,
                    slots,
                    Collections.nCopies(watermarks.size(), watermark),
                    null,
                    null,
                    handed,
                    received,
                    lastMove,
                    returning,
                    returned,
                    null,
                    false,
                    stillAlone);
        }
    }

    /**
     * What a slot has announced last.
     *
     * @param members the slots that it knew of
     * @param needed the offset of the first announcement that it may have to read again
     */
    public record SlotProgress(
            int slot,
            long epoch,
            List<Long> watermarks,
            boolean idle,
            List<Integer> members,
            long needed,
            Division division) {}

    /**
     * Key groups on their way to this slot: their state is here, rows that came to them meanwhile are still to be read.
     *
     * @param offset of the announcement of the slot that had them
     * @param release what that announcement says
     */
    public record Coming(long offset, Release release) {}

    /**
     * What a slot does not own any more, from the epoch on that announces it.
     *
     * @param announcements how far it has taken announcements for what it releases
     * @param epochs by slot: the last epoch of which it has taken rows for what it releases
     */
    public record Release(
            long announcements,
            Map<Integer, Long> epochs,
            List<ReleasedKeyGroup> keyGroups,
            List<ReleasedPartition> partitions) {}

    /**
     * @param to the slot that owns it from now on
     * @param offset from which its frames are still to be read
     * @param rows about how many rows of state it has
     * @param watermarks the greatest with which it was computed: of the sources, and of each level of stages
     */
    public record ReleasedKeyGroup(int keyGroup, int to, long offset, long rows, List<Long> watermarks) {}

    /**
     * A source's partition, as it was left.
     *
     * @param identity of the source
     */
    public record ReleasedPartition(String source, String identity, int to, PartitionProgress progress) {}

    /**
     * What this slot has released to another, which has not said yet that all is there.
     *
     * @param epoch that did
     * @param offset of its announcement; −1 while that was not read
     * @param announcements how far they were taken for it
     */
    public record Handed(int to, long epoch, long offset, long announcements) {}

    /**
     * What this slot has been given.
     *
     * @param offset of the announcement that gave it
     * @param announcements how far the other had taken them for it
     */
    public record Received(long offset, long announcements) {}

    /**
     * @param identity what positions refer to
     * @param journal facts about the source that became known in this epoch
     * @param elsewhere partitions that other slots have by now; null for none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record SourceProgress(
            String identity, List<PartitionProgress> partitions, List<String> journal, List<String> elsewhere) {}

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
