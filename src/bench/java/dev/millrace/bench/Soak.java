package dev.millrace.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Whether a row costs after minutes what it cost at first: CPU per row in each tenth of a long run at a steady rate. */
final class Soak {

    private static final int PARTS = 10;

    private Soak() {}

    /** CPU seconds per million rows, by tenth of the time; tenths have the same number of rows. */
    static List<Double> measure(EngineProcess engine, String servers, String topic, int rowsPerSecond, Duration time)
            throws Exception {
        CompletableFuture<Void> load = CompletableFuture.runAsync(() -> {
            try {
                SteadyLoad.send(servers, topic, rowsPerSecond, time, row -> null);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        List<Double> costs = new ArrayList<>();
        long part = rowsPerSecond * time.toSeconds() / PARTS;
        long rows = 0;
        double cpu = engine.cpuSeconds();
        while (costs.size() < PARTS) {
            EngineProcess.Progress progress = engine.next();
            if (progress.rows() >= part * (costs.size() + 1)) {
                double now = engine.cpuSeconds();
                costs.add((now - cpu) * 1e6 / (progress.rows() - rows));
                rows = progress.rows();
                cpu = now;
            }
        }
        load.join();
        return costs;
    }
}
