package dev.millrace.plan;

import java.util.List;

/**
 * How the result reaches one sink.
 *
 * @param root computes the rows of this sink: the query's root, or that with holds for append
 * @param keyed whether {@code keys} is a unique key of the result; without, update tells rows apart by their whole content
 * @param keys the columns that identify a row, empty with {@code keyed} for a result of one row
 * @param maxRows for complete: the declared limit of the result table, 0 for none
 * @param proof why the mode holds, a sentence for the user
 */
public record SinkPlan(
        String name, OutputMode mode, PlanNode root, boolean keyed, List<Integer> keys, long maxRows, String proof) {

    public SinkPlan {
        keys = List.copyOf(keys);
    }
}
