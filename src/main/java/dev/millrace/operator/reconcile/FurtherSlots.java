package dev.millrace.operator.reconcile;

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
 * after the other. One that the query is not to have any more runs until it has handed over all and says that it has left.
 */
final class FurtherSlots {

    private final Observed seen;
    private final int wanted;
    private final String version;
    private final List<SlotDecision> decided = new ArrayList<>();

    /**
     * @param wanted how many slots there are to be, slot 0 among them
     * @param version that pods are to run; null where they are to run none yet
     * @param first what was decided about slot 0
     */
    private FurtherSlots(Observed seen, int wanted, String version, SlotDecision first) {
        this.seen = seen;
        this.wanted = wanted;
        this.version = version;
        this.decided.add(first);
    }

    /** By slot, slot 0 among them. */
    static List<SlotDecision> decide(Observed seen, List<Slot> known, int wanted, String version, SlotDecision first) {
        FurtherSlots slots = new FurtherSlots(seen, wanted, version, first);
        for (int i = 1; i < Math.max(wanted, known.size()); i++) {
            slots.decided.add(slots.decide(i < known.size() ? known.get(i) : Slot.unused(i, 0)));
        }
        return slots.decided;
    }

    private SlotDecision decide(Slot slot) {
        boolean surplus = slot.slot() >= wanted;
        Optional<PodView> last = SlotDecider.last(seen, slot);
        if (surplus && (slot.pod() == null || hasLeft(last) || neverRan(slot, last))) {
            return end(Slot.unused(slot.slot(), slot.incarnation()), new Gone());
        }
        if (version == null) {
            return end(slot, new Unready("Starting", "Starting", "slot 0 goes first"));
        }
        boolean turn = decided.stream().allMatch(SlotDecision::processes);
        return SlotDecider.decide(seen, new Wish(slot, version, turn, Optional.empty(), wanted));
    }

    private static boolean hasLeft(Optional<PodView> pod) {
        return pod.flatMap(PodView::outcome)
                .filter(outcome -> outcome.end().equals("Left"))
                .isPresent();
    }

    /** A slot that others have not heard of need not take its leave: no pod of it was made, or its first one found no node. */
    private boolean neverRan(Slot slot, Optional<PodView> pod) {
        if (slot.keyGroups() != null) {
            return false;
        }
        return pod.isPresent()
                ? pod.get().node() == null && !pod.get().ended() && slot.failures() == 1
                : Decider.refusal(seen.status()).isPresent();
    }

    /** Without a pod. */
    private SlotDecision end(Slot slot, State state) {
        List<Action> actions = new ArrayList<>();
        for (PodView pod : seen.pods(slot.slot())) {
            if (!pod.deleting()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        return new SlotDecision(slot, state, false, actions, List.of(), Optional.empty(), Optional.empty());
    }
}
