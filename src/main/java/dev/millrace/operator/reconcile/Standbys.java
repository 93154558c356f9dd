package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.StreamingQueryStatus.Standby;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.EnsureChildren;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecision.Completed;
import dev.millrace.operator.reconcile.SlotDecision.Failed;
import dev.millrace.operator.reconcile.SlotDecision.Gone;
import dev.millrace.operator.reconcile.SlotDecision.State;
import dev.millrace.operator.resources.Names;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The second pods of slots: each follows the pod of its slot on a volume of its own, with an incarnation that is given when it is
 * made, and goes on with the query when {@link SlotDecider} says so. One is made once its slot processes rows and has a stored
 * checkpoint to begin from; a version that is replaced takes its standbys along.
 */
final class Standbys {

    private static final Duration MAX_BACK_OFF = Duration.ofMinutes(5);

    /** Later the start of an engine is over, or what holds it up holds up others. */
    private static final Duration CRASHED = Duration.ofMinutes(2);

    private static final Duration SECOND = Duration.ofSeconds(1);

    /** How an engine ends after which there is nothing to go on with. */
    private static final Set<String> ENDS = Set.of("Completed", "Failed", "Left");

    private static final Set<String> RESTARTING = Set.of("starting", "replaying");

    /** After a failure that another pod would meet too, as long as there is no newer checkpoint. */
    private static final Duration AGAIN = Duration.ofMinutes(10);

    /** The engine's code for a query that can have none. */
    static final String NOT_SUPPORTED = "NotSupportedByStandby";

    private static final Set<Class<? extends State>> ENDED = Set.of(Completed.class, Failed.class, Gone.class);

    private final Observed seen;
    private final SlotDecision decided;
    private final String version;
    private final List<Action> actions;
    private final List<Notice> notices;
    private final Recheck recheck;
    private final Optional<Replacements> replacements;
    private final Optional<PodView> followed;
    private Standby standby;

    private Standbys(Observed seen, SlotDecision decided, String version) {
        this.seen = seen;
        this.decided = decided;
        this.version = version;
        this.actions = new ArrayList<>(decided.actions());
        this.notices = new ArrayList<>(decided.notices());
        this.recheck = new Recheck(seen);
        this.replacements = Replacements.of(seen, recheck);
        this.followed = SlotDecider.last(seen, decided.slot());
        this.standby = decided.slot().standby();
    }

    /** The number that the next pod of a slot gets: also of a standby that is given up there may be a volume left. */
    static long nextIncarnation(Observed seen, Slot slot) {
        long known = slot.standby() == null ? 0 : slot.standby().incarnation();
        for (PodView pod : seen.pods(slot.slot())) {
            known = Math.max(known, pod.incarnation());
        }
        for (ClaimView claim : seen.claims()) {
            known = Math.max(known, claim.slot() == slot.slot() ? Names.incarnation(claim.name()) : 0);
        }
        return Math.max(slot.incarnation(), known) + 1;
    }

    /** Whether another pod would go on with a slot sooner than its own. */
    static boolean isDue(Observed seen, PodView pod, Recheck recheck) {
        if (pod.isGuest()) {
            return true;
        }
        if (pod.ended()) {
            return pod.outcome().filter(outcome -> ENDS.contains(outcome.end())).isEmpty();
        }
        return pod.deleting() || recheck.isLost(pod) || hasCrashed(seen, pod);
    }

    /** Its engine has ended, and has not been seen to go on since. */
    private static boolean hasCrashed(Observed seen, PodView pod) {
        EngineView engine = seen.engines().get(pod.name());
        return pod.crashed()
                .filter(at -> Duration.between(at, seen.now()).compareTo(CRASHED) < 0)
                .filter(at -> engine == null
                        || engine.progress() == null
                        || !engine.lastAnswer().isAfter(at.plus(SECOND)) // which it is told in
                        || RESTARTING.contains(engine.progress().phase()))
                .isPresent();
    }

    /** The pod that can go on with a slot at once. */
    static Optional<PodView> ready(Observed seen, Slot slot, String version) {
        return pod(seen, slot)
                .filter(pod -> pod.version().equals(version))
                .filter(pod ->
                        !pod.deleting() && !pod.ended() && seen.lostAt(pod).isEmpty())
                .filter(pod -> Optional.ofNullable(seen.engines().get(pod.name()))
                        .filter(engine -> engine.answers() && engine.progress().standsBy())
                        .isPresent());
    }

    /** The pod that follows a slot. */
    static Optional<PodView> pod(Observed seen, Slot slot) {
        Standby standby = slot.standby();
        return standby == null || standby.incarnation() <= slot.incarnation()
                ? Optional.empty()
                : seen.pods(slot.slot()).stream()
                        .filter(pod -> pod.standby() && pod.incarnation() == standby.incarnation())
                        .findFirst();
    }

    /**
     * The slots with what is to be done about their standbys.
     *
     * @param division null for a query that was never divided
     * @param version that pods are to run; null where they are to run none yet
     */
    static List<SlotDecision> of(Observed seen, List<SlotDecision> slots, Division division, String version) {
        int wanted = Math.min(seen.wantedStandbys(), division == null ? 1 : division.slots());
        return slots.stream()
                .map(slot ->
                        new Standbys(seen, slot, version).decide(slot.slot().slot() < wanted))
                .toList();
    }

