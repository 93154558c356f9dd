package dev.millrace.engine.operators;

import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowVector;
import dev.millrace.data.Schema;
import dev.millrace.data.Vector;
import dev.millrace.engine.expressions.Kernel;

/** Linear: one row per element of the array, with the element's columns appended; weights are copied. */
public final class UnnestOperator implements Output {

    /** About as many as stay in the processor's cache from one operator to the next. */
    private static final int OUTPUT_ROWS = 2048;

    private final int inputColumns;
    private final Kernel array;
    private final boolean outer;
    private final boolean ordinality;
    private final RowErrors errors;
    private final Output output;
    private final Batch unnested;
    private final RowSelection source = new RowSelection();
    private final RowSelection element = new RowSelection();

    public UnnestOperator(
            Schema input,
            Schema schema,
            Kernel array,
            boolean outer,
            boolean ordinality,
            RowErrors errors,
            Output output) {
        this.inputColumns = input.size();
        this.array = array;
        this.outer = outer;
        this.ordinality = ordinality;
        this.errors = errors;
        this.output = output;
        this.unnested = new Batch(schema);
    }

    @Override
    public void accept(Batch delta) {
        ArrayVector arrays = (ArrayVector) array.evaluate(delta);
        source.start(delta.size());
        element.start(delta.size());
        for (int row = 0; row < delta.size(); row++) {
            byte mark = arrays.mark(row);
            if (CellError.isError(mark)) {
                errors.report("unnest", CellError.ofMark(mark), delta, row);
                continue;
            }
            int length = mark == CellError.VALUE ? arrays.length(row) : 0;
            for (int i = 0; i < length; i++) {
                source.add(row);
                element.add(arrays.start(row) + i);
            }
            if (length == 0 && outer) {
                source.add(row);
                element.add(-1);
            }
            if (source.count() >= OUTPUT_ROWS) {
                emit(delta, arrays);
                source.start(0);
                element.start(0);
            }
        }
        if (source.count() > 0) {
            emit(delta, arrays);
        }
    }

    private void emit(Batch delta, ArrayVector arrays) {
        int count = source.count();
        for (int i = 0; i < inputColumns; i++) {
            unnested.column(i).gather(delta.column(i), source.rows(), count);
        }
        Vector elements = arrays.elements();
        int column = inputColumns;
        if (elements instanceof RowVector rows) {
            for (int field = 0; field < rows.fieldCount(); field++) {
                gatherElements(unnested.column(column++), rows, rows.field(field), count);
            }
        } else {
            gatherElements(unnested.column(column++), elements, elements, count);
        }
        if (ordinality) {
            ordinals((LongVector) unnested.column(column), arrays, count);
        }
        unnested.fillFrom(delta, source.rows(), count);
        output.accept(unnested);
    }

    private void gatherElements(Vector target, Vector elements, Vector values, int count) {
        int[] rows = element.rows();
        if (!outer && (elements == values || !elements.marked())) {
            target.gather(values, rows, count);
            return;
        }
        target.reset(count);
        for (int i = 0; i < count; i++) {
            if (rows[i] < 0 || elements.isNull(rows[i])) {
                target.setNull(i);
            } else {
                target.copy(i, values, rows[i]);
            }
        }
    }

    private void ordinals(LongVector target, ArrayVector arrays, int count) {
        target.reset(count);
        for (int i = 0; i < count; i++) {
            if (element.rows()[i] < 0) {
                target.setNull(i);
            } else {
                target.set(i, element.rows()[i] - arrays.start(source.rows()[i]) + 1);
            }
        }
    }
}
