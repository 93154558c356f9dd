package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.Condition;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.EnsureChildren;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.SetFinalizer;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.resources.Names;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What to do about one query. The rules, in the order in which they are asked:
 *
 * <ol>
 *   <li>Which version is to run: the one that the spec asks for, unless the compiler refuses it, its plan is another one than
 *       the state was written by, or it was taken back already. Then the one that runs goes on, and conditions say why.
 *   <li>Whether a pod is to run at all: not while suspended.
 *   <li>Which incarnation: the pod of the last number as long as it lives; then the next one, on the same volume when the
 *       old containers have ended, on a new one when the node is lost and the state is stored elsewhere.
 * </ol>
 */
final class Decider {

    /** A pod that waits longer for the volume of an old node than this gets a new one. */
    private static final Duration UNSCHEDULED = Duration.ofSeconds(60);

    private static final Duration REFUSED_RETRY = Duration.ofSeconds(5);
    private static final Set<String> REFUSALS = Set.of("NotAccepted", "NameTaken");
    private static final Duration SAVEPOINT_RETRY = Duration.ofSeconds(10);
    private static final Duration COMPILER_RETRY = Duration.ofSeconds(30);
    private static final Duration RAN_WELL = Duration.ofSeconds(60);

    /** How long an engine may not answer before that is shown. */
    private static final Duration TURN = Duration.ofSeconds(5);

    /** What a pod waits for when its disk has no room. */
    private static final String VOLUME_FULL = "VolumeFull";

    private static final Duration SILENCE = Duration.ofSeconds(10);

    private static final Duration MAX_BACK_OFF = Duration.ofMinutes(5);

    private final Observed seen;
    private final StreamingQueryStatus status;
    private final Conditions conditions;
    private final List<Action> actions = new ArrayList<>();
    private final List<Notice> notices = new ArrayList<>();
    private Duration recheck;
    private String phase;
    private VersionChoice choice;
    private Slot slot;
    private Optional<EngineProgress> progress = Optional.empty();

    private Decider(Observed seen) {
        this.seen = seen;
        this.status = seen.status();
        this.conditions = new Conditions(status.conditions(), seen.identity().generation(), seen.now());
        this.phase = status.phase() == null ? "Pending" : status.phase();
        this.choice = VersionChoice.before(status);
        this.slot = status.slots() == null || status.slots().isEmpty()
                ? Slot.unused()
                : status.slots().get(0);
    }

    /** A decision that the API server did not take: what it said is shown until it does. */
    static Decision refused(Observed seen, Decision decision, String reason, String message) {
        Conditions conditions =
                new Conditions(decision.status().conditions(), seen.identity().generation(), seen.now());
        decision.status().conditions().forEach(condition -> conditions.keep(condition.type()));
        conditions.set(Conditions.READY, false, reason, message);
        conditions.set(Conditions.RECONCILING, true, reason, message);
        return new Decision(
                decision.status().withConditions(conditions.list()),
                List.of(),
                List.of(new Notice(true, reason, message)),
                Optional.of(REFUSED_RETRY));
    }

    static Decision decide(Observed seen) {
        return new Decider(seen).decide();
    }

    private Decision decide() {
        if (seen.identity().deletedAt().isPresent()) {
            return Deletion.decide(seen);
        }
        if (seen.identity().paused()) {
            List.of(Conditions.READY, Conditions.STALLED, Conditions.UP_TO_DATE, Conditions.DURABLE)
                    .forEach(conditions::keep);
            conditions.set(
                    Conditions.RECONCILING,
                    false,
                    "Paused",
                    "the annotation " + Names.PAUSED + " asks to leave it alone");
            return new Decision(status.withConditions(conditions.list()), List.of(), List.of(), Optional.empty());
        }
        boolean needsFinalizer = seen.writesToKafka() && !seen.retains();
        if (needsFinalizer != seen.identity().finalizer()) {
            actions.add(new SetFinalizer(needsFinalizer));
        }
        if (seen.verdict().isEmpty()) {
            conditions.set(Conditions.RECONCILING, true, "Compiling", "the SQL is being compiled");
            conditions.set(Conditions.STALLED, false, "Compiling", "");
            conditions.keep(Conditions.UP_TO_DATE);
            conditions.keep(Conditions.DURABLE);
            conditions.keep(Conditions.READY);
            if (Conditions.find(conditions.list(), Conditions.READY).isEmpty() && !seen.suspended()) {
                conditions.set(Conditions.READY, false, "Compiling", "the SQL is being compiled");
            }
            return finish();
        }
        choice = VersionChoice.choose(seen, seen.verdict().get(), conditions, notices);
        if (choice.forgotten()) {
            slot = slot.withClaim(null).withFailures(0);
        }
        if (seen.savepoint()
                .flatMap(
                        wish -> wish.trouble(seen.wanted(), seen.verdict().get().planId()))
                .isPresent()) {
            recheckIn(SAVEPOINT_RETRY);
        }
        if (Compilers.gaveNone(seen.verdict().get())) {
            recheckIn(COMPILER_RETRY);
        }
        if (choice.target() == null) {
            phase = "Failed";
            conditions.set(Conditions.READY, false, "NotStarted", "nothing runs: see Stalled");
            conditions.set(Conditions.RECONCILING, false, "Stalled", "");
        } else if (seen.suspended()) {
            suspend();
        } else {
            run();
        }
        Standing.scalable(seen, conditions);
        Standing.durable(seen, progress, conditions, notices);
        Volumes.growth(seen, slot.claim(), progress, notices).ifPresent(actions::add);
        if (phase.equals("Running") && progress.isPresent()) {
            actions.addAll(Sweep.of(seen, choice, slot, progress.get().checkpointEpoch() != null));
        }
        return finish();
    }

