package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Condition;
import dev.millrace.api.StreamingQueryStatus.Restored;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.EnsureChildren;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.Promote;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.reconcile.SlotDecision.Completed;
import dev.millrace.operator.reconcile.SlotDecision.Failed;
import dev.millrace.operator.reconcile.SlotDecision.Processing;
import dev.millrace.operator.reconcile.SlotDecision.Silent;
import dev.millrace.operator.reconcile.SlotDecision.State;
import dev.millrace.operator.reconcile.SlotDecision.TakenBack;
import dev.millrace.operator.reconcile.SlotDecision.Unready;
import dev.millrace.operator.resources.Names;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * What to do about one slot that is to run: which incarnation, and on which volume. The pod of the last number as long as it
 * lives; then the next one, on the same volume when the old containers have ended, on a new one when the node is lost and the
 * state is stored elsewhere.
 */
final class SlotDecider {

    /** A pod that waits longer for the volume of an old node than this gets a new one. */
    private static final Duration UNSCHEDULED = Duration.ofSeconds(60);

    private static final Duration RAN_WELL = Duration.ofSeconds(60);

    /** What a pod waits for when its disk has no room. */
    static final String VOLUME_FULL = "VolumeFull";

    /** How often a pod of a lost node asks whether it is its turn. */
    private static final Duration TURN = Duration.ofSeconds(5);

    private static final Duration SILENCE = Duration.ofSeconds(10);

    private static final Duration MAX_BACK_OFF = Duration.ofMinutes(5);

    /** What more room in the cluster would mend. */
    private static final Set<String> NO_ROOM = Set.of("Unschedulable", "VolumeNotBound");

    /** How long a slot waits for room before another one's pod runs it. */
    private static final Duration NO_ROOM_FOR = Duration.ofSeconds(10);

    private static final Set<String> CRASHES = Set.of("CrashLoop", "OutOfMemory");

    private final Observed seen;
    private final Wish wish;
    private final List<PodView> pods;
    private final List<Action> actions = new ArrayList<>();
    private final List<Notice> notices = new ArrayList<>();
    private final Recheck recheck;
    private Slot slot;
    private boolean proven;
    private boolean takesOver;
    private Optional<EngineView> answering = Optional.empty();

    /**
     * What is wanted of a slot.
     *
     * @param slot as the status has it
     * @param version that its next pod is to run
     * @param replaces whether a living pod of another version is to end for it
     * @param trialSince from when the version is on trial; empty where there is none to go back to
     * @param takeOvers how many pods of lost nodes, of all queries, were replaced just now
     * @param decided the slots before it, as they are to be
     */
    record Wish(
            Slot slot,
            String version,
            boolean replaces,
            Optional<Instant> trialSince,
            int takeOvers,
            List<Slot> decided) {}

    /** Another pod in the place of one that lives, on another node if there is one. */
    static SlotDecision replace(Observed seen, Wish wish, PodView pod) {
        SlotDecider decider = new SlotDecider(seen, wish);
        Optional<State> taken = decider.takeOver(pod);
        if (taken.isPresent()) {
            return decider.decision(taken.get());
        }
        decider.end(pod);
        decider.slot = decider.slot.withClaim(null);
        return decider.decision(decider.startIncarnation(pod.node()));
    }

    private SlotDecider(Observed seen, Wish wish) {
        this.seen = seen;
        this.recheck = new Recheck(seen);
        this.wish = wish;
        this.slot = wish.slot();
        this.pods = seen.pods(slot.slot());
    }

    static SlotDecision decide(Observed seen, Wish wish) {
        SlotDecider decider = new SlotDecider(seen, wish);
        return decider.decision(decider.run());
    }

    private SlotDecision decision(State state) {
        return new SlotDecision(slot, state, proven, actions, notices, recheck.time(), takesOver, answering);
    }

    /** The pod of a slot's last incarnation. */
    static Optional<PodView> last(Observed seen, Slot slot) {
        return seen.pods(slot.slot()).stream()
                .filter(pod -> pod.incarnation() == slot.incarnation())
                .findFirst();
    }

    /** Why a pod waits for room in the cluster; empty for one that does not. */
    static Optional<Trouble> noRoom(PodView pod) {
        return pod.trouble().filter(trouble -> NO_ROOM.contains(trouble.reason()));
    }

    /** Ends a pod; a guest ends when its host is told of it no more. */
    private void end(PodView pod) {
        if (pod.isGuest()) {
            slot = slot.withoutHost();
        } else {
            actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        }
    }

