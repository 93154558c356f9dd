package dev.millrace.sql;

import com.google.common.collect.ImmutableList;
import dev.millrace.data.DataType;
import dev.millrace.plan.Position;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.calcite.avatica.util.TimeUnit;
import org.apache.calcite.plan.RelOptCluster;
import org.apache.calcite.rel.RelNode;
import org.apache.calcite.rel.RelRoot;
import org.apache.calcite.rel.core.Aggregate;
import org.apache.calcite.rel.core.AggregateCall;
import org.apache.calcite.rel.hint.HintPredicates;
import org.apache.calcite.rel.hint.HintStrategyTable;
import org.apache.calcite.rel.hint.RelHint;
import org.apache.calcite.rel.type.RelDataType;
import org.apache.calcite.rex.RexBuilder;
import org.apache.calcite.rex.RexCall;
import org.apache.calcite.rex.RexNode;
import org.apache.calcite.sql.SqlCall;
import org.apache.calcite.sql.SqlIntervalQualifier;
import org.apache.calcite.sql.SqlJoin;
import org.apache.calcite.sql.SqlKind;
import org.apache.calcite.sql.SqlNode;
import org.apache.calcite.sql.SqlSelect;
import org.apache.calcite.sql.SqlWindowTableFunction;
import org.apache.calcite.sql.fun.SqlCase;
import org.apache.calcite.sql.fun.SqlStdOperatorTable;
import org.apache.calcite.sql.parser.SqlParserPos;
import org.apache.calcite.sql.validate.SqlValidator;
import org.apache.calcite.sql2rel.SqlRexContext;
import org.apache.calcite.sql2rel.SqlRexConvertlet;
import org.apache.calcite.sql2rel.SqlRexConvertletTable;
import org.apache.calcite.sql2rel.SqlToRelConverter;
import org.apache.calcite.sql2rel.StandardConvertletTable;
import org.apache.calcite.util.ImmutableBitSet;

/**
 * Calcite's converter from text to relational algebra, which loses where in the text things stand. Each expression, join and
 * table function is therefore translated on trial as soon as it is converted: if that is refused, it is refused at its
 * place. Aggregates, whose output modes are proved later, carry their places as hints that survive rewriting.
 */
final class LocatingConverter extends SqlToRelConverter {

    private static final String NAME = "POSITION";

    static final HintStrategyTable HINTS = HintStrategyTable.builder()
            .hintStrategy(NAME, HintPredicates.AGGREGATE)
            .build();

    /** Units of TIMESTAMPDIFF that are a fixed number of microseconds. */
    private static final Map<TimeUnit, Long> MICROS = Map.of(
            TimeUnit.MICROSECOND, 1L,
            TimeUnit.MILLISECOND, 1_000L,
            TimeUnit.SECOND, 1_000_000L,
            TimeUnit.MINUTE, 60_000_000L,
            TimeUnit.HOUR, 3_600_000_000L,
            TimeUnit.DAY, 86_400_000_000L,
            TimeUnit.WEEK, 604_800_000_000L);

    private final PlanTranslator translator;
    private SqlParserPos current = SqlParserPos.ZERO;

    private LocatingConverter(
            SqlValidator validator, SqlCompiler.SqlCatalog catalog, RelOptCluster cluster, Config config) {
        super(null, validator, catalog, cluster, located(), config);
        this.translator = new PlanTranslator(catalog);
    }

    /** The validated query as a relational tree. */
    static RelNode convert(
            SqlNode validated, SqlValidator validator, SqlCompiler.SqlCatalog catalog, RelOptCluster cluster) {
        Config config = SqlToRelConverter.config()
                .withTrimUnusedFields(false)
                .withExpand(false)
                .withInSubQueryThreshold(Integer.MAX_VALUE)
                .withHintStrategyTable(HINTS)
                .withRelBuilderConfigTransform(builder -> builder.withSimplify(false))
                .withRemoveSortInSubQuery(false);
        RelRoot root = new LocatingConverter(validator, catalog, cluster, config).convertQuery(validated, false, true);
        return root.project();
    }

    private static Position position(SqlParserPos pos) {
        return pos.getLineNum() < 1 ? Position.START : new Position(pos.getLineNum(), Math.max(1, pos.getColumnNum()));
    }

    private static SqlRexConvertletTable located() {
        return call -> {
            SqlRexConvertlet convertlet = StandardConvertletTable.INSTANCE.get(call);
            return convertlet == null ? null : (context, same) -> convert(convertlet, context, same);
        };
    }

