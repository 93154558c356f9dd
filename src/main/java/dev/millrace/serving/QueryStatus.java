package dev.millrace.serving;

import dev.millrace.data.Watermark;
import dev.millrace.engine.QueryMetrics;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** A query as its users see it while it runs. */
public record QueryStatus(String name, QueryMetrics metrics) {

    /** What holds now, by stable names; null where a figure is unknown. */
    public Map<String, Object> progress() {
        QueryMetrics.Figures figures = metrics.figures();
        Map<String, Object> progress = new LinkedHashMap<>();
        progress.put("query", name);
        progress.put("phase", figures.phase());
        progress.put("epoch", figures.epoch());
        progress.put("rowsIn", metrics.rowsIn.sum());
        progress.put("rowsOut", metrics.rowsOut.sum());
        progress.put("lagRecords", figures.lagRecords() < 0 ? null : figures.lagRecords());
        progress.put("lagSeconds", figures.lagMillis() < 0 ? null : figures.lagMillis() / 1000.0);
        boolean timed = figures.watermark() != Watermark.NONE && figures.watermark() != Watermark.END;
        progress.put(
                "watermark", timed ? Instant.ofEpochMilli(figures.watermark()).toString() : null);
        progress.put("stateRows", figures.stateRows());
        progress.put("stateBytes", figures.stateBytes());
        long committed = figures.committedAtMillis();
        progress.put("commitAgeSeconds", committed == 0 ? null : (System.currentTimeMillis() - committed) / 1000.0);
        progress.put("rowsLate", metrics.rowsLate.sum());
        progress.put("rowsMalformed", metrics.rowsMalformed.sum());
        if (!metrics.weakness().isEmpty()) {
            progress.put("notDurable", metrics.weakness());
        }
        if (!figures.message().isEmpty()) {
            progress.put("message", figures.message());
        }
        return progress;
    }
}
