package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.DecimalVector;
import dev.millrace.data.DoubleVector;
import dev.millrace.data.Int128;
import dev.millrace.data.LongVector;
import dev.millrace.data.Vector;
import dev.millrace.plan.Expression;
import dev.millrace.plan.Function;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/** Arithmetic on INT and BIGINT, DOUBLE and DECIMAL: what does not fit is an error cell, never a wrapped value. */
final class Arithmetic {

    /** More digits than any number has, before and after the point. */
    private static final int MAX_DIGITS = 400;

    private Arithmetic() {}

    static Kernel kernel(Expression.Call call, Kernel[] arguments) {
        return switch (call.type().kind()) {
            case DOUBLE -> new Doubles(call, arguments);
            case DECIMAL -> new Decimals(call, arguments);
            default -> new Longs(call, arguments);
        };
    }

    private static int digits(Expression.Call call) {
        if (call.function() != Function.ROUND) {
            return 0;
        }
        long digits = (Long) ((Expression.Literal) call.arguments().get(1)).value();
        return (int) Math.max(-MAX_DIGITS, Math.min(MAX_DIGITS, digits));
    }

    /** INT and BIGINT. */
    private static final class Longs implements Kernel {
        private final Function function;
        private final Kernel left;
        private final Kernel right;
        private final LongVector out;
        private final boolean narrow;
        private final int digits;

        Longs(Expression.Call call, Kernel[] arguments) {
            this.function = call.function();
            this.left = arguments[0];
            this.right = arguments.length > 1 ? arguments[1] : arguments[0];
            this.out = new LongVector(call.type());
            this.narrow = call.type().kind() == DataType.Kind.INT;
            this.digits = digits(call);
        }

        @Override
        public Vector evaluate(Batch batch) {
            LongVector leftCells = (LongVector) left.evaluate(batch);
            LongVector rightCells = right == left ? leftCells : (LongVector) right.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(leftCells, rows);
            out.mergeMarks(rightCells, rows);
            long[] a = leftCells.values();
            long[] b = rightCells.values();
            switch (function) {
                case ADD -> add(a, b, rows);
                case SUBTRACT -> subtract(a, b, rows);
                case MULTIPLY -> multiply(a, b, rows);
                case DIVIDE, MOD -> divide(a, b, rows);
                default -> unary(a, rows);
            }
            if (narrow) {
                checkNarrow(rows);
            }
            return out;
        }

        private void fail(int row, CellError error) {
            if (out.isValue(row)) {
                out.setError(row, error);
            }
        }

        private void add(long[] a, long[] b, int rows) {
            long[] values = out.values();
            for (int i = 0; i < rows; i++) {
                long sum = a[i] + b[i];
                values[i] = sum;
                if (((a[i] ^ sum) & (b[i] ^ sum)) < 0) {
                    fail(i, CellError.OVERFLOW);
                }
            }
        }

        private void subtract(long[] a, long[] b, int rows) {
            long[] values = out.values();
            for (int i = 0; i < rows; i++) {
                long difference = a[i] - b[i];
                values[i] = difference;
                if (((a[i] ^ b[i]) & (a[i] ^ difference)) < 0) {
                    fail(i, CellError.OVERFLOW);
                }
            }
        }

        private void multiply(long[] a, long[] b, int rows) {
            long[] values = out.values();
            for (int i = 0; i < rows; i++) {
                long product = a[i] * b[i];
                values[i] = product;
                if (Math.multiplyHigh(a[i], b[i]) != product >> 63) {
                    fail(i, CellError.OVERFLOW);
                }
            }
        }

        private void divide(long[] a, long[] b, int rows) {
            boolean remainder = function == Function.MOD;
            for (int i = 0; i < rows; i++) {
                if (b[i] == 0) {
                    fail(i, CellError.DIVISION_BY_ZERO);
                } else if (b[i] == -1 && a[i] == Long.MIN_VALUE && !remainder) {
                    fail(i, CellError.OVERFLOW);
                } else {
                    out.set(i, remainder ? a[i] % b[i] : a[i] / b[i]);
                }
            }
        }

