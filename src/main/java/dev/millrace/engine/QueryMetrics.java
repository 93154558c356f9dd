package dev.millrace.engine;

import dev.millrace.state.StateStore;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/** A query's counters and present figures, read from any thread. Counters only grow while the process goes on with
 * the query. */
public final class QueryMetrics {

    /** Rows that were read, whether their epoch was committed yet or not. */
    public final LongAdder rowsRead = new LongAdder();

    /** Rows of committed epochs. */
    public final LongAdder rowsIn = new LongAdder();

    public final LongAdder rowsOut = new LongAdder();
    public final LongAdder rowsLate = new LongAdder();
    public final LongAdder rowsMalformed = new LongAdder();
    public final LongAdder epochs = new LongAdder();
    public final LongAdder replayedEpochs = new LongAdder();
    public final LongAdder commitNanos = new LongAdder();

    /** What its sinks took for the end of an epoch beside the commit. */
    public final LongAdder publishNanos = new LongAdder();

    public final ThreadTimes threads = new ThreadTimes();

    /** Checkpoints that were written, and the time it took beside the epochs. */
    public final LongAdder checkpoints = new LongAdder();

    public final LongAdder checkpointNanos = new LongAdder();

    /** Why the loss of one disk or broker could lose the query's history; empty if it could not, or is not known yet. */
    private volatile String weakness = "";

    private volatile OptionalInt heldBy = OptionalInt.empty();
    private volatile long incarnation;
    private volatile Restored restored = new Restored("", 0);
    private volatile Stored stored = new Stored(-1, 0, 0, 0);
    private volatile String checkpointFailure = "";
    private volatile List<Savepoint> savepoints = List.of();
    private volatile Optional<Part> part = Optional.empty();
    private volatile KeyGroups keyGroups = KeyGroups.NONE;
    private volatile String end = "";
    private volatile List<PartitionMetrics> partitions = List.of();
    private volatile Map<String, Double> partitionRates = Map.of();
    private volatile StateStore.Effort effort = StateStore.Effort.NONE;
    private volatile Supplier<Volume> volume = () -> new Volume(-1, -1);
    private volatile Figures figures = new Figures("starting", -1, Long.MIN_VALUE, 0, 0, 0, 0, 0, "", "");

    /**
     * What holds now.
     *
     * @param phase starting, replaying, running, waiting or ended; of a standby also following, or standby while it has all that
     *     is committed
     * @param watermark in milliseconds
     * @param lagRecords −1 if unknown
     * @param lagMillis how far the watermarked time lags behind the clock; −1 if unknown
     * @param code of what it waits for, or empty
     * @param message why it waits, or empty
     */
    public record Figures(
            String phase,
            long epoch,
            long watermark,
            long lagRecords,
            long lagMillis,
            long stateRows,
            long stateBytes,
            long committedAtMillis,
            String code,
            String message) {

        public Figures withPhase(String newPhase, String newCode, String newMessage) {
            return new Figures(
                    newPhase,
                    epoch,
                    watermark,
                    lagRecords,
                    lagMillis,
                    stateRows,
                    stateBytes,
                    committedAtMillis,
                    newCode,
                    newMessage);
        }
    }

    /**
     * How the state came back at the last start.
     *
     * @param source New, Volume, Checkpoint, Savepoint, Log (computed again from the first offset), or Standby; empty while it is
     *     not known
     * @param seconds from the start of the process, or of another try, or from when a standby was told, to the claim
     */
    public record Restored(String source, double seconds) {}

    /**
     * The newest checkpoint outside of the volume; epoch −1 for none.
     *
     * @param seconds that it took to write and to send
     */
    public record Stored(long epoch, long millis, long bytes, double seconds) {}

    /**
     * A wish about a savepoint that was fulfilled.
     *
     * @param wish as it was said
     * @param epoch of the savepoint; −1 where it was dropped
     * @param place the store that holds it
     */
    public record Savepoint(String wish, long epoch, long millis, long bytes, String place) {}

