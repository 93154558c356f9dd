package dev.millrace.sql;

import dev.millrace.plan.PlanNode;
import java.util.List;

/** The same node over other inputs of the same columns. */
final class Inputs {

    private Inputs() {}

    static PlanNode replace(PlanNode node, List<PlanNode> inputs) {
        return node.accept(new PlanNode.Visitor<>() {
            @Override
            public PlanNode scan(PlanNode.Scan scan) {
                return scan;
            }

            @Override
            public PlanNode filter(PlanNode.Filter filter) {
                return new PlanNode.Filter(inputs.get(0), filter.predicate());
            }

            @Override
            public PlanNode project(PlanNode.Project project) {
                return new PlanNode.Project(inputs.get(0), project.expressions(), project.schema());
            }

            @Override
            public PlanNode unnest(PlanNode.Unnest unnest) {
                return new PlanNode.Unnest(
                        inputs.get(0), unnest.array(), unnest.outer(), unnest.ordinality(), unnest.schema());
            }

            @Override
            public PlanNode window(PlanNode.Window window) {
                return new PlanNode.Window(
                        inputs.get(0),
                        window.timeColumn(),
                        window.size(),
                        window.slide(),
                        window.offset(),
                        window.schema());
            }

            @Override
            public PlanNode union(PlanNode.Union union) {
                return new PlanNode.Union(inputs, union.schema());
            }

            @Override
            public PlanNode staticJoin(PlanNode.StaticJoin join) {
                return new PlanNode.StaticJoin(
                        inputs.get(0),
                        inputs.get(1),
                        join.leftKeys(),
                        join.rightKeys(),
                        join.nullSafe(),
                        join.residual(),
                        join.outer(),
                        join.schema());
            }

            @Override
            public PlanNode aggregate(PlanNode.Aggregate aggregate) {
                return new PlanNode.Aggregate(
                        inputs.get(0),
                        aggregate.keys(),
                        aggregate.calls(),
                        aggregate.schema(),
                        aggregate.position(),
                        aggregate.closing());
            }

            @Override
            public PlanNode hold(PlanNode.Hold hold) {
                return new PlanNode.Hold(inputs.get(0), hold.column(), hold.waterline());
            }
        });
    }
}