        private void unary(long[] a, int rows) {
            for (int i = 0; i < rows; i++) {
                long value = a[i];
                boolean negates = function == Function.NEGATE || (function == Function.ABS && value < 0);
                if (negates && value == Long.MIN_VALUE) {
                    fail(i, CellError.OVERFLOW);
                    continue;
                }
                out.set(
                        i,
                        switch (function) {
                            case NEGATE -> -value;
                            case ABS -> Math.abs(value);
                            case SIGN -> Long.signum(value);
                            case ROUND -> round(value, i);
                            default -> value;
                        });
            }
        }

        private long round(long value, int row) {
            if (digits >= 0) {
                return value;
            }
            if (digits < -19) {
                return 0;
            }
            BigDecimal rounded = BigDecimal.valueOf(value).setScale(digits, RoundingMode.HALF_UP);
            if (rounded.toBigInteger().bitLength() > 63) {
                fail(row, CellError.OVERFLOW);
                return 0;
            }
            return rounded.longValue();
        }

        private void checkNarrow(int rows) {
            long[] values = out.values();
            for (int i = 0; i < rows; i++) {
                if (values[i] != (int) values[i]) {
                    fail(i, CellError.OVERFLOW);
                }
            }
        }
    }

    /** DOUBLE; transcendental functions by StrictMath, so that a replay on another machine gives the same bits. */
    private static final class Doubles implements Kernel {
        private final Function function;
        private final Kernel left;
        private final Kernel right;
        private final DoubleVector out = new DoubleVector();
        private final int digits;

        Doubles(Expression.Call call, Kernel[] arguments) {
            this.function = call.function();
            this.left = arguments[0];
            this.right = arguments.length > 1 && function != Function.ROUND ? arguments[1] : arguments[0];
            this.digits = digits(call);
        }

        @Override
        public Vector evaluate(Batch batch) {
            DoubleVector a = (DoubleVector) left.evaluate(batch);
            DoubleVector b = right == left ? a : (DoubleVector) right.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(a, rows);
            out.mergeMarks(b, rows);
            for (int i = 0; i < rows; i++) {
                double x = a.values()[i];
                double y = b.values()[i];
                double result = apply(x, y);
                out.set(i, result);
                if (result - result != 0) {
                    checkFinite(i, x, y, result);
                }
            }
            return out;
        }

        private double apply(double x, double y) {
            return switch (function) {
                case ADD -> x + y;
                case SUBTRACT -> x - y;
                case MULTIPLY -> x * y;
                case DIVIDE -> x / y;
                case MOD -> x % y;
                case NEGATE -> -x;
                case ABS -> Math.abs(x);
                case SIGN -> Math.signum(x);
                case FLOOR -> Math.floor(x);
                case CEIL -> Math.ceil(x);
                case SQRT -> Math.sqrt(x);
                case POWER -> StrictMath.pow(x, y);
                case EXP -> StrictMath.exp(x);
                case LN -> StrictMath.log(x);
                case ROUND ->
                    Double.isFinite(x) && digits < MAX_DIGITS
                            ? BigDecimal.valueOf(x)
                                    .setScale(digits, RoundingMode.HALF_UP)
                                    .doubleValue()
                            : x;
                default -> throw new IllegalStateException(function.name());
            };
        }

        private boolean isOutOfDomain(double x, double result) {
            return (function == Function.SQRT || function == Function.LN) && x < 0 && Double.isNaN(result);
        }

        /** A result that is not finite is right only if an operand was not. */
        private void checkFinite(int row, double x, double y, double result) {
            if (!out.isValue(row)) {
                return;
            }
            boolean divides = function == Function.DIVIDE || function == Function.MOD;
            if (divides && y == 0) {
                out.setError(row, CellError.DIVISION_BY_ZERO);
            } else if ((Double.isFinite(x) && Double.isFinite(y)) || isOutOfDomain(x, result)) {
                out.setError(row, Double.isNaN(result) ? CellError.INVALID_ARGUMENT : CellError.OVERFLOW);
            }
        }
    }

