package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.GuestSlot;
import dev.millrace.api.Scaling;
import dev.millrace.api.StreamingQuery;
import dev.millrace.api.StreamingQuerySavepoint;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.RestoredFrom;
import dev.millrace.api.Verdict;
import dev.millrace.operator.resources.Version;
import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.Sample;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * All that a decision about a query rests on.
 *
 * @param spec as the user wrote it
 * @param verdict of the compiler on this spec; empty while it works
 * @param wanted the version that the spec asks for, whether it can run or not
 * @param wantedStateId what that version calls its topics and files
 * @param wantedOrigin the savepoint that its state begins from, if any
 * @param savepoint that the spec asks to go back to, while that was not done
 * @param versions what the ConfigMaps of the query hold, by name
 * @param budget how many pods evictions must leave; empty where nothing says it
 * @param engines what pods answered, by pod name, and slots that are guests of one by {@link #guestName}
 * @param unreachable nodes that the API server has lost sight of: when they gave their last sign of life
 * @param samples what the pods that have a part in the query did in the last minutes
 * @param resizes whether the cluster can change the CPU of a running pod
 * @param recentTakeOvers how many pods of lost nodes, of all queries, were replaced just now
 */
record Observed(
        Identity identity,
        JsonNode spec,
        StreamingQueryStatus status,
        Optional<Verdict> verdict,
        Version wanted,
        String wantedStateId,
        Optional<RestoredFrom> wantedOrigin,
        Optional<SavepointView> savepoint,
        List<PodView> pods,
        List<ClaimView> claims,
        Map<String, Version> versions,
        Optional<Integer> budget,
        Optional<CleanUp> cleanUp,
        Map<String, EngineView> engines,
        Map<String, Instant> unreachable,
        int recentTakeOvers,
        List<Sample> samples,
        boolean resizes,
        Instant now) {

    /**
     * @param deletedAt when deletion was asked for, or when the operator started if it was away then
     */
    record Identity(
            String namespace,
            String name,
            String uid,
            long generation,
            Optional<Instant> deletedAt,
            boolean finalizer,
            boolean paused,
            boolean namespaceTerminating) {}

    /**
     * A pod of the query.
     *
     * @param division that it was told
     * @param claim the volume that it mounts
     * @param standby whether it follows another pod
     * @param crashed when its engine ended last and was, or is to be, started again
     * @param trouble why it does not run, as far as Kubernetes tells
     * @param outcome how the engine said it ended
     * @param ended whether its containers are known to have ended
     * @param guests slots that it was told to run beside its own
     * @param host the pod that this is a guest of; null for a pod of its own
     */
    record PodView(
            String name,
            String resourceVersion,
            int slot,
            long incarnation,
            String version,
            String division,
            String claim,
            boolean standby,
            String node,
            String phase,
            boolean deleting,
            boolean ready,
            boolean ended,
            Instant created,
            Optional<Instant> crashed,
            Optional<Trouble> trouble,
            Optional<EngineOutcome> outcome,
            List<GuestSlot> guests,
            String host,
            Given given) {

        /** Whether it is a slot that the pod of another one runs, which looks like a pod but cannot be deleted. */
        boolean isGuest() {
            return host != null;
        }

        /** The pod of Kubernetes. */
        String podName() {
            return isGuest() ? host : name;
        }
    }

    /**
     * CPU and memory of a pod.
     *
     * @param asked the amounts that it was made with, or the wish that the API server took last; null where there was none
     * @param milli what it has, thousandths of a core
     * @param memory what it has, bytes
     * @param planned the memory that it was told to plan with; −1 for none
     * @param refused why its node does not give what was asked: Deferred, Infeasible or Error
     * @param notTaken what the API server did not take; empty where it took all
     */
    record Given(
            String asked,
            int milli,
            long memory,
            long planned,
            Optional<Trouble> refused,
            Optional<NotTaken> notTaken) {

        /** Whether the pod has that, or more. */
        boolean covers(Allocation asked) {
            return milli >= asked.milliCpu() && memory >= asked.memory();
        }
    }

    /**
     * Other amounts of CPU and memory that the API server did not take.
     *
     * @param wish which one, as {@link Decision.ResizePod} has it
     */
    record NotTaken(String wish, String message) {}

    /** A reason code and a sentence. */
    record Trouble(String reason, String message) {}

    /**
     * A savepoint of the query's namespace.
     *
     * @param status null where there is no such savepoint
     * @param deleting whether it is about to go
     * @param document what was kept of the query that it is of
     */
    record SavepointView(
            String name, StreamingQuerySavepoint.Status status, boolean deleting, Optional<Version> document) {

        /** Why a version with this plan cannot go on from it. */
        Optional<Trouble> trouble(Version wanted, String planId) {
            if (status == null || deleting) {
                return Optional.of(new Trouble(
                        "SavepointNotFound",
                        "there is no StreamingQuerySavepoint " + name + " in this namespace to restore from"));
            }
            if (!status.completed()) {
                return Optional.of(new Trouble(
                        "SavepointNotCompleted",
                        "the savepoint " + name + " is not completed yet; see its conditions"));
            }
            if (document.isPresent() && !document.get().sameStore(wanted)) {
                return Optional.of(new Trouble(
                        "SavepointInOtherStore",
                        "the savepoint " + name + " lies in " + status.location() + ", and the query's"
                                + " state.checkpoint.store, or state.topics.prefix, is another one now"));
            }
            if (!planId.equals(status.planId())) {
                return Optional.of(new Trouble(
                        "SavepointOfOtherPlan",
                        "the savepoint " + name + " is of a query that means something else (plan " + status.planId()
                                + ", now " + planId + "): restore it with the SQL that it was taken of"));
            }
            return Optional.empty();
        }
    }

    /**
     * @param requested bytes
     */
    record ClaimView(String name, String resourceVersion, int slot, long requested) {}

    /** The pod that removes what lies outside of the cluster: its phase. */
    record CleanUp(String phase, String message) {}

    /**
     * What a pod last answered.
     *
     * @param lastAnswer when it did, or where it never did, when it was asked first
     * @param progress null where it never answered
     */
    record EngineView(boolean answers, Instant lastAnswer, EngineProgress progress, Rates rates) {}

    /** Rows per second over the last interval. */
    record Rates(double in, double out) {}

    /** The pods of a slot, and of others those that run it. */
    List<PodView> pods(int slot) {
        Stream<PodView> guests = pods.stream()
                .flatMap(host -> host.guests().stream()
                        .filter(guest -> guest.slot() == slot)
                        .map(guest -> guest(host, guest)));
        return Stream.concat(pods.stream().filter(pod -> pod.slot() == slot), guests)
                .toList();
    }

    /** What the answers of a slot are known by that another one's pod runs. */
    static String guestName(String host, int slot) {
        return host + "/" + slot;
    }

    /** It shares its host's fate, and may have ended before. */
    private PodView guest(PodView host, GuestSlot guest) {
        String name = guestName(host.name(), guest.slot());
        Optional<EngineOutcome> outcome = Optional.ofNullable(engines.get(name))
                .map(EngineView::progress)
                .filter(progress -> progress.end() != null && progress.incarnation() >= guest.incarnation())
                .map(progress -> new EngineOutcome(
                        progress.end(), progress.code(), progress.message(), progress.incarnation(), progress.epoch()));
        return new PodView(
                name,
                host.resourceVersion(),
                guest.slot(),
                guest.incarnation(),
                host.version(),
                host.division(),
                "",
                false,
                host.node(),
                host.phase(),
                host.deleting(),
                false,
                host.ended() || outcome.isPresent(),
                host.created(),
                host.crashed(),
                Optional.empty(),
                outcome,
                List.of(),
                host.name(),
                host.given());
    }

    /**
     * When a pod counts, or has begun to count, as lost: the API server has lost its node, and it does not answer itself for the
     * time that the user gave. Empty while there is no reason for it.
     */
    Optional<Instant> lostAt(PodView pod) {
        EngineView engine = engines.get(pod.name());
        boolean silent = engine == null || !engine.answers();
        if (pod.node() == null || pod.ended() || !silent || !unreachable.containsKey(pod.node())) {
            return Optional.empty();
        }
        Instant sign = unreachable.get(pod.node());
        if (engine != null && engine.progress() != null && engine.lastAnswer().isAfter(sign)) {
            sign = engine.lastAnswer();
        }
        return Optional.of(sign.plus(nodeLossTimeout()));
    }

    /** The same, of a status that says what the autoscaler wishes as of this look. */
    Observed wishing(Scaling scaling) {
        StreamingQueryStatus wishes = status.withFigures(
                status.lag(),
                status.throughput(),
                status.lateRows(),
                status.malformedRows(),
                status.hotKeyGroups(),
                status.volumes(),
                status.checkpoint(),
                scaling,
                status.figuresAt());
        return new Observed(
                identity,
                spec,
                wishes,
                verdict,
                wanted,
                wantedStateId,
                wantedOrigin,
                savepoint,
                pods,
                claims,
                versions,
                budget,
                cleanUp,
                engines,
                unreachable,
                recentTakeOvers,
                samples,
                resizes,
                now);
    }

    /** More slots than that there cannot be. */
    int keyGroups() {
        return spec.at("/state/keyGroups").asInt(StreamingQuery.DEFAULT_KEY_GROUPS);
    }

    /** How many slots the spec asks for. */
    int wantedSlots() {
        int least = spec.at("/scaling/replicas/min").asInt(1);
        return "Manual".equals(spec.at("/scaling/mode").asText())
                ? spec.path("replicas").asInt(least)
                : least;
    }

    /** How many slots, from slot 0 on, are to have a standby. */
    int wantedStandbys() {
        return spec.at("/scaling/standby").asInt(0);
    }

    /** Why a version runs in one slot only. */
    Optional<String> undivided(String version) {
        Version found = version.equals(wanted.name()) ? wanted : versions.get(version);
        return Optional.ofNullable(found).map(Version::undivided);
    }

    boolean suspended() {
        return spec.path("suspend").asBoolean(false);
    }

    /** The version that the status calls current, where it still exists. */
    Optional<Version> current() {
        return Optional.ofNullable(status.current()).map(current -> versions.get(current.config()));
    }

    /** Whether what the query knows outlives its volume: a matter of the version that runs, not of one that was refused. */
    boolean hasStore() {
        return writesToKafka(current().map(Version::spec).orElse(spec));
    }

    /** Whether there is, or is to be, something outside of the namespace. */
    boolean writesToKafka() {
        return writesToKafka(spec) || hasStore();
    }

    /** Results, rows that are none, or beside a table of a database the log alone. */
    static boolean writesToKafka(JsonNode spec) {
        for (JsonNode sink : spec.path("sinks")) {
            if (sink.has("kafka") || (sink.has("jdbc") && spec.path("kafka").has("bootstrapServers"))) {
                return true;
            }
        }
        return spec.path("deadLetters").has("kafka") || spec.path("lateRows").has("kafka");
    }

    /** Whether an output in files is, by its path, one of the version that runs too. */
    boolean writesTheSameFiles() {
        Set<String> paths = filePaths(spec);
        paths.retainAll(current().map(Version::spec).map(Observed::filePaths).orElse(Set.of()));
        return !paths.isEmpty();
    }

    private static Set<String> filePaths(JsonNode spec) {
        Set<String> paths = new HashSet<>();
        spec.path("sinks").forEach(sink -> paths.add(sink.at("/files/path").asText()));
        paths.add(spec.at("/deadLetters/files/path").asText());
        paths.add(spec.at("/lateRows/files/path").asText());
        paths.remove("");
        return paths;
    }

    boolean retains() {
        return "Retain".equals(spec.at("/state/deletionPolicy").asText());
    }

    Duration nodeLossTimeout() {
        return duration("/nodeLossTimeout", Duration.ofSeconds(30));
    }

    Duration progressTimeout() {
        return duration("/upgrade/progressTimeout", Duration.ofMinutes(5));
    }

    private Duration duration(String path, Duration otherwise) {
        String text = spec.at(path).asText("");
        return text.isEmpty()
                ? otherwise
                : Duration.ofMillis(dev.millrace.api.TimeSpan.ofText(text).millis());
    }
}
