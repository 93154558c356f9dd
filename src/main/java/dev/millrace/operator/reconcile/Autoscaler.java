package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQuery;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Scaling;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.TimeSpan;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.ResizePod;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.Bounds;
import dev.millrace.operator.scaling.Objective;
import dev.millrace.operator.scaling.ScalingPolicy;
import dev.millrace.operator.scaling.ScalingPolicy.Situation;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import dev.millrace.operator.scaling.ScalingState;
import dev.millrace.operator.scaling.ScalingState.Change;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Brings {@link ScalingPolicy} and the query together: what it may choose, what the query has, and what was refused; and then
 * what pods are to be given.
 *
 * <p>More pods and their CPU are asked for at once. Fewer pods come only when those that stay have the CPU that they then need.
 */
final class Autoscaler {

    /** How long a node may take to find room for more CPU. */
    private static final Duration DEFERRED = Duration.ofSeconds(30);

    /** How long a cluster may take to find room for more pods: it may start nodes for them. */
    private static final Duration NO_ROOM = Duration.ofMinutes(5);

    /** How long a cluster may take with more pods that find a node. */
    private static final Duration NO_PODS = Duration.ofMinutes(15);

    /** How long a pod may look for a node with more CPU than the ones before had. */
    private static final Duration UNSCHEDULED = Duration.ofSeconds(60);

    /** Recommendations that differ by less are one. */
    private static final double NEARLY = 0.15;

    private static final int LEAST_CPU = 10;
    private static final int MOST_THREADS = 256;
    /** When what was refused, and cannot be done without, is asked for again. */
    private static final Duration AGAIN = Duration.ofMinutes(10);

    private static final Duration LOOK = Duration.ofSeconds(60);
    private static final String DEFAULT_CPU = "1";

    private final Observed seen;
    private final Recheck recheck;
    private final Bounds bounds;
    private final boolean acts;

    /**
     * What the autoscaler wishes.
     *
     * @param status null where there is nothing to choose
     * @param slots into how many the query is to be divided
     */
    record Wish(Scaling status, int slots, List<Notice> notices) {}

    private Autoscaler(Observed seen, Recheck recheck, Bounds bounds) {
        this.seen = seen;
        this.recheck = recheck;
        this.bounds = bounds;
        this.acts = !"Recommend".equals(seen.spec().at("/scaling/mode").asText());
    }

    /**
     * @param undivided why the query can run in one slot only
     * @param steady whether no version is on trial, and nothing is wrong
     */
    static Wish decide(
            Observed seen,
            Recheck recheck,
            List<Slot> slots,
            Division division,
            Optional<String> undivided,
            boolean steady) {
        int fixed = undivided.isPresent() ? 1 : seen.wantedSlots();
        Optional<Bounds> bounds = bounds(seen, undivided.isPresent());
        return bounds.isEmpty()
                ? new Wish(null, fixed, List.of())
                : new Autoscaler(seen, recheck, bounds.get()).decide(slots, division, steady);
    }

    /** Between what there is something to choose; empty for nothing. */
    private static Optional<Bounds> bounds(Observed seen, boolean undivided) {
        JsonNode scaling = seen.spec().path("scaling");
        if ("Manual".equals(scaling.path("mode").asText())) {
            return Optional.empty();
        }
        int least = scaling.at("/replicas/min").asInt(1);
        int most = undivided ? least : scaling.at("/replicas/max").asInt(least);
        int leastCpu = leastCpu(scaling);
        int mostCpu = mostCpu(scaling);
        boolean resizes = seen.resizes() && mostCpu > leastCpu;
        if (most <= least && !resizes) {
            return Optional.empty();
        }
        int partitions = seen.engines().values().stream()
                .map(EngineView::progress)
                .filter(progress -> progress != null && progress.usage() != null)
                .mapToInt(progress -> progress.usage().partitions())
                .sum();
        int keyGroups = seen.spec().at("/state/keyGroups").asInt(StreamingQuery.DEFAULT_KEY_GROUPS);
        return Optional.of(new Bounds(
                undivided ? 1 : least, undivided ? 1 : most, leastCpu, mostCpu, partitions, keyGroups, resizes));
    }

    private static int leastCpu(JsonNode scaling) {
        return Math.max(
                LEAST_CPU, ScalingStatus.milli(scaling.at("/resources/min/cpu").asText(DEFAULT_CPU)));
    }

