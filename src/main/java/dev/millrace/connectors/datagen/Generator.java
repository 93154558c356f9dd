package dev.millrace.connectors.datagen;

import dev.millrace.data.Batch;
import dev.millrace.data.Schema;

/** Makes rows by number. */
public interface Generator {

    Schema schema();

    /** Appends row {@code number} to a batch of all columns: the same at each call. */
    void append(long number, Batch into);
}