    private static RexNode convert(SqlRexConvertlet convertlet, SqlRexContext context, SqlCall call) {
        boolean ofTables = call.getKind() == SqlKind.DESCRIPTOR || call.getOperator() instanceof SqlWindowTableFunction;
        if (ofTables) {
            return convertlet.convertCall(context, call);
        }
        RexNode rex = own(context, call).orElseGet(() -> convertlet.convertCall(context, call));
        at(call.getParserPosition(), () -> {
            refuseCasts(context, call, rex);
            ExpressionTranslator.check(rex);
        });
        return rex;
    }

    /** What Calcite would convert to something else than it is. */
    private static Optional<RexNode> own(SqlRexContext context, SqlCall call) {
        if (call.getOperator() == SqlStdOperatorTable.TIMESTAMP_DIFF && MICROS.containsKey(unit(call))) {
            return Optional.of(timeUnits(context, call));
        }
        if (call.getOperator() == SqlStdOperatorTable.SQRT) {
            return Optional.of(
                    context.getRexBuilder().makeCall(call.getOperator(), context.convertExpression(call.operand(0))));
        }
        return Optional.empty();
    }

    /** Casts of intervals, which Calcite makes divisions by milliseconds, and those of its own that lose digits. */
    private static void refuseCasts(SqlRexContext context, SqlCall call, RexNode rex) {
        if (call instanceof SqlCase branches) {
            Stream.concat(branches.getThenOperands().stream(), Optional.ofNullable(branches.getElseOperand()).stream())
                    .map(context.getValidator()::getValidatedNodeTypeIfKnown)
                    .filter(Objects::nonNull)
                    .forEach(type -> refuseLoss(type, rex.getType()));
        }
        if (call.getKind() != SqlKind.CAST && call.getKind() != SqlKind.SAFE_CAST) {
            return;
        }
        if (isInterval(context, call.operand(0)) != isInterval(context, call)) {
            throw ExpressionTranslator.refuse(
                    "a cast from or to an interval is not supported; use TIMESTAMPDIFF or TIMESTAMPADD");
        }
        boolean asked = call.operand(1).getParserPosition().getLineNum() > 0;
        if (!asked && rex instanceof RexCall cast && rex.getKind() == SqlKind.CAST) {
            refuseLoss(cast.getOperands().get(0).getType(), cast.getType());
        }
    }

    private static void refuseLoss(RelDataType from, RelDataType to) {
        DataType narrow = SqlTypes.fromCalcite(to);
        DataType wide = SqlTypes.fromCalcite(from);
        if (narrow != null && wide != null && ExpressionTranslator.losesDigits(wide, narrow)) {
            throw ExpressionTranslator.refuse("a conversion from " + wide + " to " + narrow
                    + ", the common type, would lose digits; cast explicitly");
        }
    }

    /** Casts that Calcite puts in are unknown to its validator, and of no interval. */
    private static boolean isInterval(SqlRexContext context, SqlNode node) {
        RelDataType type = context.getValidator().getValidatedNodeTypeIfKnown(node);
        return type != null && SqlTypes.isInterval(type);
    }

    private static TimeUnit unit(SqlCall call) {
        return ((SqlIntervalQualifier) call.operand(0)).getUnit();
    }

    /** TIMESTAMPDIFF as it stands; Calcite would compute it in milliseconds. */
    private static RexNode timeUnits(SqlRexContext context, SqlCall call) {
        RexBuilder builder = context.getRexBuilder();
        return builder.makeCall(
                context.getValidator().getValidatedNodeType(call),
                SqlStdOperatorTable.TIMESTAMP_DIFF,
                List.of(
                        builder.makeBigintLiteral(BigDecimal.valueOf(MICROS.get(unit(call)))),
                        context.convertExpression(call.operand(1)),
                        context.convertExpression(call.operand(2))));
    }

    /** A refusal without a place gets this one. */
    private static void at(SqlParserPos pos, Runnable translation) {
        try {
            translation.run();
        } catch (SqlError.Refusal refusal) {
            SqlError error = refusal.error();
            throw error.position().equals(Position.START)
                    ? new SqlError.Refusal(error.code(), position(pos), error.message())
                    : refusal;
        }
    }

    @Override
    protected void convertFrom(Blackboard blackboard, SqlNode from, List<String> fieldNames) {
        super.convertFrom(blackboard, from, fieldNames);
        if (from.getKind() == SqlKind.JOIN || from.getKind() == SqlKind.COLLECTION_TABLE) {
            SqlNode place = from instanceof SqlJoin join ? join.getRight() : from;
            at(place.getParserPosition(), () -> translator.translate(blackboard.root()));
        }
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
            ImmutableList<ImmutableBitSet> groupSets,
            List<AggregateCall> calls) {
        RelNode node = super.createAggregate(blackboard, groupSet, groupSets, calls);
        at(current, () -> translator.translate(node));
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
