package dev.millrace.data;

/** Where the rows of a source batch come from; asked only for bad rows. */
public interface RowOrigin {

    /** The position of the batch's row. */
    SourcePosition position(int row);
}
