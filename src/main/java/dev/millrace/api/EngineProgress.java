package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import dev.millrace.api.StreamingQueryStatus.Division;
import java.util.List;
import java.util.Map;

/**
 * What a pod answers at {@code /progress}, as far as the operator needs it; unknown figures are null.
 *
 * @param phase starting, replaying, running, waiting or ended; of a standby also following, or standby while it has all that is
 *     committed
 * @param restoredFrom New, Volume, Checkpoint, Savepoint, Log or Standby; null until it is known
 * @param checkpointEpoch of the newest stored checkpoint of this process
 * @param savepoints wishes about savepoints that are fulfilled; null for none
 * @param notDurable why the query's history could be lost; null if it could not
 * @param volumeFree bytes that are free on the volume of {@code volumeBytes}
 * @param code of what it waits for
 * @param message why it waits
 * @param slot which of the query's slots it is; like the next five null where the query was never divided
 * @param division by which it goes, {@code version/slots}, or {@code version/slots/keyGroup:slot,…,source/partition:slot,…}
 * @param members all slots that it knows of
 * @param keyGroups that it owns, as ranges
 * @param settled whether that is what the division gives it, and nothing is on its way from or to it
 * @param epochsBehind how many epochs of other slots it has not taken yet
 * @param windowsWaitFor the slot without whose watermark no window closes, and which has announced nothing new for half a minute;
 *     null for none
 * @param furthestBehind the partition in which rows wait longest; null where none wait
 * @param hotKeyGroups that have many of its rows, hottest first; null for none
 * @param keyGroupUpdates what of its state was changed in the last minute; null for unknown
 * @param partitionRates by partition, as a division names it: rows a second of the last minute, of those that have most; null
 *     for one that knows nothing of it
 * @param memoryBytes of its container with which it plans; null for one that knows of no plans
 * @param usage what it did and used, CPU that of its whole process; null while it has not begun
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record EngineProgress(
        String query,
        String plan,
        long incarnation,
        String phase,
        long epoch,
        long rowsIn,
        long rowsOut,
        Long lagRecords,
        Double lagSeconds,
        long rowsLate,
        long rowsMalformed,
        String restoredFrom,
        Double restoreSeconds,
        Long checkpointEpoch,
        Long checkpointBytes,
        Double checkpointSeconds,
        String checkpointTime,
        String checkpointFailure,
        List<Savepoint> savepoints,
        String notDurable,
        Long volumeBytes,
        Long volumeFree,
        String code,
        String message,
        Integer slot,
        String division,
        List<Integer> members,
        String keyGroups,
        Boolean settled,
        Long epochsBehind,
        Integer windowsWaitFor,
        FurthestBehind furthestBehind,
        List<HotKeyGroup> hotKeyGroups,
        KeyGroupUpdates keyGroupUpdates,
        Map<String, Double> partitionRates,
        String end,
        Boolean hosts,
        Long memoryBytes,
        Usage usage) {

    /** More than any query may have. */
    private static final int MOST_SLOTS = 10_000;

    private static final int MAX_DIVISION = 20_000;

    /**
     * A fulfilled wish.
     *
     * @param wish as it was said
     * @param epoch of the savepoint; null where it was dropped
     * @param place the store that holds it
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Savepoint(String wish, Long epoch, String time, Long bytes, String place) {}

    /**
     * What waits in a partition.
     *
     * @param lagSeconds for how long the next row has been there, about; null for unknown
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record FurthestBehind(String source, String partition, long lagRecords, Double lagSeconds) {}

    /**
     * A key group that has many of the rows.
     *
     * @param share of those of its slot, 0 to 1
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record HotKeyGroup(int keyGroup, double share) {}

    /**
     * Changes of state, a second.
     *
     * @param busiest by key group: those of the ones that have most
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record KeyGroupUpdates(double all, Map<Integer, Double> busiest) {

        /** Whether it can be, of a query with so many key groups: the image is its user's. */
        public boolean isPossible(int keyGroups) {
            return isRate(all)
                    && busiest != null
                    && busiest.keySet().stream().allMatch(group -> group >= 0 && group < keyGroups)
                    && busiest.values().stream().allMatch(EngineProgress::isRate);
        }
    }

    private static boolean isRate(Double rate) {
        return rate != null && rate >= 0 && rate < 1e12;
    }

    /** Whether it is one of before partitions could be moved, and cannot read a division that moves some. */
    public boolean movesNoPartitions() {
        return saysDivision() && partitionRates == null;
    }

    /** The rates of partitions; none where they cannot be: the image is its user's. */
    public Map<String, Double> possiblePartitionRates() {
        boolean possible = partitionRates != null
                && partitionRates.keySet().stream().allMatch(Division::isPartition)
                && partitionRates.values().stream().allMatch(EngineProgress::isRate);
        return possible ? partitionRates : Map.of();
    }

    /**
     * Counters that only grow while the process lives, and what it may use.
     *
     * @param nanos the process's own clock
     * @param rowsRead whether their epoch was committed yet or not
     * @param threadNanos CPU time of the query's threads
     * @param blockedNanos time that it waited for its sinks to have an epoch
     * @param cpuNanos CPU time of the process
     * @param cpuLimit cores that it may use; null for unknown
     * @param partitions of its sources that it reads
     * @param stateWaitNanos time that its threads waited for state that does not lie in memory
     * @param stateUnpackedBytes that all of its state would take in memory
     * @param stateMemoryBytes of memory that is for state; null for unknown
     * @param gcNanos time that collections of its heap took
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Usage(
            long nanos,
            long rowsRead,
            List<Long> threadNanos,
            long blockedNanos,
            long cpuNanos,
            Double cpuLimit,
            int partitions,
            long stateWaitNanos,
            long stateUnpackedBytes,
            Long stateMemoryBytes,
            long gcNanos) {}

    /** Whether less than a fifth of the volume is free. */
    public boolean volumeShort() {
        return volumeBytes != null && volumeFree != null && volumeFree * 5 < volumeBytes;
    }

    /** Whether it says which slots there are, as an engine does: the image is its user's. */
    public boolean saysDivision() {
        return division != null
                && division.length() <= MAX_DIVISION
                && Division.isText(division)
                && members != null
                && members.stream().allMatch(member -> member != null && member >= 0 && member < MOST_SLOTS);
    }

    /** Whether other slots have, or may have, a part in the query. */
    public boolean hasPeers() {
        return division != null && !(List.of(0).equals(members) && Boolean.TRUE.equals(settled));
    }

    /** Whether it runs, and nothing is about to change. */
    public boolean calm() {
        return running() && !Boolean.FALSE.equals(settled);
    }

    /** Whether it follows another pod, and has all that this one has committed. */
    public boolean standsBy() {
        return "standby".equals(phase);
    }

    public boolean running() {
        return "running".equals(phase);
    }
}
