package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQuerySavepoint.Status;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.ObservedSavepoint.QueryPod;
import dev.millrace.operator.reconcile.ObservedSavepoint.QueryView;
import dev.millrace.operator.reconcile.SavepointDecision.Action;
import dev.millrace.operator.reconcile.SavepointDecision.CreateCleanUp;
import dev.millrace.operator.reconcile.SavepointDecision.DeleteCleanUp;
import dev.millrace.operator.reconcile.SavepointDecision.KeepDocument;
import dev.millrace.operator.reconcile.SavepointDecision.SetFinalizer;
import dev.millrace.operator.reconcile.SavepointDecision.Wish;
import dev.millrace.operator.resources.Version;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What to do about one savepoint. It is taken once, by the pod that runs its query, and stays what it is. It goes with its
 * resource if it was asked to, or was never completed: the running pod drops it, or a pod of its own where none runs.
 */
final class SavepointDecider {

    private static final Duration SOON = Duration.ofSeconds(1);
    private static final Duration NOW_AND_THEN = Duration.ofSeconds(15);

    /** A query that is to run has so long to come back and drop the savepoint itself. */
    private static final Duration ENGINE = Duration.ofSeconds(60);

    private static final Duration ALL = Duration.ofSeconds(240);

    private final ObservedSavepoint seen;
    private final Conditions conditions;
    private final List<Action> actions = new ArrayList<>();
    private final List<Notice> notices = new ArrayList<>();

    private SavepointDecider(ObservedSavepoint seen) {
        this.seen = seen;
        this.conditions =
                new Conditions(seen.status().conditions(), seen.identity().generation(), seen.now());
    }

    static SavepointDecision decide(ObservedSavepoint seen) {
        SavepointDecider decider = new SavepointDecider(seen);
        if (seen.identity().deletedAt().isPresent()) {
            return decider.delete(seen.identity().deletedAt().get());
        }
        return seen.status().completed() ? decider.completed(seen.status()) : decider.take();
    }

    // ---------------------------------------------------------------- taking

    private SavepointDecision take() {
        Optional<QueryView> query = seen.query();
        if (query.isEmpty()) {
            return waiting(
                    "QueryNotFound", "there is no StreamingQuery " + seen.spec().query() + " in this namespace");
        }
        if (query.get().version().isPresent() && !query.get().stored()) {
            return stalled(
                    "NoStore",
                    "the query writes nothing to Kafka, so its state is only on its volume: there is no store for a"
                            + " savepoint");
        }
        if (seen.status().stateId() != null && !seen.sameState()) {
            return stalled(
                    "StateLeft",
                    "the query went over to another state or store before the savepoint was completed; delete it and"
                            + " create another");
        }
        if (query.get().engine().isEmpty() || query.get().version().isEmpty()) {
            return waiting(
                    "QueryNotRunning",
                    "it is taken when a pod of the query " + seen.spec().query() + " processes rows");
        }
        QueryPod engine = query.get().engine().get();
        if (engine.progress().orElseThrow().hasPeers()) {
            return stalled(
                    "NotSupportedInSlots",
                    "the query runs in several pods, and what each knows is of another moment: a savepoint is taken of a"
                            + " query in one; scale it down for it");
        }
        return taking(query.get(), engine);
    }

    private SavepointDecision stalled(String reason, String message) {
        conditions.set(Conditions.STALLED, true, reason, message);
        conditions.set(Conditions.RECONCILING, false, "Stalled", "");
        conditions.set(Conditions.READY, false, reason, message);
        return decision("Pending", NOW_AND_THEN);
    }

    private SavepointDecision waiting(String reason, String message) {
        unready(reason, message);
        return decision("Pending", NOW_AND_THEN);
    }

    private void unready(String reason, String message) {
        conditions.set(Conditions.STALLED, false, reason, "");
        conditions.set(Conditions.RECONCILING, true, reason, message);
        conditions.set(Conditions.READY, false, reason, message);
    }

