package dev.millrace.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.millrace.api.Problem;
import dev.millrace.plan.Expression;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Properties;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A plan for people: stages and operators with their ids, keys, state, and the proofs of the output modes. */
final class Explanation {

    private final Compilation query;
    private final QueryPlan plan;
    private final Map<PlanNode, Integer> stages = new LinkedHashMap<>();

    Explanation(Compilation query) {
        this.query = query;
        this.plan = query.plan();
        plan.sinks().forEach(sink -> stage(sink.root()));
    }

    /** Stages count from the sources: a stateful operator begins a new one. */
    private int stage(PlanNode node) {
        Integer known = stages.get(node);
        if (known != null) {
            return known;
        }
        int stage = node.inputs().stream().mapToInt(this::stage).max().orElse(1);
        int own = isStateful(node) ? stage + 1 : stage;
        stages.put(node, own);
        return own;
    }

    private static boolean isStateful(PlanNode node) {
        return node instanceof PlanNode.Aggregate || node instanceof PlanNode.Hold;
    }

    private static String id(PlanNode node) {
        return String.format("%08x", (int) node.identity());
    }

    String text() {
        StringBuilder text = new StringBuilder();
        text.append("query ")
                .append(query.name())
                .append(", plan ")
                .append(plan.id())
                .append('\n');
        text.append("key groups ").append(plan.keyGroups());
        String late = query.query().spec().lateRows() == null ? "are dropped" : "go to lateRows";
        text.append(plan.usesWatermark() ? ", late rows " + late + "\n" : ", no watermark is needed\n");
        for (SinkPlan sink : plan.sinks()) {
            text.append("\nsink ")
                    .append(sink.name())
                    .append(": ")
                    .append(sink.mode().text());
            text.append(" holds, since ").append(sink.proof()).append('\n');
            append(sink.root(), 1, text);
        }
        for (Problem warning : Warnings.of(query)) {
            text.append('\n').append(Warnings.line(warning)).append('\n');
        }
        return text.toString();
    }

    private void append(PlanNode node, int depth, StringBuilder text) {
        text.append("  ".repeat(depth)).append(describe(node));
        text.append("   [stage ").append(stages.get(node));
        if (isStateful(node)) {
            text.append(", id ").append(id(node)).append(", state ");
            text.append(plan.properties().get(node).stateBound().text());
        }
        text.append("]\n");
        node.inputs().forEach(input -> append(input, depth + 1, text));
    }

    private static String names(PlanNode input, List<Integer> columns) {
        return columns.stream().map(i -> input.schema().field(i).name()).collect(Collectors.joining(", "));
    }

    /** Column numbers as names. */
    private static String readable(Expression expression, PlanNode input) {
        String text = expression.toString();
        for (int i = input.schema().size() - 1; i >= 0; i--) {
            text = text.replaceAll(
                    "\\$" + i + "(?!\\d)",
                    java.util.regex.Matcher.quoteReplacement(
                            input.schema().field(i).name()));
        }
        return text;
    }

