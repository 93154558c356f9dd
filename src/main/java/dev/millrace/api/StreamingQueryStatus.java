package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the operator tells of a query. Absent fields are null; times are ISO 8601 in UTC. Figures that move all the time
 * (lag, throughput, hot key groups) are as of {@code figuresAt}; live ones are the engine's metrics.
 *
 * @param observedGeneration the generation of the spec that the rest speaks of
 * @param phase Pending, Starting, Restoring, Running, Rescaling, Upgrading, Suspended, Completed or Failed
 * @param division into how many slots the query is to be divided; null where it never was
 * @param stateId what names the query's topics, transactions and stored files
 * @param formerStateIds ids whose state was given up; their topics and files go with the query
 * @param restoredFrom the savepoint that the state began from
 * @param restoreNonce the last nonce of {@code upgrade.restore} that was performed
 * @param restore the last restore, while it is not known to have succeeded
 * @param current the version that runs, or is to run
 * @param lastGood the last version that made progress
 * @param rejected a version that was taken back, and why; it is not tried again
 * @param scaling what the autoscaler has chosen and why; null where it has nothing to choose
 * @param image what {@code engine.image} was when the query started first, where the spec names none
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record StreamingQueryStatus(
        Long observedGeneration,
        String phase,
        List<Condition> conditions,
        String planId,
        Map<String, String> outputModes,
        List<Warning> warnings,
        Integer replicas,
        Integer readyReplicas,
        String selector,
        List<Slot> slots,
        Division division,
        Balanced balance,
        Lag lag,
        Throughput throughput,
        Long lateRows,
        Long malformedRows,
        List<HotKeyGroup> hotKeyGroups,
        List<Volume> volumes,
        CheckpointStatus checkpoint,
        String stateId,
        List<String> formerStateIds,
        RestoredFrom restoredFrom,
        Integer restoreNonce,
        Restore restore,
        String image,
        Version current,
        String lastGood,
        Rejected rejected,
        Scaling scaling,
        String figuresAt) {

    public static final StreamingQueryStatus NONE = new StreamingQueryStatus(
            null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
            null, null, null, null, null, null, null, null, null, null, null, null);

    /** Whether rows were processed when this was written. */
    public boolean processes() {
        return "Running".equals(phase) || "Rescaling".equals(phase);
    }

    public StreamingQueryStatus withConditions(List<Condition> others) {
        return new StreamingQueryStatus(
                observedGeneration,
                phase,
                others,
                planId,
                outputModes,
                warnings,
                replicas,
                readyReplicas,
                selector,
                slots,
                division,
                balance,
                lag,
                throughput,
                lateRows,
                malformedRows,
                hotKeyGroups,
                volumes,
                checkpoint,
                stateId,
                formerStateIds,
                restoredFrom,
                restoreNonce,
                restore,
                image,
                current,
                lastGood,
                rejected,
                scaling,
                figuresAt);
    }

    /**
     * How full a volume is, measured every ten minutes at most.
     *
     * @param since when it was measured first
     * @param growthPerDay bytes by which what is used grows, as it did in the last hours
     * @param fullIn when it is full if that goes on, in words; null where it is not known, or not within a year
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Volume(
            String claim,
            Long bytes,
            Long usedBytes,
            String measuredAt,
            String since,
            Long growthPerDay,
            String fullIn) {}

    /** With the figures of another status. */
    public StreamingQueryStatus withFiguresOf(StreamingQueryStatus other) {
        return withFigures(
                other.lag,
                other.throughput,
                other.lateRows,
                other.malformedRows,
                other.hotKeyGroups,
                other.volumes,
                other.checkpoint,
                scaling == null ? null : scaling.withFiguresOf(other.scaling),
                other.figuresAt);
    }

    public StreamingQueryStatus withFigures(
            Lag newLag,
            Throughput newThroughput,
            Long late,
            Long malformed,
            List<HotKeyGroup> hot,
            List<Volume> filled,
            CheckpointStatus stored,
            Scaling scaled,
            String at) {
        return new StreamingQueryStatus(
                observedGeneration,
                phase,
                conditions,
                planId,
                outputModes,
                warnings,
                replicas,
                readyReplicas,
                selector,
                slots,
                division,
                balance,
                newLag,
                newThroughput,
                late,
                malformed,
                hot,
                filled,
                stored,
                stateId,
                formerStateIds,
                restoredFrom,
                restoreNonce,
                restore,
                image,
                current,
                lastGood,
                rejected,
                scaled,
                at);
    }

    /**
     * As the conventions of Kubernetes have it.
     *
     * @param status True, False or Unknown
     * @param reason a stable code
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Condition(
            String type,
            String status,
            String reason,
            String message,
            Long observedGeneration,
            String lastTransitionTime) {}

    /** What is accepted, and may surprise. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Warning(String code, String message) {}

    /**
     * Into how many slots a query is to be divided.
     *
     * @param version grows with each change
     * @param moved where some key groups are to be, {@code keyGroup:slot,…}; null for none
     * @param partitions by whom some partitions are to be read, {@code source/partition:slot,…}; null for none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Division(Long version, Integer slots, String moved, String partitions) {

        private static final String PARTITION = "[\\w.*+%-]+/[\\w.*+%-]+";
        private static final int MAX_PARTITION = 600;

        /** Whether it names a partition of a source as the text does. */
        public static boolean isPartition(String text) {
            return text.length() <= MAX_PARTITION && text.matches(PARTITION);
        }

        /** From what {@link #text} gives. */
        public static Division of(String text) {
            String[] parts = text.split("/", 3);
            String moves = parts.length > 2 ? parts[2] : "";
            return new Division(
                    Long.valueOf(parts[0]),
                    Integer.valueOf(parts[1]),
                    only(moves, move -> !move.contains("/")),
                    only(moves, move -> move.contains("/")));
        }

        private static String only(String moves, Predicate<String> wanted) {
            String found = Arrays.stream(moves.split(",")).filter(wanted).collect(Collectors.joining(","));
            return found.isEmpty() ? null : found;
        }

        /** Whether it is what {@link #text} gives of some division. */
        public static boolean isText(String text) {
            String[] parts = text.split("/", 3);
            return parts.length >= 2
                    && parts[0].matches("\\d{1,18}")
                    && parts[1].matches("[1-9]\\d{0,3}")
                    && (parts.length == 2
                            || Arrays.stream(parts[2].split(",", -1))
                                    .allMatch(move -> move.matches("(\\d{1,5}|" + PARTITION + "):\\d{1,4}")));
        }

        /** Only to slots that there are to be; key group 0 is not moved. */
        public static Division of(long version, int slots, Moves moves) {
            SortedMap<Integer, Integer> keyGroups = new TreeMap<>(moves.keyGroups());
            keyGroups.remove(0);
            return new Division(version, slots, text(keyGroups, slots), text(moves.partitions(), slots));
        }

        private static String text(Map<?, Integer> moves, int slots) {
            String text = moves.entrySet().stream()
                    .filter(move -> move.getValue() < slots)
                    .map(move -> move.getKey() + ":" + move.getValue())
                    .collect(Collectors.joining(","));
            return text.isEmpty() ? null : text;
        }

        /** As pods read and tell it. */
        public String text() {
            String moves = Stream.of(moved, partitions).filter(Objects::nonNull).collect(Collectors.joining(","));
            return version + "/" + slots + (moves.isEmpty() ? "" : "/" + moves);
        }

        /** What is moved. */
        public Moves moves() {
            Moves moves = Moves.none();
            read(moved, (group, slot) -> moves.keyGroups().put(Integer.valueOf(group), slot));
            read(partitions, moves.partitions()::put);
            return moves;
        }

        private static void read(String moves, BiConsumer<String, Integer> into) {
            for (String move : moves == null ? new String[0] : moves.split(",")) {
                int colon = move.indexOf(':');
                into.accept(move.substring(0, colon), Integer.valueOf(move.substring(colon + 1)));
            }
        }
    }

    /**
     * What is to be elsewhere than arithmetic has it: by key group, and by partition as {@code source/partition}, the slot.
     */
    public record Moves(SortedMap<Integer, Integer> keyGroups, SortedMap<String, Integer> partitions) {

        public static Moves none() {
            return new Moves(new TreeMap<>(), new TreeMap<>());
        }

        public boolean isEmpty() {
            return keyGroups.isEmpty() && partitions.isEmpty();
        }

        /** Those that each engine knows of. */
        public Moves ofKeyGroups() {
            return new Moves(keyGroups, new TreeMap<>());
        }

        /** These, and others, which count where both say something. */
        public Moves with(Moves others) {
            Moves all = none();
            all.keyGroups.putAll(keyGroups);
            all.keyGroups.putAll(others.keyGroups);
            all.partitions.putAll(partitions);
            all.partitions.putAll(others.partitions);
            return all;
        }
    }

    /**
     * The last time that key groups and partitions were moved from slots that had more to do than others.
     *
     * @param keyGroups how many
     * @param partitions how many
     * @param before the busiest slot's CPU by the mean of all, to three digits behind the point
     * @param expected the same, as it was to be
     * @param after the same, as it then was; null while that is not known
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Balanced(
            String at, Integer keyGroups, Integer partitions, Double before, Double expected, Double after) {

        public Balanced withAfter(Double measured) {
            return new Balanced(at, keyGroups, partitions, before, expected, measured);
        }
    }

    /**
     * The place of one pod. One that the query has given up keeps its number of incarnation, for when it comes back.
     *
     * @param keyGroups that it owned last, as ranges; null where it has not run yet
     * @param incarnation the fencing number of its pod
     * @param claim its volume
     * @param failures incarnations in a row that committed no epoch
     * @param startedAt when this incarnation's pod was made
     * @param behind whether it is, or was, far behind the others; null while there is nothing to tell
     * @param standby the pod that takes over when this one ends; null for none
     * @param hosted true while the pod is another slot's, as there is no room for one of its own; else null
     * @param hostFailedAt when such a pod crashed, or had no room on its volume; null for never
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Slot(
            Integer slot,
            String pod,
            String node,
            Long incarnation,
            String keyGroups,
            String claim,
            Integer failures,
            String startedAt,
            Restored restore,
            Behind behind,
            Standby standby,
            Boolean hosted,
            String hostFailedAt) {

        /** Before the first pod, or after the last. */
        public static Slot unused(int slot, long incarnation) {
            return new Slot(slot, null, null, incarnation, null, null, 0, null, null, null, null, null, null);
        }

        /** Whether there is nothing of it. */
        @JsonIgnore
        public boolean isUnused() {
            return pod == null && claim == null && keyGroups == null;
        }

        /** Whether the pod of another slot runs it. */
        @JsonIgnore
        public boolean isHosted() {
            return Boolean.TRUE.equals(hosted);
        }

        /** In need of a pod of its own. */
        public Slot withoutHost() {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    keyGroups,
                    claim,
                    failures,
                    startedAt,
                    restore,
                    behind,
                    standby,
                    null,
                    hostFailedAt);
        }

        /** As {@link #withoutHost}, as the host did not bear it. */
        public Slot withFailedHost(String at) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    keyGroups,
                    claim,
                    failures,
                    startedAt,
                    restore,
                    behind,
                    standby,
                    null,
                    at);
        }

        /** Said to own these key groups. */
        public Slot withKeyGroups(String ranges) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    ranges,
                    claim,
                    failures,
                    startedAt,
                    restore,
                    behind,
                    standby,
                    hosted,
                    hostFailedAt);
        }

        public Slot withBehind(Behind how) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    keyGroups,
                    claim,
                    failures,
                    startedAt,
                    restore,
                    how,
                    standby,
                    hosted,
                    hostFailedAt);
        }

        public Slot withStandby(Standby other) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    keyGroups,
                    claim,
                    failures,
                    startedAt,
                    restore,
                    behind,
                    other,
                    hosted,
                    hostFailedAt);
        }

        public Slot withIncarnation(long number) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    number,
                    keyGroups,
                    claim,
                    failures,
                    startedAt,
                    restore,
                    behind,
                    standby,
                    hosted,
                    hostFailedAt);
        }

        /** On another volume, or with null on one that is still to be made. */
        public Slot withClaim(String name) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    keyGroups,
                    name,
                    failures,
                    startedAt,
                    restore,
                    behind,
                    standby,
                    hosted,
                    hostFailedAt);
        }

        public Slot withFailures(int count) {
            return new Slot(
                    slot,
                    pod,
                    node,
                    incarnation,
                    keyGroups,
                    claim,
                    count,
                    startedAt,
                    restore,
                    behind,
                    standby,
                    hosted,
                    hostFailedAt);
        }
    }

    /**
     * A pod that follows the one of its slot.
     *
     * @param incarnation with which it takes over
     * @param state Starting, Following, Ready (it has all that is committed), Waiting or Failed
     * @param message why it waits or has failed; null for nothing
     * @param failures how many in a row came to nothing
     * @param startedAt when its pod was made
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Standby(
            Long incarnation,
            String pod,
            String node,
            String state,
            String message,
            Integer failures,
            String startedAt) {

        /** Whether it can take over at once. */
        @JsonIgnore
        public boolean isReady() {
            return READY.equals(state);
        }

        public static final String STARTING = "Starting";
        public static final String FOLLOWING = "Following";
        public static final String READY = "Ready";
        public static final String WAITING = "Waiting";
        public static final String FAILED = "Failed";
    }

    /**
     * That a slot lags behind the others.
     *
     * @param since from when it has not caught up; null while it is not behind
     * @param by records and epochs, then
     * @param replacedAt when its pod was replaced for it last; null for never
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Behind(String since, Long by, String replacedAt) {}

    /**
     * Where the state came from.
     *
     * @param source New, Volume, Checkpoint, Savepoint, Log (computed again from the first offset) or Standby
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Restored(String source, Double seconds) {}

    /**
     * A savepoint.
     *
     * @param stateId of the query when it was taken
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record RestoredFrom(String savepoint, String stateId) {}

    /**
     * A restore that has not succeeded.
     *
     * @param previous what the query was before; null once it was gone back to
     * @param failure why it was given up
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Restore(Integer nonce, Previous previous, String failure) {}

    /**
     * What a query was before a restore.
     *
     * @param epoch that the restore goes on from: nothing was written yet where the query is there still
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Previous(String config, String planId, String stateId, RestoredFrom restoredFrom, Long epoch) {}

    /**
     * A key group that had many of its slot's rows in the last minute.
     *
     * @param share of those, 0 to 1
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record HotKeyGroup(Integer keyGroup, Integer slot, Double share) {}

    /**
     * What waits.
     *
     * @param seconds how far the watermarked time is behind the clock
     * @param catchUpSeconds in what time nothing will, as it goes now; null where nothing waits, or it grows
     * @param furthestBehind the partition in which rows wait longest; null where none wait
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Lag(Long records, Double seconds, Double catchUpSeconds, FurthestBehind furthestBehind) {}

    /**
     * What waits in a partition.
     *
     * @param seconds for how long the next row has been there, about
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record FurthestBehind(String source, String partition, Long records, Double seconds) {}

    /** Rows per second. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Throughput(Double in, Double out) {}

    /** The last stored checkpoint. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record CheckpointStatus(String id, Long epoch, String time, Long bytes, Double seconds) {}

    /**
     * What one ConfigMap holds.
     *
     * @param config the ConfigMap's name
     * @param since when it was chosen
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Version(String config, String planId, String image, String since) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Rejected(String config, String reason, String message) {}
}
