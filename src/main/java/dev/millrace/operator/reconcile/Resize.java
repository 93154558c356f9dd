package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.PlanMemory;
import dev.millrace.operator.reconcile.Decision.ResizePod;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.scaling.Allocation;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Brings a pod to what is wished. More is asked for at once. Less memory is asked for when the engine plans with less; until then,
 * and where a node or the API server does not take memory away, the pod keeps that, and gets the CPU that is wished nevertheless.
 * What was refused is not asked for again before the wish changes.
 */
final class Resize {

    /** What a node does not take away in this time, as it is in use, it is not asked for any more: it would not change CPU either. */
    private static final Duration IN_USE = Duration.ofMinutes(1);

    /** Behind the note of a wish of which the pod keeps the memory. */
    private static final String KEPT = ", kept";

    private final Observed seen;
    private final Recheck recheck;
    private final PodView pod;
    private final Allocation wished;
    private final Optional<Instant> since;

    /**
     * @param since when that was wished; empty for what the query began with
     */
    Resize(Observed seen, Recheck recheck, PodView pod, Allocation wished, Optional<Instant> since) {
        this.seen = seen;
        this.recheck = recheck;
        this.pod = pod;
        this.wished = wished;
        this.since = since;
    }

    static String wish(Allocation wished, Optional<Instant> since) {
        return text(wished) + " since " + since.map(Decider::time).orElse("it began");
    }

    private static String text(Allocation wished) {
        return wished.cpu() + " " + wished.memoryText();
    }

    void actions(List<Action> actions) {
        long planned =
                pod.given().planned() < 0 ? pod.given().memory() : pod.given().planned();
        if (planned != wished.memory()) {
            actions.add(new PlanMemory(pod.name(), wished.memory()));
        }
        String wish = wish(wished, since);
        Allocation keeping = wished.withMemory(pod.given().memory());
        String kept = wish(keeping, since) + KEPT;
        if (wished.memory() >= pod.given().memory()) {
            ask(wished, wish, actions);
        } else if (isRefused(wish) && pod.node() == null) {
            actions.add(new DeletePod(pod.name(), pod.resourceVersion())); // the next one is made with less
        } else if (isRefused(wish) || kept.equals(pod.given().asked()) || isInUse(wish)) {
            ask(keeping, kept, actions);
        } else if (plansWithin()) {
            ask(wished, wish, actions);
        } else {
            ask(keeping, wish(keeping, since), actions);
        }
    }

    private void ask(Allocation target, String wish, List<Action> actions) {
        if (!isAsked(target, wish) && !isRefused(wish)) {
            actions.add(new ResizePod(pod.name(), target.cpu(), target.memoryText(), wish));
        }
    }

    private boolean isAsked(Allocation target, String wish) {
        boolean has = pod.given().milli() == target.milliCpu() && pod.given().memory() == target.memory();
        String last = pod.given().asked() == null ? "" : pod.given().asked();
        if (last.isEmpty() || wish.endsWith(KEPT)) {
            return last.isEmpty() ? has : last.equals(wish);
        }
        return last.equals(wish) || last.equals(text(target)) || has && last.startsWith(text(target) + " ");
    }

    private boolean isRefused(String wish) {
        return pod.given()
                .notTaken()
                .filter(refusal -> refusal.wish().equals(wish))
                .isPresent();
    }

    /** Whether its node has not taken the memory away that was asked for: files that it has read count as used. */
    private boolean isInUse(String wish) {
        if (!wish.equals(pod.given().asked()) || pod.given().refused().isEmpty()) {
            return false;
        }
        return recheck.isOver(since.orElse(pod.created()), IN_USE);
    }

    /** One that has no node yet has nothing to give back. */
    private boolean plansWithin() {
        return Optional.ofNullable(seen.engines().get(pod.name()))
                .map(EngineView::progress)
                .map(EngineProgress::memoryBytes)
                .map(planned -> planned <= wished.memory())
                .orElse(pod.node() == null);
    }
}
