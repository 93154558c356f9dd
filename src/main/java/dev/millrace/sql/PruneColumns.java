package dev.millrace.sql;

import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import dev.millrace.plan.AggregateCall;
import dev.millrace.plan.Expression;
import dev.millrace.plan.PlanNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Pushes the set of used columns down into the scans, so that decoders read nothing else. All scans of one source get the
 * same columns, since a source is read once however often the query names it; the event time is always among them.
 */
final class PruneColumns {

    private final Map<String, TreeSet<Integer>> used = new HashMap<>();

    private PruneColumns() {}

    static PlanNode apply(PlanNode root) {
        PruneColumns prune = new PruneColumns();
        TreeSet<Integer> all = all(root);
        root.accept(prune.new Collect(all));
        return select(root.accept(prune.new Rewrite(all)), List.copyOf(all), root.schema());
    }

    private static TreeSet<Integer> all(PlanNode node) {
        TreeSet<Integer> columns = new TreeSet<>();
        IntStream.range(0, node.schema().size()).forEach(columns::add);
        return columns;
    }

    /** Notes which columns of each source are needed, given those needed of the node visited. */
    private final class Collect implements PlanNode.Visitor<Void> {
        private final TreeSet<Integer> needed;

        Collect(TreeSet<Integer> needed) {
            this.needed = needed;
        }

        private Void down(PlanNode input, TreeSet<Integer> columns) {
            return input.accept(new Collect(columns));
        }

        private TreeSet<Integer> below(int size) {
            return new TreeSet<>(needed.headSet(size));
        }

        @Override
        public Void scan(PlanNode.Scan node) {
            TreeSet<Integer> columns = used.computeIfAbsent(node.table().name(), name -> new TreeSet<>());
            needed.forEach(i -> columns.add(node.columns().get(i)));
            node.table().eventTime().ifPresent(time -> columns.add(time.column()));
            return null;
        }

        @Override
        public Void filter(PlanNode.Filter node) {
            TreeSet<Integer> columns = new TreeSet<>(needed);
            node.predicate().forEachColumn(columns::add);
            return down(node.input(), columns);
        }

        @Override
        public Void project(PlanNode.Project node) {
            TreeSet<Integer> columns = new TreeSet<>();
            needed.forEach(i -> node.expressions().get(i).forEachColumn(columns::add));
            return down(node.input(), columns);
        }

        @Override
        public Void unnest(PlanNode.Unnest node) {
            TreeSet<Integer> columns = below(node.input().schema().size());
            node.array().forEachColumn(columns::add);
            return down(node.input(), columns);
        }

        @Override
        public Void window(PlanNode.Window node) {
            TreeSet<Integer> columns = below(node.input().schema().size());
            columns.add(node.timeColumn());
            return down(node.input(), columns);
        }

        @Override
        public Void union(PlanNode.Union node) {
            node.inputs().forEach(input -> down(input, new TreeSet<>(needed)));
            return null;
        }

        @Override
        public Void staticJoin(PlanNode.StaticJoin node) {
            int leftSize = node.left().schema().size();
            TreeSet<Integer> both = new TreeSet<>(needed);
            if (node.residual() != null) {
                node.residual().forEachColumn(both::add);
            }
            TreeSet<Integer> left = new TreeSet<>(both.headSet(leftSize));
            left.addAll(node.leftKeys());
            TreeSet<Integer> right = new TreeSet<>();
            both.tailSet(leftSize).forEach(i -> right.add(i - leftSize));
            right.addAll(node.rightKeys());
            down(node.left(), left);
            return down(node.right(), right);
        }

        @Override
        public Void aggregate(PlanNode.Aggregate node) {
            return down(node.input(), aggregateColumns(node));
        }

        @Override
        public Void hold(PlanNode.Hold node) {
            return down(node.input(), new TreeSet<>(needed));
        }
    }

    /**
     * A node that yields at least the needed columns.
     *
     * @param at by column of the original node: its place in the new one, −1 where it is gone
     */
    private record Pruned(PlanNode node, int[] at) {
        Expression renumber(Expression expression) {
            return expression.renumber(i -> at[i]);
        }

