package dev.millrace.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** How long a query with much state is away after {@code kill -9}: from the start of the process to its first new epoch. */
final class Restart {

    /** What was measured. */
    record Figures(double seconds, double stateMb, double peakMb) {}

    private Restart() {}

    /**
     * @param rows to read before it is killed
     */
    static Figures measure(Path query, Path state, long rows) throws IOException {
        List<String> options = List.of("-Xmx512m", "-XX:+UseSerialGC");
        double stateMb;
        double peakMb;
        try (EngineProcess first = new EngineProcess(options, query, state)) {
            EngineProcess.Progress progress = first.next();
            while (progress.rows() < rows) {
                progress = first.next();
            }
            stateMb = progress.stateMb();
            peakMb = first.peakMb();
        }
        try (EngineProcess second = new EngineProcess(options, query, state)) {
            return new Figures(second.next().seconds(), stateMb, peakMb);
        }
    }
}
