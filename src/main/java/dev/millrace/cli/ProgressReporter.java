package dev.millrace.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.connectors.console.ConsoleTable;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.serving.QueryStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Shows, at an interval, how each query goes: a line of text or of JSON per query, and a summary at the end. */
final class ProgressReporter {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final List<Watched> watched = new ArrayList<>();
    private final RunCommand.ProgressForm form;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "millrace-progress");
        thread.setDaemon(true);
        return thread;
    });

    /** A query to watch. */
    record Subject(QueryStatus status, ConsoleTable table) {}

    private static final class Watched {
        private final Subject subject;
        private final long startNanos = System.nanoTime();
        private long lastNanos = startNanos;
        private long lastIn;
        private long lastOut;

        Watched(Subject subject) {
            this.subject = subject;
        }
    }

    ProgressReporter(List<Subject> subjects, RunCommand.ProgressForm form, int intervalSeconds) {
        this.form = form;
        subjects.forEach(subject -> watched.add(new Watched(subject)));
        if (form != RunCommand.ProgressForm.none) {
            timer.scheduleAtFixedRate(this::report, intervalSeconds, intervalSeconds, TimeUnit.SECONDS);
        }
    }

    private void report() {
        watched.forEach(query -> show(progress(query), query.subject));
    }

    private void show(Map<String, Object> progress, Subject subject) {
        if (form == RunCommand.ProgressForm.json) {
            System.err.println(json(progress));
        } else if (subject.table() != null) {
            subject.table().status(line(progress));
        } else {
            System.err.println(line(progress));
        }
    }

    static String json(Map<String, Object> progress) {
        try {
            return MAPPER.writeValueAsString(progress);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, Object> progress(Watched query) {
        QueryMetrics metrics = query.subject.status().metrics();
        long now = System.nanoTime();
        double seconds = Math.max(1e-3, (now - query.lastNanos) / 1e9);
        long in = metrics.rowsIn.sum();
        long out = metrics.rowsOut.sum();
        Map<String, Object> progress = query.subject.status().progress();
        progress.put("rowsInPerSecond", Math.round((in - query.lastIn) / seconds));
        progress.put("rowsOutPerSecond", Math.round((out - query.lastOut) / seconds));
        query.lastNanos = now;
        query.lastIn = in;
        query.lastOut = out;
        return progress;
    }

    private static String line(Map<String, Object> p) {
        StringBuilder line = new StringBuilder();
        line.append(p.get("query")).append(": ").append(p.get("phase"));
        line.append(", epoch ").append(p.get("epoch"));
        line.append(String.format(
                Locale.ROOT, ", %,d rows/s in, %,d out", p.get("rowsInPerSecond"), p.get("rowsOutPerSecond")));
        if (p.get("lagRecords") != null) {
            line.append(String.format(Locale.ROOT, ", lag %,d", p.get("lagRecords")));
            if (p.get("lagSeconds") != null) {
                line.append(" (")
                        .append(Duration.ofSeconds(((Double) p.get("lagSeconds")).longValue()))
                        .append(')');
            }
        }
        if (p.get("watermark") != null) {
            line.append(", watermark ").append(p.get("watermark"));
        }
        line.append(String.format(
                Locale.ROOT, ", state %,d rows, %.1f MB", p.get("stateRows"), (Long) p.get("stateBytes") / 1e6));
        if (p.get("commitAgeSeconds") != null) {
            line.append(String.format(Locale.ROOT, ", committed %.1f s ago", p.get("commitAgeSeconds")));
        }
        line.append(", late ").append(p.get("rowsLate")).append(", malformed ").append(p.get("rowsMalformed"));
        return line.toString();
    }

    /** The last state of the tables and a line per query. */
    void summary() {
        timer.shutdownNow();
        for (Watched query : watched) {
            Subject subject = query.subject;
            if (subject.table() != null) {
                subject.table().status("");
                subject.table().draw();
            }
            QueryMetrics metrics = subject.status().metrics();
            double seconds = (System.nanoTime() - query.startNanos) / 1e9;
            if (form == RunCommand.ProgressForm.json) {
                System.err.println(json(progress(query)));
            } else {
                System.err.printf(
                        Locale.ROOT,
                        "query '%s' ended at epoch %d after %.1f s: %,d rows in, %,d out, %,d late, %,d malformed%n",
                        subject.status().name(),
                        metrics.figures().epoch(),
                        seconds,
                        metrics.rowsIn.sum(),
                        metrics.rowsOut.sum(),
                        metrics.rowsLate.sum(),
                        metrics.rowsMalformed.sum());
            }
        }
    }
}
