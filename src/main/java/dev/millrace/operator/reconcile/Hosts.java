package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.resources.Version;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Pods that can run a slot beside their own: they run, have room on their volumes, and no more than a few guests. */
final class Hosts {

    private static final int MOST_GUESTS = 3;

    /** One that crashed a while ago may have done so for its guests, and who was a guest there may be so elsewhere. */
    private static final Duration CRASHED = Duration.ofMinutes(10);

    private Hosts() {}

    /** From when on a slot may be a guest again. */
    static Instant again(Slot slot) {
        return slot.hostFailedAt() == null
                ? Instant.MIN
                : Instant.parse(slot.hostFailedAt()).plus(CRASHED);
    }

    /**
     * The one with the fewest guests.
     *
     * @param decided the slots before this one, as they are to be
     * @param version that its pod has to be of
     */
    static Optional<PodView> find(Observed seen, List<Slot> decided, Slot slot, String version) {
        Version config = seen.versions().get(version);
        if (slot.slot() == 0 && config != null && config.savepoint().isPresent()) {
            return Optional.empty(); // only its own pod knows what the state began from
        }
        return seen.pods().stream()
                .filter(pod -> pod.slot() != slot.slot()
                        && !pod.standby()
                        && pod.version().equals(version))
                .filter(pod -> isItsSlots(seen, decided, pod))
                .filter(pod ->
                        !pod.deleting() && !pod.ended() && seen.lostAt(pod).isEmpty())
                .filter(pod -> guests(seen, decided, pod) < MOST_GUESTS)
                .filter(pod -> pod.crashed()
                        .filter(at -> Duration.between(at, seen.now()).compareTo(CRASHED) < 0)
                        .isEmpty())
                .filter(pod -> Optional.ofNullable(seen.engines().get(pod.name()))
                        .filter(EngineView::answers)
                        .map(EngineView::progress)
                        .filter(Hosts::hasRoom)
                        .isPresent())
                .min(Comparator.comparingInt((PodView pod) -> guests(seen, decided, pod))
                        .thenComparingInt(PodView::slot));
    }

    /** Why the pod does not bear a guest. */
    static Optional<String> trouble(Observed seen, Slot slot, PodView guest) {
        Instant began = Instant.parse(slot.startedAt());
        if (guest.crashed().filter(at -> at.isAfter(began)).isPresent()) {
            return Optional.of("the engine of pod " + guest.host() + " crashed since it runs the slot too");
        }
        for (String name : List.of(guest.name(), guest.host())) {
            EngineView engine = seen.engines().get(name);
            boolean full = engine != null
                    && engine.answers()
                    && SlotDecider.VOLUME_FULL.equals(engine.progress().code());
            if (full) {
                return Optional.of("the volume of pod " + guest.host() + " is full");
            }
        }
        return Optional.empty();
    }

    /** Slots are about equally large, and a checkpoint is fetched before it is opened. */
    private static boolean hasRoom(EngineProgress engine) {
        boolean small = engine.volumeFree() == null
                || engine.checkpointBytes() == null
                || engine.volumeFree() > 2 * engine.checkpointBytes();
        return engine.running() && Boolean.TRUE.equals(engine.hosts()) && !engine.volumeShort() && small;
    }

    private static int guests(Observed seen, List<Slot> decided, PodView host) {
        List<Slot> before = seen.status().slots();
        List<Slot> rest = before.subList(Math.min(decided.size(), before.size()), before.size());
        return (int) List.of(decided, rest).stream()
                .flatMap(List::stream)
                .filter(slot -> slot.isHosted() && host.name().equals(slot.pod()))
                .count();
    }

    /** And not one that another has taken over from, or whose slot is about to leave. */
    private static boolean isItsSlots(Observed seen, List<Slot> decided, PodView pod) {
        List<Slot> before = seen.status().slots();
        Division division = seen.status().division();
        if (pod.slot() >= before.size() || division != null && pod.slot() >= division.slots()) {
            return false;
        }
        Slot slot = pod.slot() < decided.size() ? decided.get(pod.slot()) : before.get(pod.slot());
        return slot.incarnation() == pod.incarnation();
    }
}