    private static String describe(PlanNode node) {
        return node.accept(new PlanNode.Visitor<>() {
            @Override
            public String scan(PlanNode.Scan scan) {
                return (scan.table().fixed() ? "static table " : "source ")
                        + scan.table().name() + " ("
                        + String.join(", ", scan.schema().names()) + ")";
            }

            @Override
            public String filter(PlanNode.Filter filter) {
                return "filter " + readable(filter.predicate(), filter.input());
            }

            @Override
            public String project(PlanNode.Project project) {
                List<String> columns = new ArrayList<>();
                for (int i = 0; i < project.expressions().size(); i++) {
                    String expression = readable(project.expressions().get(i), project.input());
                    String name = project.schema().field(i).name();
                    columns.add(expression.equals(name) ? name : expression + " AS " + name);
                }
                return "project " + String.join(", ", columns);
            }

            @Override
            public String unnest(PlanNode.Unnest unnest) {
                return "unnest " + readable(unnest.array(), unnest.input());
            }

            @Override
            public String window(PlanNode.Window window) {
                String column =
                        window.input().schema().field(window.timeColumn()).name();
                boolean tumble = window.size() == window.slide();
                return (tumble ? "tumble " : "hop ") + column + " by " + window.size() + " ms"
                        + (tumble ? "" : " every " + window.slide() + " ms");
            }

            @Override
            public String union(PlanNode.Union union) {
                return "union all";
            }

            @Override
            public String staticJoin(PlanNode.StaticJoin join) {
                return (join.outer() ? "left join" : "join") + " with a static table on "
                        + names(join.left(), join.leftKeys()) + " = " + names(join.right(), join.rightKeys())
                        + (join.residual() == null ? "" : " and " + join.residual());
            }

            @Override
            public String aggregate(PlanNode.Aggregate aggregate) {
                String calls = aggregate.calls().stream()
                        .map(call -> call.kind() + "(" + (call.distinct() ? "DISTINCT " : "")
                                + (call.argument() < 0
                                        ? "*"
                                        : aggregate
                                                .input()
                                                .schema()
                                                .field(call.argument())
                                                .name())
                                + ")" + (call.filter() < 0 ? "" : " FILTER"))
                        .collect(Collectors.joining(", "));
                String keys = aggregate.keys().isEmpty() ? "()" : names(aggregate.input(), aggregate.keys());
                String when = aggregate
                        .closing()
                        .map(closing -> ", once per group, when the watermark has closed it"
                                + closing.panes()
                                        .map(p -> ", from " + p.size() / p.slide() + " panes a window")
                                        .orElse(""))
                        .orElse("");
                return (calls.isEmpty() ? "distinct " : "aggregate " + calls + " by ") + keys + when;
            }

            @Override
            public String hold(PlanNode.Hold hold) {
                return "hold until " + hold.schema().field(hold.column()).name() + " < " + hold.waterline();
            }
        });
    }

    String json() {
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("query", query.name());
        root.put("plan", plan.id());
        root.put("keyGroups", plan.keyGroups());
        root.put("usesWatermark", plan.usesWatermark());
        List<Object> sinks = new ArrayList<>();
        for (SinkPlan sink : plan.sinks()) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("name", sink.name());
            entry.put("mode", sink.mode().text());
            entry.put("proof", sink.proof());
            entry.put(
                    "key",
                    sink.keys().stream()
                            .map(i -> sink.root().schema().field(i).name())
                            .toList());
            entry.put("root", node(sink.root()));
            sinks.add(entry);
        }
        root.put("sinks", sinks);
        root.put("warnings", Warnings.of(query));
        try {
            return new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(root);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private Map<String, Object> node(PlanNode node) {
        Properties properties = plan.properties().get(node);
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("operator", describe(node));
        entry.put("id", id(node));
        entry.put("stage", stages.get(node));
        entry.put(
                "columns", node.schema().fields().stream().map(Object::toString).toList());
        entry.put("appendOnly", properties.appendOnly());
        properties.uniqueKey().ifPresent(key -> entry.put("uniqueKey", names(node, key)));
        entry.put("state", properties.stateBound().name());
        entry.put("inputs", node.inputs().stream().map(this::node).toList());
        return entry;
    }

    String mermaid() {
        StringBuilder text = new StringBuilder("flowchart BT\n");
        Map<PlanNode, String> ids = new LinkedHashMap<>();
        for (SinkPlan sink : plan.sinks()) {
            String root = mermaid(sink.root(), ids, text);
            text.append("  sink_")
                    .append(sink.name().replaceAll("\\W", "_"))
                    .append("[/\"")
                    .append(sink.name());
            text.append(": ").append(sink.mode().text()).append("\"/]\n");
            text.append("  ")
                    .append(root)
                    .append(" --> sink_")
                    .append(sink.name().replaceAll("\\W", "_"))
                    .append('\n');
        }
        return text.toString();
    }

    private String mermaid(PlanNode node, Map<PlanNode, String> ids, StringBuilder text) {
        String known = ids.get(node);
        if (known != null) {
            return known;
        }
        String id = "n" + ids.size();
        ids.put(node, id);
        String label = describe(node).replace("\"", "'");
        text.append("  ").append(id).append(isStateful(node) ? "[(\"" : "[\"").append(label);
        text.append(isStateful(node) ? "\")]\n" : "\"]\n");
        for (PlanNode input : node.inputs()) {
            text.append("  ")
                    .append(mermaid(input, ids, text))
                    .append(" --> ")
                    .append(id)
                    .append('\n');
        }
        return id;
    }
}
