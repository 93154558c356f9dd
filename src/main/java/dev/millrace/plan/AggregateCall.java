package dev.millrace.plan;

import dev.millrace.data.DataType;

/**
 * One aggregate of an {@link PlanNode.Aggregate}.
 *
 * @param argument the input column, or −1 for {@code COUNT(*)}
 * @param filter the BOOLEAN input column that must be true, or −1
 */
public record AggregateCall(Kind kind, int argument, boolean distinct, int filter, DataType type) {

    /** The aggregate functions. */
    public enum Kind {
        COUNT,
        SUM,
        AVG,
        MIN,
        MAX
    }

    @Override
    public String toString() {
        return kind + "(" + (distinct ? "DISTINCT " : "") + (argument < 0 ? "*" : "$" + argument) + ")"
                + (filter < 0 ? "" : " FILTER $" + filter) + " " + type;
    }
}
