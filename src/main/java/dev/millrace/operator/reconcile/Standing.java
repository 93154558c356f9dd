package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Standby;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.SlotDecision.Completed;
import dev.millrace.operator.reconcile.SlotDecision.Failed;
import dev.millrace.operator.reconcile.SlotDecision.Gone;
import dev.millrace.operator.reconcile.SlotDecision.State;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/** Conditions that hold beside a query's running: whether what it knows can be lost, and whether it can grow. */
final class Standing {

    private Standing() {}

    /**
     * @param undivided why the query runs in one slot only
     */
    static void scalable(Observed seen, Optional<String> undivided, Conditions conditions) {
        int wanted = seen.wantedSlots();
        if (wanted > 1 && undivided.isPresent()) {
            conditions.set(
                    Conditions.SCALABLE,
                    false,
                    "NotSupportedInSlots",
                    "it goes on with one pod instead of " + wanted + ": " + undivided.get());
        } else {
            conditions.set(Conditions.SCALABLE, true, "AsWanted", "");
        }
    }

    /** Where some are wanted: whether each is ready. */
    static void standby(Observed seen, List<SlotDecision> slots, Conditions conditions) {
        State first = slots.get(0).state();
        if (seen.wantedStandbys() == 0 || first instanceof Completed || first instanceof Failed) {
            return;
        }
        if (!seen.hasStore()) {
            conditions.set(
                    Conditions.STANDBY_READY,
                    false,
                    Standbys.NOT_SUPPORTED,
                    "a standby begins from a checkpoint in Kafka or another store, and the query writes to no topic");
            return;
        }
        for (SlotDecision slot : slots.subList(0, Math.min(slots.size(), seen.wantedStandbys()))) {
            Standby standby = slot.slot().standby();
            boolean ready = standby != null && standby.isReady();
            if (!ready && !(slot.state() instanceof Gone)) {
                String state = standby == null ? Standby.STARTING : standby.state();
                String what = standby == null
                        ? "slot " + slot.slot().slot() + " has none yet"
                        : "the standby " + standby.pod() + " is not ready"
                                + (standby.message() == null ? "" : ": " + standby.message());
                conditions.set(Conditions.STANDBY_READY, false, state, what);
                return;
            }
        }
        conditions.set(Conditions.STANDBY_READY, true, Standby.READY, "");
    }

    /** What a query does that runs, and whether windows wait for one of its slots. */
    static String processing(List<SlotDecision> slots) {
        String waits = slots.stream()
                .flatMap(slot -> slot.progress().stream())
                .map(EngineProgress::windowsWaitFor)
                .filter(Objects::nonNull)
                .findFirst()
                .map(slot ->
                        "; no window closes before slot " + slot + " announces that its time goes on, which it has not"
                                + " for half a minute: do its partitions get rows? (watermark.idleTimeout)")
                .orElse("");
        return "rows are being processed" + waits;
    }

    /**
     * @param progress what pods say, of those that answer
     */
    static void durable(Observed seen, List<EngineProgress> progress, Conditions conditions, List<Notice> notices) {
        if (!seen.hasStore()) {
            conditions.set(
                    Conditions.DURABLE,
                    false,
                    "OnlyOnVolume",
                    "state and log are only on the pod's volume: when that is lost, the query starts anew");
        } else if (progress.isEmpty()) {
            conditions.keep(Conditions.DURABLE);
            if (Conditions.find(conditions.list(), Conditions.DURABLE).isEmpty()) {
                conditions.set(Conditions.DURABLE, "Unknown", "Starting", "nothing was committed yet");
            }
        } else {
            stored(seen, progress, conditions, notices);
        }
    }

    private static void stored(
            Observed seen, List<EngineProgress> engines, Conditions conditions, List<Notice> notices) {
        Optional<String> weak = first(engines, EngineProgress::notDurable);
        Optional<String> failure = first(engines, EngineProgress::checkpointFailure);
        if (weak.isPresent()) {
            conditions.set(Conditions.DURABLE, false, "WeakLog", weak.get());
        } else if (failure.isPresent()) {
            conditions.set(Conditions.DURABLE, false, "CheckpointFailed", failure.get());
            notices.add(new Notice(true, "CheckpointFailed", failure.get()));
        } else if (engines.get(0).checkpointEpoch() == null && seen.status().checkpoint() == null) {
            conditions.set(Conditions.DURABLE, "Unknown", "NoCheckpointYet", "the first checkpoint is being stored");
        } else {
            conditions.set(Conditions.DURABLE, true, "Stored", "checkpoints are in their store, the log is in Kafka");
        }
    }

    private static Optional<String> first(List<EngineProgress> engines, Function<EngineProgress, String> trouble) {
        return engines.stream().map(trouble).filter(Objects::nonNull).findFirst();
    }
}
