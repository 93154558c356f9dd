package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Int128;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowVector;
import dev.millrace.data.Vector;
import dev.millrace.plan.Expression;
import java.math.BigDecimal;
import java.util.List;

/** Compiles expressions to kernels. */
public final class Kernels {

    private Kernels() {}

    public static Kernel compile(Expression expression) {
        if (expression instanceof Expression.Column column) {
            int index = column.index();
            return batch -> batch.column(index);
        }
        if (expression instanceof Expression.Literal literal) {
            return new Constant(literal);
        }
        return call((Expression.Call) expression);
    }

    private static Kernel call(Expression.Call call) {
        Kernel[] arguments = call.arguments().stream().map(Kernels::compile).toArray(Kernel[]::new);
        return switch (call.function()) {
            case ADD, SUBTRACT, MULTIPLY, DIVIDE, MOD, NEGATE, ABS, SIGN, FLOOR, CEIL, ROUND, SQRT, POWER, EXP, LN ->
                Arithmetic.kernel(call, arguments);
            case EQUALS,
                    NOT_EQUALS,
                    LESS,
                    LESS_OR_EQUAL,
                    GREATER,
                    GREATER_OR_EQUAL,
                    IS_DISTINCT_FROM,
                    IS_NOT_DISTINCT_FROM -> new Comparison(call.function(), arguments[0], arguments[1]);
            case AND, OR -> new Logic.Junction(call.function(), arguments);
            case NOT -> new Logic.Not(arguments[0]);
            case IS_NULL, IS_NOT_NULL, IS_TRUE, IS_FALSE, IS_NOT_TRUE, IS_NOT_FALSE ->
                new Logic.Test(call.function(), arguments[0]);
            case CASE -> new Logic.Case(call.type(), arguments);
            case CAST -> CastKernel.of(call.arguments().get(0).type(), call.type(), arguments[0], false);
            case TRY_CAST -> CastKernel.of(call.arguments().get(0).type(), call.type(), arguments[0], true);
            case UPPER,
                    LOWER,
                    TRIM,
                    LTRIM,
                    RTRIM,
                    SUBSTRING,
                    CHAR_LENGTH,
                    OCTET_LENGTH,
                    CONCAT,
                    LIKE,
                    POSITION,
                    REPLACE,
                    STARTS_WITH,
                    ENDS_WITH,
                    LEFT,
                    RIGHT,
                    REVERSE,
                    REPEAT,
                    SPLIT -> Strings.kernel(call, arguments);
            case CARDINALITY, ITEM, FIELD, ROW -> nested(call, arguments);
            case EXTRACT, TIME_FLOOR, TIME_CEIL, TIME_ADD, MONTH_ADD, TIME_DIFFERENCE, TIME_UNITS ->
                Times.kernel(call, arguments);
        };
    }

    private static Kernel nested(Expression.Call call, Kernel[] arguments) {
        return switch (call.function()) {
            case CARDINALITY -> new Nested.Cardinality(arguments[0]);
            case ITEM -> new Nested.Item(call.type(), arguments[0], arguments[1]);
            case FIELD ->
                new Nested.FieldOf(
                        arguments[0],
                        ((Long) ((Expression.Literal) call.arguments().get(1)).value()).intValue());
            case ROW -> new Nested.RowOf((DataType.Row) call.type(), arguments);
            default -> throw new IllegalArgumentException(call.toString());
        };
    }

    /** The same value for each row; filled once per greatest batch. */
    private static final class Constant implements Kernel {
        private final Expression.Literal literal;
        private final Vector value;
        private Vector filled;

        Constant(Expression.Literal literal) {
            this.literal = literal;
            this.value = Vector.create(literal.type());
            value.append();
            set(value, 0);
            this.filled = value;
        }

        private void set(Vector target, int row) {
            if (literal.value() == null) {
                target.setNull(row);
                return;
            }
            switch (literal.type().kind()) {
                case BOOLEAN -> ((LongVector) target).set(row, (Boolean) literal.value() ? 1 : 0);
                case INT, BIGINT, DATE, TIMESTAMP -> ((LongVector) target).set(row, (Long) literal.value());
                case DOUBLE -> ((DoubleVector) target).set(row, (Double) literal.value());
                case DECIMAL -> {
                    var unscaled = ((BigDecimal) literal.value()).unscaledValue();
                    ((DecimalVector) target).set(row, Int128.high(unscaled), unscaled.longValue());
                }
                case STRING -> ((BytesVector) target).set(row, (String) literal.value());
                case BINARY -> ((BytesVector) target).set(row, toBytes((List<?>) literal.value()));
                case ARRAY, ROW -> throw new IllegalArgumentException("literal of type " + literal.type());
            }
        }

        private static byte[] toBytes(List<?> list) {
            byte[] bytes = new byte[list.size()];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (Byte) list.get(i);
            }
            return bytes;
        }

        @Override
        public Vector evaluate(Batch batch) {
            if (filled.size() < batch.size()) {
                filled = Vector.create(literal.type());
                filled.gather(value, new int[Math.max(batch.size(), 1024)], Math.max(batch.size(), 1024));
            }
            return filled;
        }
    }

    /** A row vector over given fields, for kernels that build one. */
    static RowVector rowVector(DataType.Row type) {
        return new RowVector(type);
    }
}
