package dev.millrace.plan;

import dev.millrace.data.Hash;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A compiled query.
 *
 * @param root computes the result table
 * @param properties of every node of the sinks' trees
 * @param usesWatermark whether anything waits for the watermark: without that no row is ever late
 */
public record QueryPlan(
        PlanNode root,
        Map<PlanNode, Properties> properties,
        List<SinkPlan> sinks,
        boolean usesWatermark,
        int keyGroups,
        List<Warning> warnings) {

    public QueryPlan {
        properties = Map.copyOf(properties);
        sinks = List.copyOf(sinks);
        warnings = List.copyOf(warnings);
    }

    /** Something allowed that the user should know. */
    public record Warning(String code, Position position, String message) {}

    public Properties rootProperties() {
        return properties.get(root);
    }

    /** Names the plan by its meaning: state and log of another plan are never continued with this one. */
    public String id() {
        long hash = root.identity();
        for (SinkPlan sink : sinks) {
            String text = sink.name() + sink.mode() + sink.keyed() + sink.keys();
            hash = Hash.combine(hash, Hash.hash(text.getBytes(StandardCharsets.UTF_8)));
            hash = Hash.combine(hash, sink.root().identity());
        }
        hash = Hash.combine(hash, Hash.combine(keyGroups, usesWatermark ? 1 : 0));
        return String.format("%016x", hash);
    }

    /** The scans of the plan, each source once; {@code fixed} asks for those of static tables. */
    public List<PlanNode.Scan> scans(boolean fixed) {
        Map<String, PlanNode.Scan> scans = new LinkedHashMap<>();
        sinks.forEach(sink -> collectScans(sink.root(), fixed, scans));
        return List.copyOf(scans.values());
    }

    private static void collectScans(PlanNode node, boolean fixed, Map<String, PlanNode.Scan> into) {
        if (node instanceof PlanNode.Scan scan && scan.table().fixed() == fixed) {
            into.putIfAbsent(scan.table().name(), scan);
        }
        node.inputs().forEach(input -> collectScans(input, fixed, into));
    }
}