    /**
     * @param always whether the user wants one, not the slot itself
     */
    private SlotDecision decide(boolean always) {
        boolean replaced = replaces();
        boolean wanted = (always || decided.slot().isHosted() || replaced)
                && !ENDED.contains(decided.state().getClass());
        Optional<PodView> pod = pod(seen, decided.slot())
                .filter(found -> !recheck.isLost(found))
                .filter(found -> always || !replaced || !replacements.get().isDue(found));
        for (PodView other : seen.pods(decided.slot().slot())) {
            boolean surplus = !wanted || pod.filter(other::equals).isEmpty();
            if (other.standby() && other.incarnation() != decided.slot().incarnation() && surplus) {
                delete(other);
            }
        }
        if (!wanted) {
            standby = null;
        } else if (pod.isPresent()) {
            watch(pod.get());
        } else {
            create();
        }
        SlotDecision next = decided.with(decided.slot().withStandby(standby), actions, notices);
        return recheck.time().map(next::recheckedIn).orElse(next);
    }

    /** Whether the pod that it follows is to be replaced by it. */
    private boolean replaces() {
        return followed.isPresent()
                && replacements.filter(due -> due.isDue(followed.get())).isPresent();
    }

    private void delete(PodView pod) {
        boolean told = actions.stream()
                .anyMatch(action ->
                        action instanceof DeletePod there && there.name().equals(pod.name()));
        if (!pod.deleting() && !told) {
            actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
        }
    }

    private void watch(PodView pod) {
        boolean replaced = version != null && !pod.version().equals(version);
        if (replaced || pod.deleting()) {
            delete(pod);
            become(pod, Standby.STARTING, null);
            return;
        }
        if (pod.ended()) {
            ended(pod);
            return;
        }
        EngineView engine = seen.engines().get(pod.name());
        EngineProgress progress = engine == null || !engine.answers() ? null : engine.progress();
        if (progress == null) {
            become(
                    pod,
                    Standby.STARTING,
                    pod.trouble().map(Observed.Trouble::message).orElse(null));
        } else if (progress.standsBy()) {
            become(pod, Standby.READY, null);
        } else if ("waiting".equals(progress.phase())) {
            become(pod, Standby.WAITING, progress.message());
        } else {
            become(pod, Standby.FOLLOWING, null);
        }
    }

    /** One that has failed stays as it ended for a while: another one may begin from a newer checkpoint. */
    private void ended(PodView pod) {
        Optional<EngineOutcome> failed =
                pod.outcome().filter(outcome -> outcome.end().equals("Failed"));
        Instant again = pod.created().plus(AGAIN);
        boolean never =
                failed.filter(outcome -> outcome.code().equals(NOT_SUPPORTED)).isPresent();
        if (failed.isPresent() && !never) {
            recheck.at(again);
        }
        if (failed.isPresent() && (never || seen.now().isBefore(again))) {
            String message = failed.get().code() + ": " + failed.get().message();
            become(pod, Standby.FAILED, message);
            notices.add(new Notice(
                    true,
                    "StandbyFailed",
                    "pod " + pod.name() + " ended: " + message,
                    "slot " + decided.slot().slot()));
        } else {
            delete(pod);
            become(pod, Standby.STARTING, null);
        }
    }

    private void become(PodView pod, String state, String message) {
        int failures = state.equals(Standby.READY) ? 0 : standby.failures();
        standby = new Standby(pod.incarnation(), pod.name(), pod.node(), state, message, failures, standby.startedAt());
    }

    private void create() {
        boolean runs = decided.processes()
                && decided.progress()
                        .filter(progress -> progress.checkpointEpoch() != null)
                        .isPresent()
                && followed.filter(pod -> pod.version().equals(version)).isPresent();
        if (!runs || !seen.hasStore() || backsOff()) {
            return;
        }
        Slot slot = decided.slot();
        long incarnation = nextIncarnation(seen, slot);
        String name = Names.pod(seen.identity().name(), slot.slot(), incarnation);
        actions.add(new EnsureChildren(null));
        actions.add(new CreateClaim(name, slot.slot(), true));
        actions.add(new CreatePod(slot.slot(), incarnation, name, version, slot.isHosted() ? null : slot.node(), true));
        if (replaces()) {
            String why = replacements.get().why(followed.get()) + "; pod "
                    + Names.pod(seen.identity().name(), slot.slot(), incarnation) + " is made to go on in its place";
            notices.add(new Notice(false, "Replacing", why, "slot " + slot.slot()));
        }
        int failures = standby == null ? 0 : standby.failures() + 1;
        standby = new Standby(incarnation, name, null, Standby.STARTING, null, failures, Decider.time(seen.now()));
    }

    private boolean backsOff() {
        if (standby == null || standby.failures() == 0) {
            return false;
        }
        long seconds = Math.min(MAX_BACK_OFF.toSeconds(), 1L << Math.min(standby.failures(), 20));
        Instant due = Instant.parse(standby.startedAt()).plusSeconds(seconds);
        recheck.at(due);
        return seen.now().isBefore(due);
    }
}
