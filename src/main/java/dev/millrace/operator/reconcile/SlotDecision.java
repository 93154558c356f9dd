package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Behind;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.EngineView;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What is to be done about one slot, and what that means for the query.
 *
 * @param proven whether its pod was seen to make progress
 * @param takesOver whether a pod of a lost node is replaced
 * @param engine its pod, if it answers
 */
record SlotDecision(
        Slot slot,
        State state,
        boolean proven,
        List<Action> actions,
        List<Notice> notices,
        Optional<Duration> recheck,
        boolean takesOver,
        Optional<EngineView> engine) {

    /** Without anything to do. */
    static SlotDecision of(Slot slot, State state) {
        return new SlotDecision(slot, state, false, List.of(), List.of(), Optional.empty(), false, Optional.empty());
    }

    /** What its pod says, if it answers. */
    Optional<EngineProgress> progress() {
        return engine.map(EngineView::progress);
    }

    /** How a slot is. */
    sealed interface State {}

    /** Its pod processes rows. */
    record Processing() implements State {}

    /** Its pod did when it answered last, a moment ago. */
    record Silent() implements State {}

    /** No pod of it processes rows yet, or again. */
    record Unready(String phase, String reason, String message) implements State {}

    /** All input was processed. */
    record Completed() implements State {}

    /** Another pod would end as the last one did. */
    record Failed(EngineOutcome outcome) implements State {}

    /** The version is on trial, and has failed. */
    record TakenBack(String reason, String message) implements State {}

    /** The query has given it up. */
    record Gone() implements State {}

    /** With more to do. */
    SlotDecision with(Slot other, List<Action> itsActions, List<Notice> itsNotices) {
        return new SlotDecision(other, state, proven, itsActions, itsNotices, recheck, takesOver, engine);
    }

    SlotDecision behind(Behind how) {
        return new SlotDecision(slot.withBehind(how), state, proven, actions, notices, recheck, takesOver, engine);
    }

    /** With another look in this time at the latest. */
    SlotDecision recheckedIn(Duration time) {
        Optional<Duration> sooner = recheck.filter(before -> before.compareTo(time) < 0);
        return new SlotDecision(
                slot, state, proven, actions, notices, sooner.or(() -> Optional.of(time)), takesOver, engine);
    }

    SlotDecision told(Notice notice) {
        List<Notice> all = new ArrayList<>(notices);
        all.add(notice);
        return new SlotDecision(slot, state, proven, actions, all, recheck, takesOver, engine);
    }

    boolean processes() {
        return state instanceof Processing || state instanceof Silent;
    }
}
