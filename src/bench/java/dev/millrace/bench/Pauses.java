package dev.millrace.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** How long epochs with much state take, those beside which a checkpoint was written and the others. */
final class Pauses {

    private Pauses() {}

    /**
     * @param rows to watch
     * @return the figures in words
     */
    static String measure(EngineProcess engine, long rows) throws IOException {
        List<Double> beside = new ArrayList<>();
        List<Double> others = new ArrayList<>();
        List<double[]> unjudged = new ArrayList<>();
        EngineProcess.Progress before = engine.next();
        int checkpoints = 0;
        while (before.rows() < rows) {
            EngineProcess.Progress now = engine.next();
            unjudged.add(new double[] {before.seconds(), now.seconds()});
            double took = now.checkpointSeconds() - before.checkpointSeconds();
            if (took > 0) {
                checkpoints++;
                double began = now.seconds() - took;
                unjudged.forEach(epoch -> (epoch[1] >= began ? beside : others).add(epoch[1] - epoch[0]));
                unjudged.clear();
            }
            before = now;
        }
        return String.format(
                "%d checkpoints; epochs beside one: %s; others: %s", checkpoints, describe(beside), describe(others));
    }

    private static String describe(List<Double> seconds) {
        if (seconds.isEmpty()) {
            return "none";
        }
        List<Double> sorted = seconds.stream().sorted().toList();
        return String.format(
                "median %.0f ms, longest %.0f ms",
                1e3 * sorted.get(sorted.size() / 2), 1e3 * sorted.get(sorted.size() - 1));
    }
}
