package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQuerySavepoint;
import dev.millrace.operator.resources.Version;
import java.time.Instant;
import java.util.Optional;

/**
 * All that a decision about a savepoint rests on.
 *
 * @param query empty where there is no such query
 * @param document what was kept of the query to take the savepoint away without it
 * @param cleanUp the pod that takes it away
 */
record ObservedSavepoint(
        Identity identity,
        StreamingQuerySavepoint.Spec spec,
        StreamingQuerySavepoint.Status status,
        Optional<QueryView> query,
        Optional<Version> document,
        Optional<Observed.CleanUp> cleanUp,
        Instant now) {

    /**
     * @param deletedAt when deletion was asked for, or when the operator started if it was away then
     */
    record Identity(
            String name,
            String uid,
            long generation,
            Optional<Instant> deletedAt,
            boolean finalizer,
            boolean namespaceTerminating) {}

    /**
     * The query that it is of.
     *
     * @param wanted whether a pod of it is to run
     * @param stored whether what it knows outlives its volume
     * @param needs whether its state is to begin from the savepoint, and is stored nowhere else yet
     * @param version that runs, or is to run
     * @param pod of that version, whatever it does
     */
    record QueryView(
            boolean wanted,
            boolean stored,
            boolean needs,
            String stateId,
            String planId,
            Optional<Version> version,
            Optional<QueryPod> pod) {

        /** The pod, while it processes rows. */
        Optional<QueryPod> engine() {
            return pod.filter(one -> one.progress().isPresent());
        }
    }

    /**
     * A pod.
     *
     * @param wishes what its annotation says
     * @param wanted what it should say, for all savepoints of the query
     * @param progress while it processes rows
     */
    record QueryPod(
            String name, String resourceVersion, String wishes, String wanted, Optional<EngineProgress> progress) {}

    private String wish(String verb) {
        return verb + " " + identity.name() + " " + identity.uid();
    }

    String take() {
        return wish("take");
    }

    String drop() {
        return wish("drop");
    }

    /** What the engine says of a wish that it has fulfilled. */
    Optional<EngineProgress.Savepoint> fulfilled(String wish) {
        return query.flatMap(QueryView::engine)
                .flatMap(QueryPod::progress)
                .filter(progress -> progress.savepoints() != null)
                .flatMap(progress -> progress.savepoints().stream()
                        .filter(one -> wish.equals(one.wish()))
                        .findFirst());
    }

    /** Whether the query still has the state that the savepoint was taken of, in the same store. */
    boolean sameState() {
        boolean sameStore = document.isEmpty()
                || query.flatMap(QueryView::version)
                        .filter(version -> !version.sameStore(document.get()))
                        .isEmpty();
        return sameStore
                && query.filter(view ->
                                status.stateId() != null && status.stateId().equals(view.stateId()))
                        .isPresent();
    }

    /** Whether something is stored, or may be, that is to go when the resource goes. */
    boolean leavesSomething() {
        boolean begun = status.stateId() != null;
        return begun && !(status.completed() && spec.keeps());
    }
}
