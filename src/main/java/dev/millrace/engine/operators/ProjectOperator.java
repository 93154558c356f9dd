package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.Schema;
import dev.millrace.data.Vector;
import dev.millrace.engine.expressions.Kernel;

/** Linear: one expression per output column; weights stay. */
public final class ProjectOperator implements Output {

    private final Kernel[] expressions;
    private final Output output;
    private final Batch projected;

    public ProjectOperator(Schema schema, Kernel[] expressions, Output output) {
        this.expressions = expressions;
        this.output = output;
        this.projected = new Batch(schema, new Vector[expressions.length]);
    }

    @Override
    public void accept(Batch delta) {
        for (int i = 0; i < expressions.length; i++) {
            projected.setColumn(i, expressions[i].evaluate(delta));
        }
        projected.fillLike(delta);
        output.accept(projected);
    }
}
