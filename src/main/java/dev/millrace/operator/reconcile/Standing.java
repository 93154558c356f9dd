package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.operator.reconcile.Decision.Notice;
import java.util.List;
import java.util.Optional;

/** Conditions that hold beside a query's running: whether what it knows can be lost, and whether it can grow. */
final class Standing {

    private Standing() {}

    static void scalable(Observed seen, Conditions conditions) {
        int wanted = Math.max(
                seen.spec().path("replicas").asInt(1),
                seen.spec().at("/scaling/replicas/min").asInt(1));
        if (wanted > 1) {
            conditions.set(
                    Conditions.SCALABLE,
                    false,
                    "OnePodOnly",
                    "a query runs in one pod in this version, which uses the CPUs that scaling.resources.min gives it;"
                            + " it goes on with one instead of " + wanted);
        } else {
            conditions.set(Conditions.SCALABLE, true, "AsWanted", "");
        }
    }

    /**
     * @param progress what the pod says, if it answers
     */
    static void durable(Observed seen, Optional<EngineProgress> progress, Conditions conditions, List<Notice> notices) {
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
            stored(seen, progress.get(), conditions, notices);
        }
    }

    private static void stored(Observed seen, EngineProgress engine, Conditions conditions, List<Notice> notices) {
        if (engine.notDurable() != null) {
            conditions.set(Conditions.DURABLE, false, "WeakLog", engine.notDurable());
        } else if (engine.checkpointFailure() != null) {
            conditions.set(Conditions.DURABLE, false, "CheckpointFailed", engine.checkpointFailure());
            notices.add(new Notice(true, "CheckpointFailed", engine.checkpointFailure()));
        } else if (engine.checkpointEpoch() == null && seen.status().checkpoint() == null) {
            conditions.set(Conditions.DURABLE, "Unknown", "NoCheckpointYet", "the first checkpoint is being stored");
        } else {
            conditions.set(Conditions.DURABLE, true, "Stored", "checkpoints are in their store, the log is in Kafka");
        }
    }
}