    private State run() {
        Optional<PodView> live = last(seen, slot);
        if (live.isEmpty()) {
            return untold().or(() -> takeOver(null)).orElseGet(this::nextIncarnation);
        }
        PodView pod = live.get();
        if (pod.isGuest() && !slot.isHosted()) {
            if (pod.ended() || recheck.isLost(pod)) {
                return nextIncarnation();
            }
            return new Unready("Starting", "Starting", "the pod " + pod.host() + " gives the slot back");
        }
        Optional<EngineOutcome> outcome = pod.outcome();
        if (outcome.filter(o -> o.end().equals("Superseded")).isPresent()) {
            slot = slot.withIncarnation(
                    Math.max(slot.incarnation(), outcome.get().incarnation()));
            return takeOver(pod).orElseGet(this::nextIncarnation);
        }
        boolean other = !pod.version().equals(wish.version());
        if (other && (wish.replaces() || pod.ended())) {
            return replace(pod);
        }
        Optional<State> taken = Standbys.isDue(seen, pod, recheck) ? takeOver(pod) : replaced(pod);
        if (taken.isPresent()) {
            return taken.get();
        }
        Optional<String> overburdened = pod.isGuest() ? Hosts.trouble(seen, slot, pod) : Optional.empty();
        if (overburdened.isPresent()) {
            notices.add(notice(true, "HostOverburdened", overburdened.get() + "; the slot waits for a pod of its own"));
            slot = slot.withFailedHost(Decider.time(seen.now()));
            return nextIncarnation();
        }
        if (pod.ended()) {
            return ended(pod);
        }
        if (recheck.isLost(pod)) {
            return nodeLost(pod);
        }
        if (pod.deleting()) {
            return new Unready(
                    "Starting", "PodDeleted", "the pod " + pod.name() + " was deleted; the next one follows it");
        }
        return watch(pod);
    }

    // ---------------------------------------------------------------- a standby

    private Optional<State> takeOver(PodView before) {
        return takeOver(before, Optional.empty());
    }

    /**
     * The standby goes on, if there is one that can at once.
     *
     * @param before the pod that it follows; null where that is gone
     * @param why it does where that one could; empty for one that cannot
     */
    private Optional<State> takeOver(PodView before, Optional<String> why) {
        Optional<PodView> standby = Standbys.ready(seen, slot, wish.version());
        if (standby.isEmpty()) {
            return Optional.empty();
        }
        PodView next = standby.get();
        if (before != null && !before.deleting() && !before.ended()) {
            end(before);
        }
        actions.add(new Promote(next.name(), next.resourceVersion(), next.incarnation()));
        notices.add(notice(
                why.isEmpty(),
                why.isEmpty() ? "StandbyTakesOver" : "Replaced",
                "pod " + next.name() + " takes over from " + (before == null ? "the one before" : before.name())
                        + why.map(text -> ", as " + text).orElse("")));
        int failures = slot.failures() == null ? 0 : slot.failures();
        slot = new Slot(
                slot.slot(),
                next.name(),
                next.node(),
                next.incarnation(),
                slot.keyGroups(),
                next.claim(),
                failures + 1,
                Decider.time(seen.now()),
                null,
                slot.behind(),
                null,
                null,
                slot.hostFailedAt());
        return Optional.of(new Unready("Restoring", "TakingOver", "the standby " + next.name() + " takes over"));
    }

    /** The standby goes on that has what this pod cannot be given. */
    private Optional<State> replaced(PodView pod) {
        Optional<String> why = Replacements.of(seen, recheck)
                .filter(due -> due.ready(pod, slot, wish.version()).isPresent())
                .map(due -> due.why(pod));
        return why.isEmpty() ? Optional.empty() : takeOver(pod, why);
    }

    private State replace(PodView pod) {
        slot = slot.withFailures(0);
        if (pod.ended() || recheck.isLost(pod)) {
            return nextIncarnation();
        }
        if (!pod.deleting()) {
            end(pod);
            notices.add(notice(false, "Upgrading", "pod " + pod.name() + " stops for version " + wish.version()));
        }
        return new Unready("Upgrading", "Upgrading", "the pod of the version before writes its last checkpoint");
    }

    private State ended(PodView pod) {
        EngineOutcome outcome = pod.outcome().orElse(new EngineOutcome("Stopped", "", "", 0));
        return switch (outcome.end()) {
            case "Completed" -> {
                proven = true;
                yield new Completed();
            }
            case "Failed" -> new Failed(outcome);
            default -> nextIncarnation();
        };
    }

    // ---------------------------------------------------------------- a pod that lives

