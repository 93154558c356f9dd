package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.plan.AggregateCall;
import dev.millrace.plan.Expression;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Waterline;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where rows are held until they are final, the aggregates below need not say what they are in between: each group of a
 * window is emitted once, when the waterline of the held column has passed it. Then nothing above is ever retracted, and
 * windows that overlap are made of panes that do not (J. Li et al., "No pane, no gain", 2005): a row is counted in one.
 */
final class CloseGroups {

    private static final int END = 1;

    private final Waterline waterline;
    private final DeriveProperties derive;

    CloseGroups(Waterline waterline, DeriveProperties derive) {
        this.waterline = waterline;
        this.derive = derive;
    }

    /** The node with its rows emitted once the column is below the waterline; empty where it cannot be said so. */
    Optional<PlanNode> apply(PlanNode node, int column) {
        if (node instanceof PlanNode.Project project) {
            return project.expressions().get(column) instanceof Expression.Column from
                    ? apply(project.input(), from.index()).map(input -> Inputs.replace(node, List.of(input)))
                    : Optional.empty();
        }
        if (node instanceof PlanNode.Filter filter) {
            return apply(filter.input(), column).map(input -> Inputs.replace(node, List.of(input)));
        }
        return node instanceof PlanNode.Aggregate aggregate ? close(aggregate, column) : Optional.empty();
    }

    private Optional<PlanNode> close(PlanNode.Aggregate node, int column) {
        if (column >= node.keys().size() || node.calls().stream().anyMatch(AggregateCall::distinct)) {
            return Optional.empty();
        }
        int from = node.keys().get(column);
        boolean same = waterline.equals(derive.of(node.input()).waterlines().get(from));
        if (!same || !isWindow(node.input(), from)) {
            return Optional.empty();
        }
        if (!derive.of(node.input()).appendOnly()) {
            return apply(node.input(), from).map(input -> closing(node, input, column, Optional.empty()));
        }
        return Optional.of(
                byPanes(node, column).orElseGet(() -> closing(node, node.input(), column, Optional.empty())));
    }

    private PlanNode closing(PlanNode.Aggregate node, PlanNode input, int column, Optional<PlanNode.Panes> panes) {
        PlanNode.Closing closing = new PlanNode.Closing(column, waterline, panes);
        return new PlanNode.Aggregate(
                input, node.keys(), node.calls(), node.schema(), node.position(), Optional.of(closing));
    }

    /** Whether the column is a window's start or end, handed on as it is. */
    private static boolean isWindow(PlanNode node, int column) {
        if (node instanceof PlanNode.Window window) {
            return column >= window.schema().size() - 2;
        }
        if (node instanceof PlanNode.Project project) {
            return project.expressions().get(column) instanceof Expression.Column from
                    && isWindow(project.input(), from.index());
        }
        if (node instanceof PlanNode.Aggregate aggregate) {
            return column < aggregate.keys().size()
                    && isWindow(aggregate.input(), aggregate.keys().get(column));
        }
        if (node instanceof PlanNode.StaticJoin join) {
            return column < join.left().schema().size() && isWindow(join.left(), column);
        }
        return node instanceof PlanNode.Filter filter && isWindow(filter.input(), column);
    }

    private Optional<PlanNode> byPanes(PlanNode.Aggregate node, int column) {
        Optional<Paned> paned = paned(node.input());
        if (paned.isEmpty()) {
            return Optional.empty();
        }
        Map<Integer, Integer> kinds = paned.get().kinds;
        for (AggregateCall call : node.calls()) {
            if (kinds.containsKey(call.argument()) || kinds.containsKey(call.filter())) {
                return Optional.empty();
            }
        }
        List<Integer> starts = new ArrayList<>();
        List<Integer> ends = new ArrayList<>();
        for (int key = 0; key < node.keys().size(); key++) {
            Integer kind = kinds.get(node.keys().get(key));
            if (kind != null) {
                (kind == END ? ends : starts).add(key);
            }
        }
        PlanNode.Window window = paned.get().window;
        long units = window.schema().type(window.schema().size() - 1).equals(DataType.TIMESTAMP_MICROS) ? 1_000 : 1;
        PlanNode.Panes panes = new PlanNode.Panes(window.size() * units, window.slide() * units, starts, ends);
        return Optional.of(closing(node, paned.get().node, column, Optional.of(panes)));
    }

    /**
     * A plan over panes in place of windows.
     *
     * @param window as it was
     * @param kinds by column: whether it is the start (0) or the end (1)
     */
    private record Paned(PlanNode node, PlanNode.Window window, Map<Integer, Integer> kinds) {}

    /** Empty where there is no overlapping window, or where something on the way looks into its start or end. */
    private static Optional<Paned> paned(PlanNode node) {
        if (node instanceof PlanNode.Window window) {
            boolean overlapping = window.size() > window.slide() && window.size() % window.slide() == 0;
            int start = window.schema().size() - 2;
            PlanNode panes = new PlanNode.Window(
                    window.input(),
                    window.timeColumn(),
                    window.slide(),
                    window.slide(),
                    window.offset(),
                    window.schema());
            return overlapping
                    ? Optional.of(new Paned(panes, window, Map.of(start, 0, start + 1, END)))
                    : Optional.empty();
        }
        if (node instanceof PlanNode.Project project) {
            return paned(project.input()).flatMap(input -> project(project, input));
        }
        if (node instanceof PlanNode.Filter filter) {
            return paned(filter.input())
                    .filter(input -> !reads(filter.predicate(), input.kinds))
                    .map(input -> over(node, input, input.kinds));
        }
        if (node instanceof PlanNode.StaticJoin join) {
            return paned(join.left())
                    .filter(input -> join.leftKeys().stream().noneMatch(input.kinds::containsKey)
                            && (join.residual() == null || !reads(join.residual(), input.kinds)))
                    .map(input -> new Paned(
                            Inputs.replace(node, List.of(input.node, join.right())), input.window, input.kinds));
        }
        return Optional.empty();
    }

    private static Paned over(PlanNode node, Paned input, Map<Integer, Integer> kinds) {
        return new Paned(Inputs.replace(node, List.of(input.node)), input.window, kinds);
    }

    private static Optional<Paned> project(PlanNode.Project project, Paned input) {
        Map<Integer, Integer> kinds = new HashMap<>();
        for (int i = 0; i < project.expressions().size(); i++) {
            Expression expression = project.expressions().get(i);
            if (expression instanceof Expression.Column column && input.kinds.containsKey(column.index())) {
                kinds.put(i, input.kinds.get(column.index()));
            } else if (reads(expression, input.kinds)) {
                return Optional.empty();
            }
        }
        return Optional.of(over(project, input, kinds));
    }

    private static boolean reads(Expression expression, Map<Integer, Integer> kinds) {
        boolean[] found = new boolean[1];
        expression.forEachColumn(column -> found[0] |= kinds.containsKey(column));
        return found[0];
    }
}
