package dev.millrace.bench;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * How long a query with much state is away after {@code kill -9}: from the start of the command to its first new epoch, as
 * its own metrics tell it.
 */
final class Restart {

    private static final int PORT = 19_191;

    private final HttpClient client = HttpClient.newHttpClient();
    private final List<String> command;

    /** What was measured. */
    record Figures(double seconds, double stateMb, double peakMb) {}

    Restart(Path query, Path state) {
        command = List.of(
                "./millrace", "run", query.toString(), "--state", state.toString(), "--progress", "none", "--http", ":" + PORT);
    }

    /**
     * @param rows to read before it is killed
     */
    Figures measure(long rows) throws Exception {
        Process first = start();
        double stateMb;
        double peakMb;
        try {
            await("millrace_rows_in_total", rows);
            stateMb = metric("millrace_state_bytes") / 1e6;
            peakMb = Samples.peakMb(first.pid());
        } finally {
            kill(first);
        }
        long begun = System.nanoTime();
        Process second = start();
        try {
            await("millrace_epochs_total", 1);
            return new Figures((System.nanoTime() - begun) / 1e9, stateMb, peakMb);
        } finally {
            kill(second);
        }
    }

    private Process start() throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        builder.environment().put("MILLRACE_JAVA_OPTIONS", "-Xmx512m");
        return builder.start();
    }

    private void await(String name, double least) throws Exception {
        while (metric(name) < least) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    /** A figure of the one query; −1 while nothing answers. */
    private double metric(String name) throws Exception {
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://localhost:" + PORT + "/metrics"))
                    .build();
            Stream<String> lines =
                    client.send(request, HttpResponse.BodyHandlers.ofLines()).body();
            return lines.filter(line -> line.startsWith(name + "{"))
                    .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                    .findFirst()
                    .orElse(-1);
        } catch (IOException e) {
            return -1;
        }
    }

    private static void kill(Process process) throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }
}
