package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.api.StreamingQuery;
import dev.millrace.plan.Expression;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SinkPlan;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What a query that runs in several slots cannot have. */
final class SlotRestrictions {

    static final String CODE = "NotSupportedInSlots";

    private static final TopicsOnly TOPICS = new TopicsOnly(CODE, "several slots write to", "several slots read");

    private SlotRestrictions() {}

    static List<Problem> of(Compilation query) {
        List<Problem> found = new ArrayList<>(TOPICS.of(query));
        StreamingQuery.Spec spec = query.query().spec();
        for (int i = 0; i < spec.sinks().size(); i++) {
            String path = "spec.sinks[" + i + "]";
            StreamingQuery.Sink sink = spec.sinks().get(i);
            SinkPlan plan = query.plan().sinks().get(i);
            if (plan.mode() == OutputMode.UPDATE && plan.keyed() && !keyDecidesGroup(plan.root(), plan.keys())) {
                found.add(query.places()
                        .problem(
                                path + ".outputMode",
                                CODE,
                                "sink '" + sink.name()
                                        + "': rows of one key may come from several slots; group by the key"
                                        + " last, or run one slot"));
            }
        }
        if (spec.trigger() != null && Boolean.TRUE.equals(spec.trigger().availableNow())) {
            found.add(query.places()
                    .problem(
                            "spec.trigger.availableNow",
                            CODE,
                            "slots do not know of each other when all is processed; run one"));
        }
        if (spec.trigger() != null
                && spec.trigger().interval() != null
                && spec.trigger().interval().millis() > 0) {
            found.add(query.places()
                    .problem("spec.trigger.interval", CODE, "slots wait for each other; remove it, or run one"));
        }
        return found;
    }

    /**
     * Whether all rows of a key are of one group of the last aggregate: then they come from one slot, in order. A key that
     * may move from one slot to another would need its deletion to wait for its insertion.
     */
    private static boolean keyDecidesGroup(PlanNode node, List<Integer> keys) {
        if (node instanceof PlanNode.Aggregate aggregate) {
            Set<Integer> groupKeys =
                    IntStream.range(0, aggregate.keys().size()).boxed().collect(Collectors.toSet());
            return groupKeys.equals(new HashSet<>(keys));
        }
        if (node instanceof PlanNode.Filter filter) {
            return keyDecidesGroup(filter.input(), keys);
        }
        if (node instanceof PlanNode.StaticJoin join) {
            return keys.stream().allMatch(key -> key < join.left().schema().size())
                    && keyDecidesGroup(join.left(), keys);
        }
        if (node instanceof PlanNode.Project project) {
            List<Expression> columns =
                    keys.stream().map(project.expressions()::get).toList();
            return columns.stream().allMatch(Expression.Column.class::isInstance)
                    && keyDecidesGroup(
                            project.input(),
                            columns.stream()
                                    .map(column -> ((Expression.Column) column).index())
                                    .toList());
        }
        return false;
    }
}
