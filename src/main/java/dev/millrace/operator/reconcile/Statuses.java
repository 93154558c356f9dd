package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQuery;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.CheckpointStatus;
import dev.millrace.api.StreamingQueryStatus.FurthestBehind;
import dev.millrace.api.StreamingQueryStatus.HotKeyGroup;
import dev.millrace.api.StreamingQueryStatus.Lag;
import dev.millrace.api.StreamingQueryStatus.Throughput;
import dev.millrace.api.StreamingQueryStatus.Volume;
import dev.millrace.api.StreamingQueryStatus.Warning;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.Observed.EngineView;
import java.math.BigDecimal;
import java.math.MathContext;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/** Parts of a status. Figures that move all the time are taken over with another change, else at most once a minute. */
final class Statuses {

    private static final Duration FIGURES = Duration.ofMinutes(1);
    private static final int MAX_WARNINGS = 20;

    private Statuses() {}

    /**
     * What the compiler warns of, and what is no matter of a version.
     *
     * @param known of the compiler, or of the status before; null for none
     */
    static List<Warning> warnings(JsonNode spec, List<Warning> known) {
        List<Warning> all = new ArrayList<>(known == null ? List.of() : known);
        all.removeIf(warning -> warning.code().equals(StreamingQuery.REPLICAS_IGNORED));
        boolean manual = "Manual".equals(spec.at("/scaling/mode").asText());
        if (spec.has("replicas") && !manual) {
            all.add(new Warning(
                    StreamingQuery.REPLICAS_IGNORED, "spec.replicas: " + StreamingQuery.REPLICAS_ARE_FOR_MANUAL));
        }
        return known == null && all.isEmpty() ? null : all;
    }

    static List<Warning> warnings(Verdict verdict) {
        return verdict.warnings().stream()
                .limit(MAX_WARNINGS)
                .map(finding -> new Warning(finding.code(), finding.field() + ": " + finding.message()))
                .toList();
    }

    /** What the slots' pods say; nothing while one of them that has a part in the query says nothing: sums would be short. */
    static List<EngineView> answering(List<SlotDecision> slots) {
        List<EngineView> engines = new ArrayList<>();
        for (SlotDecision slot : slots) {
            if (slot.engine().isPresent()) {
                engines.add(slot.engine().get());
            } else if (slot.slot().keyGroups() != null) {
                return List.of();
            }
        }
        return engines;
    }

    /**
     * The newest stored checkpoint, of several slots the oldest of those; a new one is a reason to write the status only with
     * others.
     */
    static CheckpointStatus checkpoint(List<EngineView> engines, CheckpointStatus before) {
        List<EngineProgress> stored = engines.stream()
                .map(EngineView::progress)
                .filter(engine -> engine.checkpointEpoch() != null)
                .sorted(Comparator.comparing(
                        EngineProgress::checkpointTime, Comparator.nullsFirst(Comparator.naturalOrder())))
                .toList();
        if (stored.isEmpty() || stored.size() < engines.size()) {
            return before;
        }
        EngineProgress oldest = stored.get(0);
        return new CheckpointStatus(
                String.valueOf(oldest.checkpointEpoch()),
                oldest.checkpointEpoch(),
                oldest.checkpointTime(),
                sum(stored, EngineProgress::checkpointBytes),
                rounded(greatest(stored, EngineProgress::checkpointSeconds)));
    }

    /** Takes new figures into a status that changes anyway, or when those it has are a minute old and differ. */
    static StreamingQueryStatus withFigures(
            StreamingQueryStatus before,
            StreamingQueryStatus next,
            List<EngineView> engines,
            List<HotKeyGroup> hot,
            List<Volume> volumes,
            Double catchUp,
            Instant now) {
        boolean due = before.figuresAt() == null
                || !now.isBefore(Instant.parse(before.figuresAt()).plus(FIGURES));
        boolean firstCheckpoint = before.checkpoint() == null && next.checkpoint() != null;
        boolean other = !next.withFiguresOf(before).equals(before) || firstCheckpoint;
        if (engines.isEmpty() || !due && !other) {
            return due || other ? next : before;
        }
        List<EngineProgress> figures =
                engines.stream().map(EngineView::progress).toList();
        StreamingQueryStatus taken = next.withFigures(
                new Lag(
                        rounded(sum(figures, EngineProgress::lagRecords)),
                        rounded(greatest(figures, EngineProgress::lagSeconds)),
                        rounded(catchUp),
                        furthestBehind(figures)),
                throughput(engines).orElse(before.throughput()),
                sum(figures, EngineProgress::rowsLate),
                sum(figures, EngineProgress::rowsMalformed),
                hot.isEmpty() ? null : hot,
                volumes,
                next.checkpoint(),
                next.scaling(),
                before.figuresAt());
        return taken.equals(before)
                ? before
                : taken.withFigures(
                        taken.lag(),
                        taken.throughput(),
                        taken.lateRows(),
                        taken.malformedRows(),
                        taken.hotKeyGroups(),
                        taken.volumes(),
                        taken.checkpoint(),
                        taken.scaling(),
                        Decider.time(now));
    }

    private static Optional<Throughput> throughput(List<EngineView> engines) {
        if (engines.stream().anyMatch(engine -> engine.rates() == null)) {
            return Optional.empty();
        }
        double in = engines.stream().mapToDouble(engine -> engine.rates().in()).sum();
        double out =
                engines.stream().mapToDouble(engine -> engine.rates().out()).sum();
        return Optional.of(new Throughput(rounded(in), rounded(out)));
    }

    private static FurthestBehind furthestBehind(List<EngineProgress> engines) {
        return engines.stream()
                .map(EngineProgress::furthestBehind)
                .filter(Objects::nonNull)
                .max(Comparator.<EngineProgress.FurthestBehind>comparingDouble(
                                one -> one.lagSeconds() == null ? -1 : one.lagSeconds())
                        .thenComparingLong(EngineProgress.FurthestBehind::lagRecords))
                .map(one -> new FurthestBehind(
                        one.source(),
                        one.partition(),
                        rounded(Long.valueOf(one.lagRecords())),
                        rounded(one.lagSeconds())))
                .orElse(null);
    }

    /** Null where a part is unknown. */
    private static Long sum(List<EngineProgress> engines, Function<EngineProgress, Long> figure) {
        List<Long> parts = engines.stream().map(figure).toList();
        return parts.stream().anyMatch(Objects::isNull)
                ? null
                : Long.valueOf(parts.stream().mapToLong(Long::longValue).sum());
    }

    /** Of the known ones; null where there are none. */
    private static Double greatest(List<EngineProgress> engines, Function<EngineProgress, Double> figure) {
        return engines.stream()
                .map(figure)
                .filter(Objects::nonNull)
                .max(Comparator.naturalOrder())
                .orElse(null);
    }

    /** The figures that a status shows of an engine, as one text to compare. */
    static String figures(EngineView engine) {
        EngineProgress now = engine.progress();
        return rounded(now.lagRecords()) + " " + rounded(now.lagSeconds()) + " " + now.rowsLate() + " "
                + now.rowsMalformed() + " " + now.checkpointEpoch() + " " + HotKeyGroups.text(now)
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
