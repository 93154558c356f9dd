package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import dev.millrace.plan.AggregateCall;
import dev.millrace.plan.Expression;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Position;
import dev.millrace.plan.SourceTable;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.calcite.rel.RelNode;
import org.apache.calcite.rel.core.Aggregate;
import org.apache.calcite.rel.core.Correlate;
import org.apache.calcite.rel.core.Filter;
import org.apache.calcite.rel.core.Join;
import org.apache.calcite.rel.core.JoinInfo;
import org.apache.calcite.rel.core.JoinRelType;
import org.apache.calcite.rel.core.Project;
import org.apache.calcite.rel.core.TableFunctionScan;
import org.apache.calcite.rel.core.TableScan;
import org.apache.calcite.rel.core.Uncollect;
import org.apache.calcite.rel.core.Union;
import org.apache.calcite.rex.RexBuilder;
import org.apache.calcite.rex.RexCall;
import org.apache.calcite.rex.RexInputRef;
import org.apache.calcite.rex.RexLiteral;
import org.apache.calcite.rex.RexNode;
import org.apache.calcite.rex.RexUtil;

/** From Calcite's relational tree to plan nodes, one method per kind of node. */
final class PlanTranslator {

    private final SqlCompiler.SqlCatalog catalog;

    PlanTranslator(SqlCompiler.SqlCatalog catalog) {
        this.catalog = catalog;
    }

    PlanNode translate(RelNode node) {
        if (node instanceof TableScan scan) {
            return scan(scan);
        }
        if (node instanceof Filter filter) {
            PlanNode input = translate(filter.getInput());
            return new PlanNode.Filter(input, expression(filter.getCondition(), filter));
        }
        if (node instanceof Project project) {
            return project(project);
        }
        if (node instanceof Aggregate aggregate) {
            return aggregate(aggregate);
        }
        if (node instanceof Union union) {
            return union(union);
        }
        if (node instanceof Join join) {
            return join(join);
        }
        if (node instanceof Correlate correlate) {
            return unnest(correlate);
        }
        if (node instanceof TableFunctionScan scan) {
            return window(scan);
        }
        throw refuse(node.getRelTypeName().replace("Logical", "") + " is not supported yet");
    }

    private static SqlError.Refusal refuse(String message) {
        return new SqlError.Refusal("SqlNotSupported", Position.START, message);
    }

    private static Expression expression(RexNode rex, RelNode owner) {
        RexBuilder builder = owner.getCluster().getRexBuilder();
        return new ExpressionTranslator().translate(RexUtil.expandSearch(builder, null, rex));
    }

    private static Schema schemaOf(RelNode node) {
        Schema schema = SqlTypes.schema(node.getRowType());
        if (schema == null) {
            throw refuse("a column has a type that is not supported: " + node.getRowType());
        }
        return schema;
    }

    private PlanNode scan(TableScan scan) {
        List<String> name = scan.getTable().getQualifiedName();
        SqlCompiler.CatalogTable table = catalog.getRootSchema()
                                .getTable(name.get(name.size() - 1), false)
                                .getTable()
                        instanceof SqlCompiler.CatalogTable found
                ? found
                : null;
        SourceTable source = table.table();
        return new PlanNode.Scan(
                source, IntStream.range(0, source.schema().size()).boxed().toList());
    }

    private PlanNode project(Project project) {
        PlanNode input = translate(project.getInput());
        List<Expression> expressions = new ArrayList<>();
        for (RexNode rex : project.getProjects()) {
            expressions.add(expression(rex, project));
        }
        return new PlanNode.Project(input, expressions, withTypesOf(expressions, project));
    }

    /** Names from Calcite, types from the expressions: intervals and aliases have settled by then. */
    private static Schema withTypesOf(List<Expression> expressions, RelNode node) {
        List<String> names = node.getRowType().getFieldNames();
        return new Schema(IntStream.range(0, expressions.size())
                .mapToObj(i -> new Field(
                        names.get(i),
                        expressions.get(i).type(),
                        expressions.get(i).nullable()))
                .toList());
    }

    private PlanNode union(Union union) {
        Schema schema = schemaOf(union);
        List<PlanNode> inputs = new ArrayList<>();
        for (RelNode input : union.getInputs()) {
            inputs.add(castTo(translate(input), schema));
        }
        PlanNode all = new PlanNode.Union(inputs, schema);
        if (union.all) {
            return all;
        }
        List<Integer> keys = IntStream.range(0, schema.size()).boxed().toList();
        return new PlanNode.Aggregate(all, keys, List.of(), schema, Position.START);
    }

