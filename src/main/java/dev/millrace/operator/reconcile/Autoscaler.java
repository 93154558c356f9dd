package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.Size;
import dev.millrace.api.StreamingQuery;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

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
        int leastCpu = milli(scaling.at("/resources/min/cpu").asText(DEFAULT_CPU));
        int mostCpu = Math.max(leastCpu, mostCpu(scaling, leastCpu));
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

    private static int mostCpu(JsonNode scaling, int otherwise) {
        String text = scaling.at("/resources/max/cpu").asText("");
        return text.isEmpty() ? otherwise : milli(text);
    }

    private static int milli(String cpu) {
        return Math.toIntExact(Size.ofText(cpu).thousandths());
    }

    /** For how many cores a pod is to have threads. */
    static int threads(Observed seen) {
        JsonNode scaling = seen.spec().path("scaling");
        return (mostCpu(scaling, milli(scaling.at("/resources/min/cpu").asText(DEFAULT_CPU))) + 999) / 1000;
    }

    private Wish decide(List<Slot> slots, Division division, boolean steady) {
        List<Notice> notices = new ArrayList<>();
        int before = division == null ? 1 : division.slots();
        ScalingState state = ScalingStatus.read(seen.status().scaling())
                .orElseGet(() -> ScalingState.of(new Allocation(bounds.podsWithin(before), bounds.minCpu())));
        state = within(state);
        state = refused(state, notices);
        Optional<Allocation> actual = steady ? actual(slots, division) : Optional.empty();
        Step step = ScalingPolicy.step(
                new Situation(seen.samples(), actual, objective(), bounds, acts, truncated(seen.now())), state);
        recheck.in(LOOK);
        told(step, notices);
        ScalingState next = step.state();
        boolean grown = slots.stream()
                .filter(slot -> slot.pod() != null)
                .flatMap(slot -> SlotDecider.last(seen, slot).stream())
                .allMatch(pod -> pod.cpu().milli() >= next.asked().milliCpu());
        int pods =
                next.asked().pods() < before && !grown ? before : next.asked().pods();
        return new Wish(ScalingStatus.write(next, step, acts), pods, notices);
    }

    private static Instant truncated(Instant now) {
        return now.truncatedTo(java.time.temporal.ChronoUnit.SECONDS);
    }

    /** The user may have changed the bounds; what is only recommended is not asked for. */
    private ScalingState within(ScalingState state) {
        Allocation asked = state.asked();
        Allocation allowed = acts
                ? new Allocation(
                        bounds.podsWithin(asked.pods()),
                        Math.max(bounds.minCpu(), Math.min(bounds.maxCpu(), asked.milliCpu())))
                : new Allocation(bounds.minPods(), bounds.minCpu());
        return allowed.equals(asked) ? state : state.withAsked(allowed, truncated(seen.now()));
    }

    /** A node, a quota or a policy does not give what was asked. */
    private ScalingState refused(ScalingState state, List<Notice> notices) {
        if (state.askedAt() == null) {
            return state;
        }
        for (PodView pod : seen.pods()) {
            Optional<Trouble> refused = pod.cpu().refused();
            if (refused.isEmpty()
                    || pod.ended()
                    || pod.deleting()
                    || pod.cpu().milli() >= state.asked().milliCpu()) {
                continue;
            }
            Instant patience = state.askedAt().plus(DEFERRED);
            if (refused.get().reason().equals("Deferred") && seen.now().isBefore(patience)) {
                recheck.at(patience);
                continue;
            }
            String why = "pod " + pod.name() + " does not get "
                    + Allocation.cpu(state.asked().milliCpu()) + " CPU ("
                    + refused.get().reason() + ": " + refused.get().message() + ")";
            notices.add(new Notice(true, "ScalingRefused", why));
            return state.refused(Math.max(bounds.minCpu(), pod.cpu().milli()), why, truncated(seen.now()));
        }
        return withoutRoom(state, notices);
    }

    /** Pods that were asked for and find no node: a cluster may get more nodes, but not for ever. */
    private ScalingState withoutRoom(ScalingState state, List<Notice> notices) {
        boolean more = state.last() != null
                && state.settledAt() == null
                && state.last().to().equals(state.asked())
                && state.last().to().pods() > state.last().from().pods();
        if (!more) {
            return state;
        }
        for (PodView pod : seen.pods()) {
            boolean without = pod.slot() >= state.last().from().pods()
                    && pod.trouble()
                            .filter(trouble -> SlotDecider.NO_ROOM.contains(trouble.reason()))
                            .isPresent();
            Instant patience = state.askedAt().plus(NO_ROOM);
            if (without && seen.now().isBefore(patience)) {
                recheck.at(patience);
            } else if (without) {
                String why = "pod " + pod.name() + " finds no room ("
                        + pod.trouble().orElseThrow().message() + ")";
                notices.add(new Notice(true, "ScalingRefused", why));
                return state.withoutRoom(why, truncated(seen.now()));
            }
        }
        return state;
    }

    /** What all pods have, if they have the same, and nothing comes, goes or moves. */
    private Optional<Allocation> actual(List<Slot> slots, Division division) {
        int count = division == null ? 1 : division.slots();
        int cpu = -1;
        for (Slot slot : slots) {
            if (slot.slot() >= count) {
                if (slot.isUnused()) {
                    continue;
                }
                return Optional.empty();
            }
            Optional<PodView> pod = SlotDecider.last(seen, slot);
            Optional<EngineProgress> engine = pod.map(one -> seen.engines().get(one.name()))
                    .filter(EngineView::answers)
                    .map(EngineView::progress)
                    .filter(EngineProgress::calm);
            boolean settled = division == null
                    || engine.filter(progress -> Rescaling.isSettled(progress, division))
                            .isPresent();
            boolean same = cpu < 0 || pod.isPresent() && pod.get().cpu().milli() == cpu;
            if (!settled
                    || engine.isEmpty()
                    || !same
                    || slot.isHosted()
                    || pod.get().deleting()) {
                return Optional.empty();
            }
            cpu = pod.get().cpu().milli();
        }
        return slots.size() < count ? Optional.empty() : Optional.of(new Allocation(count, cpu));
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

    private void told(Step step, List<Notice> notices) {
        Scaling before = seen.status().scaling();
        if (step.change().isPresent()) {
            Change change = step.change().get();
            String what = change.from() + " → " + change.to() + ": " + change.reason();
            boolean known = !acts
                    && before != null
                    && before.recommended() != null
                    && before.recommended().pods() == change.to().pods()
                    && before.recommended().cpu().equals(change.to().cpu());
            if (!known) {
                notices.add(new Notice(false, acts ? "Scaled" : "ScalingRecommended", what));
            }
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
            boolean concerned = scaling != null || pod.cpu().asked() != null;
            boolean refused = pod.cpu()
                    .refused()
                    .filter(trouble -> trouble.reason().equals("Refused")
                            && trouble.message().startsWith(wished + " "))
                    .isPresent();
            boolean asked = pod.cpu().asked() == null
                    ? pod.cpu().milli() == milli(wished)
                    : pod.cpu().asked().equals(wished);
            if (concerned && !asked && !refused && !pod.ended() && !pod.deleting()) {
                actions.add(new ResizePod(pod.name(), wished));
            }
        }
        return actions;
    }

    private static String ofVersion(Observed seen, PodView pod) {
        return Optional.ofNullable(seen.versions().get(pod.version()))
                .map(version -> version.pod().cpu())
                .orElse(DEFAULT_CPU);
    }
}
