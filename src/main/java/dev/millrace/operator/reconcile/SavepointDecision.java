package dev.millrace.operator.reconcile;

import dev.millrace.api.StreamingQuerySavepoint;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.resources.Version;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What is to be done about a savepoint: the status is written (if it differs), then the actions are taken in their order.
 *
 * @param recheck when to look again though nothing happened; empty for never
 */
record SavepointDecision(
        StreamingQuerySavepoint.Status status, List<Action> actions, List<Notice> notices, Optional<Duration> recheck) {

    sealed interface Action {}

    /** Puts the finalizer on the savepoint, or takes it off. */
    record SetFinalizer(boolean present) implements Action {}

    /** Keeps what is needed to take the savepoint away, or to go on from it, when its query is gone. */
    record KeepDocument(Version version) implements Action {}

    /** Tells a pod which savepoints to take and to drop. */
    record Wish(String pod, String resourceVersion, String wishes) implements Action {}

    record CreateCleanUp(Version version, String stateId) implements Action {}

    record DeleteCleanUp() implements Action {}
}
