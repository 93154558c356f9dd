package dev.millrace.serving;

import dev.millrace.engine.PartitionMetrics;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Meters of the partitions that a query reads, which come and go with its slots. */
final class PartitionMeters {

    private final PrometheusMeterRegistry registry;
    private final Tags query;
    private final Map<PartitionMetrics, List<Meter>> meters = new HashMap<>();

    PartitionMeters(PrometheusMeterRegistry registry, Tags query) {
        this.registry = registry;
        this.query = query;
    }

    /** Has meters of these, and of no others. One that is left and comes back counts anew. */
    synchronized void show(List<PartitionMetrics> partitions) {
        Set<PartitionMetrics> read = Set.copyOf(partitions);
        meters.entrySet().removeIf(shown -> {
            boolean gone = !read.contains(shown.getKey());
            if (gone) {
                shown.getValue().forEach(registry::remove);
            }
            return gone;
        });
        partitions.forEach(partition -> meters.computeIfAbsent(partition, this::register));
    }

    private List<Meter> register(PartitionMetrics partition) {
        Tags tags = query.and("source", partition.source(), "partition", partition.partition());
        return List.of(
                FunctionCounter.builder("millrace.partition.rows.in", partition, PartitionMetrics::rowsIn)
                        .tags(tags)
                        .register(registry),
                Gauge.builder("millrace.partition.lag.records", partition, PartitionMetrics::lagRecords)
                        .tags(tags)
                        .register(registry),
                Gauge.builder(
                                "millrace.partition.lag.seconds",
                                partition,
                                one -> one.lagMillis() < 0 ? Double.NaN : one.lagMillis() / 1000.0)
                        .tags(tags)
                        .register(registry));
    }
}
