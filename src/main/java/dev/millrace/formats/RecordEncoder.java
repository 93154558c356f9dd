package dev.millrace.formats;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;

/** Writes rows as records. Cells are values or NULL. */
public interface RecordEncoder {

    /** Appends the row's chosen columns as one record, without a line end. */
    void encode(Batch batch, int row, int[] columns, Bytes out);

    /** The line of column names that a file begins with, or null. */
    default byte[] header(Batch batch) {
        return null;
    }
}
