package dev.millrace.data;

/** Where the rows of a source batch come from; asked only for bad and late rows. */
public interface RowOrigin {

    /** The position of the batch's row. */
    SourcePosition position(int row);

    /** The record's bytes as the source gave them, or null where they were not kept. */
    byte[] raw(int row);
}
