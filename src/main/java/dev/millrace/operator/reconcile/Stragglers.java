package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecider.Wish;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Slots that stay far behind the others without more input than they have: a slow disk, a neighbour that takes the CPU, a node
 * that is ill but not dead. Windows wait for the slowest, so one of them slows all. It is told, then replaced on another node.
 *
 * <p>Behind is who has ten seconds of rows, at the others' rate, still to read where each other slot has a quarter of that at
 * most; or a hundred epochs of others to take where each other slot has a tenth of that at most. Who reads more rows than the
 * others has more input, and is no straggler.
 */
final class Stragglers {

    private static final Duration TOLD = Duration.ofSeconds(30);
    private static final Duration REPLACED = Duration.ofSeconds(90);

    /** A pod that was started later than this is still warming up, or was the last remedy. */
    private static final Duration SETTLED_IN = Duration.ofMinutes(2);

    private static final Duration LOOK = Duration.ofSeconds(10);
    private static final double LAG_SECONDS = 10;
    private static final long EPOCHS = 100;

    private Stragglers() {}

    /**
     * The slots with what is to be done about them.
     *
     * @param version that their next pods are to run
     */
    static List<SlotDecision> of(Observed seen, List<SlotDecision> slots, String version) {
        if (slots.stream()
                .anyMatch(slot -> slot.engine().isEmpty() && slot.slot().keyGroups() != null)) {
            return slots; // nobody is judged while one of them says nothing
        }
        List<SlotDecision> result = new ArrayList<>();
        boolean all = true;
        for (SlotDecision slot : slots) {
            SlotDecision next = slot;
            if (slot.engine().isPresent()) {
                next = isBehind(slot, slots) ? behind(seen, slot, version, all) : slot.behindSince(null);
            }
            all &= next.processes();
            result.add(next);
        }
        return result;
    }

    /** Whether an engine has so much to read or to take that it may be one. */
    static boolean lags(EngineView engine) {
        return engine.progress() != null
                && engine.rates() != null
                && (lag(engine.progress())
                                > LAG_SECONDS * Math.max(1, engine.rates().in())
                        || epochs(engine.progress()) >= EPOCHS);
    }

    private static SlotDecision behind(Observed seen, SlotDecision slot, String version, boolean mayReplace) {
        Slot status = slot.slot();
        if (status.behindSince() == null) {
            return slot.behindSince(Decider.time(seen.now())).recheckedIn(LOOK);
        }
        Duration behind = Duration.between(Instant.parse(status.behindSince()), seen.now());
        if (behind.compareTo(TOLD) < 0) {
            return slot.recheckedIn(LOOK);
        }
        boolean old =
                Duration.between(Instant.parse(status.startedAt()), seen.now()).compareTo(SETTLED_IN) >= 0;
        Optional<PodView> pod = SlotDecider.last(seen, status);
        String about = "slot " + status.slot();
        String what = "pod " + status.pod() + " has been far behind the others since " + status.behindSince()
                + " with no more input than they have";
        if (mayReplace && old && behind.compareTo(REPLACED) >= 0 && seen.hasStore() && pod.isPresent()) {
            SlotDecision next =
                    SlotDecider.replace(seen, new Wish(status, version, true, Optional.empty(), 0), pod.get());
            return next.told(new Notice(true, "StragglerReplaced", what + "; it is replaced", about));
        }
        return slot.told(new Notice(true, "Straggler", what, about)).recheckedIn(LOOK);
    }

    private static boolean isBehind(SlotDecision slot, List<SlotDecision> slots) {
        EngineView engine = slot.engine().orElseThrow();
        List<EngineView> others = slots.stream()
                .filter(other -> other != slot)
                .flatMap(other -> other.engine().stream())
                .toList();
        return slot.processes() && !others.isEmpty() && (lags(engine, others) || missesEpochs(engine, others));
    }

    private static boolean lags(EngineView engine, List<EngineView> others) {
        if (engine.rates() == null || others.stream().anyMatch(other -> other.rates() == null)) {
            return false;
        }
        double rate = others.stream()
                .mapToDouble(other -> other.rates().in())
                .average()
                .orElse(0);
        long lag = lag(engine.progress());
        return engine.rates().in() <= rate
                && lag > LAG_SECONDS * Math.max(1, rate)
                && others.stream().allMatch(other -> lag(other.progress()) <= lag / 4);
    }

    private static long lag(EngineProgress engine) {
        return engine.lagRecords() == null ? 0 : engine.lagRecords();
    }

    private static boolean missesEpochs(EngineView engine, List<EngineView> others) {
        long behind = epochs(engine.progress());
        return behind >= EPOCHS && others.stream().allMatch(other -> epochs(other.progress()) <= behind / 10);
    }

    private static long epochs(EngineProgress engine) {
        return engine.epochsBehind() == null ? 0 : engine.epochsBehind();
    }
}
