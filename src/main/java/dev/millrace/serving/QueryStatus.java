package dev.millrace.serving;

import dev.millrace.data.Watermark;
import dev.millrace.engine.PartitionMetrics;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.StateStore;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A query, or a slot of it, as its users see it while it runs.
 *
 * @param slot 0 for a query that is not divided
 * @param hosts whether its process runs other slots too when it is told to
 * @param memory what the process plans with now
 */
public record QueryStatus(
        String name, String planId, int slot, boolean hosts, QueryMetrics metrics, Supplier<Memory> memory) {

    private static final Container CONTAINER = new Container();

    /** Of a process that runs what it was started with. */
    public QueryStatus(String name, String planId, int slot, QueryMetrics metrics) {
        this(name, planId, slot, false, metrics, () -> Memory.UNKNOWN);
    }

    /** What holds now, by stable names; null where a figure is unknown. */
    public Map<String, Object> progress() {
        QueryMetrics.Figures figures = metrics.figures();
        Map<String, Object> progress = new LinkedHashMap<>();
        progress.put("query", name);
        progress.put("plan", planId);
        progress.put("incarnation", metrics.incarnation());
        progress.put("phase", figures.phase());
        progress.put("epoch", figures.epoch());
        progress.put("rowsIn", metrics.rowsIn.sum());
        progress.put("rowsOut", metrics.rowsOut.sum());
        progress.put("lagRecords", figures.lagRecords() < 0 ? null : figures.lagRecords());
        progress.put("lagSeconds", figures.lagMillis() < 0 ? null : figures.lagMillis() / 1000.0);
        boolean timed = figures.watermark() != Watermark.NONE && figures.watermark() != Watermark.END;
        progress.put(
                "watermark", timed ? Instant.ofEpochMilli(figures.watermark()).toString() : null);
        progress.put("stateRows", figures.stateRows());
        progress.put("stateBytes", figures.stateBytes());
        long committed = figures.committedAtMillis();
        progress.put("commitAgeSeconds", committed == 0 ? null : (System.currentTimeMillis() - committed) / 1000.0);
        progress.put("rowsLate", metrics.rowsLate.sum());
        progress.put("rowsMalformed", metrics.rowsMalformed.sum());
        if (!metrics.restored().source().isEmpty()) {
            progress.put("restoredFrom", metrics.restored().source());
            progress.put("restoreSeconds", metrics.restored().seconds());
        }
        if (metrics.stored().epoch() >= 0) {
            progress.put("checkpointEpoch", metrics.stored().epoch());
            progress.put("checkpointBytes", metrics.stored().bytes());
            progress.put("checkpointSeconds", metrics.stored().seconds());
            progress.put(
                    "checkpointTime",
                    Instant.ofEpochMilli(metrics.stored().millis()).toString());
        }
        if (!metrics.checkpointFailure().isEmpty()) {
            progress.put("checkpointFailure", metrics.checkpointFailure());
        }
        if (!metrics.savepoints().isEmpty()) {
            progress.put(
                    "savepoints",
                    metrics.savepoints().stream().map(QueryStatus::savepoint).toList());
        }
        if (memory.get().planned() > 0) {
            progress.put("memoryBytes", memory.get().planned());
        }
        progress.put("slot", slot);
        if (hosts) {
            progress.put("hosts", true);
        }
        metrics.part().ifPresent(part -> {
            progress.put("division", part.division().toString());
            progress.put("members", part.members());
            progress.put("keyGroups", part.keyGroups());
            progress.put("settled", part.settled());
            progress.put("epochsBehind", part.behind());
            metrics.heldBy().ifPresent(slot -> progress.put("windowsWaitFor", slot));
            if (part.members().size() > 1) {
                metrics.keyGroups().updates().ifPresent(updates -> progress.put("keyGroupUpdates", updates));
            }
            progress.put("partitionRates", metrics.partitionRates());
        });
        if (metrics.incarnation() > 0) {
            progress.put("usage", usage());
        }
        PartitionMetrics.furthestBehind(metrics.partitions())
                .ifPresent(partition -> progress.put("furthestBehind", furthestBehind(partition)));
        if (!metrics.keyGroups().hot().isEmpty()) {
            progress.put("hotKeyGroups", metrics.keyGroups().hot());
        }
        if (!metrics.weakness().isEmpty()) {
            progress.put("notDurable", metrics.weakness());
        }
        if (metrics.volume().bytes() >= 0) {
            progress.put("volumeBytes", metrics.volume().bytes());
            progress.put("volumeFree", metrics.volume().free());
        }
        if (!metrics.end().isEmpty()) {
            progress.put("end", metrics.end());
        }
        if (!figures.code().isEmpty()) {
            progress.put("code", figures.code());
        }
        if (!figures.message().isEmpty()) {
            progress.put("message", figures.message());
        }
        return progress;
    }

    private static Map<String, Object> furthestBehind(PartitionMetrics partition) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("source", partition.source());
        shown.put("partition", partition.partition());
        shown.put("lagRecords", partition.lagRecords());
        shown.put("lagSeconds", partition.lagMillis() < 0 ? null : partition.lagMillis() / 1000.0);
        return shown;
    }

    private Map<String, Object> usage() {
        Map<String, Object> usage = new LinkedHashMap<>();
        usage.put("nanos", System.nanoTime());
        usage.put("rowsRead", metrics.rowsRead.sum());
        usage.put("threadNanos", metrics.threads.nanos());
        usage.put("blockedNanos", metrics.commitNanos.sum() + metrics.publishNanos.sum());
        usage.put("cpuNanos", CONTAINER.cpuNanos());
        CONTAINER.cpuLimit().ifPresent(cores -> usage.put("cpuLimit", cores));
        CONTAINER.throttledNanos().ifPresent(nanos -> usage.put("throttledNanos", nanos));
        CONTAINER.workingSet().ifPresent(bytes -> usage.put("workingSetBytes", bytes));
        CONTAINER.memoryLimit().ifPresent(bytes -> usage.put("memoryLimitBytes", bytes));
        usage.put("partitions", metrics.partitions().size());
        StateStore.Effort effort = metrics.effort();
        usage.put("stateWaitNanos", effort.waitedNanos());
        usage.put("stateStallNanos", effort.stalledNanos());
        usage.put("stateCacheHits", effort.hits());
        usage.put("stateCacheMisses", effort.misses());
        usage.put("stateUnpackedBytes", effort.unpacked());
        usage.put("gcNanos", Container.gcNanos());
        usage.put("heapBytes", Runtime.getRuntime().maxMemory());
        Memory planned = memory.get();
        if (planned.planned() > 0) {
            usage.put("stateMemoryBytes", planned.state());
        }
        return usage;
    }

    private static Map<String, Object> savepoint(QueryMetrics.Savepoint savepoint) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("wish", savepoint.wish());
        if (savepoint.epoch() >= 0) {
            shown.put("epoch", savepoint.epoch());
            shown.put("time", Instant.ofEpochMilli(savepoint.millis()).toString());
            shown.put("bytes", savepoint.bytes());
            shown.put("place", savepoint.place());
        }
        return shown;
    }
}
