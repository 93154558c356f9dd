package dev.millrace.sql;

import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Position;
import dev.millrace.plan.Properties;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import dev.millrace.plan.Waterline;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * An output mode is a proof: {@code append} holds if no row can change, or each is held until it no longer can; {@code
 * update} always holds, by unique key or whole row; {@code complete} holds if the result table is bounded. A mode that
 * does not hold is refused with the aggregate that breaks it and what to do.
 */
final class OutputModes {

    private OutputModes() {}

    static SinkPlan prove(PlanNode root, SqlCompiler.SinkRequest sink) {
        DeriveProperties derive = new DeriveProperties();
        Properties properties = derive.of(root);
        return switch (sink.mode()) {
            case APPEND -> append(root, properties, sink, derive);
            case UPDATE -> update(root, properties, sink);
            case COMPLETE -> complete(root, properties, sink);
        };
    }

    private static SinkPlan append(
            PlanNode root, Properties properties, SqlCompiler.SinkRequest sink, DeriveProperties derive) {
        if (properties.appendOnly()) {
            return new SinkPlan(
                    sink.name(),
                    OutputMode.APPEND,
                    root,
                    false,
                    List.of(),
                    0,
                    "rows are only added, none ever changes");
        }
        PlanNode held = finalise(root, sink, derive);
        PlanNode.Hold hold = firstHold(held).orElseThrow();
        String column = hold.schema().field(hold.column()).name();
        return new SinkPlan(
                sink.name(),
                OutputMode.APPEND,
                held,
                false,
                List.of(),
                0,
                "each row is held until the watermark has passed its " + column
                        + " and it can no longer change; then written once");
    }

    /** Puts holds as near to the root as a waterline reaches. */
    private static PlanNode finalise(PlanNode node, SqlCompiler.SinkRequest sink, DeriveProperties derive) {
        Properties properties = derive.of(node);
        if (properties.appendOnly()) {
            return node;
        }
        Optional<Integer> column = properties.waterlines().keySet().stream().max(Integer::compare);
        if (column.isPresent()) {
            Waterline waterline = properties.waterlines().get(column.get());
            PlanNode closing =
                    new CloseGroups(waterline, derive).apply(node, column.get()).orElse(node);
            return new PlanNode.Hold(closing, column.get(), waterline);
        }
        if (node instanceof PlanNode.Aggregate aggregate) {
            throw new SqlError.Refusal(
                    "OutputModeNotPossible",
                    aggregate.position(),
                    "sink '" + sink.name() + "': append is not possible, since the groups of this aggregate can change"
                            + " for ever; " + advice(aggregate, derive) + ", or use outputMode: update");
        }
        List<PlanNode> inputs = new ArrayList<>();
        node.inputs().forEach(input -> inputs.add(finalise(input, sink, derive)));
        return Inputs.replace(node, inputs);
    }

    private static String advice(PlanNode.Aggregate aggregate, DeriveProperties derive) {
        List<PlanNode.Scan> scans = new ArrayList<>();
        collect(aggregate, scans);
        for (PlanNode.Scan scan : scans) {
            if (!scan.table().fixed() && scan.table().eventTime().isEmpty()) {
                return "add a watermark to source '" + scan.table().name()
                        + "' and group by a window of its time column";
            }
        }
        Map<Integer, Waterline> waterlines = derive.of(aggregate.input()).waterlines();
        String columns = waterlines.keySet().stream()
                .sorted()
                .map(i -> aggregate.input().schema().field(i).name())
                .collect(Collectors.joining(", "));
        return columns.isEmpty()
                ? "group by a window of the watermark column"
                : "group by a column that the watermark bounds (" + columns + ")";
    }

    private static void collect(PlanNode node, List<PlanNode.Scan> into) {
        if (node instanceof PlanNode.Scan scan) {
            into.add(scan);
        }
        node.inputs().forEach(input -> collect(input, into));
    }

    private static Optional<PlanNode.Hold> firstHold(PlanNode node) {
        if (node instanceof PlanNode.Hold hold) {
            return Optional.of(hold);
        }
        return node.inputs().stream()
                .map(OutputModes::firstHold)
                .flatMap(Optional::stream)
                .findFirst();
    }

    private static SinkPlan update(PlanNode root, Properties properties, SqlCompiler.SinkRequest sink) {
        boolean keyed = properties.uniqueKey().isPresent();
        List<Integer> keys = properties.uniqueKey().orElse(List.of());
        String proof;
        if (keyed && keys.isEmpty()) {
            proof = "the result has one row";
        } else if (keyed) {
            proof = "rows are upserted and deleted by the unique key ("
                    + keys.stream().map(i -> root.schema().field(i).name()).collect(Collectors.joining(", ")) + ")";
        } else if (properties.appendOnly()) {
            proof = "rows are only added, so there is nothing to update";
        } else {
            proof = "there is no unique key: rows are told apart by their whole content and a number";
        }
        return new SinkPlan(sink.name(), OutputMode.UPDATE, root, keyed, keys, 0, proof);
    }

    private static SinkPlan complete(PlanNode root, Properties properties, SqlCompiler.SinkRequest sink) {
        boolean grows = properties.appendOnly() && properties.uniqueKey().isEmpty();
        if (grows && sink.maxRows() == 0) {
            throw new SqlError.Refusal(
                    "OutputModeNotPossible",
                    Position.START,
                    "sink '" + sink.name() + "': complete writes the whole result each time, and this result grows with"
                            + " the input; declare its limit (maxRows), or use outputMode: append");
        }
        List<Integer> keys = properties.uniqueKey().orElse(List.of());
        String proof = sink.maxRows() > 0
                ? "the result table is kept, at most " + sink.maxRows() + " rows by declaration"
                : "the result table is kept, one row per "
                        + (keys.isEmpty()
                                ? "result"
                                : keys.stream()
                                        .map(i -> root.schema().field(i).name())
                                        .collect(Collectors.joining(", ")));
        return new SinkPlan(
                sink.name(),
                OutputMode.COMPLETE,
                root,
                properties.uniqueKey().isPresent(),
                keys,
                sink.maxRows(),
                proof);
    }

    static QueryPlan assemble(PlanNode root, List<SinkPlan> sinks, int keyGroups) {
        DeriveProperties derive = new DeriveProperties();
        derive.of(root);
        sinks.forEach(sink -> derive.of(sink.root()));
        boolean usesWatermark = derive.all().values().stream()
                .anyMatch(properties -> properties.stateBound() == Properties.StateBound.TIME_BOUNDED);
        return new QueryPlan(root, derive.all(), sinks, usesWatermark, keyGroups, warnings(derive));
    }

    private static List<QueryPlan.Warning> warnings(DeriveProperties derive) {
        List<QueryPlan.Warning> warnings = new ArrayList<>();
        Set<PlanNode> seen = new HashSet<>();
        derive.all().forEach((node, properties) -> {
            if (properties.stateBound() == Properties.StateBound.UNBOUNDED
                    && node instanceof PlanNode.Aggregate aggregate
                    && seen.add(node)) {
                warnings.add(new QueryPlan.Warning(
                        "UnboundedState",
                        aggregate.position(),
                        "this aggregate remembers every distinct value for ever; group by a window of a column with a"
                                + " watermark to bound it"));
            }
        });
        return warnings;
    }
}
