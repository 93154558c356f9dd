package dev.millrace.engine.expressions;

import dev.millrace.data.Batch;
import dev.millrace.data.Vector;

/** Evaluates one expression over a batch. */
public interface Kernel {

    /** One cell per row; valid until the next call, or as long as the batch where it is one of its columns. */
    Vector evaluate(Batch batch);
}
