package dev.millrace.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The engine in a process of its own that runs until it is killed, and tells how far it is. */
final class EngineProcess implements AutoCloseable {

    private final long startedNanos = System.nanoTime();
    private final Process process;
    private final BufferedReader lines;

    /** What the process has committed by now. */
    record Progress(double seconds, long epochs, long rows, double stateMb, double checkpointSeconds) {}

    EngineProcess(List<String> javaOptions, Path query, Path state) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(javaOptions);
        command.add("-Djava.util.logging.manager=org.jboss.logmanager.LogManager");
        command.add("-Dbench.talk=true");
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "dev.millrace.cli.EngineRun"));
        command.addAll(List.of(query.toString(), state.toString(), "1", "1"));
        process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        lines = process.inputReader();
    }

    /** Waits for the next sign of life. */
    Progress next() throws IOException {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("PROGRESS ")) {
                String[] parts = line.split(" ");
                double seconds = (System.nanoTime() - startedNanos) / 1e9;
                return new Progress(
                        seconds,
                        Long.parseLong(parts[1]),
                        Long.parseLong(parts[2]),
                        Double.parseDouble(parts[3]),
                        Double.parseDouble(parts[4]));
            }
        }
        throw new IllegalStateException("the engine ended");
    }

    void awaitRunning() throws IOException {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.equals("RUNNING")) {
                return;
            }
        }
        throw new IllegalStateException("the engine ended");
    }

    /** User and system time of the whole process. */
    double cpuSeconds() {
        return process.info().totalCpuDuration().orElseThrow().toNanos() / 1e9;
    }

    /** Kills it as {@code kill -9} does. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