    private static int mostCpu(JsonNode scaling) {
        int least = leastCpu(scaling);
        String text = scaling.at("/resources/max/cpu").asText("");
        return text.isEmpty() ? least : Math.max(least, ScalingStatus.milli(text));
    }

    /** Whether a query leaves something to be chosen. */
    static boolean mayAct(JsonNode spec) {
        JsonNode scaling = spec == null ? MissingNode.getInstance() : spec.path("scaling");
        int least = scaling.at("/replicas/min").asInt(1);
        return !"Manual".equals(scaling.path("mode").asText())
                && (scaling.at("/replicas/max").asInt(least) > least || mostCpu(scaling) > leastCpu(scaling));
    }

    /** For how many cores a pod is to have threads. */
    static int threads(Observed seen) {
        return Math.min(MOST_THREADS, (mostCpu(seen.spec().path("scaling")) + 999) / 1000);
    }

    private Wish decide(List<Slot> slots, Division division, boolean steady) {
        List<Notice> notices = new ArrayList<>();
        int before = division == null ? 1 : division.slots();
        List<PodView> working = working(slots);
        ScalingState state = ScalingStatus.read(seen.status().scaling())
                .orElseGet(() -> ScalingState.of(new Allocation(before, most(working))));
        state = given(within(state), slots, working, notices);
        Optional<Allocation> actual = steady ? actual(slots, division, state) : Optional.empty();
        Step step = ScalingPolicy.step(new Situation(seen.samples(), actual, objective(), bounds, acts, now()), state);
        recheck.in(LOOK);
        StreamingQueryStatus.Allocation recommended = recommended(step);
        told(step, recommended, notices);
        Allocation asked = step.state().asked();
        boolean grown = working.stream().allMatch(pod -> pod.cpu().milli() >= asked.milliCpu());
        int pods = asked.pods() < before && bounds.resizes() && !grown ? before : asked.pods();
        return new Wish(ScalingStatus.write(step.state(), step, recommended), pods, notices);
    }

    private Instant now() {
        return seen.now().truncatedTo(ChronoUnit.SECONDS);
    }

    /** The pods of slots, but for those that follow or end. */
    private List<PodView> working(List<Slot> slots) {
        return slots.stream()
                .filter(slot -> !slot.isUnused() && !slot.isHosted())
                .flatMap(slot -> SlotDecider.last(seen, slot).stream())
                .filter(pod -> !pod.ended() && !pod.deleting() && !pod.isGuest())
                .toList();
    }

    private int most(List<PodView> pods) {
        return pods.stream().mapToInt(pod -> pod.cpu().milli()).max().orElse(bounds.minCpu());
    }

    /** The user may have changed the bounds. */
    private ScalingState within(ScalingState state) {
        Allocation asked = state.asked();
        Allocation allowed = new Allocation(
                bounds.podsWithin(asked.pods()),
                Math.max(bounds.minCpu(), Math.min(bounds.maxCpu(), asked.milliCpu())));
        return allowed.equals(asked) ? state : state.withAsked(allowed, now());
    }

    // ---------------------------------------------------------------- what cannot be had

    /** What nodes, quotas and policies do not give is not waited for without end. */
    private ScalingState given(ScalingState state, List<Slot> slots, List<PodView> working, List<Notice> notices) {
        if (seen.suspended()) {
            return state;
        }
        for (PodView pod : concerned(state, slots, working)) {
            Optional<String> why = bounds.resizes() ? notGiven(state, pod) : Optional.empty();
            if (why.isEmpty()) {
                continue;
            }
            int instead = instead(state, pod);
            notices.add(new Notice(true, "ScalingRefused", why.get()));
            if (instead != state.asked().milliCpu()) {
                return state.refused(instead, why.get(), now());
            }
            if (state.askedAt() == null || isOver(state.askedAt(), AGAIN)) {
                return state.withAsked(state.asked(), now()); // as another wish, which is sent again
            }
        }
        return pods(state, working, notices);
    }

