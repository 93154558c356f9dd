package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.Vector;

/** A reusable list of row numbers. */
final class RowSelection {

    private int[] rows = {};
    private int count;

    int[] rows() {
        return rows;
    }

    int count() {
        return count;
    }

    void start(int capacity) {
        if (rows.length < capacity) {
            rows = new int[Math.max(capacity, rows.length * 2)];
        }
        count = 0;
    }

    void add(int row) {
        if (count == rows.length) {
            rows = java.util.Arrays.copyOf(rows, Math.max(64, count * 2));
        }
        rows[count++] = row;
    }

    /** Becomes the rows of the batch none of whose given columns is an error; the others are reported. */
    void withoutErrors(Batch batch, int[] columns, String operator, RowErrors errors) {
        int size = batch.size();
        start(size);
        boolean marked = false;
        for (int column : columns) {
            marked |= batch.column(column).marked();
        }
        if (!marked) {
            for (int i = 0; i < size; i++) {
                rows[i] = i;
            }
            count = size;
            return;
        }
        for (int i = 0; i < size; i++) {
            Vector bad = errorIn(batch, columns, i);
            if (bad == null) {
                rows[count++] = i;
            } else {
                errors.report(operator, dev.millrace.data.CellError.ofMark(bad.mark(i)), batch, i);
            }
        }
    }

    private static Vector errorIn(Batch batch, int[] columns, int row) {
        for (int column : columns) {
            if (batch.column(column).isError(row)) {
                return batch.column(column);
            }
        }
        return null;
    }
}
