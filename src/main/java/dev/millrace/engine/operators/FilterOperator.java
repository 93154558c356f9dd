package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import dev.millrace.engine.expressions.Kernel;

/** Linear: keeps the rows for which the predicate is true; {@code filter(a + b) = filter(a) + filter(b)}. */
public final class FilterOperator implements Output {

    private final Kernel predicate;
    private final RowErrors errors;
    private final Output output;
    private final Batch kept;
    private final RowSelection selection = new RowSelection();

    public FilterOperator(Schema schema, Kernel predicate, RowErrors errors, Output output) {
        this.predicate = predicate;
        this.errors = errors;
        this.output = output;
        this.kept = new Batch(schema);
    }

    @Override
    public void accept(Batch delta) {
        LongVector condition = (LongVector) predicate.evaluate(delta);
        int size = delta.size();
        selection.start(size);
        int[] rows = selection.rows();
        int count = 0;
        long[] values = condition.values();
        if (!condition.marked()) {
            for (int i = 0; i < size; i++) {
                rows[count] = i;
                count += (int) values[i];
            }
        } else {
            for (int i = 0; i < size; i++) {
                byte mark = condition.mark(i);
                if (mark == CellError.VALUE && values[i] != 0) {
                    rows[count++] = i;
                } else if (CellError.isError(mark)) {
                    errors.report("filter", CellError.ofMark(mark), delta, i);
                }
            }
        }
        if (count == size) {
            output.accept(delta);
        } else if (count > 0) {
            kept.gather(delta, rows, count);
            output.accept(kept);
        }
    }
}
