package dev.millrace.engine.task;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.PartitionMetrics;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import dev.millrace.engine.ProgressRecord.SourceProgress;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.operators.RowErrors;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SinkPlan;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;

/**
 * What a query's rows go through, on all workers: sources, the dataflow, sinks, and where the query runs in several slots the
 * exchange between them. It computes epochs, live ones and replayed ones by the same code, and knows nothing of the log.
 */
final class Flow {

    /** How long a poll may wait for the first row; shorter where other sources wait behind it. */
    private static final long POLL_MILLIS = 50;

    /** Where other slots' rows wait behind it. */
    private static final long LEAST_PATIENCE_MILLIS = 5;

    /** For other slots' rows: something large comes on only while it is waited for. */
    private static final long LEAST_POLL_MILLIS = 1;

    /** What operators keep of their state between epochs. An array that grows is there twice, and has room to grow. */
    private static final long TABLE_BYTES = Runtime.getRuntime().maxMemory() / 8;

    /** Groups of the running epoch: each is written, sent and looked up at the epoch's end, which takes several times that. */
    private static final long EPOCH_BYTES = Runtime.getRuntime().maxMemory() / 32;

    /** What hashes call the exchange: no sink has this name. */
    static final String EXCHANGE = "@exchange";

    /** The first epoch is so much smaller, the next ones twice as large each: code is not compiled yet, readers wait. */
    private static final int FIRST_EPOCH_SHARE = 16;

    private final QueryMetrics metrics;
    private final Workers workers;
    private final Dataflow dataflow;
    private final List<Problems> problems = new ArrayList<>();
    private final List<Inputs> inputs = new ArrayList<>();
    private final List<Results> results = new ArrayList<>();
    private final Map<String, Sink> sinks = new LinkedHashMap<>();
    private final Set<String> lost = new TreeSet<>();
    private final Sink.Writer letterWriter;
    private final Sink.Writer lateWriter;
    private final Clock clock;
    private final boolean timed;
    private long[] watermarks;
    private final Peers peers; // null where there are no other slots
    private final Dormant dormant; // null unless there were some
    private volatile long patienceMillis = LEAST_PATIENCE_MILLIS; // set by worker 0, read by all
    private final KeyGroupLoad load = new KeyGroupLoad();
    private final PartitionLoad partitionLoad = new PartitionLoad();
    private long epochBytes = EPOCH_BYTES / FIRST_EPOCH_SHARE;

    /**
     * @param held the last epoch that the store holds; null for none
     * @param exchanges whether there are other slots
     */
    Flow(
            QueryDefinition definition,
            QueryDefinition.World world,
            StateStore store,
            ProgressRecord held,
            boolean exchanges,
            StaticTables tables,
            Workers workers,
            QueryMetrics metrics) {
        this.metrics = metrics;
        this.workers = workers;
        for (int worker = 0; worker < workers.count(); worker++) {
            problems.add(new Problems(
                    policies(definition), world.lateRows().isPresent(), metrics.rowsMalformed, metrics.rowsLate));
        }
        List<PlanNode> roots =
                definition.plan().sinks().stream().map(SinkPlan::root).toList();
        List<RowErrors> errors = new ArrayList<>(problems);
        int keyGroups = definition.plan().keyGroups();
        int slot = definition.slot().index();
        boolean[] own = Peers.owned(held, slot, keyGroups);
        Reached reached = Peers.reachedBy(held, keyGroups);
        clock = definition.clock();
        timed = definition.plan().usesWatermark();
        dataflow = new Dataflow(
                roots,
                new Dataflow.Context(
                        definition.plan().properties(),
                        keyGroups,
                        store,
                        own,
                        exchanges,
                        reached,
                        TABLE_BYTES,
                        tables.rows(),
                        errors));
        Results.Context context = new Results.Context(dataflow, store, keyGroups, problems, metrics.rowsOut);
        for (SinkPlan plan : definition.plan().sinks()) {
            Sink sink = world.sinks().get(plan.name());
            sinks.put(plan.name(), sink);
            results.add(new Results(plan, sink, context));
        }
        world.deadLetters().ifPresent(sink -> sinks.put(QueryDefinition.DEAD_LETTERS, sink));
        world.lateRows().ifPresent(sink -> sinks.put(QueryDefinition.LATE_ROWS, sink));
        letterWriter = world.deadLetters().map(Sink::writer).orElse(null);
        lateWriter = world.lateRows().map(Sink::writer).orElse(null);
        for (PlanNode.Scan scan : definition.plan().scans(false)) {
            String name = scan.table().name();
            inputs.add(new Inputs(
                    scan,
                    world.sources().get(name),
                    slot == 0,
                    definition.plan().usesWatermark(),
                    definition.sources().get(name).idleTimeoutMillis(),
                    clock,
                    problems));
        }
        peers = exchanges
                ? new Peers(
                        definition,
                        world.exchange().orElseThrow(),
                        store,
                        new Peers.Share(own, reached),
                        dataflow,
                        inputs)
                : null;
        dormant = peers == null && held != null
                ? Dormant.of(definition, world.exchange(), held.exchange()).orElse(null)
                : null;
        watermarks = watermarksOf(held);
        if (peers != null) {
            watermarks = peers.spread(watermarks);
            peers.start(held == null ? null : held.exchange());
        }
    }