    /** DECIMAL: in longs where operands and result fit, else in big integers. */
    private static final class Decimals implements Kernel {
        private final Function function;
        private final Kernel left;
        private final Kernel right;
        private final DecimalVector out;
        private final int digits;

        Decimals(Expression.Call call, Kernel[] arguments) {
            this.function = call.function();
            this.left = arguments[0];
            this.right = arguments.length > 1 && function != Function.ROUND ? arguments[1] : arguments[0];
            this.out = new DecimalVector((DataType.Decimal) call.type());
            this.digits = digits(call);
        }

        @Override
        public Vector evaluate(Batch batch) {
            DecimalVector a = (DecimalVector) left.evaluate(batch);
            DecimalVector b = right == left ? a : (DecimalVector) right.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(a, rows);
            out.mergeMarks(b, rows);
            for (int i = 0; i < rows; i++) {
                if (out.isValue(i) && !fast(a, b, i)) {
                    slow(a, b, i);
                }
            }
            return out;
        }

        /** Without objects, or false. */
        private boolean fast(DecimalVector a, DecimalVector b, int row) {
            if (!a.isLong(row) || !b.isLong(row)) {
                return false;
            }
            long x = a.low(row);
            long y = b.low(row);
            return switch (function) {
                case ADD -> sum(x, a.scale(), y, b.scale(), row);
                case SUBTRACT -> y != Long.MIN_VALUE && sum(x, a.scale(), -y, b.scale(), row);
                case MULTIPLY -> {
                    if (out.scale() != a.scale() + b.scale()) {
                        yield false;
                    }
                    out.setChecked(row, Math.multiplyHigh(x, y), x * y);
                    yield true;
                }
                default -> false;
            };
        }

        private boolean sum(long x, int xScale, long y, int yScale, int row) {
            int xShift = out.scale() - xScale;
            int yShift = out.scale() - yScale;
            if (xShift < 0 || yShift < 0 || xShift > 18 || yShift > 18) {
                return false;
            }
            long xFactor = Int128.longPowerOfTen(xShift);
            long yFactor = Int128.longPowerOfTen(yShift);
            long xHigh = Math.multiplyHigh(x, xFactor);
            long xLow = x * xFactor;
            long yHigh = Math.multiplyHigh(y, yFactor);
            long yLow = y * yFactor;
            out.setChecked(row, Int128.addHigh(xHigh, xLow, yHigh, yLow), xLow + yLow);
            return true;
        }

        private void slow(DecimalVector a, DecimalVector b, int row) {
            BigDecimal x = new BigDecimal(a.unscaled(row), a.scale());
            BigDecimal y = new BigDecimal(b.unscaled(row), b.scale());
            boolean divides = function == Function.DIVIDE || function == Function.MOD;
            if (divides && y.signum() == 0) {
                out.setError(row, CellError.DIVISION_BY_ZERO);
                return;
            }
            BigDecimal result = switch (function) {
                case ADD -> x.add(y);
                case SUBTRACT -> x.subtract(y);
                case MULTIPLY -> x.multiply(y);
                case DIVIDE -> x.divide(y, out.scale(), RoundingMode.HALF_UP);
                case MOD -> x.remainder(y);
                case NEGATE -> x.negate();
                case ABS -> x.abs();
                case SIGN -> BigDecimal.valueOf(x.signum());
                case FLOOR -> x.setScale(0, RoundingMode.FLOOR);
                case CEIL -> x.setScale(0, RoundingMode.CEILING);
                case ROUND -> x.setScale(digits, RoundingMode.HALF_UP);
                default -> throw new IllegalStateException(function.name());
            };
            BigInteger unscaled =
                    result.setScale(out.scale(), RoundingMode.HALF_UP).unscaledValue();
            out.setChecked(row, unscaled);
        }
    }
}
