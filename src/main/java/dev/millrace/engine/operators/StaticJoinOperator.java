package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowEncoder;
import dev.millrace.data.Schema;
import dev.millrace.engine.expressions.Kernel;
import java.util.Arrays;

/** Linear in the stream, since the table does not change: each row is joined with the table's rows of its key. */
public final class StaticJoinOperator implements Output {

    private final StaticTable table;
    private final int leftColumns;
    private final int[] leftKeys;
    private final boolean[] nullSafe;
    private final RowEncoder encoder;
    private final Kernel residual;
    private final boolean outer;
    private final RowErrors errors;
    private final Output output;
    private final Batch joined;
    private final Batch passed;
    private final RowSelection usable = new RowSelection();
    private final Batch usableRows;
    private final RowSelection left = new RowSelection();
    private final RowSelection right = new RowSelection();
    private final RowSelection chosen = new RowSelection();

    /** What a join is made of, beside its table and its surroundings. */
    public record Shape(
            Schema left, Schema joined, int[] leftKeys, boolean[] nullSafe, Kernel residual, boolean outer) {}

    public StaticJoinOperator(Shape shape, StaticTable table, RowErrors errors, Output output) {
        this.table = table;
        this.leftColumns = shape.left().size();
        this.leftKeys = shape.leftKeys();
        this.nullSafe = shape.nullSafe();
        this.encoder = new RowEncoder(leftKeys);
        this.residual = shape.residual();
        this.outer = shape.outer();
        this.errors = errors;
        this.output = output;
        this.joined = new Batch(shape.joined());
        this.passed = new Batch(shape.joined());
        this.usableRows = new Batch(shape.left());
    }

    @Override
    public void accept(Batch delta) {
        usable.withoutErrors(delta, leftKeys, "join", errors);
        if (usable.count() == delta.size()) {
            join(delta);
        } else if (usable.count() > 0) {
            usableRows.gather(delta, usable.rows(), usable.count());
            join(usableRows);
        }
    }

    private void join(Batch delta) {
        encoder.encode(delta);
        left.start(delta.size());
        right.start(delta.size());
        for (int row = 0; row < delta.size(); row++) {
            int match = hasNullKey(delta, row)
                    ? -1
                    : table.first(encoder.array(), encoder.start(row), encoder.length(row), encoder.hash(row));
            if (match < 0 && outer) {
                left.add(row);
                right.add(-1);
            }
            for (; match >= 0; match = table.next(match)) {
                left.add(row);
                right.add(match);
            }
        }
        if (left.count() == 0) {
            return;
        }
        gather(delta, joined, left.rows(), right.rows(), left.count());
        if (residual == null) {
            output.accept(joined);
        } else {
            filter(delta);
        }
    }

    private boolean hasNullKey(Batch delta, int row) {
        for (int i = 0; i < leftKeys.length; i++) {
            if (!nullSafe[i] && delta.column(leftKeys[i]).isNull(row)) {
                return true;
            }
        }
        return false;
    }

    private void gather(Batch delta, Batch target, int[] leftRows, int[] rightRows, int count) {
        for (int c = 0; c < leftColumns; c++) {
            target.column(c).gather(delta.column(c), leftRows, count);
        }
        boolean padded = outer && Arrays.stream(rightRows, 0, count).anyMatch(r -> r < 0);
        for (int c = leftColumns; c < target.columnCount(); c++) {
            if (!padded) {
                target.column(c).gather(table.rows().column(c - leftColumns), rightRows, count);
                continue;
            }
            target.column(c).reset(count);
            for (int i = 0; i < count; i++) {
                if (rightRows[i] < 0) {
                    target.column(c).setNull(i);
                } else {
                    target.column(c).copy(i, table.rows().column(c - leftColumns), rightRows[i]);
                }
            }
        }
        target.fillFrom(delta, leftRows, count);
    }

    /** Applies the residual; with outer, a left row all of whose matches fail it stays once, padded. */
    private void filter(Batch delta) {
        LongVector condition = (LongVector) residual.evaluate(joined);
        chosen.start(left.count());
        int i = 0;
        while (i < left.count()) {
            int row = left.rows()[i];
            boolean any = false;
            boolean failed = false;
            int first = i;
            for (; i < left.count() && left.rows()[i] == row; i++) {
                byte mark = condition.mark(i);
                if (CellError.isError(mark) && right.rows()[i] >= 0) {
                    errors.report("join", CellError.ofMark(mark), joined, i);
                    failed = true;
                } else if (right.rows()[i] >= 0 && mark == CellError.VALUE && condition.get(i) != 0) {
                    chosen.add(i);
                    any = true;
                }
            }
            if (!any && outer && !failed) {
                right.rows()[first] = -1;
                chosen.add(first);
            }
        }
        if (chosen.count() > 0) {
            int count = chosen.count();
            int[] leftRows = new int[count];
            int[] rightRows = new int[count];
            for (int k = 0; k < count; k++) {
                leftRows[k] = left.rows()[chosen.rows()[k]];
                rightRows[k] = right.rows()[chosen.rows()[k]];
            }
            gather(delta, passed, leftRows, rightRows, count);
            output.accept(passed);
        }
    }
}
