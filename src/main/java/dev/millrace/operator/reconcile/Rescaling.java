package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.SlotDecision.Gone;
import dev.millrace.operator.reconcile.SlotDecision.Unready;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Whether a query has come to the division that is wished: its slots run, the others have left, and each has what is its own. */
final class Rescaling {

    private static final String PHASE = "Rescaling";

    private Rescaling() {}

    /**
     * What is still to be done; empty for nothing.
     *
     * @param slots what was decided of each, by number
     * @param before whether it had not by the last look
     */
    static Optional<Unready> of(List<SlotDecision> slots, Division division, boolean before) {
        if (division == null) {
            return Optional.empty();
        }
        for (SlotDecision slot : slots.subList(1, slots.size())) {
            if (slot.state() instanceof Unready unready) {
                boolean plain = unready.reason().equals("Starting");
                return Optional.of(new Unready(
                        PHASE,
                        plain ? PHASE : unready.reason(),
                        "slot " + slot.slot().slot() + ": " + unready.message()));
            }
        }
        String leaving = IntStream.range(division.slots(), slots.size())
                .filter(i -> !(slots.get(i).state() instanceof Gone))
                .mapToObj(String::valueOf)
                .collect(Collectors.joining(", "));
        if (!leaving.isEmpty()) {
            return Optional.of(new Unready(PHASE, PHASE, "these slots hand over to others: " + leaving));
        }
        boolean unknown = slots.stream()
                .anyMatch(slot ->
                        !(slot.state() instanceof Gone) && slot.progress().isEmpty());
        boolean moving = slots.stream()
                .anyMatch(slot -> slot.progress()
                        .filter(progress -> !isSettled(progress, division))
                        .isPresent());
        return moving || unknown && before
                ? Optional.of(new Unready(PHASE, PHASE, "key groups or partitions move between slots"))
                : Optional.empty();
    }

    /** What the engine of a pod says that runs, and has what is its own. */
    static Optional<EngineProgress> settled(Observed seen, PodView pod, Division division) {
        return Optional.ofNullable(seen.engines().get(pod.name()))
                .filter(EngineView::answers)
                .map(EngineView::progress)
                .filter(EngineProgress::calm)
                .filter(progress -> division == null || isSettled(progress, division));
    }

    /** Slot 0 of a query that was never divided says nothing of slots. */
    static boolean isSettled(EngineProgress progress, Division division) {
        return progress.division() == null
                ? division.slots() == 1
                : progress.division().equals(division.text()) && Boolean.TRUE.equals(progress.settled());
    }
}