    /** Those of an epoch: of the sources and of each level of stages, or one for all. */
    static long[] watermarksOf(ProgressRecord held) {
        if (held == null) {
            return new long[] {Watermark.NONE};
        }
        return !held.usesExchange()
                ? new long[] {held.watermark()}
                : held.exchange().watermarks().stream()
                        .mapToLong(Long::longValue)
                        .toArray();
    }

    /** What there is to do with other slots; empty where there are none. */
    Optional<Peers> peers() {
        return Optional.ofNullable(peers);
    }

    private static Map<String, MalformedPolicy> policies(QueryDefinition definition) {
        Map<String, MalformedPolicy> policies = new LinkedHashMap<>();
        definition.sources().forEach((name, binding) -> policies.put(name, binding.policy()));
        return policies;
    }

    List<Inputs> inputs() {
        return inputs;
    }

    /** What was read of each partition, and waits in it as of now. */
    List<PartitionMetrics> partitions() {
        return inputs.stream().flatMap(input -> input.metrics().stream()).toList();
    }

    /** How the last minute's rows were spread over them. */
    QueryMetrics.KeyGroups keyGroups() {
        return load.look(clock.millis(), dataflow.rows(), dataflow.updates());
    }

    /**
     * Rows a second of the last minute.
     *
     * @param partitions that it reads
     */
    Map<String, Double> partitionRates(List<PartitionMetrics> partitions) {
        return partitionLoad.look(clock.millis(), partitions);
    }

    /** Takes up new partitions; returns whether there were some. */
    boolean discover() {
        boolean found = false;
        for (Inputs input : inputs) {
            found |= input.discover();
        }
        return found;
    }

    /** Polls on all workers until the time is over; one that has read enough ends it for all. Returns the rows read. */
    long read(QueryDefinition.Settings settings, long budget) {
        long start = clock.nanos();
        long before = metrics.rowsRead.sum();
        boolean endsEarly = settings.availableNow() || settings.triggerIntervalMillis() > 0;
        AtomicBoolean cut = new AtomicBoolean();
        workers.run(worker -> {
            long rows = 0;
            boolean atEnd;
            do {
                int round = poll(worker, start + budget);
                rows += round;
                metrics.rowsRead.add(round);
                if ((worker == 0 && peers != null && peers.isFull())
                        || rows >= settings.epochRows()
                        || dataflow.epochMemory(worker) >= epochBytes / workers.count()) {
                    cut.set(true);
                }
                atEnd = endsEarly && round == 0 && inputs.stream().allMatch(input -> input.atEnd(worker));
            } while (!cut.get() && clock.nanos() - start < budget && !atEnd);
        });
        epochBytes = Math.min(EPOCH_BYTES, epochBytes * 2);
        return metrics.rowsRead.sum() - before;
    }

    /** One round over all inputs, which waits only where nothing has come: longer and longer while nothing comes from slots. */
    private int poll(int worker, long end) {
        long patience = peers == null ? POLL_MILLIS / ((long) inputs.size() * inputs.size()) : patienceMillis;
        int rows = 0;
        for (Inputs input : inputs) {
            long left = (end - clock.nanos()) / 1_000_000;
            long timeout = rows > 0 ? 0 : Math.max(0, Math.min(patience, left));
            rows += input.poll(worker, timeout, dataflow.input(worker, input.scan()));
        }
        if (worker == 0 && peers != null) {
            if (peers.isFull()) {
                return rows;
            }
            boolean some = peers.poll(rows > 0 ? 0 : LEAST_POLL_MILLIS) || rows > 0;
            patienceMillis = some ? LEAST_PATIENCE_MILLIS : Math.min(POLL_MILLIS, patienceMillis * 2);
        }
        return rows;
    }

