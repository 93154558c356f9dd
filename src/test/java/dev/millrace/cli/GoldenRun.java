package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.api.ResourceReader;
import dev.millrace.connectors.Sink;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.files.FileSource;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.Slot;
import dev.millrace.engine.recovery.FileProgressLog;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.MalformedPolicy;
import dev.millrace.engine.task.QueryDefinition;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.formats.Format;
import dev.millrace.formats.RecordEncoder;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import dev.millrace.plan.StoredPlan;
import dev.millrace.state.rocksdb.StateDirectory;
import dev.millrace.state.rocksdb.StateMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Runs one golden query over its files, crashing and starting again at random steps, and keeps what its sinks hold: per
 * output mode the integrated result as a bag of rows (JSON text → count).
 */
final class GoldenRun {

    private final Compilation query;
    private final Variation variation;
    private final Random random;
    private final Path state;
    private final Map<String, Held> held = new LinkedHashMap<>();
    private QueryRun running;
    private int crashesLeft;
    private long epochs;
    private long steps;
    private int appendChecks;

    /** How to run: results must not depend on it. */
    record Variation(int threads, int batchRows, int partitions, int crashes, long seed) {}

    /** Simulates the death of the process. */
    static final class Crash extends RuntimeException {
        Crash(FaultPoints.Step step) {
            super("crash at " + step);
        }
    }

    GoldenRun(Path directory, Variation variation, Path state) throws IOException {
        Path file = directory.resolve("query.yaml");
        ResourceReader.Result read = ResourceReader.read(file.toString(), Files.readString(file));
        if (!read.problems().isEmpty()) {
            throw new IllegalArgumentException(read.problems().toString());
        }
        Compilation compiled = Compilation.of(read.documents().get(0), directory);
        this.query = variation.seed() % 2 == 0
                ? compiled
                : stored(compiled, read.documents().get(0), directory);
        if (!query.problems().isEmpty()) {
            throw new IllegalArgumentException(query.problems().toString());
        }
        this.variation = variation;
        this.random = new Random(variation.seed());
        this.state = state;
        this.crashesLeft = variation.crashes();
        query.plan().sinks().forEach(sink -> held.put(sink.name(), new Held(sink, holdColumn())));
    }

    /** As a pod has it: with the plan that was stored. */
    private static Compilation stored(Compilation compiled, ResourceReader.Document document, Path directory) {
        try {
            String text = StoredPlan.write(compiled.plan());
            QueryPlan read = StoredPlan.read(text);
            assertEquals(compiled.plan(), read);
            return Compilation.of(document, directory, read);
        } catch (StoredPlan.UnreadableException e) {
            throw new IllegalStateException(e);
        }
    }

    private int holdColumn() {
        return query.plan().sinks().stream()
                .map(SinkPlan::root)
                .filter(PlanNode.Hold.class::isInstance)
                .mapToInt(root -> ((PlanNode.Hold) root).column())
                .findFirst()
                .orElse(-1);
    }

    Compilation query() {
        return query;
    }

    Map<String, Held> held() {
        return held;
    }

    /** How many steps of epochs were reached. */
    long steps() {
        return steps;
    }

    /** Runs to the end of the input, over all crashes. */
    void run() {
        while (true) {
            try {
                running = new QueryRun(definition(), notice -> {}, this::step);
                running.run();
                checkAppended();
                return;
            } catch (Crash crash) {
                held.values().forEach(sink -> sink.pending.clear());
            }
        }
    }

    private void step(FaultPoints.Step step) {
        steps++;
        if (step == FaultPoints.Step.BEFORE_SEND) {
            checkAppended();
        }
        if (step == FaultPoints.Step.AFTER_STATE_WRITE) {
            epochs++;
            checkModesAgree();
        }
        if (crashesLeft > 0 && random.nextInt(8) == 0) {
            crashesLeft--;
            throw new Crash(step);
        }
    }

    /** For every epoch: the folded updates are the complete table. */
    private void checkModesAgree() {
        Optional<Held> update = held.values().stream()
                .filter(h -> h.plan.mode() == OutputMode.UPDATE)
                .findFirst();
        Optional<Held> complete = held.values().stream()
                .filter(h -> h.plan.mode() == OutputMode.COMPLETE)
                .findFirst();
        if (update.isPresent()
                && complete.isPresent()
                && !update.get().rows().equals(complete.get().rows())) {
            throw new AssertionError("after epoch " + epochs + " update folds to "
                    + update.get().rows() + " but complete is " + complete.get().rows());
        }
    }

    /** After every epoch: what was appended is the part of the complete table that the watermark has closed. */
    private void checkAppended() {
        Held append = null;
        Held complete = null;
        for (Held sink : held.values()) {
            append = sink.plan.mode() == OutputMode.APPEND ? sink : append;
            complete = sink.plan.mode() == OutputMode.COMPLETE ? sink : complete;
        }
        if (append == null || complete == null) {
            return;
        }
        Map<String, Long> closed = new TreeMap<>(complete.rows());
        if (append.plan.root() instanceof PlanNode.Hold hold) {
            long watermark = running.metrics().figures().watermark();
            long bound = watermark == Watermark.NONE
                    ? Long.MIN_VALUE
                    : hold.waterline().at(watermark);
            Map<String, Long> times = complete.times;
            closed.keySet().removeIf(row -> times.get(row) >= bound);
        } else if (!query.plan().rootProperties().appendOnly()) {
            return;
        }
        if (!append.rows().equals(closed)) {
            throw new AssertionError(
                    "after epoch " + epochs + " append wrote " + append.rows() + " but closed are " + closed);
        }
        appendChecks++;
    }

