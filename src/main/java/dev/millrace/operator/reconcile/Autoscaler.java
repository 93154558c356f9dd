package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.millrace.api.Scaling;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.TimeSpan;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Exclusions.Exclusion;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.resources.Version;
import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.Bounds;
import dev.millrace.operator.scaling.Objective;
import dev.millrace.operator.scaling.ScalingHistory.Look;
import dev.millrace.operator.scaling.ScalingPolicy;
import dev.millrace.operator.scaling.ScalingPolicy.Situation;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import dev.millrace.operator.scaling.ScalingState;
import dev.millrace.operator.scaling.ScalingState.Change;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
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

    static final String SCALED = "Scaled";

    /** Recommendations that differ by less are one. */
    private static final double NEARLY = 0.15;

    private static final int LEAST_CPU = 10;
    private static final int MOST_THREADS = 256;
    private static final Duration LOOK = Duration.ofSeconds(60);

    private final Observed seen;
    private final Recheck recheck;
    private final Bounds bounds;
    private final Optional<Exclusion> excluded;
    private final boolean acts;

    /**
     * What the autoscaler wishes.
     *
     * @param status null where there is nothing to choose
     * @param slots into how many the query is to be divided
     * @param look what that rests on
     */
    record Wish(Scaling status, int slots, List<Notice> notices, Optional<Look> look) {}

    private Autoscaler(Observed seen, Recheck recheck, Bounds bounds) {
        this.seen = seen;
        this.recheck = recheck;
        this.bounds = bounds;
        this.excluded = Exclusions.now(seen.spec(), seen.now());
        this.acts = acts(seen);
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
                ? new Wish(null, fixed, List.of(), Optional.empty())
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
        long leastMemory = leastMemory(scaling);
        long mostMemory = mostMemory(scaling);
        boolean resizes = seen.resizes() && (mostCpu > leastCpu || mostMemory > leastMemory);
        if (most <= least && !resizes) {
            return Optional.empty();
        }
        int partitions = seen.engines().values().stream()
                .map(EngineView::progress)
                .filter(progress -> progress != null && progress.usage() != null)
                .mapToInt(progress -> progress.usage().partitions())
                .sum();
        int keyGroups = seen.keyGroups();
        return Optional.of(new Bounds(
                undivided ? 1 : least,
                undivided ? 1 : most,
                leastCpu,
                mostCpu,
                leastMemory,
                mostMemory,
                partitions,
                keyGroups,
                resizes));
    }

    private static int leastCpu(JsonNode scaling) {
        return Math.max(
                LEAST_CPU, ScalingStatus.milli(scaling.at("/resources/min/cpu").asText(Version.DEFAULT_CPU)));
    }

    private static int mostCpu(JsonNode scaling) {
        int least = leastCpu(scaling);
        String text = scaling.at("/resources/max/cpu").asText("");
        return text.isEmpty() ? least : Math.max(least, ScalingStatus.milli(text));
    }

    private static long leastMemory(JsonNode scaling) {
        return ScalingStatus.bytes(scaling.at("/resources/min/memory").asText(Version.DEFAULT_MEMORY));
    }

    private static long mostMemory(JsonNode scaling) {
        long least = leastMemory(scaling);
        String text = scaling.at("/resources/max/memory").asText("");
        return text.isEmpty() ? least : Math.max(least, ScalingStatus.bytes(text));
    }

    /** Whether a query leaves something to be chosen. */
    static boolean mayAct(JsonNode spec) {
        JsonNode scaling = spec == null ? MissingNode.getInstance() : spec.path("scaling");
        int least = scaling.at("/replicas/min").asInt(1);
        return !"Manual".equals(scaling.path("mode").asText())
                && (scaling.at("/replicas/max").asInt(least) > least
                        || mostCpu(scaling) > leastCpu(scaling)
                        || mostMemory(scaling) > leastMemory(scaling));
    }

    /** For how many cores a pod is to have threads. */
    static int threads(Observed seen) {
        return Math.min(MOST_THREADS, (mostCpu(seen.spec().path("scaling")) + 999) / 1000);
    }

    private Wish decide(List<Slot> slots, Division division, boolean steady) {
        List<Notice> notices = new ArrayList<>();
        int before = division == null ? 1 : division.slots();
        List<PodView> working = working(slots);
        ScalingState state =
                ScalingStatus.read(seen.status().scaling()).orElseGet(() -> ScalingState.of(first(before, working)));
        state = seen.suspended()
                ? within(state)
                : new Refusals(seen, recheck, bounds).heed(within(state), slots, working, notices);
        Optional<Allocation> actual = steady ? actual(slots, division, state) : Optional.empty();
        Step step = told(
                ScalingPolicy.step(new Situation(seen.samples(), actual, objective(), bounds, acts, now()), state));
        recheck.in(LOOK);
        Scaling.Allocation recommended = recommended(step);
        told(step, recommended, notices);
        Allocation asked = step.state().asked();
        boolean grown = slots.stream()
                .filter(slot -> slot.slot() < asked.pods() && !slot.isHosted())
                .allMatch(slot -> working.stream()
                        .anyMatch(
                                pod -> pod.slot() == slot.slot() && pod.given().covers(asked)));
        int pods = asked.pods() < before && bounds.resizes() && !grown ? before : asked.pods();
        Instant newest = seen.samples().isEmpty()
                ? null
                : seen.samples().get(seen.samples().size() - 1).at();
        Look look = new Look(now(), newest, state, actual, objective(), bounds, acts, step.reason());
        return new Wish(ScalingStatus.write(step.state(), step, recommended), pods, notices, Optional.of(look));
    }

    /** In a time that is excluded it is as in mode Recommend. */
    private Step told(Step step) {
        if (excluded.isEmpty()) {
            return step;
        }
        recheck.at(excluded.get().end());
        String why = "nothing is changed before " + Decider.time(excluded.get().end()) + ", as '"
                + excluded.get().schedule() + "' excludes it: " + step.reason();
        return step.because(why);
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

    /** What it has already. */
    private Allocation first(int slots, List<PodView> pods) {
        return new Allocation(
                slots,
                pods.stream().mapToInt(pod -> pod.given().milli()).max().orElse(bounds.minCpu()),
                pods.stream().mapToLong(pod -> pod.given().memory()).max().orElse(bounds.minMemory()));
    }

    /** The user may have changed the bounds. */
    private ScalingState within(ScalingState state) {
        Allocation asked = state.asked();
        Allocation allowed = bounds.within(asked);
        return allowed.equals(asked) ? state : state.withAsked(allowed, now());
    }

    /** What all pods have, if they have the same, and nothing comes, goes or moves. */
    private Optional<Allocation> actual(List<Slot> slots, Division division, ScalingState state) {
        int count = division == null ? 1 : division.slots();
        Allocation common = null;
        for (Slot slot : slots) {
            if (slot.slot() >= count && slot.isUnused()) {
                continue;
            }
            Optional<PodView> pod = slot.slot() < count ? SlotDecider.last(seen, slot) : Optional.empty();
            if (pod.isEmpty()
                    || slot.isHosted()
                    || pod.get().deleting()
                    || Rescaling.settled(seen, pod.get(), division).isEmpty()) {
                return Optional.empty();
            }
            Allocation has = bounds.resizes()
                    ? atMost(state.asked(), has(count, pod.get()))
                    : state.asked().withPods(count);
            if (common != null && !has.equals(common)) {
                return Optional.empty();
            }
            common = has;
        }
        return slots.size() < count ? Optional.empty() : Optional.ofNullable(common);
    }

    /** Memory beyond what was asked is taken away when that can be done, and nothing waits for it. */
    private static Allocation atMost(Allocation asked, Allocation has) {
        return has.withMemory(Math.min(asked.memory(), has.memory()));
    }

    private static Allocation has(int pods, PodView pod) {
        return new Allocation(pods, pod.given().milli(), pod.given().memory());
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
    private Scaling.Allocation recommended(Step step) {
        if (acts) {
            return null;
        }
        Scaling.Allocation before =
                seen.status().scaling() == null ? null : seen.status().scaling().recommended();
        if (step.change().isEmpty()) {
            return step.keepsUp() ? null : before;
        }
        Allocation next = step.change().get().to();
        boolean same = before != null
                && before.pods() == next.pods()
                && Math.abs(ScalingStatus.milli(before.cpu()) - next.milliCpu()) < NEARLY * next.milliCpu()
                && before.memory() != null
                && Math.abs(ScalingStatus.bytes(before.memory()) - next.memory()) < NEARLY * next.memory();
        return same ? before : ScalingStatus.allocation(next);
    }

    private void told(Step step, Scaling.Allocation recommended, List<Notice> notices) {
        Scaling before = seen.status().scaling();
        boolean known = !acts && before != null && recommended != null && recommended.equals(before.recommended());
        if (step.change().isPresent() && !known) {
            Change change = step.change().get();
            String what = change.from() + " → " + change.to() + ": " + change.reason();
            notices.add(new Notice(false, acts ? SCALED : "ScalingRecommended", what));
        }
        if (step.change().isEmpty() && step.bottleneck().isBeyondScaling()) {
            notices.add(new Notice(
                    true,
                    step.bottleneck() + "Bound",
                    "what keeps the query is " + step.bottleneck().words()
                            + ": it is not given more, which would not help"));
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

    /** Brings pods that live, and are not to leave, to what is wished; what was refused is not asked for again before the wish changes. */
    static List<Action> resizes(Observed seen, Scaling scaling, Recheck recheck) {
        List<Action> actions = new ArrayList<>();
        Optional<ScalingState> state = ScalingStatus.read(scaling);
        if (!seen.resizes()) {
            return actions;
        }
        for (PodView pod : seen.pods()) {
            Allocation wished = state.map(ScalingState::asked).orElseGet(() -> ofVersion(seen, pod));
            boolean stays = pod.slot() < wished.pods() || state.isEmpty();
            boolean concerned = state.isPresent() || pod.given().asked() != null;
            if (concerned && stays && !pod.ended() && !pod.deleting()) {
                new Resize(seen, recheck, pod, wished, state.map(ScalingState::askedAt)).actions(actions);
            }
        }
        return actions;
    }

    /** Whether it is not only told what would be done. */
    static boolean acts(Observed seen) {
        return Exclusions.now(seen.spec(), seen.now()).isEmpty()
                && !"Recommend".equals(seen.spec().at("/scaling/mode").asText());
    }

    /** What pods are to have; null where there is nothing to choose. */
    static Allocation asked(Scaling scaling) {
        return ScalingStatus.read(scaling).map(ScalingState::asked).orElse(null);
    }

    static String wish(ScalingState state) {
        return Resize.wish(state.asked(), Optional.ofNullable(state.askedAt()));
    }

    private static Allocation ofVersion(Observed seen, PodView pod) {
        return Optional.ofNullable(seen.versions().get(pod.version()))
                .map(version -> new Allocation(
                        1,
                        ScalingStatus.milli(version.pod().cpu()),
                        ScalingStatus.bytes(version.pod().memory())))
                .orElseGet(() -> has(1, pod));
    }
}
