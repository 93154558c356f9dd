package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.GuestSlot;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** What becomes of a pod between two looks. */
final class PodChange {

    String division;
    boolean standby;
    Optional<Instant> crashed;
    String node;
    String phase;
    boolean deleting;
    boolean ready;
    boolean ended;
    Optional<Trouble> trouble;
    Optional<EngineOutcome> outcome;
    List<GuestSlot> guests;
    Observed.Given given;

    private PodChange(PodView pod) {
        division = pod.division();
        standby = pod.standby();
        crashed = pod.crashed();
        node = pod.node();
        phase = pod.phase();
        deleting = pod.deleting();
        ready = pod.ready();
        ended = pod.ended();
        trouble = pod.trouble();
        outcome = pod.outcome();
        guests = pod.guests();
        given = pod.given();
    }

    static PodView of(PodView pod, Consumer<PodChange> what) {
        PodChange change = new PodChange(pod);
        what.accept(change);
        return new PodView(
                pod.name(),
                pod.resourceVersion(),
                pod.slot(),
                pod.incarnation(),
                pod.version(),
                change.division,
                pod.claim(),
                change.standby,
                change.node,
                change.phase,
                change.deleting,
                change.ready,
                change.ended,
                pod.created(),
                change.crashed,
                change.trouble,
                change.outcome,
                change.guests,
                pod.host(),
                change.given);
    }
}
