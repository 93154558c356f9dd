package dev.millrace.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How long queries took to come back, by what had happened. {@code -Drecovery.repeats=5 -Drecovery.write=true} on the cluster
 * tests measures each so often and writes {@code docs/recovery.md}.
 */
final class RecoveryTimes {

    private static final Path PAGE = Path.of("docs/recovery.md");

    private final Map<String, List<Duration>> times = new LinkedHashMap<>();

    static int repeats() {
        return Integer.getInteger("recovery.repeats", 1);
    }

    synchronized void add(String event, Duration time) {
        System.out.println(event + ": next epoch after " + time.toMillis() + " ms");
        times.computeIfAbsent(event, absent -> new ArrayList<>()).add(time);
    }

    synchronized void write() throws IOException {
        if (!Boolean.getBoolean("recovery.write") || times.isEmpty()) {
            return;
        }
        StringBuilder page =
                new StringBuilder("""
                # Recovery times

                ```
                ./mvnw -Pcluster verify -Dit.test='Operator*IT' -Drecovery.repeats=5 -Drecovery.write=true
                ```

                measures them on the cluster of `KUBECONFIG` and writes the table below: from the event to the first new committed epoch, a
                query of 50 keys over a stream of 1,000 rows a second, `nodeLossTimeout` 30 s, a pod of one CPU (0.6 where there are two), checkpoints in
                Kafka every 3 s. Measured on @date, two nodes, broker and control plane on two cores together.

                | event | median | range | times |
                |---|---|---|---|
                """.replace("@date", LocalDate.now().toString()));
        times.forEach((event, found) -> {
            List<Duration> sorted = new ArrayList<>(found);
            Collections.sort(sorted);
            page.append("| ")
                    .append(event)
                    .append(" | ")
                    .append(seconds(sorted.get(sorted.size() / 2)))
                    .append(" s | ")
                    .append(seconds(sorted.get(0)))
                    .append("–")
                    .append(seconds(sorted.get(sorted.size() - 1)))
                    .append(" s | ")
                    .append(sorted.size())
                    .append(" |\n");
        });
        String before = Files.exists(PAGE) ? Files.readString(PAGE) : "";
        int others = before.indexOf("\n## ");
        Files.writeString(PAGE, page + (others < 0 ? "" : before.substring(others)));
    }

    private static String seconds(Duration time) {
        return String.format(java.util.Locale.ROOT, "%.1f", time.toMillis() / 1000.0);
    }
}
