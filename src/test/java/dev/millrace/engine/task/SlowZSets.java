package dev.millrace.engine.task;

import dev.millrace.data.Batch;
import dev.millrace.data.DataType;
import dev.millrace.plan.AggregateCall;
import dev.millrace.plan.Expression;
import dev.millrace.plan.PlanNode;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Plans computed the slow and obvious way: from whole tables to a whole table, rows as lists of objects with their weights.
 * Shares nothing with the engine but the plan.
 */
final class SlowZSets {

    private final Map<String, Map<List<Object>, Long>> tables;

    /**
     * @param tables by source name: all columns of the source, row → weight
     */
    SlowZSets(Map<String, Map<List<Object>, Long>> tables) {
        this.tables = tables;
    }

    static void add(Map<List<Object>, Long> into, List<Object> row, long weight) {
        if (into.merge(row, weight, Long::sum) == 0) {
            into.remove(row);
        }
    }

    /** Adds a delta of the engine to a table. */
    static void add(Map<List<Object>, Long> into, Batch delta) {
        for (int row = 0; row < delta.size(); row++) {
            add(into, delta.toObjects(row), delta.weight(row));
        }
    }

    Map<List<Object>, Long> of(PlanNode node) {
        return node.accept(new PlanNode.Visitor<>() {
            @Override
            public Map<List<Object>, Long> scan(PlanNode.Scan scan) {
                return map(tables.get(scan.table().name()), (row, out) -> {
                    List<Object> cells = new ArrayList<>();
                    scan.columns().forEach(column -> cells.add(row.get(column)));
                    out.add(cells);
                });
            }

            @Override
            public Map<List<Object>, Long> filter(PlanNode.Filter filter) {
                return map(of(filter.input()), (row, out) -> {
                    if (Boolean.TRUE.equals(value(filter.predicate(), row))) {
                        out.add(row);
                    }
                });
            }

            @Override
            public Map<List<Object>, Long> project(PlanNode.Project project) {
                return map(of(project.input()), (row, out) -> {
                    List<Object> cells = new ArrayList<>();
                    project.expressions().forEach(e -> cells.add(value(e, row)));
                    out.add(cells);
                });
            }

            @Override
            public Map<List<Object>, Long> unnest(PlanNode.Unnest unnest) {
                return map(of(unnest.input()), (row, out) -> unnestRow(unnest, row, out));
            }

            @Override
            public Map<List<Object>, Long> window(PlanNode.Window window) {
                return map(of(window.input()), (row, out) -> {
                    Long time = (Long) row.get(window.timeColumn());
                    if (time == null) {
                        return;
                    }
                    long first = Math.floorDiv(time - window.size() - window.offset(), window.slide()) * window.slide();
                    for (long start = first + window.offset(); start <= time; start += window.slide()) {
                        if (time < start + window.size()) {
                            out.add(with(row, start, start + window.size()));
                        }
                    }
                });
            }

            @Override
            public Map<List<Object>, Long> union(PlanNode.Union union) {
                Map<List<Object>, Long> sum = new HashMap<>();
                union.inputs().forEach(input -> of(input).forEach((row, weight) -> add(sum, row, weight)));
                return sum;
            }

            @Override
            public Map<List<Object>, Long> staticJoin(PlanNode.StaticJoin join) {
                Map<List<Object>, Long> right = of(join.right());
                return map(of(join.left()), (row, out) -> joinRow(join, row, right, out));
            }

            @Override
            public Map<List<Object>, Long> aggregate(PlanNode.Aggregate aggregate) {
                return groups(aggregate, of(aggregate.input()));
            }

            @Override
            public Map<List<Object>, Long> hold(PlanNode.Hold hold) {
                throw new IllegalArgumentException("what a hold gives depends on the watermark");
            }
        });
    }

    /** A linear operator: each row gives rows of its weight. */
    private static Map<List<Object>, Long> map(
            Map<List<Object>, Long> input, BiConsumer<List<Object>, List<List<Object>>> each) {
        Map<List<Object>, Long> sum = new HashMap<>();
        input.forEach((row, weight) -> {
            List<List<Object>> out = new ArrayList<>();
            each.accept(row, out);
            out.forEach(made -> add(sum, made, weight));
        });
        return sum;
    }

    private static List<Object> with(List<Object> row, Object... more) {
        List<Object> longer = new ArrayList<>(row);
        for (Object cell : more) {
            longer.add(cell);
        }
        return longer;
    }