        List<Integer> renumber(List<Integer> columns) {
            return columns.stream().map(i -> at[i]).toList();
        }
    }

    /** Builds the narrow tree; mirrors {@link Collect}. */
    private final class Rewrite implements PlanNode.Visitor<Pruned> {
        private final TreeSet<Integer> needed;

        Rewrite(TreeSet<Integer> needed) {
            this.needed = needed;
        }

        private Pruned down(PlanNode input, TreeSet<Integer> columns) {
            return input.accept(new Rewrite(columns));
        }

        @Override
        public Pruned scan(PlanNode.Scan node) {
            List<Integer> columns = List.copyOf(used.get(node.table().name()));
            int[] at = node.columns().stream().mapToInt(columns::indexOf).toArray();
            return new Pruned(new PlanNode.Scan(node.table(), columns), at);
        }

        @Override
        public Pruned filter(PlanNode.Filter node) {
            TreeSet<Integer> columns = new TreeSet<>(needed);
            node.predicate().forEachColumn(columns::add);
            Pruned input = down(node.input(), columns);
            return new Pruned(new PlanNode.Filter(input.node, input.renumber(node.predicate())), input.at);
        }

        @Override
        public Pruned project(PlanNode.Project node) {
            TreeSet<Integer> columns = new TreeSet<>();
            needed.forEach(i -> node.expressions().get(i).forEachColumn(columns::add));
            Pruned input = down(node.input(), columns);
            List<Integer> kept = List.copyOf(needed);
            List<Expression> expressions = kept.stream()
                    .map(i -> input.renumber(node.expressions().get(i)))
                    .toList();
            return new Pruned(
                    new PlanNode.Project(input.node, expressions, node.schema().select(kept)), places(node, kept));
        }

        private int[] places(PlanNode node, List<Integer> kept) {
            return IntStream.range(0, node.schema().size()).map(kept::indexOf).toArray();
        }

        @Override
        public Pruned unnest(PlanNode.Unnest node) {
            int inputSize = node.input().schema().size();
            TreeSet<Integer> columns = new TreeSet<>(needed.headSet(inputSize));
            node.array().forEachColumn(columns::add);
            Pruned input = down(node.input(), columns);
            return appended(
                    node,
                    input,
                    inputSize,
                    schema -> new PlanNode.Unnest(
                            input.node, input.renumber(node.array()), node.outer(), node.ordinality(), schema));
        }

        @Override
        public Pruned window(PlanNode.Window node) {
            int inputSize = node.input().schema().size();
            TreeSet<Integer> columns = new TreeSet<>(needed.headSet(inputSize));
            columns.add(node.timeColumn());
            Pruned input = down(node.input(), columns);
            return appended(
                    node,
                    input,
                    inputSize,
                    schema -> new PlanNode.Window(
                            input.node, input.at[node.timeColumn()], node.size(), node.slide(), node.offset(), schema));
        }

        /** A node that keeps its input's columns and appends its own. */
        private Pruned appended(PlanNode node, Pruned input, int inputSize, Function<Schema, PlanNode> constructor) {
            int newInputSize = input.node.schema().size();
            int size = node.schema().size();
            int[] at = new int[size];
            List<Field> fields = new ArrayList<>(input.node.schema().fields());
            for (int i = 0; i < size; i++) {
                at[i] = i < inputSize ? input.at[i] : newInputSize + i - inputSize;
            }
            fields.addAll(node.schema().fields().subList(inputSize, size));
            return new Pruned(constructor.apply(new Schema(fields)), at);
        }

        @Override
        public Pruned union(PlanNode.Union node) {
            List<Integer> kept = List.copyOf(needed);
            Schema schema = node.schema().select(kept);
            List<PlanNode> inputs = new ArrayList<>();
            for (PlanNode input : node.inputs()) {
                inputs.add(select(down(input, new TreeSet<>(needed)), kept, schema));
            }
            return new Pruned(new PlanNode.Union(inputs, schema), places(node, kept));
        }

