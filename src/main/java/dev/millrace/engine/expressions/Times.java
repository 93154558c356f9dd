package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.Calendar;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.LongVector;
import dev.millrace.data.Vector;
import dev.millrace.plan.Expression;

/** Functions of DATE and TIMESTAMP, all in UTC. */
final class Times {

    private static final long MICROS_PER_DAY = 1000 * Calendar.MILLIS_PER_DAY;

    private Times() {}

    static Kernel kernel(Expression.Call call, Kernel[] arguments) {
        DataType type = call.type();
        return switch (call.function()) {
            case EXTRACT -> {
                String unit = text(call.arguments().get(0));
                long perDay = CastKernel.unitsPerDay(call.arguments().get(1).type());
                yield new Unary(type, arguments[1], value -> extract(unit, value, perDay));
            }
            case TIME_FLOOR -> {
                String unit = text(call.arguments().get(1));
                long perDay = CastKernel.unitsPerDay(type);
                yield new Unary(type, arguments[0], value -> floor(unit, value, perDay));
            }
            case TIME_CEIL -> {
                String unit = text(call.arguments().get(1));
                long perDay = CastKernel.unitsPerDay(type);
                yield new Unary(type, arguments[0], value -> ceil(unit, value, perDay));
            }
            case TIME_ADD -> new Binary(type, arguments, (time, micros) -> addMicros(type, time, micros));
            case MONTH_ADD -> {
                long perDay = CastKernel.unitsPerDay(type);
                yield new Binary(type, arguments, (time, months) -> {
                    long days = Calendar.addMonths(Math.floorDiv(time, perDay), months);
                    return Math.addExact(Math.multiplyExact(days, perDay), Math.floorMod(time, perDay));
                });
            }
            case TIME_DIFFERENCE -> new Binary(type, arguments, Math::subtractExact);
            case TIME_UNITS -> {
                long unit = (Long) ((Expression.Literal) call.arguments().get(2)).value();
                boolean narrow = type.kind() == DataType.Kind.INT;
                yield new Binary(type, arguments, (from, to) -> {
                    long units = Math.subtractExact(to, from) / unit;
                    return narrow ? Math.toIntExact(units) : units;
                });
            }
            default -> throw new IllegalArgumentException(call.toString());
        };
    }

    private static boolean isTime(DataType type) {
        return type.kind() == DataType.Kind.DATE || type.kind() == DataType.Kind.TIMESTAMP;
    }

    private static String text(Expression literal) {
        return (String) ((Expression.Literal) literal).value();
    }

    private static long addMicros(DataType type, long time, long micros) {
        return Math.addExact(time, Math.floorDiv(micros, MICROS_PER_DAY / CastKernel.unitsPerDay(type)));
    }

    static long extract(String unit, long value, long perDay) {
        long days = Math.floorDiv(value, perDay);
        long ofDay = Math.floorMod(value, perDay);
        return switch (unit) {
            case "YEAR" -> Calendar.year(days);
            case "QUARTER" -> (Calendar.month(days) + 2) / 3;
            case "MONTH" -> Calendar.month(days);
            case "DAY" -> Calendar.day(days);
            case "DOW" -> Calendar.dayOfWeek(days);
            case "DOY" -> Calendar.dayOfYear(days);
            case "HOUR" -> ofDay * 24 / perDay;
            case "MINUTE" -> ofDay * 1440 / perDay % 60;
            case "SECOND" -> ofDay * 86_400 / perDay % 60;
            case "MILLISECOND" -> perDay == 1 ? 0 : ofDay / (perDay / Calendar.MILLIS_PER_DAY) % 60_000;
            case "EPOCH" -> days * 86_400 + ofDay * 86_400 / perDay;
            default -> throw new IllegalArgumentException("EXTRACT " + unit);
        };
    }