    /** From what it and Kubernetes say to what the user sees. */
    private State watch(PodView pod) {
        if (pod.standby()) { // the status says so already
            actions.add(new Promote(pod.name(), pod.resourceVersion(), pod.incarnation()));
        }
        EngineView engine = seen.engines().get(pod.name());
        boolean answers = engine != null && engine.answers() && engine.progress() != null;
        if (answers) {
            answering = Optional.of(engine);
            return answering(pod, engine.progress());
        }
        proven = pod.ready(); // Kubernetes sees rows being processed, whether we reach the pod or not
        State state = silent(pod, engine);
        return proven ? state : judge(pod, engine).orElse(state);
    }

    /** A new version has its time from the start of its pod, and must have been asked for a while. */
    private Optional<State> judge(PodView pod, EngineView engine) {
        if (wish.trialSince().isEmpty()) {
            return Optional.empty();
        }
        Instant deadline = pod.created().plus(seen.progressTimeout());
        boolean asked = !pod.phase().equals("Running")
                || engine != null && silence(pod, engine).compareTo(SILENCE) > 0;
        if (seen.now().isBefore(deadline)) {
            recheck.at(deadline);
            return Optional.empty();
        }
        if (pod.trouble().isEmpty() && !asked) {
            recheck.in(SILENCE);
            return Optional.empty();
        }
        String why = pod.trouble().map(Trouble::message).orElse("its engine does not answer");
        return Optional.of(new TakenBack(
                "NoProgress", "no progress within " + seen.progressTimeout().toSeconds() + " s: " + why));
    }

    private State answering(PodView pod, EngineProgress engine) {
        boolean ran = seen.status().processes();
        if (engine.running() && engine.incarnation() == pod.incarnation()) {
            proven = true;
            String source = engine.restoredFrom() == null ? "New" : engine.restoredFrom();
            Restored restored = new Restored(source, rounded(engine.restoreSeconds()));
            boolean first = !restored.equals(slot.restore());
            slot = new Slot(
                    slot.slot(),
                    pod.podName(),
                    pod.node(),
                    pod.incarnation(),
                    engine.keyGroups() == null ? all() : engine.keyGroups(),
                    pod.isGuest() ? null : pod.claim(),
                    0,
                    slot.startedAt(),
                    restored,
                    slot.behind(),
                    slot.standby(),
                    slot.hosted(),
                    slot.hostFailedAt());
            if (first && !source.equals("New")) {
                notices.add(notice(
                        false,
                        "RestoredFrom",
                        "pod " + pod.name() + " goes on from " + source.toLowerCase(Locale.ROOT) + " after "
                                + rounded(engine.restoreSeconds()) + " s"));
            }
            return new Processing();
        }
        if ("waiting".equals(engine.phase())) {
            String reason = VOLUME_FULL.equals(engine.code()) ? VOLUME_FULL : "Waiting";
            if (reason.equals(VOLUME_FULL)) {
                notices.add(notice(true, VOLUME_FULL, "pod " + pod.name() + ": " + engine.message()));
            }
            return new Unready(ran ? "Running" : "Starting", reason, engine.message());
        }
        return "replaying".equals(engine.phase())
                ? new Unready("Restoring", "Restoring", "epochs are being computed again")
                : new Unready("Starting", "Starting", "the engine opens its state and the log");
    }

    private String all() {
        int count = seen.keyGroups();
        return "0-" + (count - 1);
    }

    private State silent(PodView pod, EngineView engine) {
        if (pod.trouble().isPresent()) {
            return troubled(pod, pod.trouble().get());
        }
        boolean answered = engine != null && engine.progress() != null;
        if (answered && silence(pod, engine).compareTo(SILENCE) > 0) {
            recheck.in(Duration.ofSeconds(5));
            return new Unready("Running", "EngineSilent", "pod " + pod.name() + " does not answer");
        }
        if (answered && engine.progress().running() && slot.restore() != null) {
            recheck.in(Duration.ofSeconds(5));
            return new Silent();
        }
        if (pod.isGuest()) {
            return guest(pod);
        }
        if (pod.phase().equals("Pending")
                && !pod.claim().equals(pod.name())
                && seen.hasStore()
                && waitedForVolume(pod)) {
            return elsewhere(pod);
        }
        return new Unready("Starting", "Starting", "the pod " + pod.name() + " starts");
    }