    /** Reads again what a recorded epoch read; until {@link #endReplay} only sinks that have lost it are written. */
    void replay(ProgressRecord record) {
        Map<String, SourceProgress> ends = record.sources();
        if (peers != null && record.exchange() != null) {
            peers.replay(record.exchange());
        }
        lost.clear();
        record.prepared().forEach((name, note) -> {
            if (sinks.containsKey(name) && sinks.get(name).needsReplay(record.epoch(), note)) {
                lost.add(name);
            }
        });
        results.forEach(result -> result.suppress(!lost.contains(result.name())));
        for (Inputs input : inputs) {
            SourceProgress end = ends.get(input.name());
            input.restoreJournal(end.journal());
            input.addNew(end);
            input.limitTo(end);
        }
        workers.run(worker -> {
            for (Inputs input : inputs) {
                SourceProgress end = ends.get(input.name());
                while (!input.reached(worker, end)) {
                    input.poll(worker, 1_000, dataflow.input(worker, input.scan()));
                }
            }
        });
        for (Inputs input : inputs) {
            input.endEpoch(0, false);
            input.checkReplay(ends.get(input.name()));
            input.startEpoch(metrics.rowsIn);
            input.unlimit();
        }
    }

    /** Publishes what the replay has written; what it has for other slots was sent before. */
    void endReplay(ProgressRecord record) {
        long epoch = record.epoch();
        writeProblems(epoch, lost::contains);
        if (peers != null) {
            peers.endReplay(record.exchange());
        }
        for (String name : lost) {
            Sink sink = sinks.get(name);
            String note = sink.prepare(epoch);
            if (note == null) {
                throw new QueryException(
                        "ReplayDiverged",
                        "epoch " + epoch + ", computed again, has nothing for the output '" + name
                                + "', which had something when it was committed");
            }
            sink.publish(epoch, note);
        }
        lost.clear();
        results.forEach(result -> result.suppress(false));
    }

    /** Takes what other slots have sent, as far as it is complete; returns whether there was something. */
    boolean takeArrivals() {
        return peers != null && peers.take();
    }

    /** The watermarks with which the next epoch is to run, as far as is known by now. */
    long[] nextWatermarks(long epoch) {
        if (peers == null) {
            return new long[] {Math.max(watermarks[0], leastTime())};
        }
        return peers.watermarks(epoch, leastOfInputs(), watermarks);
    }

    /**
     * The part of an epoch behind the sources.
     *
     * @param now the watermarks: of the sources and of the stages, by level
     */
    void finishEpoch(long epoch, long[] now) {
        watermarks = peers == null ? now : peers.spread(now);
        inputs.forEach(input -> input.watermark(watermarks[0]));
        dataflow.endEpoch(epoch, watermarks, workers, peers == null ? null : peers.departures());
        if (peers != null) {
            peers.computed(watermarks);
        }
        results.forEach(result -> result.endEpoch(epoch));
    }

    /** Sends to the other slots what the epoch has for them. */
    void depart(long epoch) {
        if (peers != null) {
            peers.depart(epoch, watermarks, leastOfInputs() == Watermark.END);
        }
    }

    /** How far the exchange was read; null where there is none. */
    ExchangeProgress exchangeProgress() {
        if (peers != null) {
            return peers.progress(watermarks);
        }
        return dormant == null ? null : dormant.progress(watermarks[0]);
    }

    /** Between two epochs: see {@link Peers#handOver}. */
    boolean handOver() {
        return peers != null ? peers.handOver(watermarks) : dormant != null && dormant.wakes();
    }

    /** What of the query is this slot's; empty where it was never divided. */
    Optional<QueryMetrics.Part> part() {
        return peers().map(Peers::part).or(() -> Optional.ofNullable(dormant).map(Dormant::part));
    }

    /** Lets the exchange forget what comes before. */
    void trim(ExchangeProgress needed) {
        if (peers != null) {
            peers.trim(needed);
        } else if (dormant != null) {
            dormant.trim(needed);
        }
    }