    /** How often appended rows were compared. */
    int appendChecks() {
        return appendChecks;
    }

    private QueryDefinition definition() {
        Map<String, QueryDefinition.SourceBinding> bindings = new HashMap<>();
        query.sources()
                .keySet()
                .forEach(name -> bindings.put(name, new QueryDefinition.SourceBinding(MalformedPolicy.FAIL, 0)));
        QueryDefinition.Settings settings = new QueryDefinition.Settings(
                variation.threads(),
                5_000,
                0,
                true,
                3_600_000,
                3,
                1 + random.nextInt(Math.max(2, variation.batchRows() * 6)),
                1 << 20);
        return new QueryDefinition(
                query.name(),
                query.plan(),
                bindings,
                this::world,
                new StateDirectory(state, new StateMemory(16 << 20), 2, Optional::empty, Optional::empty),
                List::of,
                Slot.ONLY,
                () -> Division.ONE,
                Clock.SYSTEM,
                settings);
    }

    private QueryDefinition.World world() {
        Map<String, Source> sources = new HashMap<>();
        for (PlanNode.Scan scan : query.plan().scans(true)) {
            Compilation.BoundSource bound = query.sources().get(scan.table().name());
            sources.put(
                    scan.table().name(),
                    new FileSource(
                            new FileSource.Config(
                                    scan.table().name(),
                                    query.directory()
                                            .resolve(bound.spec().files().path()),
                                    null,
                                    bound.schema(),
                                    scan.columns(),
                                    bound.format()),
                            false));
        }
        for (PlanNode.Scan scan : query.plan().scans(false)) {
            Compilation.BoundSource bound = query.sources().get(scan.table().name());
            Path path = query.directory().resolve(bound.spec().files().path());
            sources.put(
                    scan.table().name(),
                    new RecordsSource(
                            scan, bound.format(), lines(path), variation.partitions(), variation.batchRows()));
        }
        Map<String, Sink> sinks = new HashMap<>(held);
        return new QueryDefinition.World(
                sources,
                sinks,
                Optional.empty(),
                Optional.empty(),
                new FileProgressLog(state.resolve("log")),
                Optional.empty(),
                Optional.empty(),
                () -> false,
                incarnation -> {});
    }

    private static List<byte[]> lines(Path path) {
        try {
            List<String> lines = Files.readAllLines(path, StandardCharsets.UTF_8);
            return lines.stream()
                    .map(line -> line.getBytes(StandardCharsets.UTF_8))
                    .toList();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** A sink that survives crashes as files would: an epoch's rows are prepared, then published once. */
    static final class Held implements Sink {
        private final SinkPlan plan;
        private final RecordEncoder json = new Format.Json(Format.TimestampStyle.ISO8601).encoder();
        private final List<Runnable> pending = new ArrayList<>();
        private final Map<Long, List<Runnable>> prepared = new HashMap<>();
        private final Map<String, String> byKey = new HashMap<>();
        private final Map<String, Long> bag = new HashMap<>();

        private final Map<String, Long> times = new HashMap<>();
        private final int timeColumn;

        /**
         * @param timeColumn by which rows are held for append, or −1
         */
        Held(SinkPlan plan, int timeColumn) {
            this.plan = plan;
            this.timeColumn = timeColumn;
        }

        SinkPlan plan() {
            return plan;
        }

        /** The integrated result: row as JSON → count. */
        Map<String, Long> rows() {
            Map<String, Long> rows = new TreeMap<>(bag);
            byKey.values().forEach(row -> rows.merge(row, 1L, Long::sum));
            return rows;
        }

        private String json(Batch batch, int row, int[] columns) {
            Bytes bytes = new Bytes();
            json.encode(batch, row, columns, bytes);
            return new String(bytes.array(), 0, bytes.length(), StandardCharsets.UTF_8);
        }

        private int[] columns() {
            return IntStream.range(0, plan.root().schema().size()).toArray();
        }

        @Override
        public Writer writer() {
            return new Writer() {
                @Override
                public void append(Batch rows) {
                    synchronized (Held.this) {
                        for (int row = 0; row < rows.size(); row++) {
                            String text = json(rows, row, columns());
                            if (timeColumn >= 0) {
                                times.put(text, rows.longs(timeColumn).get(row));
                            }
                            long weight = rows.weight(row);
                            pending.add(() -> bag.merge(text, weight, Long::sum));
                        }
                    }
                }

                @Override
                public void change(Batch rows, int[] keys) {
                    for (int row = 0; row < rows.size(); row++) {
                        String key = json(rows, row, keys);
                        String text = json(rows, row, columns());
                        boolean set = rows.weight(row) > 0;
                        pending.add(() -> {
                            if (set) {
                                byKey.put(key, text);
                            } else if (byKey.remove(key) == null) {
                                throw new AssertionError("a delete of a row that is not there: " + text);
                            }
                        });
                    }
                }

                @Override
                public void replace(long epoch, List<Batch> batches) {
                    pending.add(bag::clear);
                    batches.forEach(this::append);
                }
            };
        }

        @Override
        public String prepare(long epoch) {
            prepared.put(epoch, new ArrayList<>(pending));
            pending.clear();
            return "epoch";
        }

        @Override
        public void publish(long epoch, String note) {
            List<Runnable> changes = prepared.remove(epoch);
            if (changes != null) {
                changes.forEach(Runnable::run);
            }
        }

        @Override
        public void close() {
            pending.clear();
        }
    }
}