    private State troubled(PodView pod, Trouble trouble) {
        Optional<State> hosted = noRoom(pod).flatMap(room -> host(pod, room));
        if (hosted.isPresent()) {
            return hosted.get();
        }
        String message = "pod " + pod.name() + ": " + trouble.message();
        notices.add(notice(true, trouble.reason(), message));
        if (CRASHES.contains(trouble.reason()) && ranWell()) {
            actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        } else if (trouble.reason().equals("Unschedulable")
                && !pod.claim().equals(pod.name())
                && seen.hasStore()
                && waitedForVolume(pod)) {
            return elsewhere(pod);
        }
        return new Unready("Starting", trouble.reason(), message);
    }

    // ---------------------------------------------------------------- no room

    /**
     * The slot runs in the pod of another one meanwhile, where it has run before: others wait for it. Its next pod is one that
     * follows, and takes it back when there is room.
     */
    private Optional<State> host(PodView pod, Trouble trouble) {
        Instant due = pod.created().plus(NO_ROOM_FOR);
        boolean joined = slot.keyGroups() != null && wish.trialSince().isEmpty() && seen.hasStore();
        if (!joined || pod.deleting()) {
            return Optional.empty();
        }
        Instant again = Hosts.again(slot);
        if (seen.now().isBefore(due) || seen.now().isBefore(again)) {
            recheck.at(due);
            recheck.at(again);
            return Optional.empty();
        }
        Optional<PodView> host = Hosts.find(seen, wish.decided(), slot, wish.version());
        if (host.isEmpty()) {
            return Optional.empty();
        }
        String name = host.get().name();
        notices.add(notice(
                true,
                "SlotHosted",
                "the pod " + name + " runs the slot too, as pod " + pod.name() + " has no room: " + trouble.message()));
        long incarnation = Standbys.nextIncarnation(seen, slot);
        actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        int failures = slot.failures() == null ? 0 : slot.failures();
        slot = new Slot(
                slot.slot(),
                name,
                host.get().node(),
                incarnation,
                slot.keyGroups(),
                null,
                failures + 1,
                Decider.time(seen.now()),
                null,
                slot.behind(),
                slot.standby(),
                true,
                slot.hostFailedAt());
        return Optional.of(hosted());
    }

    /** One that its host says nothing of for long, though it does answer, is not there. */
    private State guest(PodView pod) {
        EngineView host = seen.engines().get(pod.host());
        Instant due = Instant.parse(slot.startedAt()).plus(UNSCHEDULED);
        if (host == null || !host.answers()) {
            recheck.in(TURN);
        } else if (!seen.now().isBefore(due)) {
            return nextIncarnation();
        }
        recheck.at(due);
        return hosted();
    }

