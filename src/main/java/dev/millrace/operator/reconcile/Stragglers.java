package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Behind;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecider.Wish;
import dev.millrace.operator.reconcile.SlotDecision.Gone;
import dev.millrace.operator.reconcile.SlotDecision.Silent;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Slots that stay far behind the others without more input than they have: a slow disk, a neighbour that takes the CPU, a node
 * that is ill but not dead. Windows wait for the slowest, so one of them slows all. It is told, then replaced on another node.
 *
 * <p>Behind is who has ten seconds of rows, at the others' rate, still to read where each other slot has a quarter of that at
 * most; or so many epochs of others to take where each other slot has a tenth of that at most. Who reads more rows than the
 * others has more input, and is no straggler; nor is one that catches up. Who takes epochs late may have the hot keys, which
 * another node does not help: that is only told.
 */
final class Stragglers {

    private static final Duration TOLD = Duration.ofSeconds(30);
    private static final Duration REPLACED = Duration.ofSeconds(90);

    /** A pod that was started later than this is still warming up. */
    private static final Duration SETTLED_IN = Duration.ofMinutes(2);

    /** What another pod in its place has not mended, a third one does not mend either. */
    private static final Duration AGAIN = Duration.ofHours(1);

    /** A replacement restores a checkpoint, which should not be much older. */
    private static final Duration CHECKPOINT = Duration.ofMinutes(15);

    private static final Duration LOOK = Duration.ofSeconds(10);
    private static final double LAG_SECONDS = 10;

    /** Records of the exchange, for each other slot. */
    private static final long EPOCHS = 100;

    /** Who has less of what there was to do catches up. */
    private static final double CATCHES_UP = 0.8;

    private Stragglers() {}

    /**
     * The slots with what is to be done about them. Nobody is judged while one starts, or something moves.
     *
     * @param version that pods are to run
     */
    static List<SlotDecision> of(Observed seen, List<SlotDecision> slots, String version) {
        List<SlotDecision> here =
                slots.stream().filter(slot -> !(slot.state() instanceof Gone)).toList();
        if (here.stream().anyMatch(slot -> slot.state() instanceof Silent)) {
            return slots;
        }
        boolean judged = here.size() > 1 && here.stream().allMatch(slot -> isSteady(seen, slot, version));
        Optional<SlotDecision> slowest =
                here.stream().filter(slot -> judged && isBehind(slot, here)).findFirst(); // there is no other then
        return slots.stream()
                .map(slot -> slowest.filter(slot::equals).isPresent()
                        ? behind(seen, slot, here, version)
                        : slot.behind(notBehind(seen, slot.slot().behind())))
                .toList();
    }

    private static boolean isSteady(Observed seen, SlotDecision slot, String version) {
        return slot.processes()
                && !slot.slot().isHosted()
                && slot.engine()
                        .filter(engine -> engine.progress().calm()
                                && engine.progress().lagRecords() != null
                                && engine.rates() != null)
                        .isPresent()
                && SlotDecider.last(seen, slot.slot())
                        .filter(pod -> pod.version().equals(version))
                        .isPresent();
    }

    /** That it was replaced is known for as long as it counts. */
    private static Behind notBehind(Observed seen, Behind before) {
        return before == null || !within(seen, before.replacedAt(), AGAIN)
                ? null
                : new Behind(null, null, before.replacedAt());
    }

    private static boolean within(Observed seen, String time, Duration most) {
        return time != null && Duration.between(Instant.parse(time), seen.now()).compareTo(most) < 0;
    }

    private static SlotDecision behind(Observed seen, SlotDecision slot, List<SlotDecision> slots, String version) {
        Slot status = slot.slot();
        Behind before = status.behind();
        long gap = gap(slot.engine().orElseThrow().progress());
        String replacedAt = before == null ? null : before.replacedAt();
        if (before == null || before.since() == null || gap < CATCHES_UP * before.by()) {
            return slot.behind(new Behind(Decider.time(seen.now()), gap, replacedAt))
                    .recheckedIn(LOOK);
        }
        if (within(seen, before.since(), TOLD)) {
            return slot.recheckedIn(LOOK);
        }
        String about = "slot " + status.slot();
        String what = "pod " + status.pod() + " has been far behind the others since " + before.since()
                + " with no more input than they have";
        Optional<PodView> pod = SlotDecider.last(seen, status);
        if (pod.isPresent() && !within(seen, before.since(), REPLACED) && mayBeReplaced(seen, slot, slots)) {
            Wish wish = new Wish(
                    status.withBehind(new Behind(null, null, Decider.time(seen.now()))),
                    version,
                    true,
                    Optional.empty(),
                    0,
                    List.of());
            return SlotDecider.replace(seen, wish, pod.get())
                    .told(new Notice(true, "StragglerReplaced", what + "; it is replaced", about));
        }
        return slot.told(new Notice(true, "Straggler", what, about)).recheckedIn(LOOK);
    }

    private static boolean mayBeReplaced(Observed seen, SlotDecision slot, List<SlotDecision> slots) {
        Slot status = slot.slot();
        EngineProgress engine = slot.engine().orElseThrow().progress();
        boolean stored = seen.hasStore()
                && engine.checkpointFailure() == null
                && within(seen, engine.checkpointTime(), CHECKPOINT);
        return stored
                && lags(slot.engine().get(), others(slot, slots))
                && status.startedAt() != null
                && !within(seen, status.startedAt(), SETTLED_IN)
                && !within(seen, status.behind().replacedAt(), AGAIN);
    }

    private static List<EngineView> others(SlotDecision slot, List<SlotDecision> slots) {
        return slots.stream()
                .filter(other -> other != slot)
                .map(other -> other.engine().orElseThrow())
                .toList();
    }

    private static boolean isBehind(SlotDecision slot, List<SlotDecision> slots) {
        EngineView engine = slot.engine().orElseThrow();
        List<EngineView> others = others(slot, slots);
        return engine.rates().in() <= rate(others) && (lags(engine, others) || missesEpochs(engine, others));
    }

    private static double rate(List<EngineView> engines) {
        return engines.stream()
                .mapToDouble(engine -> engine.rates().in())
                .average()
                .orElse(0);
    }

    private static boolean lags(EngineView engine, List<EngineView> others) {
        long lag = engine.progress().lagRecords();
        return lag > LAG_SECONDS * Math.max(1, rate(others))
                && others.stream().allMatch(other -> other.progress().lagRecords() <= lag / 4);
    }

    private static boolean missesEpochs(EngineView engine, List<EngineView> others) {
        long behind = epochs(engine.progress());
        return behind >= EPOCHS * others.size()
                && others.stream().allMatch(other -> epochs(other.progress()) <= behind / 10);
    }

    private static long epochs(EngineProgress engine) {
        return engine.epochsBehind() == null ? 0 : engine.epochsBehind();
    }

    private static long gap(EngineProgress engine) {
        return engine.lagRecords() + epochs(engine);
    }

    /** Whether a slot has so much to do that it may be one. */
    static boolean mayBe(EngineView engine) {
        EngineProgress progress = engine.progress();
        return progress != null
                && progress.division() != null
                && engine.rates() != null
                && (epochs(progress) >= EPOCHS
                        || progress.lagRecords() != null
                                && progress.lagRecords()
                                        > LAG_SECONDS
                                                * Math.max(1, engine.rates().in()));
    }
}