    /** The input itself if its column types are the schema's, else a projection that casts. */
    private static PlanNode castTo(PlanNode input, Schema schema) {
        List<Expression> expressions = new ArrayList<>();
        boolean same = true;
        for (int i = 0; i < schema.size(); i++) {
            Field from = input.schema().field(i);
            Expression column = new Expression.Column(i, from.type(), from.nullable());
            same &= from.type().equals(schema.type(i));
            expressions.add(ExpressionTranslator.cast(column, schema.type(i)));
        }
        return same ? input : new PlanNode.Project(input, expressions, schema);
    }

    private PlanNode aggregate(Aggregate aggregate) {
        if (aggregate.getGroupType() != Aggregate.Group.SIMPLE) {
            throw refuse("GROUPING SETS are not supported yet");
        }
        PlanNode input = translate(aggregate.getInput());
        List<AggregateCall> calls = new ArrayList<>();
        for (org.apache.calcite.rel.core.AggregateCall call : aggregate.getAggCallList()) {
            calls.add(aggregateCall(call, input.schema()));
        }
        return new PlanNode.Aggregate(
                input,
                aggregate.getGroupSet().asList(),
                calls,
                schemaOf(aggregate),
                LocatingConverter.positionOf(aggregate));
    }

    private static AggregateCall aggregateCall(org.apache.calcite.rel.core.AggregateCall call, Schema input) {
        AggregateCall.Kind kind = switch (call.getAggregation().getKind()) {
            case COUNT -> AggregateCall.Kind.COUNT;
            case SUM -> AggregateCall.Kind.SUM;
            case AVG -> AggregateCall.Kind.AVG;
            case MIN -> AggregateCall.Kind.MIN;
            case MAX -> AggregateCall.Kind.MAX;
            default -> throw refuse(call.getAggregation().getName() + " is not supported yet");
        };
        if (call.distinctKeys != null
                || !call.getCollation().getFieldCollations().isEmpty()) {
            throw refuse("WITHIN DISTINCT and WITHIN GROUP are not supported");
        }
        boolean sums = kind == AggregateCall.Kind.SUM || kind == AggregateCall.Kind.AVG;
        if (sums && !input.type(call.getArgList().get(0)).isNumeric()) {
            throw refuse(call.getAggregation().getName() + " of "
                    + input.type(call.getArgList().get(0)) + " is not supported; it needs numbers");
        }
        if (call.getArgList().size() > 1) {
            throw refuse(call.getAggregation().getName() + " of more than one argument is not supported yet");
        }
        int argument = call.getArgList().isEmpty() ? -1 : call.getArgList().get(0);
        if (kind == AggregateCall.Kind.COUNT
                && argument >= 0
                && !call.isDistinct()
                && !input.field(argument).nullable()) {
            argument = -1;
        }
        boolean distinct = call.isDistinct() && kind != AggregateCall.Kind.MIN && kind != AggregateCall.Kind.MAX;
        DataType type = SqlTypes.fromCalcite(call.getType());
        return new AggregateCall(kind, argument, distinct, call.filterArg, type);
    }

    private PlanNode join(Join join) {
        PlanNode left = translate(join.getLeft());
        PlanNode right = translate(join.getRight());
        boolean swapped = isFixed(left) && (!isFixed(right) || join.getJoinType() == JoinRelType.RIGHT);
        JoinInfo info = join.analyzeCondition();
        List<Integer> leftKeys = swapped ? info.rightKeys : info.leftKeys;
        List<Integer> rightKeys = swapped ? info.leftKeys : info.rightKeys;
        boolean outer = join.getJoinType() == JoinRelType.LEFT || join.getJoinType() == JoinRelType.RIGHT;
        PlanNode stream = swapped ? right : left;
        PlanNode table = swapped ? left : right;
        int streamSize = stream.schema().size();
        int tableSize = table.schema().size();
        Expression residual = info.nonEquiConditions.isEmpty()
                ? null
                : expression(
                        RexUtil.composeConjunction(join.getCluster().getRexBuilder(), info.nonEquiConditions), join);
        if (residual != null && swapped) {
            residual = residual.renumber(i -> i < tableSize ? i + streamSize : i - tableSize);
        }
        Schema schema = schemaOf(join);
        Schema joined = swapped ? rotate(schema, tableSize) : schema;
        List<Boolean> nullSafe = leftKeys.stream().map(k -> false).toList();
        checkKeyTypes(stream, table, leftKeys, rightKeys);
        PlanNode node = new PlanNode.StaticJoin(stream, table, leftKeys, rightKeys, nullSafe, residual, outer, joined);
        if (!swapped) {
            return node;
        }
        List<Expression> order = new ArrayList<>();
        for (int i = 0; i < schema.size(); i++) {
            int from = i < tableSize ? i + streamSize : i - tableSize;
            Field field = joined.field(from);
            order.add(new Expression.Column(from, field.type(), field.nullable()));
        }
        return new PlanNode.Project(node, order, schema);
    }

