package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.CheckpointStatus;
import dev.millrace.api.StreamingQueryStatus.Lag;
import dev.millrace.api.StreamingQueryStatus.Throughput;
import dev.millrace.api.StreamingQueryStatus.Warning;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.Observed.EngineView;
import java.math.BigDecimal;
import java.math.MathContext;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Parts of a status. Figures that move all the time are taken over with another change, else at most once a minute. */
final class Statuses {

    private static final Duration FIGURES = Duration.ofMinutes(1);
    private static final int MAX_WARNINGS = 20;

    private Statuses() {}

    static List<Warning> warnings(Verdict verdict) {
        return verdict.warnings().stream()
                .limit(MAX_WARNINGS)
                .map(finding -> new Warning(finding.code(), finding.field() + ": " + finding.message()))
                .toList();
    }

    /** The newest stored checkpoint; a new one is a reason to write the status only with others. */
    static CheckpointStatus checkpoint(Optional<EngineProgress> engine, CheckpointStatus before) {
        if (engine.isEmpty() || engine.get().checkpointEpoch() == null) {
            return before;
        }
        EngineProgress now = engine.get();
        return new CheckpointStatus(
                String.valueOf(now.checkpointEpoch()),
                now.checkpointEpoch(),
                now.checkpointTime(),
                now.checkpointBytes(),
                rounded(now.checkpointSeconds()));
    }

    /** Takes new figures into a status that changes anyway, or when those it has are a minute old and differ. */
    static StreamingQueryStatus withFigures(
            StreamingQueryStatus before,
            StreamingQueryStatus next,
            Optional<EngineProgress> progress,
            EngineView engine,
            Instant now) {
        boolean due = before.figuresAt() == null
                || !now.isBefore(Instant.parse(before.figuresAt()).plus(FIGURES));
        boolean firstCheckpoint = before.checkpoint() == null && next.checkpoint() != null;
        boolean other = !next.withFiguresOf(before).equals(before) || firstCheckpoint;
        if (progress.isEmpty() || !due && !other) {
            return due || other ? next : before;
        }
        EngineProgress figures = progress.get();
        StreamingQueryStatus taken = next.withFigures(
                new Lag(rounded(figures.lagRecords()), rounded(figures.lagSeconds())),
                engine == null || engine.rates() == null
                        ? before.throughput()
                        : new Throughput(
                                rounded(engine.rates().in()),
                                rounded(engine.rates().out())),
                figures.rowsLate(),
                figures.rowsMalformed(),
                next.checkpoint(),
                before.figuresAt());
        return taken.equals(before)
                ? before
                : taken.withFigures(
                        taken.lag(),
                        taken.throughput(),
                        taken.lateRows(),
                        taken.malformedRows(),
                        taken.checkpoint(),
                        Decider.time(now));
    }

    /** The figures that a status shows of an engine, as one text to compare. */
    static String figures(EngineView engine) {
        EngineProgress now = engine.progress();
        return rounded(now.lagRecords()) + " " + rounded(now.lagSeconds()) + " " + now.rowsLate() + " "
                + now.rowsMalformed() + " " + now.checkpointEpoch()
                + (engine.rates() == null
                        ? ""
                        : " " + rounded(engine.rates().in()) + " "
                                + rounded(engine.rates().out()));
    }

    /** To two digits: more of them would change all the time and tell nothing. */
    static Double rounded(Double figure) {
        return figure == null || figure.isNaN() || figure.isInfinite()
                ? null
                : Double.valueOf(
                        BigDecimal.valueOf(figure).round(new MathContext(2)).doubleValue());
    }

    static Long rounded(Long figure) {
        return figure == null
                ? null
                : Long.valueOf(
                        BigDecimal.valueOf(figure).round(new MathContext(2)).longValue());
    }
}
