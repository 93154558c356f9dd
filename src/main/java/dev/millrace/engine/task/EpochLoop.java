package dev.millrace.engine.task;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.Watermark;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.ProgressLog.SupersededException;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.ProgressRecord.SourceProgress;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.RecordJson;
import dev.millrace.engine.operators.RowErrors;
import dev.millrace.engine.operators.Stage;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SinkPlan;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * One life of a query between a start and a fault: {@link #open} recovers by replaying what the log has and the state
 * misses, with output suppressed; {@link #run} goes on live. An epoch is computed by the same code in both.
 *
 * <p>Order of an epoch: compute; send and commit, which makes the epoch exist; publish sinks outside of the transaction;
 * write the state. A crash in between leaves the state behind the log, never ahead.
 */
final class EpochLoop implements AutoCloseable {

    private static final String BUILD = "0.1";
    private static final byte[] META_LOG_POSITION = StateKeys.meta("log-position");
    private static final byte[] META_PLAN = StateKeys.meta("plan");
    private static final byte[] META_RECORD = StateKeys.meta("record");
    private static final String JOURNAL = "journal/";
    private static final long POLL_MILLIS = 50;
    private static final long EPOCH_BYTES = 64L << 20;
    private static final long DISCOVER_MILLIS = 2_000;

    private final QueryDefinition definition;
    private final QueryMetrics metrics;
    private final Consumer<String> notices;
    private final FaultPoints faults;
    private final int workerCount;
    private final Workers workers;
    private final StateBatch stateBatch = new StateBatch();
    private final List<Problems> problems = new ArrayList<>();
    private final List<Inputs> inputs = new ArrayList<>();
    private final List<Results> results = new ArrayList<>();
    private final Map<String, Sink> sinks = new LinkedHashMap<>();
    private long incarnation;
    private StateStore store;
    private QueryDefinition.World world;
    private ProgressLog log;
    private Dataflow dataflow;
    private String lineage;
    private long epoch;
    private long timeMillis;
    private long watermark = Watermark.NONE;
    private ProgressRecord last;
    private long lastCheckpoint = System.currentTimeMillis();
    private long lastDiscovery = System.currentTimeMillis();
    private Sink.Writer letterWriter;
    private Sink.Writer lateWriter;

    EpochLoop(
            QueryDefinition definition,
            QueryMetrics metrics,
            Consumer<String> notices,
            FaultPoints faults,
            long incarnation) {
        this.definition = definition;
        this.metrics = metrics;
        this.notices = notices;
        this.faults = faults;
        this.incarnation = incarnation;
        this.workerCount = definition.settings().workers();
        this.workers = new Workers(workerCount);
    }

    long incarnation() {
        return incarnation;
    }

    void open() {
        metrics.phase("starting", "");
        store = definition.state().open();
        definition.state().loss().ifPresent(notices);
        world = definition.world().get();
        log = world.log();
        List<ProgressLog.Entry> entries = new ArrayList<>();
        byte[] storedPosition = store.get(List.of(META_LOG_POSITION)).get(0);
        long from = storedPosition == null ? -1 : Bytes.getLong(storedPosition, 0);
        log.open(from, entries::add);
        checkPlan();
        decideIncarnation(entries);
        if (entries.isEmpty() && store.epoch() == StateStore.NO_EPOCH) {
            begin();
        } else {
            recover(entries);
        }
        metrics.phase("running", "");
        updateFigures();
    }

    private void checkPlan() {
        byte[] stored = store.get(List.of(META_PLAN)).get(0);
        if (stored != null) {
            requirePlan(new String(stored, java.nio.charset.StandardCharsets.UTF_8));
        }
    }

    private void requirePlan(String plan) {
        if (!plan.equals(definition.plan().id())) {
            throw new QueryException(
                    "PlanChanged",
                    "the query differs from the one whose state and log are kept under this name (plan " + plan
                            + ", now "
                            + definition.plan().id()
                            + "): it needs a rebuild. Use another state.id to start anew, beside"
                            + " what the old query has written");
        }
    }

    private void decideIncarnation(List<ProgressLog.Entry> entries) {
        long greatest = storedRecord() == null ? 0 : storedRecord().incarnation();
        for (ProgressLog.Entry entry : entries) {
            greatest = Math.max(greatest, entry.record().incarnation());
        }
        if (incarnation > 0 && greatest > incarnation) {
            throw new SupersededException("incarnation " + greatest + " of query '" + definition.name()
                    + "' has taken over; this one, " + incarnation + ", stops");
        }
        incarnation = incarnation > 0 ? incarnation : greatest + 1;
    }

    private ProgressRecord storedRecord() {
        byte[] stored = store.get(List.of(META_RECORD)).get(0);
        return stored == null ? null : RecordJson.read(stored);
    }

    /** The first start: epoch 0 fixes the starting positions and the static tables before any row is read. */
    private void begin() {
        lineage = UUID.randomUUID().toString();
        StaticTables tables = StaticTables.read(definition, world);
        build(tables);
        for (Inputs input : inputs) {
            input.discover();
        }
        epoch = 0;
        timeMillis = System.currentTimeMillis();
        log.begin();
        ProgressRecord record = record(true, Map.of(), Map.of());
        long position = log.commit(record, tables.journal());
        tables.store(stateBatch);
        applyState(record, position);
    }

    /** Replays the epochs that the state does not have, then claims the log for this incarnation. */
    private void recover(List<ProgressLog.Entry> entries) {
        long s = store.epoch();
        ProgressRecord base = storedRecord();
        if (base == null) {
            if (entries.get(0).record().epoch() != 0) {
                throw new QueryException(
                        "StateLost",
                        "the state is gone and the progress log begins at epoch "
                                + entries.get(0).record().epoch() + ": earlier input cannot be replayed");
            }
            base = entries.get(0).record();
        }
        lineage = base.lineage();
        requirePlan(base.plan());
        StaticTables tables =
                s >= 0 ? StaticTables.load(definition, store) : StaticTables.of(definition, log.journal(0));
        build(tables);
        restoreJournals();
        if (s < 0) {
            tables.store(stateBatch);
        }
        resume(base);
        if (s < 0) {
            applyState(base, entries.get(0).position());
        }
        replay(entries);
        claim();
        publish(last);
    }

    private void resume(ProgressRecord record) {
        epoch = record.epoch();
        timeMillis = record.timeMillis();
        watermark = record.watermark();
        last = record;
        for (Inputs input : inputs) {
            SourceProgress progress = record.sources().get(input.name());
            if (record.epoch() == 0) {
                input.restoreJournal(progress.journal());
            }
            input.watermark(watermark);
            input.restore(progress);
        }
    }

    private void replay(List<ProgressLog.Entry> entries) {
        long end = entries.isEmpty()
                ? epoch
                : entries.get(entries.size() - 1).record().epoch();
        if (end < epoch) {
            throw new QueryException(
                    "StateLost", "the state is at epoch " + epoch + " but the progress log ends at epoch " + end);
        }
        if (end > epoch) {
            notices.accept("replaying epochs " + (epoch + 1) + " to " + end + " of query '" + definition.name() + "'");
            metrics.phase("replaying", "");
        }
        for (ProgressLog.Entry entry : entries) {
            ProgressRecord record = entry.record();
            if (record.epoch() <= epoch) {
                continue;
            }
            if (record.epoch() != epoch + 1 || !record.lineage().equals(lineage)) {
                throw new QueryException(
                        "StateLost",
                        "the progress log goes from epoch " + epoch + " to epoch " + record.epoch()
                                + (record.lineage().equals(lineage) ? "" : " of another lineage"));
            }
            requirePlan(record.plan());
            replayEpoch(record, entry.position());
        }
    }

    private void replayEpoch(ProgressRecord record, long position) {
        results.forEach(result -> result.suppress(true));
        for (Inputs input : inputs) {
            SourceProgress progress = record.sources().get(input.name());
            input.restoreJournal(progress.journal());
            input.addNew(progress);
            input.limitTo(progress);
        }
        workers.run(worker -> {
            for (Inputs input : inputs) {
                SourceProgress progress = record.sources().get(input.name());
                while (!input.reached(worker, progress)) {
                    input.poll(worker, 1_000, dataflow.input(worker, input.scan()));
                }
            }
        });
        for (Inputs input : inputs) {
            input.endEpoch(0, false);
            input.checkReplay(record.sources().get(input.name()));
            input.startEpoch(metrics.rowsIn);
            input.unlimit();
        }
        epoch = record.epoch();
        timeMillis = record.timeMillis();
        watermark = record.watermark();
        finishEpoch();
        checkHashes(record);
        problems.forEach(Problems::clear);
        last = record;
        applyState(record, position);
        results.forEach(result -> result.suppress(false));
        metrics.replayedEpochs.increment();
    }

    private void checkHashes(ProgressRecord record) {
        for (Results result : results) {
            long hash = result.takeHash();
            if (hash != record.outputs().getOrDefault(result.name(), 0L)) {
                throw new QueryException(
                        "ReplayDiverged",
                        "replaying epoch " + record.epoch() + " gave other rows for sink '" + result.name()
                                + "' than were written: the input has changed, or another build of Millrace wrote them");
            }
        }
    }

    private void claim() {
        log.begin();
        ProgressRecord record = new ProgressRecord(
                ProgressRecord.FORMAT,
                lineage,
                definition.plan().id(),
                incarnation,
                true,
                epoch,
                timeMillis,
                watermark,
                last.sources(),
                last.outputs(),
                last.prepared(),
                BUILD);
        long position = log.commit(record, List.of());
        last = record;
        stateBatch.clear();
        writeMeta(record, position);
        store.apply(stateBatch, epoch);
    }

    private void build(StaticTables tables) {
        for (int worker = 0; worker < workerCount; worker++) {
            problems.add(
                    new Problems(policies(), world.lateRows().isPresent(), metrics.rowsMalformed, metrics.rowsLate));
        }
        List<PlanNode> roots =
                definition.plan().sinks().stream().map(SinkPlan::root).toList();
        List<RowErrors> errors = new ArrayList<>(problems);
        dataflow = new Dataflow(
                roots,
                new Dataflow.Context(
                        definition.plan().properties(), definition.plan().keyGroups(), store, tables.rows(), errors));
        Results.Context context =
                new Results.Context(dataflow, store, definition.plan().keyGroups(), problems, metrics.rowsOut);
        for (SinkPlan plan : definition.plan().sinks()) {
            Sink sink = world.sinks().get(plan.name());
            sinks.put(plan.name(), sink);
            results.add(new Results(plan, sink, context));
        }
        world.deadLetters().ifPresent(sink -> {
            sinks.put("deadLetters", sink);
            letterWriter = sink.writer();
        });
        world.lateRows().ifPresent(sink -> {
            sinks.put("lateRows", sink);
            lateWriter = sink.writer();
        });
        for (PlanNode.Scan scan : definition.plan().scans(false)) {
            String name = scan.table().name();
            inputs.add(new Inputs(
                    scan,
                    world.sources().get(name),
                    definition.plan().usesWatermark(),
                    definition.sources().get(name).idleTimeoutMillis(),
                    problems));
        }
    }

    private Map<String, MalformedPolicy> policies() {
        Map<String, MalformedPolicy> policies = new LinkedHashMap<>();
        definition.sources().forEach((name, binding) -> policies.put(name, binding.policy()));
        return policies;
    }

    /** Live epochs until the end. */
    QueryRun.End run(BooleanSupplier stopping) {
        QueryDefinition.Settings settings = definition.settings();
        boolean bounded = settings.availableNow() || settings.triggerIntervalMillis() > 0;
        inputs.forEach(Inputs::discover);
        if (bounded) {
            inputs.forEach(Inputs::limitToNow);
        }
        while (!stopping.getAsBoolean()) {
            boolean read = liveEpoch(settings);
            boolean caughtUp = !read && !dataflow.hasMore() && inputs.stream().allMatch(Inputs::atEnd);
            boolean ended = caughtUp && inputs.stream().allMatch(Inputs::ended);
            if (ended || (caughtUp && settings.availableNow())) {
                finish();
                return QueryRun.End.COMPLETED;
            }
            if (caughtUp && bounded) {
                waitForTrigger(settings.triggerIntervalMillis(), stopping);
                inputs.forEach(Inputs::discover);
                inputs.forEach(Inputs::limitToNow);
            }
        }
        finish();
        return QueryRun.End.STOPPED;
    }

    private void finish() {
        definition.state().checkpoint(store);
        updateFigures();
        metrics.phase("ended", "");
    }

    private static void waitForTrigger(long interval, BooleanSupplier stopping) {
        long next = (System.currentTimeMillis() / interval + 1) * interval;
        try {
            while (!stopping.getAsBoolean() && System.currentTimeMillis() < next) {
                Thread.sleep(Math.max(1, Math.min(100, next - System.currentTimeMillis())));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Reads, computes and commits one epoch, if there is reason for one; returns whether there was. */
    private boolean liveEpoch(QueryDefinition.Settings settings) {
        long now = System.currentTimeMillis();
        boolean due = discover(now) || epoch == 0 || dataflow.hasMore();
        log.begin();
        read(settings, due);
        now = System.currentTimeMillis();
        Map<String, List<String>> journals = new LinkedHashMap<>();
        for (Inputs input : inputs) {
            due |= input.endEpoch(now, true);
            List<String> journal = input.drainJournal();
            journals.put(input.name(), journal);
            due |= !journal.isEmpty();
        }
        if (!due) {
            updateFigures();
            return false;
        }
        epoch++;
        timeMillis = Math.max(timeMillis, now);
        watermark = Math.max(watermark, leastTime());
        faults.reached(FaultPoints.Step.BEFORE_SEND);
        finishEpoch();
        commitEpoch(journals);
        return true;
    }

    private boolean discover(long now) {
        if (now - lastDiscovery < DISCOVER_MILLIS) {
            return false;
        }
        lastDiscovery = now;
        boolean found = false;
        for (Inputs input : inputs) {
            found |= input.discover();
        }
        return found;
    }

    /** Polls on all workers until the interval is over; one that has read enough ends it for all. */
    private void read(QueryDefinition.Settings settings, boolean due) {
        long start = System.nanoTime();
        long budget = due ? 0 : settings.commitIntervalMillis() * 1_000_000;
        AtomicBoolean cut = new AtomicBoolean();
        workers.run(worker -> {
            long rows = 0;
            long begun = System.nanoTime();
            boolean atEnd;
            do {
                int round = 0;
                for (Inputs input : inputs) {
                    long left = (budget - (System.nanoTime() - start)) / 1_000_000;
                    long timeout = rows > 0 || round > 0 ? 0 : Math.max(0, Math.min(POLL_MILLIS, left));
                    round += input.poll(worker, timeout, dataflow.input(worker, input.scan()));
                }
                rows += round;
                if (rows >= settings.epochRows() || dataflow.epochMemory(worker) >= EPOCH_BYTES) {
                    cut.set(true);
                }
                atEnd = round == 0 && inputs.stream().allMatch(input -> input.atEnd(worker));
                atEnd &= settings.availableNow() || settings.triggerIntervalMillis() > 0;
            } while (!cut.get() && System.nanoTime() - start < budget && !atEnd);
            metrics.busyNanos.add(System.nanoTime() - begun);
        });
    }

    /** The least time of all watermarked sources that are not wholly idle; none where there is no such source. */
    private long leastTime() {
        long least = Watermark.END;
        for (Inputs input : inputs) {
            if (input.watermarked()) {
                least = Math.min(least, input.leastTime());
            }
        }
        return least == Watermark.END ? Watermark.NONE : least;
    }

    /** The part of an epoch behind the sources; the same live and in a replay. */
    private void finishEpoch() {
        for (Inputs input : inputs) {
            input.watermark(watermark);
        }
        dataflow.endEpoch(new Stage.EpochEnd(epoch, watermark), workers);
        for (Results result : results) {
            result.endEpoch(epoch);
        }
    }

    private void commitEpoch(Map<String, List<String>> journals) {
        problems.forEach(Problems::check);
        writeProblems();
        Map<String, Long> hashes = new LinkedHashMap<>();
        results.forEach(result -> hashes.put(result.name(), result.takeHash()));
        Map<String, String> prepared = new LinkedHashMap<>();
        sinks.forEach((name, sink) -> {
            String note = sink.prepare(epoch);
            if (note != null) {
                prepared.put(name, note);
            }
        });
        ProgressRecord record = record(false, hashes, prepared, journals);
        faults.reached(FaultPoints.Step.BEFORE_COMMIT);
        long start = System.nanoTime();
        long position = log.commit(record, List.of());
        metrics.commitNanos.add(System.nanoTime() - start);
        faults.reached(FaultPoints.Step.AFTER_COMMIT);
        last = record;
        publish(record);
        for (Inputs input : inputs) {
            input.startEpoch(metrics.rowsIn);
        }
        faults.reached(FaultPoints.Step.BEFORE_STATE_WRITE);
        applyState(record, position);
        faults.reached(FaultPoints.Step.AFTER_STATE_WRITE);
        sinks.values().forEach(sink -> sink.committed(record.epoch()));
        metrics.epochs.increment();
        checkpointIfDue();
        updateFigures();
    }

    private void writeProblems() {
        Batch letters = new Batch(Problems.SCHEMA);
        Batch late = new Batch(Problems.SCHEMA);
        for (Problems problem : problems) {
            problem.letters(epoch, letters);
            problem.lateRows(epoch, late);
            problem.clear();
        }
        if (letterWriter != null && letters.size() > 0) {
            letterWriter.append(letters);
        }
        if (lateWriter != null && late.size() > 0) {
            lateWriter.append(late);
        }
    }

    private void publish(ProgressRecord record) {
        record.prepared().forEach((name, note) -> {
            Sink sink = sinks.get(name);
            if (sink != null) {
                sink.publish(record.epoch(), note);
            }
        });
    }

    private ProgressRecord record(boolean claim, Map<String, Long> hashes, Map<String, String> prepared) {
        Map<String, List<String>> journals = new LinkedHashMap<>();
        inputs.forEach(input -> journals.put(input.name(), input.drainJournal()));
        return record(claim, hashes, prepared, journals);
    }

    private ProgressRecord record(
            boolean claim, Map<String, Long> hashes, Map<String, String> prepared, Map<String, List<String>> journals) {
        Map<String, SourceProgress> sources = new LinkedHashMap<>();
        inputs.forEach(input -> sources.put(input.name(), input.progress(journals.get(input.name()))));
        return new ProgressRecord(
                ProgressRecord.FORMAT,
                lineage,
                definition.plan().id(),
                incarnation,
                claim,
                epoch,
                timeMillis,
                watermark,
                sources,
                hashes,
                prepared,
                BUILD);
    }

    private void applyState(ProgressRecord record, long position) {
        if (record.epoch() > 0) {
            dataflow.flush(stateBatch);
        }
        writeMeta(record, position);
        store.apply(stateBatch, record.epoch());
        stateBatch.clear();
        last = record;
    }

    private void writeMeta(ProgressRecord record, long position) {
        stateBatch.put(META_LOG_POSITION, new Bytes(8).putLong(position).toByteArray());
        stateBatch.put(META_PLAN, record.plan().getBytes(java.nio.charset.StandardCharsets.UTF_8));
        stateBatch.put(META_RECORD, RecordJson.write(record));
        if (record.claim() && record.epoch() > 0) {
            return;
        }
        record.sources().forEach((name, progress) -> {
            for (int i = 0; i < progress.journal().size(); i++) {
                String key = JOURNAL + name + "/" + String.format("%016d/%08d", record.epoch(), i);
                stateBatch.put(
                        StateKeys.meta(key),
                        progress.journal().get(i).getBytes(java.nio.charset.StandardCharsets.UTF_8));
            }
        });
    }

    /** Gives sources the facts that earlier epochs recorded, from the state. */
    private void restoreJournals() {
        for (Inputs input : inputs) {
            byte[] prefix = StateKeys.meta(JOURNAL + input.name() + "/");
            List<String> entries = new ArrayList<>();
            store.scan(prefix, StateKeys.after(prefix), (key, value) -> {
                entries.add(new String(value, java.nio.charset.StandardCharsets.UTF_8));
                return true;
            });
            input.restoreJournal(entries);
        }
    }

    private void checkpointIfDue() {
        long now = System.currentTimeMillis();
        if (now - lastCheckpoint >= definition.settings().checkpointIntervalMillis()) {
            definition.state().checkpoint(store);
            lastCheckpoint = now;
        }
    }

    private void updateFigures() {
        long lag = 0;
        for (Inputs input : inputs) {
            long own = input.lag();
            lag = own < 0 || lag < 0 ? -1 : lag + own;
        }
        long now = System.currentTimeMillis();
        long lagMillis = watermark == Watermark.NONE || watermark == Watermark.END ? -1 : Math.max(0, now - watermark);
        metrics.set(new QueryMetrics.Figures(
                metrics.figures().phase(), epoch, watermark, lag, lagMillis, store.bytes(), timeMillis, ""));
    }

    /** Closes everything, whatever fails on the way: the next start must find nothing held. */
    @Override
    public void close() {
        workers.close();
        for (Inputs input : inputs) {
            closing(input::close);
        }
        if (world != null) {
            world.sources().values().forEach(source -> closing(source::close));
            world.sinks().values().forEach(sink -> closing(sink::close));
            world.deadLetters().ifPresent(sink -> closing(sink::close));
            world.lateRows().ifPresent(sink -> closing(sink::close));
            closing(world.log()::close);
        }
        if (store != null) {
            closing(store::close);
        }
    }

    private void closing(Runnable close) {
        try {
            close.run();
        } catch (RuntimeException e) {
            notices.accept("while closing: " + e);
        }
    }
}
