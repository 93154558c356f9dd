package dev.millrace.cli;

import dev.millrace.api.ResourceReader;
import dev.millrace.bench.Samples;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.task.QueryRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** One run of one query over a topic's records, as {@code millrace run} does it, watched. */
public final class EngineRun {

    private EngineRun() {}

    /**
     * @param arguments the query's file, its state directory, the number of records, threads
     */
    public static void main(String[] arguments) throws Exception {
        Logs.quiet();
        Path file = Path.of(arguments[0]);
        ResourceReader.Result read = ResourceReader.read(file.toString(), Files.readString(file));
        Compilation compilation =
                Compilation.of(read.documents().get(0), file.toAbsolutePath().getParent());
        if (!read.problems().isEmpty() || !compilation.problems().isEmpty()) {
            throw new IllegalStateException(read.problems() + " " + compilation.problems());
        }
        int threads = Integer.parseInt(arguments[3]);
        Assembly assembly = new Assembly(compilation, Assembly.Place.local(Path.of(arguments[1]), threads, System.out, null));
        QueryRun run = new QueryRun(assembly.definition(), System.err::println);
        QueryMetrics metrics = run.metrics();
        if (Boolean.getBoolean("bench.talk")) {
            talk(metrics);
            run.run();
            return;
        }
        try (Samples samples = new Samples(metrics.rowsRead::sum, Long.parseLong(arguments[2]))) {
            run.run();
            Map<String, Object> figures = samples.figures();
            figures.put("rowsOut", metrics.rowsOut.sum());
            figures.put("stateMb", metrics.figures().stateBytes() / 1e6);
            figures.put("epochs", metrics.epochs.sum());
            figures.put("commitMillis", metrics.commitNanos.sum() / 1e6 / Math.max(1, metrics.epochs.sum()));
            Samples.print(figures);
        }
    }

    /** Tells each new epoch, at most every few milliseconds. */
    private static void talk(QueryMetrics metrics) {
        Thread talker = new Thread(
                () -> {
                    long told = 0;
                    while (!metrics.figures().phase().equals("running")) {
                        LockSupport.parkNanos(5_000_000);
                    }
                    System.out.println("RUNNING");
                    while (true) {
                        long epochs = metrics.epochs.sum();
                        if (epochs > told) {
                            told = epochs;
                            double stateMb = metrics.figures().stateBytes() / 1e6;
                            System.out.println("PROGRESS " + epochs + " " + metrics.rowsIn.sum() + " " + stateMb + " "
                                    + metrics.checkpointNanos.sum() / 1e9);
                        }
                        LockSupport.parkNanos(5_000_000);
                    }
                },
                "talker");
        talker.setDaemon(true);
        talker.start();
    }
}
