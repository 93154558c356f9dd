package dev.millrace.operator.reconcile;

import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.resources.Version;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Pods that can run the slot of another one beside their own: they run, have room on their volumes, and no more than a few guests. */
final class Hosts {

    private static final int MOST_GUESTS = 3;

    /** One that crashed a while ago may have done so for its guests. */
    private static final Duration CRASHED = Duration.ofMinutes(10);

    private Hosts() {}

    /**
     * The one with the fewest guests.
     *
     * @param version that its pod has to be of
     */
    static Optional<PodView> find(Observed seen, Slot slot, String version) {
        Version config = seen.versions().get(version);
        if (slot.slot() == 0 && config != null && config.savepoint().isPresent()) {
            return Optional.empty(); // only its own pod knows what the state began from
        }
        return seen.pods().stream()
                .filter(pod -> pod.slot() != slot.slot()
                        && !pod.standby()
                        && pod.version().equals(version))
                .filter(pod -> isItsSlots(seen, pod))
                .filter(pod ->
                        !pod.deleting() && !pod.ended() && seen.lostAt(pod).isEmpty())
                .filter(pod -> pod.guests().size() < MOST_GUESTS)
                .filter(pod -> pod.crashed()
                        .filter(at -> Duration.between(at, seen.now()).compareTo(CRASHED) < 0)
                        .isEmpty())
                .filter(pod -> Optional.ofNullable(seen.engines().get(pod.name()))
                        .filter(EngineView::answers)
                        .map(EngineView::progress)
                        .filter(engine -> engine.running() && !engine.volumeShort())
                        .isPresent())
                .min(Comparator.comparingInt((PodView pod) -> pod.guests().size())
                        .thenComparingInt(PodView::slot));
    }

    /** And not one that another has taken over from. */
    private static boolean isItsSlots(Observed seen, PodView pod) {
        List<Slot> slots = seen.status().slots();
        return pod.slot() < slots.size() && slots.get(pod.slot()).incarnation() == pod.incarnation();
    }
}
