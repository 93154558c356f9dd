package dev.millrace.operator.reconcile;

import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeleteConfig;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecision.Gone;
import java.util.ArrayList;
import java.util.List;

/** What a query that runs does not need any more. */
final class Sweep {

    private Sweep() {}

    /**
     * @param slots what was decided of each, by number
     */
    static List<Action> of(Observed seen, VersionChoice choice, List<SlotDecision> slots) {
        List<Action> actions = new ArrayList<>();
        for (SlotDecision slot : slots) {
            for (PodView pod : seen.pods()) {
                boolean itsOwn = pod.slot() == slot.slot().slot();
                if (itsOwn && pod.incarnation() < slot.slot().incarnation() && !pod.deleting() && slot.processes()) {
                    actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
                }
            }
        }
        for (ClaimView claim : seen.claims()) {
            boolean mounted = seen.pods().stream().anyMatch(pod -> pod.claim().equals(claim.name()) && !pod.ended());
            boolean known = claim.slot() < slots.size();
            if (known && !mounted && isLeft(seen, claim, slots.get(claim.slot()))) {
                actions.add(new DeleteClaim(claim.name(), claim.resourceVersion()));
            }
        }
        for (String config : seen.versions().keySet()) {
            boolean used = config.equals(choice.target().config())
                    || config.equals(choice.lastGood())
                    || config.equals(seen.wanted().name())
                    || seen.pods().stream().anyMatch(pod -> config.equals(pod.version()) && !pod.ended());
            if (!used) {
                actions.add(new DeleteConfig(config));
            }
        }
        return actions;
    }

    /** Only when an incarnation has stored a checkpoint is the volume before its own worth nothing. */
    private static boolean isLeft(Observed seen, ClaimView claim, SlotDecision slot) {
        if (slot.state() instanceof Gone) {
            return true;
        }
        boolean stored = slot.progress()
                .filter(progress -> progress.checkpointEpoch() != null)
                .isPresent();
        return !claim.name().equals(slot.slot().claim()) && slot.processes() && (stored || !seen.hasStore());
    }
}