    private static void checkKeyTypes(
            PlanNode stream, PlanNode table, List<Integer> leftKeys, List<Integer> rightKeys) {
        for (int i = 0; i < leftKeys.size(); i++) {
            DataType a = stream.schema().type(leftKeys.get(i));
            DataType b = table.schema().type(rightKeys.get(i));
            if (!a.equals(b)) {
                throw refuse("a join compares " + a + " with " + b + "; cast one side to the other's type");
            }
        }
    }

    private static Schema rotate(Schema schema, int by) {
        List<Field> fields = new ArrayList<>(schema.fields().subList(by, schema.size()));
        fields.addAll(schema.fields().subList(0, by));
        return new Schema(fields);
    }

    private static boolean isFixed(PlanNode node) {
        return node instanceof PlanNode.Scan scan
                ? scan.table().fixed()
                : node.inputs().stream().allMatch(PlanTranslator::isFixed);
    }

    /** {@code CROSS JOIN UNNEST(array expression of the left row)}. */
    private PlanNode unnest(Correlate correlate) {
        PlanNode left = translate(correlate.getLeft());
        RelNode right = withoutRenaming(correlate.getRight());
        if (!(right instanceof Uncollect uncollect) || !(uncollect.getInput() instanceof Project array)) {
            throw refuse("a correlated sub-query in FROM is not supported yet, except UNNEST(…)");
        }
        if (array.getProjects().size() != 1) {
            throw refuse("UNNEST of more than one array is not supported yet; join one UNNEST per array");
        }
        RexNode rex = array.getProjects().get(0);
        RexBuilder builder = correlate.getCluster().getRexBuilder();
        Expression expression = ExpressionTranslator.correlatedWith(correlate.getCorrelationId())
                .translate(RexUtil.expandSearch(builder, null, rex));
        boolean outer = correlate.getJoinType() == JoinRelType.LEFT;
        return new PlanNode.Unnest(left, expression, outer, uncollect.withOrdinality, schemaOf(correlate));
    }

    private static RelNode withoutRenaming(RelNode node) {
        return node instanceof Project project
                        && RexUtil.isIdentity(
                                project.getProjects(), project.getInput().getRowType())
                ? project.getInput()
                : node;
    }

    private PlanNode window(TableFunctionScan scan) {
        RexCall call = (RexCall) scan.getCall();
        PlanNode input = translate(scan.getInput(0));
        String name = call.getOperator().getName();
        RexCall descriptor = (RexCall) call.getOperands().get(0);
        int column = ((RexInputRef) descriptor.getOperands().get(0)).getIndex();
        if (input.schema().type(column).kind() != DataType.Kind.TIMESTAMP) {
            throw refuse(name + " needs a TIMESTAMP column in its DESCRIPTOR, not "
                    + input.schema().field(column));
        }
        if (input.schema().type(column).equals(DataType.TIMESTAMP_MICROS)) {
            throw refuse(name + " over a TIMESTAMP(6) column is not supported yet; cast it to TIMESTAMP(3) first");
        }
        boolean hop = name.equals("HOP");
        long slide = millis(call.getOperands().get(1), name);
        long size = hop ? millis(call.getOperands().get(2), name) : slide;
        int offsetAt = hop ? 3 : 2;
        long offset =
                call.getOperands().size() > offsetAt ? millis(call.getOperands().get(offsetAt), name) : 0;
        if (size <= 0 || slide <= 0 || slide > size) {
            throw refuse(name + " needs a positive size, and a slide of at most the size");
        }
        return new PlanNode.Window(input, column, size, slide, offset, windowSchema(input, column));
    }

    private static Schema windowSchema(PlanNode input, int column) {
        DataType time = input.schema().type(column);
        List<Field> fields = new ArrayList<>(input.schema().fields());
        fields.add(new Field("window_start", time, false));
        fields.add(new Field("window_end", time, false));
        return new Schema(fields);
    }

    private static long millis(RexNode rex, String function) {
        if (!(rex instanceof RexLiteral literal) || SqlTypes.isMonths(rex.getType())) {
            throw refuse(function + " needs intervals of days or less, such as INTERVAL '10' SECOND");
        }
        return literal.getValueAs(Long.class);
    }
}
