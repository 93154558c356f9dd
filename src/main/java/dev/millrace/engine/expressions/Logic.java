package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.LongVector;
import dev.millrace.data.Vector;
import dev.millrace.plan.Function;

/** Three-valued logic and CASE. An error decides nothing: FALSE AND error is FALSE, TRUE AND error is the error. */
final class Logic {

    private Logic() {}

    /** AND, OR of any number of arguments. */
    static final class Junction implements Kernel {
        private final long deciding;
        private final Kernel[] arguments;
        private final LongVector out = new LongVector(DataType.BOOLEAN);

        Junction(Function function, Kernel[] arguments) {
            this.deciding = function == Function.AND ? 0 : 1;
            this.arguments = arguments;
        }

        @Override
        public Vector evaluate(Batch batch) {
            int rows = batch.size();
            out.reset(rows);
            long[] values = out.values();
            for (int i = 0; i < rows; i++) {
                values[i] = 1 - deciding;
            }
            for (Kernel argument : arguments) {
                merge((LongVector) argument.evaluate(batch), rows);
            }
            return out;
        }

        private void merge(LongVector argument, int rows) {
            long[] from = argument.values();
            long[] to = out.values();
            if (!argument.marked() && !out.marked()) {
                if (deciding == 0) {
                    for (int i = 0; i < rows; i++) {
                        to[i] &= from[i];
                    }
                } else {
                    for (int i = 0; i < rows; i++) {
                        to[i] |= from[i];
                    }
                }
                return;
            }
            for (int i = 0; i < rows; i++) {
                if (out.isValue(i) && to[i] == deciding) {
                    continue;
                }
                byte mark = argument.mark(i);
                if (mark == CellError.VALUE && from[i] == deciding) {
                    out.setMark(i, CellError.VALUE);
                    to[i] = deciding;
                } else if (mark > out.mark(i)) {
                    out.setMark(i, mark);
                }
            }
        }
    }

    /** NOT. */
    static final class Not implements Kernel {
        private final Kernel argument;
        private final LongVector out = new LongVector(DataType.BOOLEAN);

        Not(Kernel argument) {
            this.argument = argument;
        }

        @Override
        public Vector evaluate(Batch batch) {
            LongVector cells = (LongVector) argument.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(cells, rows);
            for (int i = 0; i < rows; i++) {
                out.set(i, 1 - cells.get(i));
            }
            return out;
        }
    }

    /** IS NULL, IS TRUE and the like: never NULL. */
    static final class Test implements Kernel {
        private final Function function;
        private final Kernel argument;
        private final LongVector out = new LongVector(DataType.BOOLEAN);

        Test(Function function, Kernel argument) {
            this.function = function;
            this.argument = argument;
        }

        @Override
        public Vector evaluate(Batch batch) {
            Vector cells = argument.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            for (int i = 0; i < rows; i++) {
                byte mark = cells.mark(i);
                if (CellError.isError(mark)) {
                    out.setMark(i, mark);
                } else {
                    out.set(i, holds(cells, i, mark == CellError.NULL) ? 1 : 0);
                }
            }
            return out;
        }

        private boolean holds(Vector cells, int row, boolean isNull) {
            return switch (function) {
                case IS_NULL -> isNull;
                case IS_NOT_NULL -> !isNull;
                case IS_TRUE -> !isNull && ((LongVector) cells).get(row) != 0;
                case IS_FALSE -> !isNull && ((LongVector) cells).get(row) == 0;
                case IS_NOT_TRUE -> isNull || ((LongVector) cells).get(row) == 0;
                default -> isNull || ((LongVector) cells).get(row) != 0;
            };
        }
    }

    /**
     * CASE WHEN. All branches are evaluated, for all rows; what goes wrong in one that is not chosen stays there, since an
     * error is only a mark on its cell.
     */
    static final class Case implements Kernel {
        private final Kernel[] arguments;
        private final Vector out;

        Case(DataType type, Kernel[] arguments) {
            this.arguments = arguments;
            this.out = Vector.create(type);
        }

        @Override
        public Vector evaluate(Batch batch) {
            Vector[] cells = new Vector[arguments.length];
            for (int i = 0; i < arguments.length; i++) {
                cells[i] = arguments[i].evaluate(batch);
            }
            int rows = batch.size();
            out.reset(rows);
            for (int row = 0; row < rows; row++) {
                choose(cells, row);
            }
            return out;
        }

        private void choose(Vector[] cells, int row) {
            for (int i = 0; i + 1 < cells.length; i += 2) {
                LongVector condition = (LongVector) cells[i];
                byte mark = condition.mark(row);
                if (CellError.isError(mark)) {
                    out.setMark(row, mark);
                    return;
                }
                if (mark == CellError.VALUE && condition.get(row) != 0) {
                    out.copy(row, cells[i + 1], row);
                    return;
                }
            }
            out.copy(row, cells[cells.length - 1], row);
        }
    }
}