    /**
     * What of a divided query this slot has.
     *
     * @param division by which it goes
     * @param members all slots that it knows of
     * @param keyGroups as ranges: {@code 0-15, 17}
     * @param settled whether that is what the division gives it, and nothing is on its way from or to it
     * @param behind how many epochs of others it has not taken yet
     */
    public record Part(
            int slot, Division division, List<Integer> members, String keyGroups, boolean settled, long behind) {}

    /**
     * A key group that has many of the rows.
     *
     * @param share of those of its slot, 0 to 1
     */
    public record HotKeyGroup(int keyGroup, double share) {}

    /**
     * How the rows of the last minute were spread over key groups.
     *
     * @param hot those that have many of them, hottest first
     * @param updates empty before a minute is over
     */
    public record KeyGroups(List<HotKeyGroup> hot, Optional<Updates> updates) {

        public static final KeyGroups NONE = new KeyGroups(List.of(), Optional.empty());
    }

    /**
     * What rows have changed, a second: groups, and values of groups, once an epoch each.
     *
     * @param busiest by key group
     */
    public record Updates(double all, Map<Integer, Double> busiest) {}

    /** The size of a volume and what is free of it, in bytes; −1 for unknown. */
    public record Volume(long bytes, long free) {}

    /** Counts rows from here on: those until now were another's. */
    public void forgetRows() {
        rowsIn.reset();
        rowsLate.reset();
        rowsMalformed.reset();
    }

    /** Our fencing number; 0 while it is not known. */
    public long incarnation() {
        return incarnation;
    }

    public void incarnation(long own) {
        incarnation = own;
    }

    public Restored restored() {
        return restored;
    }

    public void restored(Restored how) {
        restored = how;
    }

    public Stored stored() {
        return stored;
    }

    public void stored(Stored newest) {
        stored = newest;
    }

    /** Why the last checkpoint is not in the store; empty if it is. */
    public String checkpointFailure() {
        return checkpointFailure;
    }

    public void checkpointFailure(String reason) {
        checkpointFailure = reason;
    }

    public List<Savepoint> savepoints() {
        return savepoints;
    }

    public void savepoints(List<Savepoint> fulfilled) {
        savepoints = fulfilled;
    }

    /** Empty for a query that is not divided. */
    public Optional<Part> part() {
        return part;
    }

    public void part(Optional<Part> own) {
        part = own;
    }

    /** The partitions of its sources that it reads. */
    public List<PartitionMetrics> partitions() {
        return partitions;
    }

    public void partitions(List<PartitionMetrics> read) {
        partitions = read;
    }

    /** By partition, as a {@link Division} names it: rows a second of the last minute; none before one is over. */
    public Map<String, Double> partitionRates() {
        return partitionRates;
    }

    public void partitionRates(Map<String, Double> seen) {
        partitionRates = seen;
    }

    public KeyGroups keyGroups() {
        return keyGroups;
    }

    public void keyGroups(KeyGroups seen) {
        keyGroups = seen;
    }

    public String weakness() {
        return weakness;
    }

    public void weakness(String reason) {
        weakness = reason;
    }

    /** The slot that windows wait for, as it has announced nothing new for a while. */
    public OptionalInt heldBy() {
        return heldBy;
    }

    public void heldBy(OptionalInt slot) {
        heldBy = slot;
    }

    public Figures figures() {
        return figures;
    }

    public void set(Figures newFigures) {
        figures = newFigures;
    }

    public void phase(String phase, String message) {
        figures = figures.withPhase(phase, "", message);
    }

    /** It waits for something to be over. */
    public void waiting(String code, String message) {
        figures = figures.withPhase("waiting", code, message);
    }

    /**
     * It runs no more.
     *
     * @param how in a word
     * @param code why, where it failed; else empty
     */
    public void ended(String how, String code, String message) {
        figures = figures.withPhase("ended", code, message);
        end = how;
    }

    /** How it has ended; empty while it has not. */
    public String end() {
        return end;
    }

    /** What its store took, since this process last opened it. */
    public StateStore.Effort effort() {
        return effort;
    }

    public void effort(StateStore.Effort now) {
        effort = now;
    }

    /** The volume of the state, looked at now. */
    public Volume volume() {
        return volume.get();
    }

    /** How to look at the volume. */
    public void volume(Supplier<Volume> looks) {
        volume = looks;
    }
}
