package dev.millrace.operator.scaling;

import java.util.Locale;
import org.junit.jupiter.api.Test;

class ScalingSimulationTest {

    private static final Allocation FIRST = new Allocation(1, 250);

    @Test
    void shapes() {
        for (LoadShape shape : LoadShape.all()) {
            MillraceScaler scaler = new MillraceScaler(ScalingRun.BOUNDS, Objective.DEFAULT, FIRST);
            SimulatedQuery query = new SimulatedQuery(shape.traits(), FIRST, 1);
            ScalingRun.Result result = ScalingRun.play(shape, scaler, query, Objective.DEFAULT);
            System.out.printf(
                    Locale.ROOT,
                    "%-22s kept %.4f young %.4f cost %.2f actions %d / %d worst %.0f s%n",
                    result.shape(),
                    result.kept(),
                    result.young(),
                    result.cost(),
                    result.actions(),
                    result.loadChanges(),
                    result.worstLag());
            if (System.getProperty("scaling.verbose") != null) {
                scaler.changes()
                        .forEach(change -> System.out.println(
                                "    " + change.at() + " " + change.from() + " -> " + change.to() + " "
                                        + change.bottleneck() + " " + change.reason() + " | " + change.outcome()));
                System.out.println("    last: " + scaler.last().bottleneck() + " "
                        + scaler.last().reason() + " " + scaler.state().asked());
            }
        }
    }
}
