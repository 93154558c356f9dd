package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.StreamingQueryStatus.Standby;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.resources.Version;
import dev.millrace.operator.scaling.ScalingState;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Other pods in the place of those whose nodes have no room for what is wished. Each follows its pod as a standby does, with what
 * is wished, and goes on in its place when it has all that is committed. Until then nothing is lost by trying, so it is given up
 * where there is no room elsewhere either.
 */
final class Replacements {

    /** How long a node may take to find room. */
    private static final Duration DEFERRED = Duration.ofSeconds(30);

    /** For so long a node may say no to less memory, which is then not asked for any more: that is no reason. */
    private static final Duration ERROR = Duration.ofSeconds(90);

    /** How long another pod may look for a node. */
    private static final Duration NO_ROOM = Duration.ofSeconds(60);

    /** How long it may take until it has all: the state is copied. */
    private static final Duration FOLLOWS = Duration.ofMinutes(15);

    /** So often in a row one may not come about, as of a quota. */
    private static final int FAILURES = 2;

    /** Instead of a cluster. */
    private static final String NO_TOPIC = "-";

    private final Observed seen;
    private final Recheck recheck;
    private final ScalingState state;

    Replacements(Observed seen, Recheck recheck, ScalingState state) {
        this.seen = seen;
        this.recheck = recheck;
        this.state = state;
    }

    /** As the status has it; empty where the autoscaler has nothing to say. */
    static Optional<Replacements> of(Observed seen, Recheck recheck) {
        return ScalingStatus.read(seen.status().scaling()).map(state -> new Replacements(seen, recheck, state));
    }

    /** Whether a pod of the query may be followed by another one: what its engine would refuse is not tried again and again. */
    static boolean arePossible(Observed seen) {
        JsonNode spec = seen.current().map(Version::spec).orElse(seen.spec());
        for (JsonNode source : spec.path("sources")) {
            if (!source.has("kafka") && !source.has("static")) {
                return false;
            }
        }
        Set<String> clusters = new HashSet<>();
        for (JsonNode sink : spec.path("sinks")) {
            clusters.add(cluster(spec, sink));
        }
        for (String other : List.of("deadLetters", "lateRows")) {
            if (spec.has(other)) {
                clusters.add(cluster(spec, spec.path(other)));
            }
        }
        return seen.hasStore() && clusters.size() == 1 && !clusters.contains(NO_TOPIC);
    }

    private static String cluster(JsonNode spec, JsonNode output) {
        String common = spec.at("/kafka/bootstrapServers").asText("");
        return output.has("kafka") ? output.at("/kafka/bootstrapServers").asText(common) : NO_TOPIC;
    }

    /** Whether another pod is to come in the place of this one. */
    boolean isDue(PodView pod) {
        boolean alone = !pod.isGuest() && pod.guests().isEmpty() && !isHost(pod);
        boolean runs = pod.node() != null && !pod.ended() && !pod.deleting();
        boolean stays = pod.slot() < state.asked().pods();
        return alone && runs && stays && !has(pod) && isStuck(pod) && arePossible(seen);
    }

    /** Also one that was not told so yet. */
    private boolean isHost(PodView pod) {
        List<Slot> slots = seen.status().slots();
        return slots != null
                && slots.stream().anyMatch(slot -> slot.isHosted() && pod.name().equals(slot.pod()));
    }

    private boolean has(PodView pod) {
        return pod.given().covers(state.asked());
    }

    /** Whether its node has said no for longer than it may. What the API server refuses, it would refuse another pod too. */
    boolean isStuck(PodView pod) {
        return pod.given().refused().isPresent() && recheck.isOver(since(state, pod), grace(pod));
    }

    private static Duration grace(PodView pod) {
        return pod.given()
                        .refused()
                        .filter(trouble -> trouble.reason().equals("Error"))
                        .isPresent()
                ? ERROR
                : DEFERRED;
    }

    /**
     * Whether a pod is in this case, and another one with what is wished may still come in its place. One that the user wishes,
     * and that has no room itself, is not given up for that.
     */
    boolean mayCome(PodView pod, Slot slot) {
        if (!isDue(pod) || recheck.isOver(since(state, pod), FOLLOWS)) {
            return false;
        }
        Standby standby = slot.standby();
        if (standby == null) {
            return canBeFollowed(pod) || !recheck.isOver(since(state, pod).plus(grace(pod)), NO_ROOM);
        }
        Optional<PodView> next = Standbys.pod(seen, slot);
        if (next.isEmpty()) {
            return standby.failures() < FAILURES;
        }
        boolean stays = slot.slot() < seen.wantedStandbys() && !has(next.get()) && isRefused(next.get());
        boolean waits = SlotDecider.noRoom(next.get()).isPresent()
                && recheck.isOver(next.get().created(), NO_ROOM);
        return !stays && !waits && !Standby.FAILED.equals(standby.state());
    }

    /** Whether one can be made now: it begins from a checkpoint. */
    private boolean canBeFollowed(PodView pod) {
        return Optional.ofNullable(seen.engines().get(pod.name()))
                .filter(engine -> engine.answers() && engine.progress().running())
                .filter(engine -> engine.progress().checkpointEpoch() != null)
                .isPresent();
    }

    private boolean isRefused(PodView pod) {
        return isStuck(pod)
                || pod.given()
                        .notTaken()
                        .filter(refusal -> refusal.wish().equals(Autoscaler.wish(state)))
                        .isPresent();
    }

    /** The standby that is to go on now: it has all, and what is wished. */
    Optional<PodView> ready(PodView pod, Slot slot, String version) {
        return isDue(pod) ? Standbys.ready(seen, slot, version).filter(this::has) : Optional.empty();
    }

    String why(PodView pod) {
        return "pod " + pod.name() + " cannot be given " + state.asked().cpu() + " CPU and "
                + state.asked().memoryText() + " memory where it runs"
                + pod.given()
                        .refused()
                        .map(trouble -> ": " + trouble.reason() + ", " + trouble.message())
                        .orElse("");
    }

    /** From when a pod could have what was asked for. */
    static Instant since(ScalingState state, PodView pod) {
        return state.askedAt() != null && state.askedAt().isAfter(pod.created()) ? state.askedAt() : pod.created();
    }
}
