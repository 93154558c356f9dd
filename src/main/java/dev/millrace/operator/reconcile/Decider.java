package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.GuestSlot;
import dev.millrace.api.Scaling;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.Balanced;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Moves;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.StreamingQueryStatus.Volume;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.Promote;
import dev.millrace.operator.reconcile.Decision.SetBudget;
import dev.millrace.operator.reconcile.Decision.SetFinalizer;
import dev.millrace.operator.reconcile.Decision.TellDivision;
import dev.millrace.operator.reconcile.Decision.TellGuests;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecider.Wish;
import dev.millrace.operator.reconcile.SlotDecision.Completed;
import dev.millrace.operator.reconcile.SlotDecision.Failed;
import dev.millrace.operator.reconcile.SlotDecision.Processing;
import dev.millrace.operator.reconcile.SlotDecision.Silent;
import dev.millrace.operator.reconcile.SlotDecision.State;
import dev.millrace.operator.reconcile.SlotDecision.TakenBack;
import dev.millrace.operator.reconcile.SlotDecision.Unready;
import dev.millrace.operator.resources.Names;
import dev.millrace.operator.scaling.ScalingHistory.Look;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * What to do about one query. The rules, in the order in which they are asked:
 *
 * <ol>
 *   <li>Which version is to run: the one that the spec asks for, unless the compiler refuses it, its plan is another one than
 *       the state was written by, or it was taken back already. Then the one that runs goes on, and conditions say why.
 *   <li>Whether pods are to run at all: not while suspended.
 *   <li>Into how many slots it is divided, where key groups go ({@link Balancing}), and which pod runs in each ({@link
 *       SlotDecider}, {@link FurtherSlots}).
 * </ol>
 */
final class Decider {

    private static final Duration REFUSED_RETRY = Duration.ofSeconds(5);
    private static final Duration SAVEPOINT_RETRY = Duration.ofSeconds(10);
    private static final Duration COMPILER_RETRY = Duration.ofSeconds(30);

    /** What does not change while nothing is done. */
    private static final List<String> STANDING =
            List.of(Conditions.UP_TO_DATE, Conditions.DURABLE, Conditions.SCALABLE, Conditions.STANDBY_READY);

    private final Observed seen;
    private Observed wishing;
    private final StreamingQueryStatus status;
    private final Conditions conditions;
    private final List<Action> actions = new ArrayList<>();
    private final List<Notice> notices = new ArrayList<>();
    private final Recheck recheck;
    private String phase;
    private VersionChoice choice;
    private List<Slot> slots;
    private Division division;
    private Balanced balance;
    private List<Volume> volumes;
    private Optional<Look> look = Optional.empty();
    private Scaling scaling;
    private List<SlotDecision> decided = List.of();

    private Decider(Observed seen) {
        this.seen = seen;
        this.wishing = seen;
        this.recheck = new Recheck(seen);
        this.status = seen.status();
        this.conditions = new Conditions(status.conditions(), seen.identity().generation(), seen.now());
        this.phase = status.phase() == null ? "Pending" : status.phase();
        this.choice = VersionChoice.before(status);
        this.slots = status.slots() == null || status.slots().isEmpty() ? List.of(Slot.unused(0, 0)) : status.slots();
        this.division = status.division();
        this.balance = status.balance();
        this.scaling = status.scaling();
    }

