package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import java.util.ArrayList;
import java.util.List;

/** Hands each delta of a plan node to all its consumers. */
public final class FanOut implements Output {

    private final List<Output> consumers = new ArrayList<>();

    public void add(Output consumer) {
        consumers.add(consumer);
    }

    @Override
    public void accept(Batch delta) {
        for (Output consumer : consumers) {
            consumer.accept(delta);
        }
    }
}