    /** The slot that windows wait for and that has said nothing for a while. */
    OptionalInt heldBy() {
        return peers == null ? OptionalInt.empty() : peers.heldBy(watermarks);
    }

    /**
     * Writes the epoch's dead letters and late rows.
     *
     * @throws dev.millrace.engine.QueryException for a row that must not be passed over
     */
    void writeProblems(long epoch) {
        problems.forEach(Problems::check);
        writeProblems(epoch, sinks::containsKey);
    }

    /** To those outputs that are to have them; then they are forgotten. */
    private void writeProblems(long epoch, Predicate<String> to) {
        sinks.forEach((name, sink) ->
                sink.takeRefused().forEach(row -> problems.get(0).refused(name, row)));
        Batch letters = new Batch(Problems.SCHEMA);
        Batch late = new Batch(Problems.SCHEMA);
        for (Problems problem : problems) {
            problem.letters(epoch, letters);
            problem.lateRows(epoch, late);
            problem.clear();
        }
        if (to.test(QueryDefinition.DEAD_LETTERS) && letters.size() > 0) {
            letterWriter.append(letters);
        }
        if (to.test(QueryDefinition.LATE_ROWS) && late.size() > 0) {
            lateWriter.append(late);
        }
    }

    /** By sink: the hash of what it was given since the last call. */
    Map<String, Long> takeHashes() {
        Map<String, Long> hashes = new LinkedHashMap<>();
        results.forEach(result -> hashes.put(result.name(), result.takeHash()));
        if (peers != null) {
            hashes.put(EXCHANGE, peers.departures().takeHash());
        }
        return hashes;
    }

    /** By sink: what publishing the epoch will need. */
    Map<String, String> prepare(long epoch) {
        Map<String, String> prepared = new LinkedHashMap<>();
        sinks.forEach((name, sink) -> {
            String note = sink.prepare(epoch);
            if (note != null) {
                prepared.put(name, note);
            }
        });
        return prepared;
    }

    /** Publishes an epoch that the log has; doing it again changes nothing. */
    void publish(long epoch, Map<String, String> prepared) {
        prepared.forEach((name, note) -> {
            Sink sink = sinks.get(name);
            if (sink != null) {
                sink.publish(epoch, note);
            }
        });
    }

    /** Tells sinks that all of the epoch is done. */
    void committed(long epoch) {
        sinks.values().forEach(sink -> sink.committed(epoch));
    }

    /** By source: facts that became known since the last call. */
    Map<String, List<String>> drainJournals() {
        Map<String, List<String>> journals = new LinkedHashMap<>();
        inputs.forEach(input -> journals.put(input.name(), input.drainJournal()));
        return journals;
    }

    Map<String, SourceProgress> progress(Map<String, List<String>> journals) {
        Map<String, SourceProgress> progress = new LinkedHashMap<>();
        inputs.forEach(input -> progress.put(input.name(), input.progress(journals.get(input.name()))));
        return progress;
    }

    void startEpoch() {
        inputs.forEach(input -> input.startEpoch(metrics.rowsIn));
    }

    /** Moves what the operators changed into the batch. */
    void flush(StateBatch batch) {
        dataflow.flush(batch);
        if (peers != null) {
            peers.flush(batch);
        }
    }

    /** Whether an epoch is due without input: rows that wait to leave. */
    boolean hasMore() {
        return dataflow.hasMore();
    }

    void requireInput() {
        inputs.forEach(Inputs::requireInput);
    }

    void limitToNow() {
        inputs.forEach(Inputs::limitToNow);
    }

    boolean atEnd() {
        return inputs.stream().allMatch(Inputs::atEnd) && (peers == null || peers.isEmpty());
    }

    /** Whether nothing will ever come; what other slots send never ends. */
    boolean ended() {
        return peers == null && inputs.stream().allMatch(Inputs::ended);
    }

    /** The least time of all watermarked sources that are not wholly idle; none where there is no such source. */
    private long leastTime() {
        long least = leastOfInputs();
        return least == Watermark.END ? Watermark.NONE : least;
    }

    private long leastOfInputs() {
        long least = Watermark.END;
        for (Inputs input : inputs) {
            if (input.watermarked()) {
                least = Math.min(least, input.leastTime());
            }
        }
        return least;
    }

    /** Records behind the present positions; −1 if unknown. */
    long lag() {
        return PartitionMetrics.lagRecords(partitions());
    }
}