    /** A host that is to be told still, where that was decided and did not come about. */
    private Optional<State> untold() {
        Instant due = slot.isHosted() ? Instant.parse(slot.startedAt()).plus(UNSCHEDULED) : Instant.MIN;
        boolean lives = seen.pods().stream()
                .anyMatch(pod -> pod.name().equals(slot.pod())
                        && !pod.ended()
                        && !pod.deleting()
                        && seen.lostAt(pod).isEmpty());
        if (!seen.now().isBefore(due) || !lives) {
            return Optional.empty();
        }
        for (PodView pod : pods) {
            if (!pod.isGuest() && !pod.standby() && !pod.deleting()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        recheck.at(due);
        return Optional.of(hosted());
    }

    private State hosted() {
        return new Unready("Restoring", "Hosted", "the pod " + slot.pod() + " begins to run the slot too");
    }

    /** A pod that ran for a while need not wait for as long as Kubernetes makes a crashed container wait: the next one starts. */
    private boolean ranWell() {
        return slot.failures() != null
                && slot.failures() == 0
                && slot.startedAt() != null
                && Duration.between(Instant.parse(slot.startedAt()), seen.now()).compareTo(RAN_WELL) > 0;
    }

    /** The volume may lie on a node that is gone or full, or still hang on another one. */
    private boolean waitedForVolume(PodView pod) {
        return recheck.isOver(pod.created(), UNSCHEDULED);
    }

    private State elsewhere(PodView pod) {
        actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        slot = slot.withClaim(null);
        return startIncarnation(null);
    }

    private Duration silence(PodView pod, EngineView engine) {
        Instant last = engine == null ? pod.created() : engine.lastAnswer();
        return Duration.between(last, seen.now());
    }

    // ---------------------------------------------------------------- nodes

    private State nodeLost(PodView pod) {
        if (!seen.hasStore()) {
            notices.add(notice(true, "NodeLost", "node " + pod.node() + " does not answer; the query waits for it"));
            return new Unready(
                    "Pending",
                    "NodeLost",
                    "node " + pod.node() + " does not answer, and the state is only on its volume " + pod.claim()
                            + ": the query waits for the node. A query that writes to Kafka keeps its checkpoints there");
        }
        if (wish.takeOvers() >= TakeOvers.AT_ONCE) {
            recheck.in(TURN);
            return new Unready(
                    "Pending",
                    Decision.NODE_LOST,
                    "node " + pod.node() + " does not answer; the pod is replaced elsewhere when its turn comes, "
                            + TakeOvers.AT_ONCE + " at once");
        }
        notices.add(notice(
                true,
                Decision.NODE_LOST,
                "node " + pod.node() + " does not answer; pod " + pod.name() + " is replaced elsewhere"));
        if (!pod.deleting()) {
            end(pod);
        }
        slot = slot.withClaim(null);
        takesOver = true;
        return startIncarnation(null);
    }

    // ---------------------------------------------------------------- incarnations

    /** The next pod, once the volume is free and the back-off is over. */
    private State nextIncarnation() {
        slot = slot.withoutHost();
        Optional<PodView> holder = pods.stream()
                .filter(pod -> pod.claim().equals(slot.claim()) && !pod.ended())
                .findFirst();
        if (holder.isPresent() && recheck.isLost(holder.get()) && seen.hasStore()) {
            slot = slot.withClaim(null);
        } else if (holder.isPresent()) {
            return new Unready("Starting", "VolumeInUse", "pod " + holder.get().name() + " still holds the volume");
        }
        int failures = slot.failures() == null ? 0 : slot.failures();
        if (failures > 0 && neverStarts()) {
            Optional<Condition> ready = Conditions.find(seen.status().conditions(), Conditions.READY);
            return new TakenBack(
                    "NoProgress",
                    "no pod of it came to life within "
                            + seen.progressTimeout().toSeconds() + " s"
                            + ready.map(condition -> ": " + condition.message()).orElse(""));
        }
        if (failures > 0 && slot.startedAt() != null) {
            long seconds = Math.min(MAX_BACK_OFF.toSeconds(), 1L << Math.min(failures, 20));
            Instant due = Instant.parse(slot.startedAt()).plusSeconds(seconds);
            if (seen.now().isBefore(due)) {
                recheck.at(due);
                return backOff(failures, due);
            }
        }
        return startIncarnation(null);
    }

    /** A version that was never seen running, after its time, where another one was. */
    private boolean neverStarts() {
        return wish.trialSince()
                .filter(since -> !seen.now().isBefore(since.plus(seen.progressTimeout())))
                .isPresent();
    }

    /** What the API server said about the last pod says more than that there was one. */
    private State backOff(int failures, Instant due) {
        return Conditions.refusal(seen.status().conditions())
                .map(refusal -> new Unready("Starting", refusal.reason(), refusal.message()))
                .orElseGet(() -> new Unready(
                        "Starting",
                        "BackingOff",
                        failures + " incarnations in a row committed nothing; the next one starts at "
                                + Decider.time(due)));
    }

    private State startIncarnation(String avoided) {
        long incarnation = Standbys.nextIncarnation(seen, slot);
        String name = Names.pod(seen.identity().name(), slot.slot(), incarnation);
        boolean reuse = slot.claim() != null
                && seen.claims().stream().anyMatch(claim -> claim.name().equals(slot.claim()));
        String claim = reuse ? slot.claim() : name;
        actions.add(new EnsureChildren(wish.version().equals(seen.wanted().name()) ? seen.wanted() : null));
        if (!reuse) {
            actions.add(new CreateClaim(claim, slot.slot()));
        }
        actions.add(new CreatePod(slot.slot(), incarnation, claim, wish.version(), avoided, false));
        int failures = slot.failures() == null ? 0 : slot.failures();
        slot = new Slot(
                slot.slot(),
                name,
                null,
                incarnation,
                slot.slot() == 0 && slot.keyGroups() == null ? all() : slot.keyGroups(),
                claim,
                failures + 1,
                Decider.time(seen.now()),
                null,
                slot.behind(),
                slot.standby(),
                null,
                slot.hostFailedAt());
        boolean upgrading = "Upgrading".equals(seen.status().phase());
        return new Unready(upgrading ? "Upgrading" : "Starting", "Starting", "the pod " + name + " starts");
    }

    private Notice notice(boolean warning, String reason, String message) {
        return new Notice(warning, reason, message, "slot " + slot.slot());
    }

    private static Double rounded(Double seconds) {
        return seconds == null ? null : Math.round(seconds * 10) / 10.0;
    }
}