    private static void unnestRow(PlanNode.Unnest unnest, List<Object> row, List<List<Object>> out) {
        List<?> elements = (List<?>) value(unnest.array(), row);
        int count = elements == null ? 0 : elements.size();
        for (int i = 0; i < count; i++) {
            out.add(unnest.ordinality() ? with(row, elements.get(i), (long) i + 1) : with(row, elements.get(i)));
        }
        if (count == 0 && unnest.outer()) {
            out.add(unnest.ordinality() ? with(row, null, null) : with(row, (Object) null));
        }
    }

    private static void joinRow(
            PlanNode.StaticJoin join, List<Object> row, Map<List<Object>, Long> right, List<List<Object>> out) {
        boolean any = false;
        for (Map.Entry<List<Object>, Long> entry : right.entrySet()) {
            boolean matches = true;
            for (int i = 0; i < join.leftKeys().size(); i++) {
                Object a = row.get(join.leftKeys().get(i));
                Object b = entry.getKey().get(join.rightKeys().get(i));
                matches &= a == null || b == null ? a == b && join.nullSafe().get(i) : a.equals(b);
            }
            List<Object> joined = with(row, entry.getKey().toArray());
            matches = matches && (join.residual() == null || Boolean.TRUE.equals(value(join.residual(), joined)));
            for (long copy = 0; matches && copy < entry.getValue(); copy++) {
                out.add(joined);
                any = true;
            }
        }
        if (!any && join.outer()) {
            out.add(with(row, new Object[join.right().schema().size()]));
        }
    }

    private static Map<List<Object>, Long> groups(PlanNode.Aggregate node, Map<List<Object>, Long> input) {
        Map<List<Object>, Map<List<Object>, Long>> groups = new HashMap<>();
        if (node.keys().isEmpty()) {
            groups.put(List.of(), new HashMap<>());
        }
        input.forEach((row, weight) -> {
            List<Object> key = new ArrayList<>();
            node.keys().forEach(column -> key.add(row.get(column)));
            groups.computeIfAbsent(key, k -> new HashMap<>()).put(row, weight);
        });
        Map<List<Object>, Long> result = new HashMap<>();
        groups.forEach((key, rows) -> {
            long weight = rows.values().stream().mapToLong(w -> w).sum();
            if (weight > 0 || node.keys().isEmpty()) {
                List<Object> row = new ArrayList<>(key);
                node.calls()
                        .forEach(call -> row.add(
                                aggregate(call, rows, node.input().schema().type(Math.max(0, call.argument())))));
                add(result, row, 1);
            }
        });
        return result;
    }

    private static Object aggregate(AggregateCall call, Map<List<Object>, Long> rows, DataType type) {
        Map<Object, Long> values = new HashMap<>();
        rows.forEach((row, weight) -> {
            boolean passes = call.filter() < 0 || Boolean.TRUE.equals(row.get(call.filter()));
            Object value = call.argument() < 0 ? (Object) true : row.get(call.argument());
            if (passes && value != null) {
                values.merge(value, weight, Long::sum);
            }
        });
        boolean extreme = call.kind() == AggregateCall.Kind.MIN || call.kind() == AggregateCall.Kind.MAX;
        if (call.distinct() || extreme) {
            values.values().removeIf(weight -> weight <= 0);
        }
        if (call.distinct()) {
            values.replaceAll((value, weight) -> 1L);
        }
        long count = values.values().stream().mapToLong(w -> w).sum();
        return switch (call.kind()) {
            case COUNT -> count;
            case MIN -> values.keySet().stream().min(SlowZSets::compare).orElse(null);
            case MAX -> values.keySet().stream().max(SlowZSets::compare).orElse(null);
            case SUM -> count <= 0 ? null : ofType(sum(values), call.type(), type);
            case AVG -> count <= 0 ? null : average(sum(values), count, call.type(), type);
        };
    }

    private static BigDecimal sum(Map<Object, Long> values) {
        BigDecimal sum = BigDecimal.ZERO;
        for (Map.Entry<Object, Long> entry : values.entrySet()) {
            sum = sum.add(decimal(entry.getKey()).multiply(BigDecimal.valueOf(entry.getValue())));
        }
        return sum;
    }

    private static Object average(BigDecimal sum, long count, DataType type, DataType of) {
        if (type instanceof DataType.Decimal decimal) {
            return sum.divide(BigDecimal.valueOf(count), decimal.scale(), RoundingMode.HALF_UP);
        }
        return of.kind() == DataType.Kind.DOUBLE
                ? (Object) sum.divide(BigDecimal.valueOf(count), new MathContext(1_500))
                        .doubleValue()
                : (Object) sum.divide(BigDecimal.valueOf(count), MathContext.DECIMAL128)
                        .doubleValue();
    }