    private SavepointDecision taking(QueryView query, QueryPod engine) {
        Optional<EngineProgress.Savepoint> taken = seen.fulfilled(seen.take());
        if (taken.isPresent() && query.stateId().equals(seen.status().stateId())) {
            EngineProgress.Savepoint savepoint = taken.get();
            notices.add(new Notice(
                    false,
                    "SavepointTaken",
                    "epoch " + savepoint.epoch() + ", " + savepoint.bytes() + " bytes, in " + savepoint.place()));
            return completed(new Status(
                    seen.identity().generation(),
                    Status.COMPLETED,
                    null,
                    savepoint.place(),
                    query.stateId(),
                    savepoint.epoch(),
                    savepoint.bytes(),
                    query.planId(),
                    savepoint.time()));
        }
        String failure = engine.progress().orElseThrow().checkpointFailure();
        boolean failing = failure != null && !failure.isEmpty();
        unready(
                failing ? "NotStored" : "Taking",
                "pod " + engine.name() + (failing ? " cannot store it: " + failure : " writes it"));
        if (!seen.identity().finalizer()) {
            actions.add(new SetFinalizer(true));
        }
        actions.add(new KeepDocument(query.version().orElseThrow()));
        wish(engine);
        Status status = new Status(
                seen.identity().generation(),
                "Taking",
                conditions.list(),
                null,
                query.stateId(),
                null,
                null,
                null,
                null);
        return new SavepointDecision(status, actions, notices, Optional.of(SOON));
    }

    private void wish(QueryPod pod) {
        if (!pod.wanted().equals(pod.wishes())) {
            actions.add(new Wish(pod.name(), pod.resourceVersion(), pod.wanted()));
        }
    }

    private SavepointDecision completed(Status status) {
        conditions.set(Conditions.READY, true, Status.COMPLETED, "the state is stored");
        conditions.set(Conditions.RECONCILING, false, Status.COMPLETED, "");
        conditions.set(Conditions.STALLED, false, Status.COMPLETED, "");
        boolean finalizer = !seen.spec().keeps();
        if (finalizer != seen.identity().finalizer()) {
            actions.add(new SetFinalizer(finalizer));
        }
        return new SavepointDecision(
                status.with(seen.identity().generation(), Status.COMPLETED, conditions.list()),
                actions,
                notices,
                Optional.empty());
    }

    private SavepointDecision decision(String phase, Duration recheck) {
        return new SavepointDecision(
                seen.status().with(seen.identity().generation(), phase, conditions.list()),
                actions,
                notices,
                Optional.of(recheck));
    }

    // ---------------------------------------------------------------- deleting

    private SavepointDecision delete(Instant since) {
        if (!seen.identity().finalizer()) {
            return gone();
        }
        boolean over = !seen.now().isBefore(since.plus(ALL));
        String phase = seen.cleanUp().map(Observed.CleanUp::phase).orElse("");
        boolean dropped = seen.sameState() && seen.fulfilled(seen.drop()).isPresent() || phase.equals("Succeeded");
        boolean nothing = !seen.leavesSomething() || seen.identity().namespaceTerminating();
        Optional<Version> document = seen.document()
                .or(() -> seen.query().filter(any -> seen.sameState()).flatMap(QueryView::version));
        Optional<QueryPod> engine = seen.sameState() ? seen.query().flatMap(QueryView::engine) : Optional.empty();
        seen.query().flatMap(QueryView::pod).ifPresent(this::wish); // no pod goes on with what is not wished any more
        if (nothing || dropped || over || phase.equals("Failed") || document.isEmpty() && engine.isEmpty()) {
            if (!nothing && !dropped) {
                String why = seen.cleanUp()
                        .map(Observed.CleanUp::message)
                        .orElse(over ? "nobody did it in time" : "its query is gone, and how to reach its store");
                notices.add(new Notice(
                        true,
                        "LeftBehind",
                        "the stored state of savepoint " + seen.identity().name() + " of state id "
                                + seen.status().stateId() + " was not deleted (" + why + ")"));
            }
            return gone();
        }
        conditions.set(Conditions.READY, false, "Disposing", "the stored state is being deleted");
        conditions.set(Conditions.RECONCILING, true, "Disposing", "the stored state is being deleted");
        boolean comesBack = seen.sameState()
                && seen.query().filter(QueryView::wanted).isPresent()
                && seen.now().isBefore(since.plus(ENGINE));
        boolean needed = seen.query().filter(QueryView::needs).isPresent();
        if (engine.isEmpty() && !comesBack && !needed && seen.cleanUp().isEmpty()) {
            actions.add(new CreateCleanUp(document.orElseThrow(), seen.status().stateId()));
        }
        return decision("Disposing", SOON);
    }

    private SavepointDecision gone() {
        if (seen.identity().finalizer()) {
            actions.add(new DeleteCleanUp());
            actions.add(new SetFinalizer(false));
        }
        return new SavepointDecision(seen.status(), actions, notices, Optional.empty());
    }
}
