package dev.millrace.engine.expressions;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowVector;
import dev.millrace.data.Vector;

/** Arrays and rows. */
final class Nested {

    private Nested() {}

    /** CARDINALITY(array). */
    static final class Cardinality implements Kernel {
        private final Kernel array;
        private final LongVector out = new LongVector(DataType.INT);

        Cardinality(Kernel array) {
            this.array = array;
        }

        @Override
        public Vector evaluate(Batch batch) {
            ArrayVector arrays = (ArrayVector) array.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            out.mergeMarks(arrays, rows);
            for (int i = 0; i < rows; i++) {
                if (out.isValue(i)) {
                    out.set(i, arrays.length(i));
                }
            }
            return out;
        }
    }

    /** array[index], counted from 1; NULL outside of the array. */
    static final class Item implements Kernel {
        private final Kernel array;
        private final Kernel index;
        private final Vector out;

        Item(DataType type, Kernel array, Kernel index) {
            this.array = array;
            this.index = index;
            this.out = Vector.create(type);
        }

        @Override
        public Vector evaluate(Batch batch) {
            ArrayVector arrays = (ArrayVector) array.evaluate(batch);
            LongVector indexes = (LongVector) index.evaluate(batch);
            int rows = batch.size();
            out.reset(rows);
            for (int i = 0; i < rows; i++) {
                byte mark = (byte) Math.max(arrays.mark(i), indexes.mark(i));
                if (mark != CellError.VALUE) {
                    out.setMark(i, mark);
                    continue;
                }
                long at = indexes.get(i);
                if (at < 1 || at > arrays.length(i)) {
                    out.setNull(i);
                } else {
                    out.copy(i, arrays.elements(), arrays.start(i) + (int) at - 1);
                }
            }
            return out;
        }
    }

    /** row.field: the field's own vector, unless rows may be NULL. */
    static final class FieldOf implements Kernel {
        private final Kernel row;
        private final int field;
        private Vector out;

        FieldOf(Kernel row, int field) {
            this.row = row;
            this.field = field;
        }

        @Override
        public Vector evaluate(Batch batch) {
            RowVector cells = (RowVector) row.evaluate(batch);
            Vector values = cells.field(field);
            if (!cells.marked()) {
                return values;
            }
            if (out == null) {
                out = Vector.create(values.type());
            }
            int rows = batch.size();
            out.reset(rows);
            for (int i = 0; i < rows; i++) {
                if (cells.isValue(i)) {
                    out.copy(i, values, i);
                } else {
                    out.setMark(i, cells.mark(i));
                }
            }
            return out;
        }
    }

    /** ROW(a, b, …). */
    static final class RowOf implements Kernel {
        private final Kernel[] fields;
        private final RowVector out;

        RowOf(DataType.Row type, Kernel[] fields) {
            this.fields = fields;
            this.out = Kernels.rowVector(type);
        }

        @Override
        public Vector evaluate(Batch batch) {
            int rows = batch.size();
            out.reset(rows);
            for (int f = 0; f < fields.length; f++) {
                Vector cells = fields[f].evaluate(batch);
                for (int i = 0; i < rows; i++) {
                    out.field(f).copy(i, cells, i);
                    if (cells.isError(i)) {
                        out.setMark(i, cells.mark(i));
                    }
                }
            }
            return out;
        }
    }
}
