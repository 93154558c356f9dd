package dev.millrace.formats;

import dev.millrace.data.Batch;

/** Appends records to a batch whose columns are the wanted ones. */
public interface RowDecoder {

    /**
     * Appends the record as a row of weight 1.
     *
     * @return null, or why the record is no row of the table; then nothing was appended
     */
    String decode(byte[] bytes, int start, int length, Batch into);

    /** Whether files begin with a line of column names, which {@link #header} takes. */
    default boolean hasHeader() {
        return false;
    }

    /**
     * @return null, or why the names do not fit the table
     */
    default String header(byte[] bytes, int start, int length) {
        return null;
    }
}
