package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.plan.AggregateCall;
import dev.millrace.plan.Expression;
import dev.millrace.plan.Function;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Properties;
import dev.millrace.plan.Properties.StateBound;
import dev.millrace.plan.SourceTable;
import dev.millrace.plan.Waterline;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Proves, from the leaves up, what {@link Properties} say of each node. */
final class DeriveProperties implements PlanNode.Visitor<Properties> {

    private final Map<PlanNode, Properties> known = new HashMap<>();

    /** The properties of the node and, in {@link #all}, of everything below it. */
    Properties of(PlanNode node) {
        Properties properties = known.get(node);
        if (properties == null) {
            properties = node.accept(this);
            known.put(node, properties);
        }
        return properties;
    }

    Map<PlanNode, Properties> all() {
        return known;
    }

    private static Properties stateless(
            boolean appendOnly, Optional<List<Integer>> key, Map<Integer, Waterline> waterlines) {
        return new Properties(appendOnly, key, waterlines, StateBound.NONE);
    }

    @Override
    public Properties scan(PlanNode.Scan node) {
        Map<Integer, Waterline> waterlines = new HashMap<>();
        if (node.table().eventTime().isPresent() && !node.table().fixed()) {
            SourceTable.EventTime time = node.table().eventTime().get();
            int column = node.columns().indexOf(time.column());
            boolean micros = node.schema().type(column).equals(DataType.TIMESTAMP_MICROS);
            waterlines.put(column, micros ? new Waterline.Micros(new Waterline.Source()) : new Waterline.Source());
        }
        return stateless(true, Optional.empty(), waterlines);
    }

    @Override
    public Properties filter(PlanNode.Filter node) {
        Properties input = of(node.input());
        return stateless(input.appendOnly(), input.uniqueKey(), input.waterlines());
    }

    @Override
    public Properties project(PlanNode.Project node) {
        Properties input = of(node.input());
        Map<Integer, Waterline> waterlines = new HashMap<>();
        Map<Integer, Integer> places = new HashMap<>();
        for (int i = 0; i < node.expressions().size(); i++) {
            Expression expression = node.expressions().get(i);
            if (expression instanceof Expression.Column column) {
                places.putIfAbsent(column.index(), i);
            }
            Waterline waterline = waterline(expression, input.waterlines());
            if (waterline != null) {
                waterlines.put(i, waterline);
            }
        }
        Optional<List<Integer>> key = input.uniqueKey()
                .filter(columns -> columns.stream().allMatch(places::containsKey))
                .map(columns -> columns.stream().map(places::get).toList());
        return stateless(input.appendOnly(), key, waterlines);
    }

    /** The waterline of an expression that never decreases with its column; null for none. */
    private static Waterline waterline(Expression expression, Map<Integer, Waterline> columns) {
        if (expression instanceof Expression.Column column) {
            return columns.get(column.index());
        }
        if (!(expression instanceof Expression.Call call) || call.arguments().isEmpty()) {
            return null;
        }
        Waterline inner = waterline(call.arguments().get(0), columns);
        if (inner == null) {
            return null;
        }
        if (call.function() == Function.TIME_ADD
                && call.arguments().get(1) instanceof Expression.Literal amount
                && amount.value() instanceof Long micros
                && micros % 1000 == 0) {
            return shift(inner, w -> new Waterline.Plus(w, micros / 1000));
        }
        if (call.function() == Function.TIME_FLOOR
                && call.arguments().get(1) instanceof Expression.Literal unit
                && unit.value() instanceof String name) {
            Long step = FIXED_UNITS.get(name);
            return step == null ? null : shift(inner, w -> new Waterline.Floor(w, step, 0));
        }
        if (call.function() == Function.CAST
                && call.arguments().get(0).type().equals(DataType.TIMESTAMP_MILLIS)
                && call.type().equals(DataType.TIMESTAMP_MICROS)) {
            return new Waterline.Micros(inner);
        }
        return null;
    }

    private static final Map<String, Long> FIXED_UNITS =
            Map.of("SECOND", 1_000L, "MINUTE", 60_000L, "HOUR", 3_600_000L, "DAY", 86_400_000L);

    /** Applies a step in milliseconds below a conversion to microseconds. */
    private static Waterline shift(Waterline waterline, java.util.function.UnaryOperator<Waterline> step) {
        if (waterline instanceof Waterline.Least least) {
            return new Waterline.Least(shift(least.first(), step), shift(least.second(), step));
        }
        return waterline instanceof Waterline.Micros micros
                ? new Waterline.Micros(step.apply(micros.inner()))
                : step.apply(waterline);
    }

