package dev.millrace.operator.reconcile;

import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreateCleanUp;
import dev.millrace.operator.reconcile.Decision.DeleteCleanUp;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.SetFinalizer;
import dev.millrace.operator.reconcile.Observed.PodView;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The end of a query: its pods stop, a pod of its own takes away topics, and the finalizer goes, whatever happened to that
 * pod. Volumes and the rest are taken by Kubernetes, which knows their owner.
 */
final class Deletion {

    /** After this, pods are not waited for: their last checkpoint is worth nothing any more. */
    private static final Duration PODS = Duration.ofSeconds(90);

    private static final Duration ALL = Duration.ofSeconds(240);

    private Deletion() {}

    static Decision decide(Observed seen) {
        Instant since = seen.identity().deletedAt().orElseThrow();
        List<Action> actions = new ArrayList<>();
        List<Notice> notices = new ArrayList<>();
        if (!seen.identity().finalizer()) {
            return new Decision(seen.status(), actions, notices, Optional.empty());
        }
        for (PodView pod : seen.pods()) {
            if (!pod.deleting()) {
                actions.add(new DeletePod(pod.name(), pod.resourceVersion()));
            }
        }
        boolean waiting =
                seen.pods().stream().anyMatch(pod -> !pod.ended()) && seen.now().isBefore(since.plus(PODS));
        if (waiting) {
            return new Decision(seen.status(), actions, notices, Optional.of(Duration.ofSeconds(5)));
        }
        boolean nothing = !seen.writesToKafka()
                || seen.retains()
                || seen.status().stateId() == null
                || seen.identity().namespaceTerminating();
        String phase = seen.cleanUp().map(Observed.CleanUp::phase).orElse("");
        boolean over = !seen.now().isBefore(since.plus(ALL));
        if (nothing || phase.equals("Succeeded") || phase.equals("Failed") || over) {
            if (!nothing && !phase.equals("Succeeded")) {
                String why = seen.cleanUp().map(Observed.CleanUp::message).orElse("its pod could not be made");
                notices.add(new Notice(
                        true,
                        "LeftBehind",
                        "the topics of state id " + seen.status().stateId() + " were not deleted (" + why
                                + "); delete them by hand"));
            }
            actions.add(new DeleteCleanUp());
            actions.add(new SetFinalizer(false));
            return new Decision(seen.status(), actions, notices, Optional.empty());
        }
        if (seen.cleanUp().isEmpty()) {
            actions.add(new CreateCleanUp(seen.current().orElse(seen.wanted())));
        }
        return new Decision(seen.status(), actions, notices, Optional.of(Duration.ofSeconds(5)));
    }
}
