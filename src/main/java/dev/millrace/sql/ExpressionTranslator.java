package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.plan.Expression;
import dev.millrace.plan.Function;
import dev.millrace.plan.Position;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.calcite.avatica.util.ByteString;
import org.apache.calcite.avatica.util.TimeUnitRange;
import org.apache.calcite.rel.core.CorrelationId;
import org.apache.calcite.rex.RexCall;
import org.apache.calcite.rex.RexCorrelVariable;
import org.apache.calcite.rex.RexFieldAccess;
import org.apache.calcite.rex.RexInputRef;
import org.apache.calcite.rex.RexLiteral;
import org.apache.calcite.rex.RexNode;
import org.apache.calcite.sql.SqlKind;
import org.apache.calcite.sql.fun.SqlTrimFunction;
import org.apache.calcite.sql.type.SqlTypeName;
import org.apache.calcite.util.DateString;
import org.apache.calcite.util.NlsString;
import org.apache.calcite.util.TimestampString;

/** From Calcite's row expressions to ours, with every conversion between types made explicit as a cast. */
final class ExpressionTranslator {

    private static final Set<Function> INTEGER_ARGUMENTS =
            EnumSet.of(Function.SUBSTRING, Function.LEFT, Function.RIGHT, Function.REPEAT);
    private static final Set<String> EXTRACTED =
            Set.of("YEAR", "QUARTER", "MONTH", "DAY", "DOW", "DOY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "EPOCH");
    private static final Set<String> ROUNDED =
            Set.of("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND");

    /** What gives a NULL without a type the type of what stands beside it. */
    private static final Set<SqlKind> TAKES_NULL = EnumSet.of(
            SqlKind.CASE,
            SqlKind.CAST,
            SqlKind.SAFE_CAST,
            SqlKind.AND,
            SqlKind.OR,
            SqlKind.NOT,
            SqlKind.IS_NULL,
            SqlKind.IS_NOT_NULL,
            SqlKind.IS_TRUE,
            SqlKind.IS_FALSE,
            SqlKind.IS_NOT_TRUE,
            SqlKind.IS_NOT_FALSE,
            SqlKind.EQUALS,
            SqlKind.NOT_EQUALS,
            SqlKind.LESS_THAN,
            SqlKind.LESS_THAN_OR_EQUAL,
            SqlKind.GREATER_THAN,
            SqlKind.GREATER_THAN_OR_EQUAL,
            SqlKind.IS_DISTINCT_FROM,
            SqlKind.IS_NOT_DISTINCT_FROM);

    private static final long MICROS_PER_DAY = 86_400_000_000L;

    private final Predicate<CorrelationId> leftRow;

    private ExpressionTranslator(Predicate<CorrelationId> leftRow) {
        this.leftRow = leftRow;
    }

    /** For expressions over one row. */
    ExpressionTranslator() {
        this(id -> false);
    }

    /** Reads fields of that correlation variable as input columns. */
    static ExpressionTranslator correlatedWith(CorrelationId correlation) {
        return new ExpressionTranslator(correlation::equals);
    }

    /** Throws a refusal if the expression, wherever it will stand, cannot be translated. */
    static void check(RexNode rex) {
        new ExpressionTranslator(id -> true).translate(rex);
    }

    Expression translate(RexNode rex) {
        if (rex instanceof RexInputRef ref) {
            return new Expression.Column(
                    ref.getIndex(), type(rex), rex.getType().isNullable());
        }
        if (rex instanceof RexLiteral literal) {
            return literal(literal);
        }
        if (rex instanceof RexFieldAccess access) {
            return field(access);
        }
        if (rex instanceof RexCall call) {
            return call(call);
        }
        throw refuse("the expression " + rex + " is not supported yet");
    }

    static SqlError.Refusal refuse(String message) {
        return new SqlError.Refusal("SqlNotSupported", Position.START, message);
    }

    private static DataType type(RexNode rex) {
        DataType type = SqlTypes.fromCalcite(rex.getType());
        if (type == null) {
            throw refuse("the type " + rex.getType() + " is not supported yet");
        }
        return type;
    }

    private Expression field(RexFieldAccess access) {
        if (access.getReferenceExpr() instanceof RexCorrelVariable variable && leftRow.test(variable.id)) {
            return new Expression.Column(
                    access.getField().getIndex(), type(access), access.getType().isNullable());
        }
        Expression row = translate(access.getReferenceExpr());
        Expression index = new Expression.Literal((long) access.getField().getIndex(), DataType.INT);
        return new Expression.Call(Function.FIELD, List.of(row, index), type(access), true);
    }

    private Expression literal(RexLiteral literal) {
        DataType type = type(literal);
        if (literal.isNull()) {
            return new Expression.Literal(null, type);
        }
        Object value = switch (type.kind()) {
            case BOOLEAN -> literal.getValueAs(Boolean.class);
            case INT, BIGINT ->
                SqlTypes.isInterval(literal.getType())
                        ? interval(literal)
                        : literal.getValueAs(BigDecimal.class).longValueExact();
            case DOUBLE -> literal.getValueAs(Double.class);
            case DECIMAL ->
                literal.getValueAs(BigDecimal.class).setScale(((DataType.Decimal) type).scale(), RoundingMode.HALF_UP);
            case STRING -> stringLiteral(literal);
            case BINARY -> bytesOf(literal.getValueAs(ByteString.class));
            case DATE -> (long) literal.getValueAs(DateString.class).getDaysSinceEpoch();
            case TIMESTAMP ->
                timestamp(literal.getValueAs(TimestampString.class), ((DataType.Timestamp) type).precision());
            case ARRAY, ROW -> throw refuse("a literal of type " + type + " is not supported yet");
        };
        return new Expression.Literal(value, type);
    }

    /** Months, or microseconds. */
    private static long interval(RexLiteral literal) {
        long value = literal.getValueAs(Long.class);
        return SqlTypes.isMonths(literal.getType()) ? value : Math.multiplyExact(value, 1000L);
    }

    private static Object stringLiteral(RexLiteral literal) {
        if (literal.getValue() instanceof Enum<?> symbol) {
            return symbol.name();
        }
        return literal.getValueAs(NlsString.class) == null
                ? literal.getValueAs(String.class)
                : literal.getValueAs(NlsString.class).getValue();
    }

    private static List<Byte> bytesOf(ByteString bytes) {
        List<Byte> list = new ArrayList<>();
        for (byte b : bytes.getBytes()) {
            list.add(b);
        }
        return list;
    }

    private static long timestamp(TimestampString text, int precision) {
        if (precision == 3) {
            return text.getMillisSinceEpoch();
        }
        String string = text.toString(6);
        long micros = Long.parseLong(string.substring(string.length() - 3));
        return text.getMillisSinceEpoch() * 1000 + micros;
    }

    private Expression call(RexCall call) {
        Function direct = SqlFunctions.direct(call.getOperator());
        if (direct != null) {
            refuseBytes(call);
        }
        if (direct != null || !TAKES_NULL.contains(call.getKind())) {
            refuseUntypedNull(call);
        }
        if (direct == Function.POSITION && call.getOperands().size() > 2) {
            throw refuse("POSITION with FROM is not supported yet");
        }
        if (direct != null && INTEGER_ARGUMENTS.contains(direct)) {
            List<Expression> arguments = new ArrayList<>(arguments(call));
            for (int i = 1; i < arguments.size(); i++) {
                arguments.set(i, cast(arguments.get(i), DataType.BIGINT));
            }
            return make(direct, call, arguments);
        }
        if (direct != null && call.getKind() != SqlKind.MOD) {
            return make(direct, call, arguments(call));
        }
        return switch (call.getKind()) {
            case AND -> make(Function.AND, call, conditions(call));
            case OR -> make(Function.OR, call, conditions(call));
            case NOT -> make(Function.NOT, call, conditions(call));
            case IS_NULL -> isNull(Function.IS_NULL, call);
            case IS_NOT_NULL -> isNull(Function.IS_NOT_NULL, call);
            case IS_TRUE -> make(Function.IS_TRUE, call, conditions(call));
            case IS_FALSE -> make(Function.IS_FALSE, call, conditions(call));
            case IS_NOT_TRUE -> make(Function.IS_NOT_TRUE, call, conditions(call));
            case IS_NOT_FALSE -> make(Function.IS_NOT_FALSE, call, conditions(call));
            case EQUALS -> comparison(Function.EQUALS, call);
            case NOT_EQUALS -> comparison(Function.NOT_EQUALS, call);
            case LESS_THAN -> comparison(Function.LESS, call);
            case LESS_THAN_OR_EQUAL -> comparison(Function.LESS_OR_EQUAL, call);
            case GREATER_THAN -> comparison(Function.GREATER, call);
            case GREATER_THAN_OR_EQUAL -> comparison(Function.GREATER_OR_EQUAL, call);
            case IS_DISTINCT_FROM -> comparison(Function.IS_DISTINCT_FROM, call);
            case IS_NOT_DISTINCT_FROM -> comparison(Function.IS_NOT_DISTINCT_FROM, call);
            case PLUS -> plus(call);
            case MINUS -> minus(call);
            case TIMES -> arithmetic(Function.MULTIPLY, call);
            case DIVIDE -> arithmetic(Function.DIVIDE, call);
            case MOD -> mod(call);
            case MINUS_PREFIX -> arithmetic(Function.NEGATE, call);
            case PLUS_PREFIX, REINTERPRET -> translate(call.getOperands().get(0));
            case CASE -> caseOf(call);
            case CAST -> castOf(call, Function.CAST);
            case SAFE_CAST -> castOf(call, Function.TRY_CAST);
            case FLOOR -> rounding(Function.FLOOR, Function.TIME_FLOOR, call);
            case CEIL -> rounding(Function.CEIL, Function.TIME_CEIL, call);
            case EXTRACT -> make(Function.EXTRACT, call, extractArguments(call));
            case TRIM -> trim(call);
            case LIKE -> like(call);
            case ITEM -> make(Function.ITEM, call, arguments(call));
            case ROW -> make(Function.ROW, call, arguments(call));
            default -> byName(call);
        };
    }

    private static boolean isUntypedNull(RexNode rex) {
        return rex.getType().getSqlTypeName() == SqlTypeName.NULL;
    }

    private static void refuseUntypedNull(RexCall call) {
        if (call.getOperands().stream().anyMatch(ExpressionTranslator::isUntypedNull)) {
            throw refuse("a NULL in " + call.getOperator().getName() + " needs a type: CAST(NULL AS …)");
        }
    }

    /** Functions of characters know no bytes that are none. */
    private static void refuseBytes(RexCall call) {
        boolean bytes = call.getOperands().stream()
                .anyMatch(operand -> SqlTypes.fromCalcite(operand.getType()) == DataType.BINARY);
        if (bytes && SqlFunctions.direct(call.getOperator()) != Function.OCTET_LENGTH) {
            throw refuse(call.getOperator().getName() + " of BINARY is not supported yet; cast it to STRING first");
        }
    }

    private Expression byName(RexCall call) {
        String name = call.getOperator().getName().toUpperCase(Locale.ROOT);
        return switch (name) {
            case "||", "CONCAT" -> make(Function.CONCAT, call, parts(call));
            case "ROUND" -> round(call);
            case "SQRT" -> make(Function.SQRT, call, doubles(arguments(call)));
            case "POWER" -> make(Function.POWER, call, doubles(arguments(call)));
            case "EXP" -> make(Function.EXP, call, doubles(arguments(call)));
            case "LN" -> make(Function.LN, call, doubles(arguments(call)));
            case "DATETIME_PLUS" -> plus(call);
            case "MINUS_DATE" -> minus(call);
            case "TIMESTAMPDIFF" -> timeUnits(call);
            case "/INT" -> arithmetic(Function.DIVIDE, call);
            case "CHAR_LENGTH", "CHARACTER_LENGTH" -> make(Function.CHAR_LENGTH, call, arguments(call));
            default -> throw refuse("the function " + name + " is not supported yet");
        };
    }

    private List<Expression> arguments(RexCall call) {
        return call.getOperands().stream().map(this::translate).toList();
    }

    private static Expression make(Function function, RexCall call, List<Expression> arguments) {
        return new Expression.Call(
                function, arguments, type(call), call.getType().isNullable());
    }

    private List<Expression> conditions(RexCall call) {
        return arguments(call).stream().map(a -> cast(a, DataType.BOOLEAN)).toList();
    }

    /** SQL calls a row NULL whose fields all are, which is not what a cell of a row knows. */
    private Expression isNull(Function function, RexCall call) {
        if (call.getOperands().get(0).getKind() == SqlKind.ROW) {
            throw refuse("IS NULL of a ROW is not supported; ask for its fields");
        }
        return make(function, call, arguments(call));
    }

    private Expression mod(RexCall call) {
        for (RexNode operand : call.getOperands()) {
            if (type(operand).kind() == DataType.Kind.DOUBLE) {
                throw refuse("MOD of DOUBLE is not supported; cast it to DECIMAL");
            }
        }
        return arithmetic(Function.MOD, call);
    }

    private Expression comparison(Function function, RexCall call) {
        Expression a = translate(call.getOperands().get(0));
        Expression b = translate(call.getOperands().get(1));
        a = isUntypedNull(call.getOperands().get(0)) ? cast(a, b.type()) : a;
        b = isUntypedNull(call.getOperands().get(1)) ? cast(b, a.type()) : b;
        boolean exact = function == Function.IS_DISTINCT_FROM || function == Function.IS_NOT_DISTINCT_FROM;
        boolean nested = a.type().kind() == DataType.Kind.ROW || a.type().kind() == DataType.Kind.ARRAY;
        if (nested && !exact) {
            throw refuse("a comparison of " + a.type() + " is not supported, since NULLs within would count as values;"
                    + " compare its parts, or use IS [NOT] DISTINCT FROM");
        }
        DataType common = common(a.type(), b.type());
        if (common != null) {
            a = cast(a, common);
            b = cast(b, common);
        }
        return make(function, call, List.of(a, b));
    }

    /** The type in which two values are compared, or null where they are compared as they are. */
    private static DataType common(DataType a, DataType b) {
        if (a.equals(b)) {
            return null;
        }
        if (a.isNumeric() && b.isNumeric()) {
            if (a.kind() == DataType.Kind.DOUBLE || b.kind() == DataType.Kind.DOUBLE) {
                return DataType.DOUBLE;
            }
            if (a.isLong() && b.isLong()) {
                return DataType.BIGINT;
            }
            DataType.Decimal x = decimalOf(a);
            DataType.Decimal y = decimalOf(b);
            int scale = Math.max(x.scale(), y.scale());
            int whole = Math.max(x.precision() - x.scale(), y.precision() - y.scale());
            if (whole + scale > DataType.Decimal.MAX_PRECISION) {
                return null;
            }
            return new DataType.Decimal(whole + scale, scale);
        }
        boolean times = isTime(a) && isTime(b);
        return times ? DataType.TIMESTAMP_MICROS : null;
    }

    private static boolean isTime(DataType type) {
        return type.kind() == DataType.Kind.TIMESTAMP || type.kind() == DataType.Kind.DATE;
    }

    private static DataType.Decimal decimalOf(DataType type) {
        return type instanceof DataType.Decimal decimal
                ? decimal
                : new DataType.Decimal(type.kind() == DataType.Kind.INT ? 10 : 19, 0);
    }

    private Expression arithmetic(Function function, RexCall call) {
        DataType result = type(call);
        if (SqlTypes.isInterval(call.getType())) {
            for (RexNode operand : call.getOperands()) {
                if (!SqlTypes.isInterval(operand.getType()) && !type(operand).isLong()) {
                    throw refuse(
                            "an interval can be multiplied or divided by a whole number only, not by " + type(operand));
                }
            }
        }
        List<Expression> arguments = new ArrayList<>();
        for (Expression argument : arguments(call)) {
            arguments.add(
                    switch (result.kind()) {
                        case DOUBLE -> cast(argument, DataType.DOUBLE);
                        case DECIMAL ->
                            argument.type() instanceof DataType.Decimal
                                    ? argument
                                    : cast(argument, decimalOf(argument.type()));
                        default -> exactLong(argument);
                    });
        }
        return make(function, call, arguments);
    }

    /** MOD and integer division may have a decimal argument of scale 0 beside an integer result. */
    private static Expression exactLong(Expression argument) {
        return argument.type().isLong() ? argument : cast(argument, DataType.BIGINT);
    }

    private Expression plus(RexCall call) {
        Expression a = translate(call.getOperands().get(0));
        Expression b = translate(call.getOperands().get(1));
        if (isTime(type(call))) {
            boolean timeFirst = isTime(a.type());
            RexNode interval = call.getOperands().get(timeFirst ? 1 : 0);
            return timeShift(call, timeFirst ? a : b, timeFirst ? b : a, interval, false);
        }
        return arithmetic(Function.ADD, call);
    }

    private Expression minus(RexCall call) {
        Expression a = translate(call.getOperands().get(0));
        Expression b = translate(call.getOperands().get(1));
        if (isTime(a.type()) && isTime(b.type())) {
            if (SqlTypes.isMonths(call.getType())) {
                throw refuse("a difference of times in months or years is not supported yet; use days");
            }
            List<Expression> times = List.of(cast(a, DataType.TIMESTAMP_MICROS), cast(b, DataType.TIMESTAMP_MICROS));
            return make(Function.TIME_DIFFERENCE, call, times);
        }
        if (isTime(a.type())) {
            return timeShift(call, a, b, call.getOperands().get(1), true);
        }
        return arithmetic(Function.SUBTRACT, call);
    }

    private static Expression timeShift(
            RexCall call, Expression time, Expression amount, RexNode interval, boolean negative) {
        DataType result = type(call);
        Expression shifted = amount;
        if (negative) {
            shifted = amount instanceof Expression.Literal literal && literal.value() instanceof Long value
                    ? new Expression.Literal(-value, literal.type())
                    : new Expression.Call(Function.NEGATE, List.of(amount), amount.type(), amount.nullable());
        }
        if (result.kind() == DataType.Kind.DATE && !SqlTypes.isMonths(interval.getType())) {
            boolean wholeDays = shifted instanceof Expression.Literal literal
                    && literal.value() instanceof Long micros
                    && micros % MICROS_PER_DAY == 0;
            if (!wholeDays) {
                throw refuse("only whole days, months and years can be added to a DATE; cast it to TIMESTAMP(3) first");
            }
        }
        Function function = SqlTypes.isMonths(interval.getType()) ? Function.MONTH_ADD : Function.TIME_ADD;
        return new Expression.Call(
                function,
                List.of(cast(time, result), shifted),
                result,
                call.getType().isNullable());
    }

    private Expression caseOf(RexCall call) {
        DataType result = type(call);
        List<Expression> arguments = new ArrayList<>();
        List<RexNode> operands = call.getOperands();
        for (int i = 0; i < operands.size(); i++) {
            boolean condition = i % 2 == 0 && i < operands.size() - 1;
            arguments.add(cast(translate(operands.get(i)), condition ? DataType.BOOLEAN : result));
        }
        return make(Function.CASE, call, arguments);
    }

    private Expression castOf(RexCall call, Function function) {
        Expression operand = translate(call.getOperands().get(0));
        DataType target = type(call);
        if (target.kind() == DataType.Kind.STRING
                && call.getType().getPrecision() >= 0
                && operand.type().kind() != DataType.Kind.STRING
                && operand instanceof Expression.Literal) {
            return cast(operand, target);
        }
        if (SqlTypes.isInterval(call.getType())
                || SqlTypes.isInterval(call.getOperands().get(0).getType())) {
            return operand.type().equals(target) ? operand : cast(operand, target);
        }
        if (operand.type().equals(target)) {
            return operand;
        }
        if (!Casts.supported(operand.type(), target)) {
            throw refuse("a cast from " + operand.type() + " to " + target + " is not supported");
        }
        return new Expression.Call(
                function, List.of(operand), target, operand.nullable() || function == Function.TRY_CAST);
    }

    /** The expression itself if it has the type already. */
    static Expression cast(Expression expression, DataType type) {
        if (expression.type().equals(type)) {
            return expression;
        }
        if (expression instanceof Expression.Literal literal && literal.value() == null) {
            return new Expression.Literal(null, type);
        }
        if (losesDigits(expression.type(), type)) {
            throw refuse("a conversion from " + expression.type() + " to " + type
                    + ", the common type, would lose digits; cast explicitly");
        }
        if (!Casts.supported(expression.type(), type)) {
            throw refuse("a conversion from " + expression.type() + " to " + type + " is not supported");
        }
        return new Expression.Call(Function.CAST, List.of(expression), type, expression.nullable());
    }

    /** Whether a conversion that nobody asked for would round. */
    static boolean losesDigits(DataType from, DataType to) {
        if (from.kind() == DataType.Kind.DOUBLE) {
            return to.isNumeric() && to.kind() != DataType.Kind.DOUBLE;
        }
        int scale = to instanceof DataType.Decimal decimal ? decimal.scale() : 0;
        boolean exact = to.isLong() || to.kind() == DataType.Kind.DECIMAL;
        return exact && from instanceof DataType.Decimal wide && wide.scale() > scale;
    }

    private static List<Expression> doubles(List<Expression> arguments) {
        return arguments.stream().map(a -> cast(a, DataType.DOUBLE)).toList();
    }

    /** What is concatenated: all of the result's type. */
    private List<Expression> parts(RexCall call) {
        DataType result = type(call);
        return arguments(call).stream().map(part -> cast(part, result)).toList();
    }

    /** The difference of two times in whole units of so many microseconds, the rest cut off. */
    private Expression timeUnits(RexCall call) {
        Expression from = cast(translate(call.getOperands().get(1)), DataType.TIMESTAMP_MICROS);
        Expression to = cast(translate(call.getOperands().get(2)), DataType.TIMESTAMP_MICROS);
        return make(
                Function.TIME_UNITS,
                call,
                List.of(from, to, translate(call.getOperands().get(0))));
    }

    private Expression rounding(Function number, Function time, RexCall call) {
        if (call.getOperands().size() == 1) {
            return make(number, call, arguments(call));
        }
        Expression unit = unit(call.getOperands().get(1), ROUNDED);
        return make(time, call, List.of(translate(call.getOperands().get(0)), unit));
    }

    private Expression round(RexCall call) {
        List<Expression> arguments = new ArrayList<>(arguments(call));
        if (arguments.size() == 1) {
            arguments.add(new Expression.Literal(0L, DataType.INT));
        }
        if (!(arguments.get(1) instanceof Expression.Literal digits) || digits.value() == null) {
            throw refuse("ROUND needs a constant number of digits");
        }
        arguments.set(0, cast(arguments.get(0), type(call)));
        return make(Function.ROUND, call, arguments);
    }

    private List<Expression> extractArguments(RexCall call) {
        if (SqlTypes.isInterval(call.getOperands().get(1).getType())) {
            throw refuse("EXTRACT from an interval is not supported yet");
        }
        return List.of(
                unit(call.getOperands().get(0), EXTRACTED),
                translate(call.getOperands().get(1)));
    }

    private static Expression unit(RexNode rex, Set<String> known) {
        TimeUnitRange unit = ((RexLiteral) rex).getValueAs(TimeUnitRange.class);
        if (!known.contains(unit.name())) {
            throw refuse("the time unit " + unit.name() + " is not supported here");
        }
        return new Expression.Literal(unit.name(), DataType.STRING);
    }

    private Expression trim(RexCall call) {
        SqlTrimFunction.Flag flag = ((RexLiteral) call.getOperands().get(0)).getValueAs(SqlTrimFunction.Flag.class);
        Function function = switch (flag) {
            case BOTH -> Function.TRIM;
            case LEADING -> Function.LTRIM;
            case TRAILING -> Function.RTRIM;
        };
        Expression characters = translate(call.getOperands().get(1));
        if (!(characters instanceof Expression.Literal literal) || !" ".equals(literal.value())) {
            throw refuse("TRIM of other characters than the space is not supported yet");
        }
        return make(function, call, List.of(translate(call.getOperands().get(2))));
    }

    private static boolean isOneCharacter(Expression expression) {
        String text = (String) ((Expression.Literal) expression).value();
        return text != null && text.codePointCount(0, text.length()) == 1;
    }

    private Expression like(RexCall call) {
        if (!call.getOperator().getName().equals("LIKE")) {
            throw refuse(call.getOperator().getName() + " is not supported yet");
        }
        List<Expression> arguments = arguments(call);
        for (Expression pattern : arguments.subList(1, arguments.size())) {
            if (!(pattern instanceof Expression.Literal)) {
                throw refuse("LIKE needs a constant pattern");
            }
        }
        if (arguments.size() > 2 && !isOneCharacter(arguments.get(2))) {
            throw refuse("the ESCAPE of LIKE is one character");
        }
        return make(Function.LIKE, call, arguments);
    }
}
