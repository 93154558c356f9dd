package dev.millrace.engine.operators;

import dev.millrace.data.Batch;

/** Takes deltas: an operator's input, and so another's output. The batch is valid only during the call. */
@FunctionalInterface
public interface Output {

    void accept(Batch delta);
}
