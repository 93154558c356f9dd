package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.CellError;

/** Takes rows that an operator could not use because a cell it reads is an error. The row is dropped by the operator. */
public interface RowErrors {

    /**
     * @param operator what read the cell, for the user
     * @param row the row of {@code batch}, whose weight counts: −1 takes an earlier report back
     */
    void report(String operator, CellError error, Batch batch, int row);
}
