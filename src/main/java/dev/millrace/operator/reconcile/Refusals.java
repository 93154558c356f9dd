package dev.millrace.operator.reconcile;

import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.Bounds;
import dev.millrace.operator.scaling.ScalingState;
import dev.millrace.operator.scaling.ScalingState.Change;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What the autoscaler asked for and nodes, quotas or policies do not give: each has its time, and then the query goes on without. */
final class Refusals {

    static final String REFUSED = "ScalingRefused";

    /** How long a cluster may take to find room for more pods: it may start nodes for them. */
    private static final Duration NO_ROOM = Duration.ofMinutes(5);

    /** How long a cluster may take with more pods that find a node. */
    private static final Duration NO_PODS = Duration.ofMinutes(15);

    /** How long a pod may look for a node with more CPU than the ones before had. */
    private static final Duration UNSCHEDULED = Duration.ofSeconds(60);

    /** When what was refused, and cannot be done without, is asked for again. */
    private static final Duration AGAIN = Duration.ofMinutes(10);

    private final Observed seen;
    private final Recheck recheck;
    private final Bounds bounds;

    Refusals(Observed seen, Recheck recheck, Bounds bounds) {
        this.seen = seen;
        this.recheck = recheck;
        this.bounds = bounds;
    }

    /** What nodes, quotas and policies do not give is not waited for without end. */
    ScalingState heed(ScalingState state, List<Slot> slots, List<PodView> working, List<Notice> notices) {
        Replacements replacements = new Replacements(seen, recheck, state);
        for (PodView pod : concerned(state, slots, working)) {
            Optional<String> why = bounds.resizes() ? notGiven(state, pod, replacements) : Optional.empty();
            boolean waits =
                    slots.stream().anyMatch(slot -> slot.slot() == pod.slot() && replacements.mayCome(pod, slot));
            if (why.isEmpty() || waits) {
                continue;
            }
            Allocation instead = instead(state, pod);
            notices.add(new Notice(true, REFUSED, why.get()));
            if (!instead.equals(state.asked())) {
                return state.refused(instead, why.get(), seen.now().truncatedTo(ChronoUnit.SECONDS));
            }
            if (state.askedAt() == null || recheck.isOver(state.askedAt(), AGAIN)) {
                return state.withAsked(
                        state.asked(),
                        seen.now().truncatedTo(ChronoUnit.SECONDS)); // as another wish, which is sent again
            }
        }
        return pods(state, working, notices);
    }

    /** Pods whose CPU and memory matter: of slots, but for new ones that look for a node yet, and those that are to take over hosted ones. */
    private List<PodView> concerned(ScalingState state, List<Slot> slots, List<PodView> working) {
        Stream<PodView> waiting = slots.stream()
                .filter(slot -> slot.isHosted() && slot.standby() != null)
                .filter(slot -> slot.slot() < state.asked().pods())
                .flatMap(slot -> seen.pods().stream()
                        .filter(pod -> pod.name().equals(slot.standby().pod()) && pod.node() == null));
        return Stream.concat(
                        working.stream()
                                .filter(pod -> pod.slot() < state.asked().pods())
                                .filter(pod -> pod.node() != null
                                        || isAboveLeast(pod)
                                                && (!adds(state)
                                                        || pod.slot()
                                                                < state.last()
                                                                        .from()
                                                                        .pods())),
                        waiting)
                .toList();
    }

    /** Whether more pods were asked for that have not come yet. */
    private static boolean adds(ScalingState state) {
        Change last = state.last();
        return last != null
                && last.settledAt() == null
                && state.settledAt() == null
                && last.to().pods() == state.asked().pods()
                && last.to().pods() > last.from().pods();
    }

    /** What it has; one that has no place yet has nothing, and gets what the ones before had. */
    private Allocation instead(ScalingState state, PodView pod) {
        Allocation asked = state.asked();
        if (pod.node() != null) {
            return bounds.within(asked.withCpu(pod.given().milli())
                    .withMemory(Math.min(asked.memory(), pod.given().memory())));
        }
        Allocation least = bounds.within(asked.withCpu(bounds.minCpu()).withMemory(bounds.minMemory()));
        if (state.last() == null) {
            return least;
        }
        Allocation before = state.last().from();
        Allocation less = bounds.within(asked.withCpu(Math.min(before.milliCpu(), asked.milliCpu()))
                .withMemory(Math.min(before.memory(), asked.memory())));
        return less.equals(asked) ? least : less;
    }

    private boolean isAboveLeast(PodView pod) {
        return pod.given().milli() > bounds.minCpu() || pod.given().memory() > bounds.minMemory();
    }

    /** Why a pod does not have what was asked for, as soon as that is more than a matter of time. */
    private Optional<String> notGiven(ScalingState state, PodView pod, Replacements replacements) {
        Allocation asked = state.asked();
        String what =
                "pod " + pod.name() + " does not get " + asked.cpu() + " CPU and " + asked.memoryText() + " memory: ";
        boolean has = pod.given().milli() == asked.milliCpu() && pod.given().memory() >= asked.memory();
        if (has && pod.node() != null) {
            return Optional.empty();
        }
        Optional<String> notTaken = pod.given()
                .notTaken()
                .filter(refusal -> refusal.wish().equals(Autoscaler.wish(state)))
                .map(refusal -> what + refusal.message());
        if (notTaken.isPresent()) {
            return notTaken;
        }
        if (pod.node() == null) {
            return SlotDecider.noRoom(pod)
                    .filter(trouble -> recheck.isOver(Replacements.since(state, pod), UNSCHEDULED))
                    .map(trouble -> what + "it finds no node, " + trouble.message());
        }
        Optional<Trouble> refused =
                pod.given().refused().filter(trouble -> !pod.given().covers(asked));
        if (refused.isPresent()) {
            return refused.filter(trouble -> replacements.isStuck(pod))
                    .map(trouble -> what + trouble.reason() + ", " + trouble.message());
        }
        return recheck.isOver(Replacements.since(state, pod), NO_ROOM)
                ? Optional.of(what + "it has " + Allocation.cpu(pod.given().milli()) + " and "
                        + Allocation.memory(pod.given().memory())
                        + "; does something else set it, such as a VerticalPodAutoscaler or a policy?")
                : Optional.empty();
    }

    /** More pods that do not come: a cluster may start nodes for them, and states have to be copied, but not for ever. */
    private ScalingState pods(ScalingState state, List<PodView> working, List<Notice> notices) {
        if (!adds(state)) {
            return state;
        }
        Change last = state.last();
        Instant since = working.stream()
                .map(PodView::created)
                .filter(last.at()::isBefore)
                .max(Comparator.naturalOrder())
                .orElse(last.at());
        Optional<String> without = working.stream()
                .filter(pod -> pod.slot() >= last.from().pods())
                .flatMap(pod ->
                        SlotDecider.noRoom(pod)
                                .map(trouble -> pod.name() + " finds no room: " + trouble.message())
                                .stream())
                .findFirst();
        if (!recheck.isOver(since, without.isPresent() ? NO_ROOM : NO_PODS)) {
            return state;
        }
        String why = without.map(text -> "pod " + text).orElse("the pods that were asked for did not come");
        notices.add(new Notice(true, REFUSED, why));
        return state.withoutRoom(why, seen.now().truncatedTo(ChronoUnit.SECONDS));
    }
}
