package dev.millrace.operator.reconcile;

import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeleteConfig;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.reconcile.Observed.PodView;
import java.util.ArrayList;
import java.util.List;

/** What a query that runs does not need any more. */
final class Sweep {

    private Sweep() {}

    /**
     * @param stored whether this incarnation has stored a checkpoint: only then is the volume before its own worth nothing
     */
    static List<Action> of(Observed seen, VersionChoice choice, Slot slot, boolean stored) {
        List<Action> actions = new ArrayList<>();
        for (PodView pod : seen.pods()) {
            if (pod.incarnation() < slot.incarnation() && !pod.deleting()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        for (ClaimView claim : seen.claims()) {
            boolean mounted = seen.pods().stream().anyMatch(pod -> pod.claim().equals(claim.name()) && !pod.ended());
            if (!claim.name().equals(slot.claim()) && !mounted && (stored || !seen.hasStore())) {
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
}