    /** Pods whose CPU matters: of slots, but for new ones that look for a node yet, and those that are to take over hosted ones. */
    private List<PodView> concerned(ScalingState state, List<Slot> slots, List<PodView> working) {
        Stream<PodView> waiting = slots.stream()
                .filter(slot -> slot.isHosted() && slot.standby() != null)
                .flatMap(slot -> seen.pods().stream()
                        .filter(pod -> pod.name().equals(slot.standby().pod()) && pod.node() == null));
        return Stream.concat(
                        working.stream()
                                .filter(pod -> pod.node() != null
                                        || !adds(state)
                                        || pod.slot() < state.last().from().pods()),
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
    private int instead(ScalingState state, PodView pod) {
        if (pod.node() != null) {
            return Math.max(bounds.minCpu(), Math.min(bounds.maxCpu(), pod.cpu().milli()));
        }
        boolean grew = state.last() != null
                && state.last().from().milliCpu() < state.asked().milliCpu();
        return Math.max(bounds.minCpu(), grew ? state.last().from().milliCpu() : bounds.minCpu());
    }

    /** Why a pod does not have the CPU that was asked for, as soon as that is more than a matter of time. */
    private Optional<String> notGiven(ScalingState state, PodView pod) {
        int asked = state.asked().milliCpu();
        String what = "pod " + pod.name() + " does not get " + Allocation.cpu(asked) + " CPU: ";
        Optional<String> notTaken = pod.cpu()
                .notTaken()
                .filter(refusal -> refusal.wish().equals(wish(state)))
                .map(refusal -> what + refusal.message());
        if (notTaken.isPresent() || pod.cpu().milli() == asked && pod.node() != null) {
            return notTaken;
        }
        if (pod.node() == null) {
            return noRoom(pod)
                    .filter(trouble -> isOver(since(state, pod), UNSCHEDULED))
                    .map(trouble -> what + "it finds no node, " + trouble.message());
        }
        Optional<Trouble> refused =
                pod.cpu().refused().filter(trouble -> pod.cpu().milli() < asked);
        if (refused.isPresent()) {
            return refused.filter(
                            trouble -> !trouble.reason().equals("Deferred") || isOver(since(state, pod), DEFERRED))
                    .map(trouble -> what + trouble.reason() + ", " + trouble.message());
        }
        return isOver(since(state, pod), NO_ROOM)
                ? Optional.of(what + "it has " + Allocation.cpu(pod.cpu().milli())
                        + "; does something else set it, such as a VerticalPodAutoscaler or a policy?")
                : Optional.empty();
    }

    /** From when a pod could have the CPU that was asked for. */
    private static Instant since(ScalingState state, PodView pod) {
        return state.askedAt() != null && state.askedAt().isAfter(pod.created()) ? state.askedAt() : pod.created();
    }

    private static Optional<Trouble> noRoom(PodView pod) {
        return pod.trouble().filter(trouble -> SlotDecider.NO_ROOM.contains(trouble.reason()));
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
                .flatMap(
                        pod -> noRoom(pod).map(trouble -> pod.name() + " finds no room: " + trouble.message()).stream())
                .findFirst();
        if (!isOver(since, without.isPresent() ? NO_ROOM : NO_PODS)) {
            return state;
        }
        String why = without.map(text -> "pod " + text).orElse("the pods that were asked for did not come");
        notices.add(new Notice(true, "ScalingRefused", why));
        return state.withoutRoom(why, now());
    }

    /** Whether so much time has passed; where not, there is a look when it has. */
    private boolean isOver(Instant since, Duration time) {
        Instant end = since.plus(time);
        recheck.at(end);
        return !seen.now().isBefore(end);
    }

    // ---------------------------------------------------------------- what there is

    /** What all pods have, if they have the same, and nothing comes, goes or moves. */
    private Optional<Allocation> actual(List<Slot> slots, Division division, ScalingState state) {
        int count = division == null ? 1 : division.slots();
        int cpu = -1;
        for (Slot slot : slots) {
            if (slot.slot() >= count && slot.isUnused()) {
                continue;
            }
            Optional<PodView> pod = slot.slot() < count ? SlotDecider.last(seen, slot) : Optional.empty();
            if (pod.isEmpty() || slot.isHosted() || pod.get().deleting() || !isSettled(pod.get(), division)) {
                return Optional.empty();
            }
            int has = bounds.resizes() ? pod.get().cpu().milli() : state.asked().milliCpu();
            if (cpu >= 0 && has != cpu) {
                return Optional.empty();
            }
            cpu = has;
        }
        return slots.size() < count ? Optional.empty() : Optional.of(new Allocation(count, cpu));
    }

    private boolean isSettled(PodView pod, Division division) {
        return Optional.ofNullable(seen.engines().get(pod.name()))
                .filter(EngineView::answers)
                .map(EngineView::progress)
                .filter(EngineProgress::calm)
                .filter(progress -> division == null || Rescaling.isSettled(progress, division))
                .isPresent();
    }

    private Objective objective() {
        JsonNode objective = seen.spec().at("/scaling/objective");
        return new Objective(
                time(objective.path("maxLag"), Objective.DEFAULT.maxLag()),
                time(objective.path("catchUp"), Objective.DEFAULT.catchUp()),
                objective.path("utilisation").asDouble(Objective.DEFAULT.utilisation()));
    }

    private static Duration time(JsonNode text, Duration otherwise) {
        return text.isMissingNode()
                ? otherwise
                : Duration.ofMillis(TimeSpan.ofText(text.asText()).millis());
    }

    /** What the user may want to choose; it stands until another one differs, or the query keeps up with what it has. */
    private StreamingQueryStatus.Allocation recommended(Step step) {
        if (acts) {
            return null;
        }
        StreamingQueryStatus.Allocation before =
                seen.status().scaling() == null ? null : seen.status().scaling().recommended();
        if (step.change().isEmpty()) {
            return step.reason().equals(ScalingPolicy.KEEPS_UP) ? null : before;
        }
        Allocation next = step.change().get().to();
        boolean same = before != null
                && before.pods() == next.pods()
                && Math.abs(ScalingStatus.milli(before.cpu()) - next.milliCpu()) < NEARLY * next.milliCpu();
        return same ? before : ScalingStatus.allocation(next);
    }

    private void told(Step step, StreamingQueryStatus.Allocation recommended, List<Notice> notices) {
        Scaling before = seen.status().scaling();
        boolean known = !acts && before != null && recommended != null && recommended.equals(before.recommended());
        if (step.change().isPresent() && !known) {
            Change change = step.change().get();
            String what = change.from() + " → " + change.to() + ": " + change.reason();
            notices.add(new Notice(false, acts ? "Scaled" : "ScalingRecommended", what));
        }
        if (step.change().isEmpty() && step.bottleneck().isBeyondScaling()) {
            notices.add(new Notice(
                    true,
                    step.bottleneck() + "Bound",
                    "rows wait, and what keeps the query is "
                            + step.bottleneck().words() + ": it is not given more, which would not help"));
        }
        Change last = step.state().last();
        boolean news = last != null
                && last.outcome() != null
                && (before == null
                        || before.lastDecision() == null
                        || before.lastDecision().outcome() == null);
        if (news) {
            notices.add(new Notice(false, "ScalingOutcome", last.from() + " → " + last.to() + ": " + last.outcome()));
        }
    }

    /** Brings the CPU of pods that live to what is wished; what was refused is not asked for again before the wish changes. */
    static List<Action> resizes(Observed seen, Scaling scaling) {
        List<Action> actions = new ArrayList<>();
        if (!seen.resizes()) {
            return actions;
        }
        for (PodView pod : seen.pods()) {
            String wished = scaling != null ? scaling.cpu() : ofVersion(seen, pod);
            String wish = scaling != null ? wish(scaling.askedAt(), wished) : wish(null, wished);
            boolean concerned = scaling != null || pod.cpu().asked() != null;
            boolean refused = pod.cpu()
                    .notTaken()
                    .filter(refusal -> refusal.wish().equals(wish))
                    .isPresent();
            boolean has = pod.cpu().milli() == ScalingStatus.milli(wished);
            String last = pod.cpu().asked() == null ? "" : pod.cpu().asked();
            boolean asked = last.isEmpty()
                    ? has
                    : last.equals(wish) || last.equals(wished) || has && last.startsWith(wished + " ");
            if (concerned && !asked && !refused && !pod.ended() && !pod.deleting()) {
                actions.add(new ResizePod(pod.name(), wished, wish));
            }
        }
        return actions;
    }

    private static String wish(ScalingState state) {
        String since = state.askedAt() == null ? null : Decider.time(state.askedAt());
        return wish(since, Allocation.cpu(state.asked().milliCpu()));
    }

    private static String wish(String since, String cpu) {
        return cpu + " since " + (since == null ? "it began" : since);
    }

    private static String ofVersion(Observed seen, PodView pod) {
        return Optional.ofNullable(seen.versions().get(pod.version()))
                .map(version -> version.pod().cpu())
                .orElse(DEFAULT_CPU);
    }
}
