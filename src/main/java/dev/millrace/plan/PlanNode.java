package dev.millrace.plan;

import dev.millrace.data.Hash;
import dev.millrace.data.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** A relational operator of the dataflow; a tree of records. */
public sealed interface PlanNode
        permits PlanNode.Scan,
                PlanNode.Filter,
                PlanNode.Project,
                PlanNode.Unnest,
                PlanNode.Window,
                PlanNode.Union,
                PlanNode.StaticJoin,
                PlanNode.Aggregate,
                PlanNode.Hold {

    Schema schema();

    List<PlanNode> inputs();

    /** What the node computes from its inputs: stable text without names of places. */
    String meaning();

    <R> R accept(Visitor<R> visitor);

    /** A hash of the meaning of this node and of everything below it. */
    default long identity() {
        long hash = Hash.hash(meaning().getBytes(StandardCharsets.UTF_8));
        for (PlanNode input : inputs()) {
            hash = Hash.combine(hash, input.identity());
        }
        return hash;
    }

    /** One method per kind of node and no default: a new kind fails to compile until every pass knows it. */
    interface Visitor<R> {
        R scan(Scan node);

        R filter(Filter node);

        R project(Project node);

        R unnest(Unnest node);

        R window(Window node);

        R union(Union node);

        R staticJoin(StaticJoin node);

        R aggregate(Aggregate node);

        R hold(Hold node);
    }

    /**
     * Rows of a source.
     *
     * @param columns the source's columns that are read, ascending
     */
    record Scan(SourceTable table, List<Integer> columns) implements PlanNode {
        public Scan {
            columns = List.copyOf(columns);
        }

        @Override
        public Schema schema() {
            return table.schema().select(columns);
        }

        @Override
        public List<PlanNode> inputs() {
            return List.of();
        }

        @Override
        public String meaning() {
            return "Scan(" + table.name() + ", [" + schema() + "], " + table.eventTime() + ", " + table.fixed() + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.scan(this);
        }
    }

    /** Rows for which the predicate is true. */
    record Filter(PlanNode input, Expression predicate) implements PlanNode {
        @Override
        public Schema schema() {
            return input.schema();
        }

        @Override
        public List<PlanNode> inputs() {
            return List.of(input);
        }

        @Override
        public String meaning() {
            return "Filter(" + predicate + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.filter(this);
        }
    }

    /** One expression per output column. */
    record Project(PlanNode input, List<Expression> expressions, Schema schema) implements PlanNode {
        public Project {
            expressions = List.copyOf(expressions);
        }

        @Override
        public List<PlanNode> inputs() {
            return List.of(input);
        }

        @Override
        public String meaning() {
            return "Project" + expressions;
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.project(this);
        }
    }

    /**
     * For each element of an array, the input's columns and the element's (its fields, if it is a row).
     *
     * @param outer whether a row with an empty or NULL array yields one row with NULLs
     */
    record Unnest(PlanNode input, Expression array, boolean outer, boolean ordinality, Schema schema)
            implements PlanNode {
        @Override
        public List<PlanNode> inputs() {
            return List.of(input);
        }

        @Override
        public String meaning() {
            return "Unnest(" + array + (outer ? ", outer" : "") + (ordinality ? ", ordinality" : "") + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.unnest(this);
        }
    }

    /**
     * Appends window_start and window_end to each row, once per window that holds its time. Tumbling is hopping with
     * {@code slide == size}. Windows align to 1970-01-01T00:00Z plus {@code offset}. All in milliseconds. A row without a
     * time is in no window.
     */
    record Window(PlanNode input, int timeColumn, long size, long slide, long offset, Schema schema)
            implements PlanNode {
        @Override
        public List<PlanNode> inputs() {
            return List.of(input);
        }

        @Override
        public String meaning() {
            return "Window($" + timeColumn + ", size " + size + ", slide " + slide + ", offset " + offset + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.window(this);
        }
    }

    /** UNION ALL. */
    record Union(List<PlanNode> inputs, Schema schema) implements PlanNode {
        public Union {
            inputs = List.copyOf(inputs);
        }

        @Override
        public String meaning() {
            return "Union";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.union(this);
        }
    }

    /**
     * A join of a stream with a table that does not change: {@code left.leftKeys[i] = right.rightKeys[i]} for all i, and
     * the residual over the concatenated columns.
     *
     * @param right a plan over static tables only
     * @param nullSafe per key, whether NULL matches NULL
     * @param outer whether a left row without match yields one row with NULLs
     * @param residual null for none
     */
    record StaticJoin(
            PlanNode left,
            PlanNode right,
            List<Integer> leftKeys,
            List<Integer> rightKeys,
            List<Boolean> nullSafe,
            Expression residual,
            boolean outer,
            Schema schema)
            implements PlanNode {
        public StaticJoin {
            leftKeys = List.copyOf(leftKeys);
            rightKeys = List.copyOf(rightKeys);
            nullSafe = List.copyOf(nullSafe);
        }

        @Override
        public List<PlanNode> inputs() {
            return List.of(left, right);
        }

        @Override
        public String meaning() {
            return "StaticJoin(" + leftKeys + " = " + rightKeys + " " + nullSafe + ", " + residual
                    + (outer ? ", left" : "") + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.staticJoin(this);
        }
    }

    /**
     * Groups by columns and computes aggregates; the output is the keys, then the aggregates. Without keys there is always
     * exactly one row. Without aggregates it is DISTINCT.
     *
     * @param closing where each group is emitted only once, when it can no longer change
     */
    record Aggregate(
            PlanNode input,
            List<Integer> keys,
            List<AggregateCall> calls,
            Schema schema,
            Position position,
            Optional<Closing> closing)
            implements PlanNode {
        public Aggregate {
            keys = List.copyOf(keys);
            calls = List.copyOf(calls);
        }

        public Aggregate(
                PlanNode input, List<Integer> keys, List<AggregateCall> calls, Schema schema, Position position) {
            this(input, keys, calls, schema, position, Optional.empty());
        }

        @Override
        public List<PlanNode> inputs() {
            return List.of(input);
        }

        @Override
        public String meaning() {
            return "Aggregate(" + keys + ", " + calls
                    + closing.map(c -> ", " + c).orElse("") + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.aggregate(this);
        }
    }

    /**
     * A group is final when the waterline has passed its key of that number, a window's start or end.
     *
     * @param panes where the input's windows are panes, as long as the slide, of which several make a window
     */
    record Closing(int key, Waterline waterline, Optional<Panes> panes) {}

    /**
     * How windows are made of panes, in the units of their columns.
     *
     * @param starts the keys that are the window's start
     * @param ends the keys that are its end
     */
    record Panes(long size, long slide, List<Integer> starts, List<Integer> ends) {}

    /**
     * Keeps rows back until the waterline of {@code column} has passed them and they can no longer change; then emits each
     * once. Makes its output append-only.
     */
    record Hold(PlanNode input, int column, Waterline waterline) implements PlanNode {
        @Override
        public Schema schema() {
            return input.schema();
        }

        @Override
        public List<PlanNode> inputs() {
            return List.of(input);
        }

        @Override
        public String meaning() {
            return "Hold($" + column + " < " + waterline + ")";
        }

        @Override
        public <R> R accept(Visitor<R> visitor) {
            return visitor.hold(this);
        }
    }
}