        @Override
        public Pruned staticJoin(PlanNode.StaticJoin node) {
            int leftSize = node.left().schema().size();
            TreeSet<Integer> both = new TreeSet<>(needed);
            if (node.residual() != null) {
                node.residual().forEachColumn(both::add);
            }
            TreeSet<Integer> leftNeeded = new TreeSet<>(both.headSet(leftSize));
            leftNeeded.addAll(node.leftKeys());
            TreeSet<Integer> rightNeeded = new TreeSet<>();
            both.tailSet(leftSize).forEach(i -> rightNeeded.add(i - leftSize));
            rightNeeded.addAll(node.rightKeys());
            Pruned left = down(node.left(), leftNeeded);
            Pruned right = down(node.right(), rightNeeded);
            int newLeftSize = left.node.schema().size();
            int[] at = new int[node.schema().size()];
            for (int i = 0; i < at.length; i++) {
                int place = i < leftSize ? left.at[i] : right.at[i - leftSize];
                at[i] = i < leftSize || place < 0 ? place : newLeftSize + place;
            }
            Expression residual =
                    node.residual() == null ? null : node.residual().renumber(i -> at[i]);
            Schema schema = joinSchema(left.node, right.node, node.outer());
            PlanNode join = new PlanNode.StaticJoin(
                    left.node,
                    right.node,
                    left.renumber(node.leftKeys()),
                    right.renumber(node.rightKeys()),
                    node.nullSafe(),
                    residual,
                    node.outer(),
                    schema);
            return new Pruned(join, at);
        }

        private static Schema joinSchema(PlanNode left, PlanNode right, boolean outer) {
            List<Field> fields = new ArrayList<>(left.schema().fields());
            for (Field field : right.schema().fields()) {
                fields.add(new Field(field.name(), field.type(), field.nullable() || outer));
            }
            return new Schema(fields);
        }

        @Override
        public Pruned aggregate(PlanNode.Aggregate node) {
            Pruned input = down(node.input(), aggregateColumns(node));
            List<AggregateCall> calls = node.calls().stream()
                    .map(call -> new AggregateCall(
                            call.kind(),
                            call.argument() < 0 ? -1 : input.at[call.argument()],
                            call.distinct(),
                            call.filter() < 0 ? -1 : input.at[call.filter()],
                            call.type()))
                    .toList();
            PlanNode aggregate = new PlanNode.Aggregate(
                    input.node, input.renumber(node.keys()), calls, node.schema(), node.position());
            return new Pruned(
                    aggregate, IntStream.range(0, node.schema().size()).toArray());
        }

        @Override
        public Pruned hold(PlanNode.Hold node) {
            Pruned input = down(node.input(), new TreeSet<>(needed));
            return new Pruned(new PlanNode.Hold(input.node, input.at[node.column()], node.waterline()), input.at);
        }
    }

    private static TreeSet<Integer> aggregateColumns(PlanNode.Aggregate node) {
        TreeSet<Integer> columns = new TreeSet<>(node.keys());
        for (AggregateCall call : node.calls()) {
            if (call.argument() >= 0) {
                columns.add(call.argument());
            }
            if (call.filter() >= 0) {
                columns.add(call.filter());
            }
        }
        return columns;
    }

    /** The kept columns of the original node in order, and no others. */
    private static PlanNode select(Pruned pruned, List<Integer> kept, Schema schema) {
        List<Integer> places = pruned.renumber(kept);
        List<Integer> identity =
                IntStream.range(0, pruned.node.schema().size()).boxed().toList();
        if (places.equals(identity)) {
            return pruned.node;
        }
        List<Expression> expressions = new ArrayList<>();
        for (int place : places) {
            Field field = pruned.node.schema().field(place);
            expressions.add(new Expression.Column(place, field.type(), field.nullable()));
        }
        return new PlanNode.Project(pruned.node, expressions, schema);
    }
}