    @Override
    public Properties unnest(PlanNode.Unnest node) {
        Properties input = of(node.input());
        return stateless(input.appendOnly(), Optional.empty(), input.waterlines());
    }

    @Override
    public Properties window(PlanNode.Window node) {
        Properties input = of(node.input());
        Map<Integer, Waterline> waterlines = new HashMap<>(input.waterlines());
        Waterline time = input.waterlines().get(node.timeColumn());
        int start = node.schema().size() - 2;
        if (time != null) {
            Waterline first = shift(
                    time,
                    w -> new Waterline.Plus(
                            new Waterline.Floor(new Waterline.Plus(w, -node.size()), node.slide(), node.offset()),
                            node.slide()));
            waterlines.put(start, first);
            waterlines.put(start + 1, shift(first, w -> new Waterline.Plus(w, node.size())));
        }
        Optional<List<Integer>> key = input.uniqueKey()
                .map(columns -> java.util.stream.Stream.concat(columns.stream(), java.util.stream.Stream.of(start))
                        .toList());
        return stateless(input.appendOnly(), key, waterlines);
    }

    @Override
    public Properties union(PlanNode.Union node) {
        Properties first = of(node.inputs().get(0));
        boolean appendOnly = true;
        Map<Integer, Waterline> waterlines = new HashMap<>(first.waterlines());
        for (PlanNode input : node.inputs()) {
            Properties properties = of(input);
            appendOnly &= properties.appendOnly();
            waterlines.keySet().retainAll(properties.waterlines().keySet());
            waterlines.replaceAll((column, least) -> {
                Waterline other = properties.waterlines().get(column);
                return other.equals(least) ? least : new Waterline.Least(least, other);
            });
        }
        Optional<List<Integer>> key = node.inputs().size() == 1 ? first.uniqueKey() : Optional.empty();
        return stateless(appendOnly, key, waterlines);
    }

    @Override
    public Properties staticJoin(PlanNode.StaticJoin node) {
        Properties left = of(node.left());
        Properties right = of(node.right());
        Optional<List<Integer>> key = right.uniqueKey()
                .filter(columns -> node.rightKeys().containsAll(columns))
                .flatMap(columns -> left.uniqueKey());
        return new Properties(left.appendOnly(), key, left.waterlines(), StateBound.CONSTANT);
    }

    @Override
    public Properties aggregate(PlanNode.Aggregate node) {
        Properties input = of(node.input());
        int keys = node.keys().size();
        if (node.closing().isPresent()) {
            PlanNode.Closing closing = node.closing().get();
            return new Properties(
                    true,
                    Optional.of(IntStream.range(0, keys).boxed().toList()),
                    Map.of(closing.key(), closing.waterline()),
                    StateBound.TIME_BOUNDED);
        }
        Map<Integer, Waterline> waterlines = new HashMap<>();
        for (int i = 0; i < keys; i++) {
            Waterline waterline = input.waterlines().get(node.keys().get(i));
            if (waterline != null) {
                waterlines.put(i, waterline);
            }
        }
        boolean distinct = node.calls().isEmpty() && keys > 0;
        List<Integer> key = IntStream.range(0, keys).boxed().toList();
        return new Properties(
                distinct && input.appendOnly(), Optional.of(key), waterlines, bound(node, input, waterlines));
    }

    private static StateBound bound(PlanNode.Aggregate node, Properties input, Map<Integer, Waterline> waterlines) {
        if (!waterlines.isEmpty()) {
            return StateBound.TIME_BOUNDED;
        }
        boolean values = node.calls().stream().anyMatch(call -> keepsValues(call, input.appendOnly()));
        if (values) {
            return StateBound.UNBOUNDED;
        }
        return node.keys().isEmpty() ? StateBound.CONSTANT : StateBound.PER_KEY;
    }

    /** Whether the aggregate must remember each value it was given. */
    private static boolean keepsValues(AggregateCall call, boolean appendOnly) {
        boolean extreme = call.kind() == AggregateCall.Kind.MIN || call.kind() == AggregateCall.Kind.MAX;
        return call.distinct() || (extreme && !appendOnly);
    }

    @Override
    public Properties hold(PlanNode.Hold node) {
        Properties input = of(node.input());
        return new Properties(true, input.uniqueKey(), input.waterlines(), StateBound.TIME_BOUNDED);
    }
}