    private static BigDecimal decimal(Object value) {
        if (value instanceof BigDecimal decimal) {
            return decimal;
        }
        return value instanceof Double number ? new BigDecimal(number) : BigDecimal.valueOf((Long) value);
    }

    private static Object ofType(BigDecimal value, DataType type, DataType from) {
        return switch (type.kind()) {
            case DOUBLE -> value.doubleValue();
            case DECIMAL -> value.setScale(((DataType.Decimal) type).scale(), RoundingMode.HALF_UP);
            default -> value.setScale(0, RoundingMode.DOWN).longValueExact();
        };
    }

    private static int compare(Object a, Object b) {
        if (a instanceof String x) {
            return java.util.Arrays.compareUnsigned(
                    x.getBytes(java.nio.charset.StandardCharsets.UTF_8),
                    ((String) b).getBytes(java.nio.charset.StandardCharsets.UTF_8));
        }
        if (a instanceof Boolean x) {
            return x.compareTo((Boolean) b);
        }
        return Comparator.<BigDecimal>naturalOrder().compare(decimal(a), decimal(b));
    }

    /** An expression over one row; the functions that the tests' queries use. */
    static Object value(Expression expression, List<Object> row) {
        if (expression instanceof Expression.Column column) {
            return row.get(column.index());
        }
        if (expression instanceof Expression.Literal literal) {
            return literal.value();
        }
        Expression.Call call = (Expression.Call) expression;
        List<Object> a = new ArrayList<>();
        call.arguments().forEach(argument -> a.add(value(argument, row)));
        switch (call.function()) {
            case IS_NULL:
                return a.get(0) == null;
            case IS_NOT_NULL:
                return a.get(0) != null;
            case IS_TRUE:
                return Boolean.TRUE.equals(a.get(0));
            case AND:
                return a.contains(false) ? (Object) false : a.contains(null) ? null : (Object) true;
            case OR:
                return a.contains(true) ? (Object) true : a.contains(null) ? null : (Object) false;
            case CASE:
                for (int i = 0; i + 1 < a.size(); i += 2) {
                    if (Boolean.TRUE.equals(a.get(i))) {
                        return a.get(i + 1);
                    }
                }
                return a.get(a.size() - 1);
            default:
                return a.contains(null) ? null : strict(call, a);
        }
    }

    private static Object strict(Expression.Call call, List<Object> a) {
        return switch (call.function()) {
            case ADD -> ofType(decimal(a.get(0)).add(decimal(a.get(1))), call.type(), null);
            case SUBTRACT -> ofType(decimal(a.get(0)).subtract(decimal(a.get(1))), call.type(), null);
            case MULTIPLY -> ofType(decimal(a.get(0)).multiply(decimal(a.get(1))), call.type(), null);
            case MOD -> (Long) a.get(0) % (Long) a.get(1);
            case NOT -> !(Boolean) a.get(0);
            case EQUALS -> compare(a.get(0), a.get(1)) == 0;
            case NOT_EQUALS -> compare(a.get(0), a.get(1)) != 0;
            case LESS -> compare(a.get(0), a.get(1)) < 0;
            case LESS_OR_EQUAL -> compare(a.get(0), a.get(1)) <= 0;
            case GREATER -> compare(a.get(0), a.get(1)) > 0;
            case GREATER_OR_EQUAL -> compare(a.get(0), a.get(1)) >= 0;
            case CAST ->
                call.type().kind() == DataType.Kind.STRING
                        ? String.valueOf(a.get(0))
                        : a.get(0) instanceof String ? a.get(0) : ofType(decimal(a.get(0)), call.type(), null);
            case UPPER -> ((String) a.get(0)).toUpperCase(java.util.Locale.ROOT);
            case CONCAT -> a.stream().map(String::valueOf).reduce("", String::concat);
            case CHAR_LENGTH -> (long) ((String) a.get(0)).codePointCount(0, ((String) a.get(0)).length());
            case SPLIT -> List.of(((String) a.get(0)).split(java.util.regex.Pattern.quote((String) a.get(1)), -1));
            case TIME_FLOOR -> Math.floorDiv((Long) a.get(0), 1000L) * 1000L;
            default -> throw new IllegalArgumentException("the slow way does not know " + call.function());
        };
    }
}
