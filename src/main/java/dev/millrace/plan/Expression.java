package dev.millrace.plan;

import dev.millrace.data.DataType;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;

/** A scalar expression over the columns of one input. {@link #toString} is its meaning and part of identities. */
public sealed interface Expression {

    DataType type();

    boolean nullable();

    /** Calls {@code consumer} with each column that is read, repeatedly where it is read repeatedly. */
    void forEachColumn(IntConsumer consumer);

    /** The same expression over renumbered columns. */
    Expression renumber(IntUnaryOperator renumbering);

    /** Reads an input column. */
    record Column(int index, DataType type, boolean nullable) implements Expression {
        @Override
        public void forEachColumn(IntConsumer consumer) {
            consumer.accept(index);
        }

        @Override
        public Expression renumber(IntUnaryOperator renumbering) {
            return new Column(renumbering.applyAsInt(index), type, nullable);
        }

        @Override
        public String toString() {
            return "$" + index;
        }
    }

    /**
     * A constant.
     *
     * @param value null, or: Boolean; Long for INT, BIGINT, DATE and TIMESTAMP in the type's units; Double; BigDecimal of
     *     the type's scale; String; {@code List<Byte>} for BINARY
     */
    record Literal(Object value, DataType type) implements Expression {
        @Override
        public boolean nullable() {
            return value == null;
        }

        @Override
        public void forEachColumn(IntConsumer consumer) {}

        @Override
        public Expression renumber(IntUnaryOperator renumbering) {
            return this;
        }

        @Override
        public String toString() {
            String text = value instanceof String s ? "'" + s.replace("'", "''") + "'" : String.valueOf(value);
            return text + ":" + type;
        }
    }

    /** A function of other expressions. */
    record Call(Function function, List<Expression> arguments, DataType type, boolean nullable) implements Expression {
        public Call {
            arguments = List.copyOf(arguments);
        }

        @Override
        public void forEachColumn(IntConsumer consumer) {
            arguments.forEach(argument -> argument.forEachColumn(consumer));
        }

        @Override
        public Expression renumber(IntUnaryOperator renumbering) {
            return new Call(
                    function,
                    arguments.stream().map(a -> a.renumber(renumbering)).toList(),
                    type,
                    nullable);
        }

        @Override
        public String toString() {
            String list = arguments.stream().map(Expression::toString).collect(Collectors.joining(", "));
            boolean typed = function == Function.CAST || function == Function.TRY_CAST;
            return function + "(" + list + (typed ? " AS " + type : "") + ")";
        }
    }
}
