package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecider.Wish;
import dev.millrace.operator.reconcile.SlotDecision.Gone;
import dev.millrace.operator.reconcile.SlotDecision.State;
import dev.millrace.operator.reconcile.SlotDecision.Unready;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What to do about the slots behind slot 0. They run a version that slot 0 was seen to run: it goes first, and they follow one
 * after the other. One that the query is not to have any more runs until it has handed over all and slot 0 knows nothing of it:
 * a slot that others know of, and that does not run, holds them up.
 */
final class FurtherSlots {

    private final Observed seen;
    private final Division division;
    private final String version;
    private final List<SlotDecision> decided = new ArrayList<>();

    private FurtherSlots(Observed seen, Division division, String version, SlotDecision first) {
        this.seen = seen;
        this.division = division;
        this.version = version;
        this.decided.add(first);
    }

    /**
     * By slot, slot 0 among them.
     *
     * @param known as the status has them
     * @param division null for a query that was never divided
     * @param version that pods are to run; null where they are to run none yet
     * @param first what was decided about slot 0
     */
    static List<SlotDecision> decide(
            Observed seen, List<Slot> known, Division division, String version, SlotDecision first) {
        FurtherSlots slots = new FurtherSlots(seen, division, version, first);
        int wanted = division == null ? 1 : division.slots();
        for (int i = 1; i < Math.max(wanted, known.size()); i++) {
            Slot slot = i < known.size() ? known.get(i) : Slot.unused(i, 0);
            slots.decided.add(i < wanted ? slots.wanted(slot) : slots.surplus(slot));
        }
        return slots.decided;
    }

    private SlotDecision wanted(Slot slot) {
        if (version == null) {
            return end(slot, new Unready("Starting", "Starting", "slot 0 goes first"));
        }
        boolean turn = decided.stream().allMatch(SlotDecision::processes);
        int takeOvers = (int) decided.stream().filter(SlotDecision::takesOver).count();
        return SlotDecider.decide(
                seen,
                new Wish(
                        slot,
                        version,
                        turn,
                        Optional.empty(),
                        seen.recentTakeOvers() + takeOvers,
                        decided.stream().map(SlotDecision::slot).toList()));
    }

    private SlotDecision surplus(Slot slot) {
        boolean left = SlotDecider.last(seen, slot)
                .flatMap(PodView::outcome)
                .filter(outcome -> outcome.end().equals("Left"))
                .isPresent();
        boolean nothing = left || slot.keyGroups() == null || slot.keyGroups().isEmpty();
        if (division == null || slot.isUnused() || nothing && isUnknown(slot.slot())) {
            return end(Slot.unused(slot.slot(), slot.incarnation()), new Gone());
        }
        return left
                ? SlotDecision.of(
                        slot.withKeyGroups(null),
                        new Unready("Rescaling", "Rescaling", "slot 0 is to hear that it has left"))
                : wanted(slot);
    }

    /** Whether slot 0, which goes by the present division, knows of no such slot. */
    private boolean isUnknown(int slot) {
        Optional<EngineProgress> first = decided.get(0).progress();
        return first.filter(engine -> engine.saysDivision() && division.text().equals(engine.division()))
                .filter(engine -> !engine.members().contains(slot))
                .isPresent();
    }

    /** Without a pod. */
    private SlotDecision end(Slot slot, State state) {
        List<Action> actions = new ArrayList<>();
        for (PodView pod : seen.pods(slot.slot())) {
            if (!pod.deleting() && !pod.isGuest()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        return new SlotDecision(slot, state, false, actions, List.of(), Optional.empty(), false, Optional.empty());
    }
}