    static long floor(String unit, long value, long perDay) {
        long days = Math.floorDiv(value, perDay);
        return switch (unit) {
            case "YEAR" -> Calendar.days(Calendar.year(days), 1, 1) * perDay;
            case "QUARTER" -> Calendar.days(Calendar.year(days), (Calendar.month(days) - 1) / 3 * 3 + 1, 1) * perDay;
            case "MONTH" -> Calendar.days(Calendar.year(days), Calendar.month(days), 1) * perDay;
            case "WEEK" -> (days - (Calendar.dayOfWeek(days) - 1)) * perDay;
            case "DAY" -> days * perDay;
            case "HOUR" -> value - Math.floorMod(value, step(perDay, 24));
            case "MINUTE" -> value - Math.floorMod(value, step(perDay, 1440));
            case "SECOND" -> value - Math.floorMod(value, step(perDay, 86_400));
            case "MILLISECOND" -> value - Math.floorMod(value, step(perDay, Calendar.MILLIS_PER_DAY));
            default -> throw new IllegalArgumentException("FLOOR TO " + unit);
        };
    }

    private static long step(long perDay, long parts) {
        return Math.max(1, perDay / parts);
    }

    private static long ceil(String unit, long value, long perDay) {
        long floor = floor(unit, value, perDay);
        if (floor == value) {
            return value;
        }
        long days = Math.floorDiv(floor, perDay);
        return switch (unit) {
            case "YEAR" -> Calendar.addMonths(days, 12) * perDay;
            case "QUARTER" -> Calendar.addMonths(days, 3) * perDay;
            case "MONTH" -> Calendar.addMonths(days, 1) * perDay;
            case "WEEK" -> floor + 7 * perDay;
            case "DAY" -> floor + perDay;
            case "HOUR" -> floor + step(perDay, 24);
            case "MINUTE" -> floor + step(perDay, 1440);
            default -> floor + step(perDay, "SECOND".equals(unit) ? 86_400 : Calendar.MILLIS_PER_DAY);
        };
    }

    private interface LongFunction {
        long apply(long value);
    }

    private interface LongBinary {
        /**
         * @throws ArithmeticException where the result does not fit
         */
        long apply(long a, long b);
    }

    private static final class Unary implements Kernel {
        private final Kernel argument;
        private final LongFunction function;
        private final LongVector out;

        private final long perDay;

        Unary(DataType type, Kernel argument, LongFunction function) {
            this.perDay = isTime(type) ? CastKernel.unitsPerDay(type) : 0;
            this.argument = argument;
            this.function = function;
            this.out = new LongVector(type);
        }

        @Override
        public Vector evaluate(Batch batch) {
            LongVector cells = (LongVector) argument.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(cells, rows);
            for (int i = 0; i < rows; i++) {
                if (out.isValue(i)) {
                    long value = function.apply(cells.get(i));
                    out.set(i, value);
                    if (perDay > 0 && !Calendar.hasDay(Math.floorDiv(value, perDay))) {
                        out.setError(i, CellError.OVERFLOW);
                    }
                }
            }
            return out;
        }
    }

    private static final class Binary implements Kernel {
        private final Kernel left;
        private final Kernel right;
        private final LongBinary function;
        private final LongVector out;
        private final long perDay;

        Binary(DataType type, Kernel[] arguments, LongBinary function) {
            this.perDay = isTime(type) ? CastKernel.unitsPerDay(type) : 0;
            this.left = arguments[0];
            this.right = arguments[1];
            this.function = function;
            this.out = new LongVector(type);
        }

        private long inRange(long value) {
            if (perDay > 0 && !Calendar.hasDay(Math.floorDiv(value, perDay))) {
                throw new ArithmeticException();
            }
            return value;
        }

        @Override
        public Vector evaluate(Batch batch) {
            LongVector a = (LongVector) left.evaluate(batch);
            LongVector b = (LongVector) right.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(a, rows);
            out.mergeMarks(b, rows);
            for (int i = 0; i < rows; i++) {
                if (out.isValue(i)) {
                    try {
                        out.set(i, inRange(function.apply(a.get(i), b.get(i))));
                    } catch (ArithmeticException e) {
                        out.setError(i, CellError.OVERFLOW);
                    }
                }
            }
            return out;
        }
    }
}