    /** A decision that the API server did not take: what it said is shown until it does. */
    static Decision refused(Observed seen, Decision decision, String reason, String message) {
        Conditions conditions =
                new Conditions(decision.status().conditions(), seen.identity().generation(), seen.now());
        decision.status().conditions().forEach(condition -> conditions.keep(condition.type()));
        if (!Conditions.isTrue(decision.status().conditions(), Conditions.READY)) {
            conditions.set(Conditions.READY, false, reason, message);
        }
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
            STANDING.forEach(conditions::keep);
            conditions.keep(Conditions.READY);
            conditions.keep(Conditions.STALLED);
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
            compiling();
            return finish();
        }
        choose(seen.verdict().get());
        if (choice.target() == null) {
            phase = "Failed";
            conditions.set(Conditions.READY, false, "NotStarted", "nothing runs: see Stalled");
            conditions.set(Conditions.RECONCILING, false, "Stalled", "");
        } else if (seen.suspended()) {
            suspend();
        } else {
            run();
        }
        beside();
        return finish();
    }

    private void compiling() {
        conditions.set(Conditions.RECONCILING, true, "Compiling", "the SQL is being compiled");
        conditions.set(Conditions.STALLED, false, "Compiling", "");
        STANDING.forEach(conditions::keep);
        conditions.keep(Conditions.READY);
        if (Conditions.find(conditions.list(), Conditions.READY).isEmpty() && !seen.suspended()) {
            conditions.set(Conditions.READY, false, "Compiling", "the SQL is being compiled");
        }
    }

    private void choose(Verdict verdict) {
        choice = VersionChoice.choose(seen, verdict, conditions, notices);
        if (choice.forgotten()) {
            forget();
        }
        if (seen.savepoint()
                .flatMap(wish -> wish.trouble(seen.wanted(), verdict.planId()))
                .isPresent()) {
            recheck.in(SAVEPOINT_RETRY);
        }
        if (Compilers.gaveNone(verdict)) {
            recheck.in(COMPILER_RETRY);
        }
    }

    /** Another state has volumes of its own, and begins undivided as far as is known. */
    private void forget() {
        slots = slots.stream()
                .map(slot -> slot.slot() == 0
                        ? slot.withClaim(null).withFailures(0).withKeyGroups(null)
                        : Slot.unused(slot.slot(), slot.incarnation()))
                .toList();
        division = null;
    }

    private void suspend() {
        for (PodView pod : seen.pods()) {
            if (!pod.deleting()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        slots = slots.stream().map(slot -> slot.withStandby(null)).toList();
        boolean gone = seen.pods().stream().allMatch(pod -> pod.ended() || recheck.isLost(pod));
        phase = "Suspended";
        conditions.set(
                Conditions.RECONCILING,
                !gone,
                gone ? "Suspended" : "Suspending",
                gone ? "" : "the last checkpoint is being written");
    }

    // ---------------------------------------------------------------- slots

    private void run() {
        adopt();
        divide();
        wishing = seen.wishing(scaling);
        SlotDecision first = first();
        String version = choice.isProven() ? choice.target().config() : choice.lastGood();
        decided = Stragglers.of(wishing, FurtherSlots.decide(wishing, slots, division, version, first), version);
        decided = Standbys.of(wishing, decided, division, version);
        Standing.standby(seen, decided, conditions);
        slots = decided.stream().map(SlotDecision::slot).toList();
        for (SlotDecision slot : decided) {
            actions.addAll(slot.actions());
            notices.addAll(slot.notices());
            slot.recheck().ifPresent(recheck::in);
        }
        if (division != null) {
            tell();
        }
        actions.addAll(Autoscaler.resizes(seen, scaling, recheck));
        shown(decided.get(0).state());
        if (decided.get(0).processes()) {
            shownOfFurther();
        }
    }

    /**
     * What the query's log has and the status does not know of, where a query was made again over a kept state, or has gone back:
     * slots that have a part in it have to run, be it to hand over.
     */
    private void adopt() {
        Optional<EngineProgress> first = SlotDecider.last(seen, slots.get(0))
                .filter(pod -> pod.version().equals(choice.target().config())) // another one may be of another state
                .map(pod -> seen.engines().get(pod.name()))
                .filter(EngineView::answers)
                .map(EngineView::progress)
                .filter(EngineProgress::saysDivision);
        if (first.isEmpty()) {
            return;
        }
        Division theirs = Division.of(first.get().division());
        if (division == null || theirs.version() > division.version()) {
            division = next(seen, theirs, seen.wantedSlots(), theirs.moves());
        }
        List<Slot> all = new ArrayList<>(slots);
        int most = seen.keyGroups();
        for (int member : first.get().members()) {
            while (all.size() <= member && member < most) {
                all.add(Slot.unused(all.size(), 0));
            }
            if (member < most && all.get(member).isUnused()) {
                all.set(member, all.get(member).withKeyGroups(""));
            }
        }
        slots = all;
    }

    /**
     * Another one, later than all before, of this query or one before it.
     *
     * @param before null for none
     */
    static Division next(Observed seen, Division before, int wanted, Moves moves) {
        long least = before == null ? 1 : before.version() + 1;
        return Division.of(Math.max(least, seen.now().getEpochSecond()), wanted, moves);
    }

    /** Into how many slots, and what goes elsewhere than arithmetic has it. */
    private void divide() {
        String target = choice.target().config();
        Optional<String> undivided = seen.undivided(target)
                .or(() -> Optional.ofNullable(choice.lastGood())
                        .filter(before -> !before.equals(target))
                        .flatMap(seen::undivided));
        Standing.scalable(seen, undivided, conditions);
        boolean steady = choice.isProven() && status.processes();
        Autoscaler.Wish wish = Autoscaler.decide(seen, recheck, slots, division, undivided, steady);
        scaling = wish.status();
        look = wish.look();
        notices.addAll(wish.notices());
        int wanted = wish.slots();
        int before = division == null ? 1 : division.slots();
        if (wanted != before) {
            division = next(seen, division, wanted, division == null ? Moves.none() : division.moves());
            balance = null;
            notices.add(new Notice(false, "Rescaling", "the query goes from " + before + " to " + wanted + " slots"));
            return;
        }
        if (division != null && !division.moves().partitions().isEmpty() && somebodyMovesNoPartitions()) {
            division = next(seen, division, wanted, division.moves().ofKeyGroups());
            balance = null;
            notices.add(new Notice(
                    true, "LoadMoved", "partitions go back to their first slots: an engine is too old to move them"));
            return;
        }
        boolean asksNothing = Objects.equals(Autoscaler.asked(status.scaling()), Autoscaler.asked(scaling));
        Balancing.Wish even = Balancing.decide(seen, slots, division, steady && asksNothing);
        division = even.division();
        balance = even.status();
        notices.addAll(even.notices());
    }

    private boolean somebodyMovesNoPartitions() {
        return seen.engines().values().stream()
                .filter(EngineView::answers)
                .anyMatch(engine -> engine.progress().movesNoPartitions());
    }

    /** Those that stay are told into how many slots the query is divided, and which of them to run beside their own. */
    private void tell() {
        Set<String> changed = new HashSet<>(); // those are other objects by then
        for (Action action : actions) {
            if (action instanceof DeletePod pod) {
                changed.add(pod.name());
            } else if (action instanceof Promote standby) {
                changed.add(standby.pod());
            }
        }
        for (PodView pod : seen.pods()) {
            List<GuestSlot> guests = guests(pod);
            if (pod.deleting() || pod.ended() || changed.contains(pod.name())) {
                continue;
            }
            if (!division.text().equals(pod.division())) {
                actions.add(new TellDivision(pod.name(), pod.resourceVersion(), division.text()));
            } else if (!guests.equals(pod.guests())) {
                actions.add(new TellGuests(pod.name(), pod.resourceVersion(), GuestSlot.text(guests)));
            }
        }
    }

    private List<GuestSlot> guests(PodView pod) {
        return slots.stream()
                .filter(slot -> slot.isHosted() && pod.name().equals(slot.pod()))
                .map(slot -> new GuestSlot(slot.slot(), slot.incarnation()))
                .toList();
    }

    /** A version that has failed where another one ran is taken back, and slot 0 asked again. */
    private SlotDecision first() {
        SlotDecision first = decideFirst();
        boolean onTrial = choice.lastGood() != null && !choice.isProven();
        if (first.state() instanceof TakenBack taken) {
            return takenBack(first, taken.reason(), taken.message());
        }
        if (first.state() instanceof Failed failed && onTrial) {
            EngineOutcome outcome = failed.outcome();
            return takenBack(first, outcome.code(), outcome.code() + ": " + outcome.message());
        }
        if (first.state() instanceof Failed failed && choice.canGoBack(failed.outcome())) {
            choice = choice.wentBack(seen, failed.outcome(), conditions, notices);
            forget();
            recheck.in(Duration.ofMillis(100));
            return SlotDecision.of(
                    slots.get(0),
                    new Unready("Starting", "RestoreFailed", "the query goes back to the state before the restore"));
        }
        if (first.proven()) {
            choice = choice.proven();
        }
        return first;
    }

    private SlotDecision takenBack(SlotDecision failed, String reason, String message) {
        notices.addAll(failed.notices());
        choice = choice.rolledBack(seen, reason, message, conditions, notices);
        List<Slot> next = new ArrayList<>(slots);
        next.set(0, failed.slot().withFailures(0));
        slots = next;
        return decideFirst();
    }

    private SlotDecision decideFirst() {
        boolean onTrial = choice.lastGood() != null && !choice.isProven();
        return SlotDecider.decide(
                wishing,
                new Wish(
                        slots.get(0),
                        choice.target().config(),
                        true,
                        onTrial ? Optional.of(Instant.parse(choice.target().since())) : Optional.empty(),
                        seen.recentTakeOvers(),
                        List.of()));
    }

    private void shown(State state) {
        if (state instanceof Processing) {
            phase = "Running";
            conditions.set(Conditions.READY, true, "Processing", Standing.processing(decided));
            conditions.set(Conditions.RECONCILING, false, "AsWanted", "");
        } else if (state instanceof Silent && Conditions.isTrue(status.conditions(), Conditions.READY)) {
            conditions.keep(Conditions.READY);
            conditions.set(Conditions.RECONCILING, false, "AsWanted", "");
        } else if (state instanceof Silent) {
            unready(new Unready(
                    "Starting", "Starting", "the pod " + slots.get(0).pod() + " is asked again"));
        } else if (state instanceof Unready unready) {
            unready(unready);
        } else if (state instanceof Completed) {
            phase = "Completed";
            conditions.set(Conditions.READY, true, "Completed", "all input was processed");
            conditions.set(Conditions.RECONCILING, false, "Completed", "");
        } else if (state instanceof Failed failed) {
            EngineOutcome outcome = failed.outcome();
            phase = "Failed";
            conditions.set(Conditions.STALLED, true, outcome.code(), outcome.message());
            conditions.set(Conditions.READY, false, outcome.code(), outcome.message());
            conditions.set(Conditions.RECONCILING, false, "Stalled", "");
            notices.add(new Notice(true, outcome.code(), outcome.message()));
        }
    }

    private void unready(Unready unready) {
        phase = unready.phase();
        conditions.set(Conditions.READY, false, unready.reason(), unready.message());
        conditions.set(Conditions.RECONCILING, true, unready.reason(), unready.message());
    }

    /** Rows are processed where all slots that have a part in the query do; others are still to come, or to go. */
    private void shownOfFurther() {
        List<SlotDecision> further = decided.subList(1, decided.size());
        Optional<State> failed = further.stream()
                .map(SlotDecision::state)
                .filter(Failed.class::isInstance)
                .findFirst();
        Optional<State> missing = further.stream()
                .filter(slot -> slot.slot().keyGroups() != null && slot.state() instanceof Unready)
                .map(SlotDecision::state)
                .findFirst();
        if (failed.isPresent() || missing.isPresent()) {
            shown(failed.or(() -> missing).get());
            return;
        }
        Optional<Unready> rescaling = Rescaling.of(decided, division, "Rescaling".equals(status.phase()));
        if (rescaling.isPresent()) {
            phase = rescaling.get().phase();
            conditions.set(
                    Conditions.RECONCILING,
                    true,
                    rescaling.get().reason(),
                    rescaling.get().message());
        } else if ("Rescaling".equals(phase)) {
            phase = "Running";
        }
    }

    // ---------------------------------------------------------------- the result

    /** What there is to do beside the pods. */
    private void beside() {
        List<EngineProgress> answers =
                decided.stream().flatMap(slot -> slot.progress().stream()).toList();
        if (choice.target() == null || seen.suspended()) {
            conditions.keep(Conditions.SCALABLE);
        }
        Standing.durable(seen, answers, conditions, notices);
        decided.forEach(slot -> notices.addAll(HotKeyGroups.notices(slot)));
        volumes = Volumes.decide(seen, slots, decided, actions, notices);
        boolean runs = phase.equals("Running") || phase.equals("Rescaling");
        if (runs && decided.get(0).progress().isPresent()) {
            actions.addAll(Sweep.of(seen, choice, decided));
        }
        budget();
    }

    /** Evictions take one pod at a time of those that have a part in the query; a single one may always go. */
    private void budget() {
        int wanted = division == null ? 1 : division.slots();
        long parts = slots.stream()
                .filter(slot -> slot.keyGroups() != null && !slot.isHosted())
                .count();
        int least = (int) Math.max(0, Math.min(wanted, parts) - 1);
        boolean there = slots.get(0).incarnation() > 0;
        if (there && seen.budget().filter(budget -> budget == least).isEmpty()) {
            actions.add(new SetBudget(least));
        }
    }

    static String time(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    private List<String> former() {
        List<String> former = VersionChoice.formerStateIds(choice.stateId(), status);
        return former.isEmpty() ? null : former;
    }

    private Decision finish() {
        boolean none = seen.suspended() || choice.target() == null;
        long pods = slots.stream().filter(slot -> slot.pod() != null).count();
        Integer processing = decided.isEmpty() && !none
                ? status.readyReplicas() // while the next version is compiled
                : Integer.valueOf(
                        (int) decided.stream().filter(SlotDecision::processes).count());
        List<EngineView> engines = Statuses.answering(decided);
        StreamingQueryStatus next = new StreamingQueryStatus(
                seen.identity().generation(),
                phase,
                conditions.list(),
                choice.target() == null ? status.planId() : choice.target().planId(),
                seen.verdict()
                        .filter(Verdict::accepted)
                        .map(Verdict::outputModes)
                        .orElse(status.outputModes()),
                Statuses.warnings(
                        seen.spec(),
                        seen.verdict()
                                .filter(Verdict::accepted)
                                .map(Statuses::warnings)
                                .orElse(status.warnings())),
                none ? 0 : (int) Math.max(1, pods),
                processing == null ? Integer.valueOf(0) : processing,
                Names.selector(seen.identity().name()) + "," + Names.COMPONENT + "=" + Names.ENGINE,
                slots.get(0).incarnation() == 0 ? List.of() : slots,
                division,
                balance,
                status.lag(),
                status.throughput(),
                status.lateRows(),
                status.malformedRows(),
                status.hotKeyGroups(),
                status.volumes(),
                Statuses.checkpoint(engines, choice.forgotten() ? null : status.checkpoint()),
                choice.stateId(),
                former(),
                choice.restoredFrom(),
                choice.restoreNonce(),
                choice.restore(),
                status.image() == null ? seen.wanted().pod().image() : status.image(),
                choice.target(),
                choice.lastGood(),
                choice.rejected(),
                scaling,
                status.figuresAt());
        StreamingQueryStatus shown = Statuses.withFigures(
                status,
                next,
                engines,
                HotKeyGroups.of(decided),
                volumes,
                CatchUp.seconds(seen.samples(), seen.now()),
                seen.now());
        int takeOvers = (int) decided.stream().filter(SlotDecision::takesOver).count();
        return new Decision(shown, actions, notices, recheck.time(), takeOvers, look);
    }
}
