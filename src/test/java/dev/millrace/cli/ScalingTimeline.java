package dev.millrace.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.Size;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntSupplier;
import java.util.function.ToDoubleFunction;

/** What a query on a cluster is given and does, looked at every two seconds. */
final class ScalingTimeline {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(1)).build();
    private final Cluster cluster;
    private final String query;
    private final IntSupplier sent;
    private final long start = System.nanoTime();
    private final Thread looks;
    private final List<Look> timeline = new ArrayList<>();
    private final Map<String, long[]> before = new HashMap<>();
    private volatile boolean enough;

    /**
     * @param load rows per second that were sent
     * @param lag rows behind, of all pods
     * @param used cores that all pods used
     * @param given cores that they have
     * @param memory MiB that they have
     * @param state MiB that the state of all pods would take in memory
     * @param waits the share of the time that a pod waits for state, on average
     */
    record Look(
            double seconds,
            double load,
            long lag,
            double used,
            double given,
            double memory,
            double state,
            double waits,
            int pods) {}

    ScalingTimeline(Cluster cluster, String query, IntSupplier sent) {
        this.cluster = cluster;
        this.query = query;
        this.sent = sent;
        this.looks = new Thread(this::run, "timeline");
        looks.setDaemon(true);
        looks.start();
    }

    private void run() {
        int sentBefore = sent.getAsInt();
        double then = 0;
        try {
            while (!enough) {
                Thread.sleep(2_000);
                double now = (System.nanoTime() - start) / 1e9;
                int sentNow = sent.getAsInt();
                Look look = look(now, (sentNow - sentBefore) / (now - then));
                synchronized (timeline) {
                    timeline.add(look);
                }
                System.out.println("timeline " + look);
                sentBefore = sentNow;
                then = now;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Look look(double now, double load) {
        long lag = 0;
        double used = 0;
        double given = 0;
        double memory = 0;
        double state = 0;
        double waits = 0;
        int count = 0;
        JsonNode pods = JSON.createArrayNode();
        try {
            pods = JSON.readTree(cluster.kubectl("get", "pods", "-l", "millrace.dev/query=" + query, "-o", "json"))
                    .path("items");
        } catch (IOException e) {
            System.out.println("timeline: " + e);
        }
        for (JsonNode pod : pods) {
            count++;
            String name = pod.at("/metadata/name").asText();
            given += cores(
                    pod.at("/status/containerStatuses/0/resources/limits/cpu").asText("0"));
            memory += mebibytes(pod.at("/status/containerStatuses/0/resources/limits/memory")
                    .asText("0"));
            try {
                String address = "http://" + pod.at("/status/podIP").asText() + ":8080/progress";
                HttpRequest request = HttpRequest.newBuilder(URI.create(address))
                        .timeout(Duration.ofSeconds(1))
                        .build();
                JsonNode progress = JSON.readTree(http.send(request, HttpResponse.BodyHandlers.ofString())
                                .body())
                        .path(0);
                lag += progress.path("lagRecords").asLong();
                state += progress.at("/usage/stateUnpackedBytes").asDouble() / (1 << 20);
                long[] counters = {
                    progress.at("/usage/nanos").asLong(),
                    progress.at("/usage/cpuNanos").asLong(),
                    progress.at("/usage/stateWaitNanos").asLong()
                };
                long[] last = before.put(name, counters);
                if (last != null && counters[0] > last[0]) {
                    double nanos = counters[0] - last[0];
                    used += (counters[1] - last[1]) / nanos;
                    waits += Math.max(0, counters[2] - last[2]) / nanos;
                }
            } catch (IOException | IllegalArgumentException e) {
                System.out.println("timeline: " + name + " does not answer");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        return new Look(now, load, lag, used, given, memory, state, count == 0 ? 0 : waits / count, count);
    }

    private static double cores(String cpu) {
        return cpu.endsWith("m")
                ? Double.parseDouble(cpu.substring(0, cpu.length() - 1)) / 1000
                : Double.parseDouble(cpu);
    }

    private static double mebibytes(String memory) {
        return Size.ofText(memory).value() / (double) (1 << 20);
    }

    /** Looks no more. */
    void stop() throws InterruptedException {
        enough = true;
        looks.join();
    }

    /** Draws it into a file. */
    void write(Path file) throws IOException {
        StringBuilder svg = new StringBuilder("""
                <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 620" font-family="sans-serif" font-size="11">
                <rect width="100%" height="100%" fill="white"/>
                """);
        panel(svg, 20, "rows a second that are sent", List.of(Look::load), List.of("#777"));
        panel(svg, 120, "rows that wait", List.of(Look::lag), List.of("#c0392b"));
        panel(
                svg,
                220,
                "cores: given (blue), used (green)",
                List.of(Look::given, Look::used),
                List.of("#1f5fbf", "#2e8b57"));
        panel(
                svg,
                320,
                "MiB: memory (blue), state if it were in memory (green)",
                List.of(Look::memory, Look::state),
                List.of("#1f5fbf", "#2e8b57"));
        panel(svg, 420, "share of the time in which a pod waits for state", List.of(Look::waits), List.of("#c0392b"));
        panel(svg, 520, "pods", List.of(Look::pods), List.of("#1f5fbf"));
        double last = timeline.get(timeline.size() - 1).seconds();
        svg.append(String.format(Locale.ROOT, "<text x=\"640\" y=\"614\">%.0f s</text>%n</svg>%n", last));
        Files.writeString(file, svg);
    }

    private void panel(
            StringBuilder svg, int y, String title, List<ToDoubleFunction<Look>> values, List<String> colours) {
        double most = timeline.stream()
                .flatMapToDouble(look -> values.stream().mapToDouble(value -> value.applyAsDouble(look)))
                .max()
                .orElse(1);
        most = Math.max(most, 1e-9); // of what never is there
        double last = timeline.get(timeline.size() - 1).seconds();
        svg.append(String.format(
                Locale.ROOT,
                "<text x=\"10\" y=\"%d\">%s, up to %s</text>%n",
                y,
                title,
                String.format(Locale.ROOT, most >= 10 ? "%.0f" : "%.1f", most)));
        for (int i = 0; i < values.size(); i++) {
            svg.append("<polyline fill=\"none\" stroke=\"")
                    .append(colours.get(i))
                    .append("\" points=\"");
            for (Look look : timeline) {
                double height = 70 * values.get(i).applyAsDouble(look) / most;
                svg.append(String.format(Locale.ROOT, "%.1f,%.1f ", 10 + 730 * look.seconds() / last, y + 80 - height));
            }
            svg.append("\"/>\n");
        }
    }
}