    // ---------------------------------------------------------------- pods

    private void suspend() {
        for (PodView pod : seen.pods()) {
            if (!pod.deleting()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        boolean gone = seen.pods().stream().allMatch(pod -> pod.ended() || lost(pod));
        phase = "Suspended";
        conditions.set(
                Conditions.RECONCILING,
                !gone,
                gone ? "Suspended" : "Suspending",
                gone ? "" : "the last checkpoint is being written");
    }

    private void run() {
        Optional<PodView> live = seen.pods().stream()
                .filter(pod -> pod.incarnation() == slot.incarnation())
                .findFirst();
        if (live.isEmpty()) {
            nextIncarnation();
            return;
        }
        PodView pod = live.get();
        Optional<EngineOutcome> outcome = pod.outcome();
        if (outcome.filter(o -> o.end().equals("Superseded")).isPresent()) {
            slot = slot.withIncarnation(
                    Math.max(slot.incarnation(), outcome.get().incarnation()));
            nextIncarnation();
        } else if (!pod.version().equals(choice.target().config())) {
            replace(pod);
        } else if (pod.ended()) {
            ended(pod);
        } else if (lost(pod)) {
            nodeLost(pod);
        } else if (pod.deleting()) {
            unready("Starting", "PodDeleted", "the pod " + pod.name() + " was deleted; the next one follows it");
        } else {
            watch(pod);
        }
    }

    private void replace(PodView pod) {
        slot = slot.withFailures(0);
        if (pod.ended() || lost(pod)) {
            nextIncarnation();
            return;
        }
        if (!pod.deleting()) {
            actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            notices.add(new Notice(
                    false,
                    "Upgrading",
                    "pod " + pod.name() + " stops for version "
                            + choice.target().config()));
        }
        unready("Upgrading", "Upgrading", "the pod of the version before writes its last checkpoint");
    }

    private void ended(PodView pod) {
        EngineOutcome outcome = pod.outcome().orElse(new EngineOutcome("Stopped", "", "", 0));
        switch (outcome.end()) {
            case "Completed" -> {
                phase = "Completed";
                choice = choice.proven();
                conditions.set(Conditions.READY, true, "Completed", "all input was processed");
                conditions.set(Conditions.RECONCILING, false, "Completed", "");
            }
            case "Failed" -> failed(pod, outcome);
            default -> nextIncarnation();
        }
    }

    private void failed(PodView pod, EngineOutcome outcome) {
        if (choice.lastGood() != null && !choice.isProven()) {
            choice = choice.rolledBack(
                    seen, outcome.code(), outcome.code() + ": " + outcome.message(), conditions, notices);
            replace(pod);
            return;
        }
        if (choice.canGoBack(outcome)) {
            choice = choice.wentBack(seen, outcome, conditions, notices);
            slot = slot.withClaim(null).withFailures(0);
            unready("Starting", "RestoreFailed", "the query goes back to the state before the restore");
            recheckIn(Duration.ofMillis(100));
            return;
        }
        phase = "Failed";
        conditions.set(Conditions.STALLED, true, outcome.code(), outcome.message());
        conditions.set(Conditions.READY, false, outcome.code(), outcome.message());
        conditions.set(Conditions.RECONCILING, false, "Stalled", "");
        notices.add(new Notice(true, outcome.code(), outcome.message()));
    }

    /** A pod that lives: from what it and Kubernetes say to what the user sees. */
    private void watch(PodView pod) {
        EngineView engine = seen.engines().get(pod.name());
        boolean answers = engine != null && engine.answers() && engine.progress() != null;
        if (answers) {
            progress = Optional.of(engine.progress());
            answering(pod, engine.progress());
        } else {
            silent(pod, engine);
        }
        if (!answers && pod.ready()) {
            choice = choice.proven(); // Kubernetes sees rows being processed, whether we reach the pod or not
        }
        if (!choice.isProven() && choice.lastGood() != null && !answers) {
            judge(pod, engine);
        }
    }

    /** A new version has its time from the start of its pod, and must have been asked for a while. */
    private void judge(PodView pod, EngineView engine) {
        Instant deadline = pod.created().plus(seen.progressTimeout());
        boolean asked = !pod.phase().equals("Running")
                || engine != null && silence(pod, engine).compareTo(SILENCE) > 0;
        if (seen.now().isBefore(deadline)) {
            recheckAt(deadline);
        } else if (pod.trouble().isEmpty() && !asked) {
            recheckIn(SILENCE);
        } else {
            String why = pod.trouble().map(Trouble::message).orElse("its engine does not answer");
            choice = choice.rolledBack(
                    seen,
                    "NoProgress",
                    "no progress within " + seen.progressTimeout().toSeconds() + " s: " + why,
                    conditions,
                    notices);
            replace(pod);
        }
    }

    private void answering(PodView pod, EngineProgress engine) {
        if (engine.running() && engine.incarnation() == pod.incarnation()) {
            boolean first = !"Running".equals(status.phase());
            choice = choice.proven();
            phase = "Running";
            String source = engine.restoredFrom() == null ? "New" : engine.restoredFrom();
            slot = new Slot(
                    0,
                    pod.name(),
                    pod.node(),
                    pod.incarnation(),
                    keyGroups(),
                    pod.claim(),
                    0,
                    slot.startedAt(),
                    new StreamingQueryStatus.Restored(source, rounded(engine.restoreSeconds())));
            if (first && !source.equals("New")) {
                notices.add(new Notice(
                        false,
                        "RestoredFrom",
                        "pod " + pod.name() + " goes on from " + source.toLowerCase(java.util.Locale.ROOT) + " after "
                                + rounded(engine.restoreSeconds()) + " s"));
            }
            conditions.set(Conditions.READY, true, "Processing", "rows are being processed");
            conditions.set(Conditions.RECONCILING, false, "AsWanted", "");
        } else if ("waiting".equals(engine.phase())) {
            String reason = VOLUME_FULL.equals(engine.code()) ? VOLUME_FULL : "Waiting";
            unready("Running".equals(status.phase()) ? "Running" : "Starting", reason, engine.message());
            if (reason.equals(VOLUME_FULL)) {
                notices.add(new Notice(true, VOLUME_FULL, "pod " + pod.name() + ": " + engine.message()));
            }
        } else {
            boolean replaying = "replaying".equals(engine.phase());
            unready(
                    replaying ? "Restoring" : "Starting",
                    replaying ? "Restoring" : "Starting",
                    replaying ? "epochs are being computed again" : "the engine opens its state and the log");
        }
    }

    private String keyGroups() {
        int count = seen.spec().at("/state/keyGroups").asInt(dev.millrace.api.StreamingQuery.DEFAULT_KEY_GROUPS);
        return "0-" + (count - 1);
    }

    private void silent(PodView pod, EngineView engine) {
        Duration silence = silence(pod, engine);
        if (pod.trouble().isPresent()) {
            Trouble trouble = pod.trouble().get();
            unready("Starting", trouble.reason(), "pod " + pod.name() + ": " + trouble.message());
            notices.add(new Notice(true, trouble.reason(), "pod " + pod.name() + ": " + trouble.message()));
            boolean crashed =
                    trouble.reason().equals("CrashLoop") || trouble.reason().equals("OutOfMemory");
            if (crashed && ranWell()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            } else if (trouble.reason().equals("Unschedulable") && !pod.claim().equals(pod.name()) && seen.hasStore()) {
                unschedulable(pod);
            }
        } else if (silence.compareTo(SILENCE) > 0 && engine != null && engine.progress() != null) {
            unready("Running", "EngineSilent", "pod " + pod.name() + " does not answer");
            recheckIn(Duration.ofSeconds(5));
        } else if (conditionIsTrue(Conditions.READY) && engine != null && engine.progress() != null) {
            conditions.keep(Conditions.READY);
            conditions.set(Conditions.RECONCILING, false, "AsWanted", "");
            recheckIn(Duration.ofSeconds(5));
        } else {
            unready("Starting", "Starting", "the pod " + pod.name() + " starts");
            if (pod.phase().equals("Pending") && !pod.claim().equals(pod.name()) && seen.hasStore()) {
                unschedulable(pod);
            }
        }
    }

    /** A pod that ran for a while need not wait for as long as Kubernetes makes a crashed container wait: the next one starts. */
    private boolean ranWell() {
        return slot.failures() != null
                && slot.failures() == 0
                && slot.startedAt() != null
                && Duration.between(Instant.parse(slot.startedAt()), seen.now()).compareTo(RAN_WELL) > 0;
    }

    /** The volume may lie on a node that is gone or full, or still hang on another one. */
    private void unschedulable(PodView pod) {
        Instant deadline = pod.created().plus(UNSCHEDULED);
        if (seen.now().isBefore(deadline)) {
            recheckAt(deadline);
            return;
        }
        actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        slot = slot.withClaim(null);
        startIncarnation();
    }

    private boolean conditionIsTrue(String type) {
        return Conditions.find(status.conditions(), type)
                .filter(condition -> condition.status().equals("True"))
                .isPresent();
    }

    private Duration silence(PodView pod, EngineView engine) {
        Instant last = engine == null ? pod.created() : engine.lastAnswer();
        return Duration.between(last, seen.now());
    }

    // ---------------------------------------------------------------- nodes

    /** The API server has lost its node, and the pod itself has not answered for the time that the user gave. */
    private boolean lost(PodView pod) {
        if (pod.node() == null || pod.ended() || !seen.unreachable().containsKey(pod.node())) {
            return false;
        }
        EngineView engine = seen.engines().get(pod.name());
        boolean silent = engine == null || !engine.answers();
        Instant sign = seen.unreachable().get(pod.node());
        if (engine != null && engine.progress() != null && engine.lastAnswer().isAfter(sign)) {
            sign = engine.lastAnswer();
        }
        Instant deadline = sign.plus(seen.nodeLossTimeout());
        if (silent && seen.now().isBefore(deadline)) {
            recheckAt(deadline);
        }
        return silent && !seen.now().isBefore(deadline);
    }

    private void nodeLost(PodView pod) {
        if (!seen.hasStore()) {
            unready(
                    "Pending",
                    "NodeLost",
                    "node " + pod.node() + " does not answer, and the state is only on its volume " + pod.claim()
                            + ": the query waits for the node. A query that writes to Kafka keeps its checkpoints there");
            notices.add(
                    new Notice(true, "NodeLost", "node " + pod.node() + " does not answer; the query waits for it"));
            return;
        }
        if (seen.recentTakeOvers() >= TakeOvers.AT_ONCE) {
            unready(
                    "Pending",
                    Decision.NODE_LOST,
                    "node " + pod.node() + " does not answer; the pod is replaced elsewhere when its turn comes, "
                            + TakeOvers.AT_ONCE + " at once");
            recheckIn(TURN);
            return;
        }
        notices.add(new Notice(
                true,
                Decision.NODE_LOST,
                "node " + pod.node() + " does not answer; pod " + pod.name() + " is replaced elsewhere"));
        if (!pod.deleting()) {
            actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        }
        slot = slot.withClaim(null);
        startIncarnation();
    }

    // ---------------------------------------------------------------- incarnations

    /** The next pod, once the volume is free and the back-off is over. */
    private void nextIncarnation() {
        Optional<PodView> holder = seen.pods().stream()
                .filter(pod -> pod.claim().equals(slot.claim()) && !pod.ended())
                .findFirst();
        if (holder.isPresent() && lost(holder.get()) && seen.hasStore()) {
            slot = slot.withClaim(null);
        } else if (holder.isPresent()) {
            unready("Starting", "VolumeInUse", "pod " + holder.get().name() + " still holds the volume");
            return;
        }
        int failures = slot.failures() == null ? 0 : slot.failures();
        if (failures > 0 && neverStarts()) {
            Optional<Condition> ready = Conditions.find(status.conditions(), Conditions.READY);
            choice = choice.rolledBack(
                    seen,
                    "NoProgress",
                    "no pod of it came to life within "
                            + seen.progressTimeout().toSeconds() + " s"
                            + ready.map(condition -> ": " + condition.message()).orElse(""),
                    conditions,
                    notices);
            failures = 0;
            slot = slot.withFailures(0);
        }
        if (failures > 0 && slot.startedAt() != null) {
            long seconds = Math.min(MAX_BACK_OFF.toSeconds(), 1L << Math.min(failures, 20));
            Instant due = Instant.parse(slot.startedAt()).plusSeconds(seconds);
            if (seen.now().isBefore(due)) {
                recheckAt(due);
                backOff(failures, due);
                return;
            }
        }
        startIncarnation();
    }

    /** A version that was never seen running, after its time, where another one was. */
    private boolean neverStarts() {
        return choice.lastGood() != null
                && !choice.isProven()
                && !seen.now().isBefore(Instant.parse(choice.target().since()).plus(seen.progressTimeout()));
    }

    /** What the API server said about the last pod says more than that there was one. */
    private void backOff(int failures, Instant due) {
        boolean refused = Conditions.find(status.conditions(), Conditions.READY)
                .filter(condition -> REFUSALS.contains(condition.reason()))
                .isPresent();
        if (refused) {
            phase = "Starting";
            conditions.keep(Conditions.READY);
            conditions.keep(Conditions.RECONCILING);
        } else {
            unready(
                    "Starting",
                    "BackingOff",
                    failures + " incarnations in a row committed nothing; the next one starts at " + time(due));
        }
    }

    private void startIncarnation() {
        long incarnation = slot.incarnation() + 1;
        String name = Names.pod(seen.identity().name(), 0, incarnation);
        boolean reuse = slot.claim() != null
                && seen.claims().stream().anyMatch(claim -> claim.name().equals(slot.claim()));
        String claim = reuse ? slot.claim() : name;
        actions.add(
                new EnsureChildren(choice.target().config().equals(seen.wanted().name()) ? seen.wanted() : null));
        if (!reuse) {
            actions.add(new CreateClaim(claim));
        }
        actions.add(new CreatePod(incarnation, claim, choice.target().config()));
        int failures = slot.failures() == null ? 0 : slot.failures();
        slot = new Slot(0, name, null, incarnation, keyGroups(), claim, failures + 1, time(seen.now()), null);
        unready("Upgrading".equals(phase) ? "Upgrading" : "Starting", "Starting", "the pod " + name + " starts");
    }

    private void unready(String newPhase, String reason, String message) {
        phase = newPhase;
        conditions.set(Conditions.READY, false, reason, message);
        conditions.set(Conditions.RECONCILING, true, reason, message);
    }

    // ---------------------------------------------------------------- the result

    private void recheckAt(Instant time) {
        recheckIn(Duration.between(seen.now(), time).plusMillis(50));
    }

    private void recheckIn(Duration time) {
        recheck = recheck == null || time.compareTo(recheck) < 0 ? time : recheck;
    }

    static String time(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    private static Double rounded(Double seconds) {
        return seconds == null ? null : Math.round(seconds * 10) / 10.0;
    }

    private List<String> former() {
        List<String> former = VersionChoice.formerStateIds(choice.stateId(), status);
        return former.isEmpty() ? null : former;
    }

    private Decision finish() {
        boolean ready = Conditions.find(conditions.list(), Conditions.READY)
                .filter(condition -> condition.status().equals("True"))
                .isPresent();
        StreamingQueryStatus next = new StreamingQueryStatus(
                seen.identity().generation(),
                phase,
                conditions.list(),
                choice.target() == null ? status.planId() : choice.target().planId(),
                seen.verdict()
                        .filter(Verdict::accepted)
                        .map(Verdict::outputModes)
                        .orElse(status.outputModes()),
                seen.verdict().filter(Verdict::accepted).map(Statuses::warnings).orElse(status.warnings()),
                seen.suspended() || choice.target() == null ? 0 : 1,
                ready && phase.equals("Running") ? 1 : 0,
                Names.selector(seen.identity().name()) + "," + Names.COMPONENT + "=engine",
                slot.incarnation() == 0 ? List.of() : List.of(slot),
                status.lag(),
                status.throughput(),
                status.lateRows(),
                status.malformedRows(),
                Statuses.checkpoint(progress, choice.forgotten() ? null : status.checkpoint()),
                choice.stateId(),
                former(),
                choice.restoredFrom(),
                choice.restoreNonce(),
                choice.restore(),
                status.image() == null ? seen.wanted().pod().image() : status.image(),
                choice.target(),
                choice.lastGood(),
                choice.rejected(),
                status.figuresAt());
        EngineView engine = slot.pod() == null ? null : seen.engines().get(slot.pod());
        StreamingQueryStatus shown = Statuses.withFigures(status, next, progress, engine, seen.now());
        return new Decision(shown, actions, notices, Optional.ofNullable(recheck));
    }
}
