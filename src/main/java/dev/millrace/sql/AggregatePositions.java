package dev.millrace.sql;

import dev.millrace.plan.Position;
import java.util.List;
import org.apache.calcite.plan.RelOptCluster;
import org.apache.calcite.prepare.CalciteCatalogReader;
import org.apache.calcite.rel.RelNode;
import org.apache.calcite.rel.core.Aggregate;
import org.apache.calcite.rel.core.AggregateCall;
import org.apache.calcite.rel.hint.HintPredicates;
import org.apache.calcite.rel.hint.HintStrategyTable;
import org.apache.calcite.rel.hint.RelHint;
import org.apache.calcite.sql.SqlNode;
import org.apache.calcite.sql.SqlSelect;
import org.apache.calcite.sql.parser.SqlParserPos;
import org.apache.calcite.sql.validate.SqlValidator;
import org.apache.calcite.sql2rel.SqlRexConvertletTable;
import org.apache.calcite.sql2rel.SqlToRelConverter;
import org.apache.calcite.util.ImmutableBitSet;

/** Keeps on each aggregate, as a hint that survives rewriting, where in the text it stands. */
final class AggregatePositions extends SqlToRelConverter {

    private static final String NAME = "POSITION";

    static final HintStrategyTable HINTS = HintStrategyTable.builder()
            .hintStrategy(NAME, HintPredicates.AGGREGATE)
            .build();

    private SqlParserPos current = SqlParserPos.ZERO;

    AggregatePositions(
            SqlValidator validator,
            CalciteCatalogReader catalog,
            RelOptCluster cluster,
            SqlRexConvertletTable convertlets,
            Config config) {
        super(null, validator, catalog, cluster, convertlets, config);
    }

    @Override
    protected void convertAgg(
            Blackboard blackboard, SqlSelect select, List<SqlNode> selectItems, List<SqlNode> orderExpressions) {
        SqlParserPos before = current;
        current = select.getGroup() != null && !select.getGroup().isEmpty()
                ? select.getGroup().get(0).getParserPosition()
                : select.getSelectList().getParserPosition();
        super.convertAgg(blackboard, select, selectItems, orderExpressions);
        current = before;
    }

    @Override
    protected RelNode createAggregate(
            Blackboard blackboard,
            ImmutableBitSet groupSet,
            com.google.common.collect.ImmutableList<ImmutableBitSet> groupSets,
            List<AggregateCall> calls) {
        RelNode node = super.createAggregate(blackboard, groupSet, groupSets, calls);
        if (!(node instanceof Aggregate aggregate) || current == SqlParserPos.ZERO) {
            return node;
        }
        RelHint hint = RelHint.builder(NAME)
                .hintOption("line", String.valueOf(current.getLineNum()))
                .hintOption("column", String.valueOf(current.getColumnNum()))
                .build();
        return aggregate.withHints(List.of(hint));
    }

    static Position positionOf(Aggregate aggregate) {
        return aggregate.getHints().stream()
                .filter(hint -> hint.hintName.equals(NAME))
                .findFirst()
                .map(hint -> new Position(
                        Integer.parseInt(hint.kvOptions.get("line")), Integer.parseInt(hint.kvOptions.get("column"))))
                .orElse(Position.START);
    }
}
