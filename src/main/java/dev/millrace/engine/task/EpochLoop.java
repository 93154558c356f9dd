package dev.millrace.engine.task;

import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.PartitionMetrics;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.ThreadTimes;
import dev.millrace.state.StateHome;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * One life of a query between a start and a fault: {@link #open} recovers ({@link Recovery}), {@link #run} goes on live.
 *
 * <p>Order of an epoch: compute ({@link Flow}); send and commit, which makes the epoch exist; publish sinks outside of the
 * transaction; write the state ({@link KeptState}). A crash in between leaves the state behind the log, never ahead.
 */
final class EpochLoop implements AutoCloseable {

    private static final long DISCOVER_MILLIS = 2_000;
    private static final long ROTATION_MILLIS = 5_000;
    private static final long FOLLOW_MILLIS = 50;

    /** A standby that has more records to replay could not take over at once. */
    private static final int FEW = 20;

    /** For so long it may be a little behind: who is told of it each time would do nothing else. */
    private static final long BEHIND_MILLIS = 2_000;

    private final QueryDefinition definition;
    private final QueryMetrics metrics;
    private final Consumer<String> notices;
    private final FaultPoints faults;
    private final Workers workers;
    private final Pace pace;
    private QueryDefinition.World world;
    private KeptState state;
    private Checkpoints checkpoints;
    private volatile long writer; // of the log, as far as could be seen before it was opened
    private Recovery recovery;
    private ProgressLog.Tail tail;
    private long lastEnd = Long.MIN_VALUE / 2; // when the standby had all
    private Flow flow;
    private ProgressRecord last;
    private final Clock clock;
    private final Retention retention;
    private long lastDiscovery;
    private long lastRotation;
    private long threadTime = ThreadTimes.now(); // of the thread that drives the loop, from its begin to its end

    EpochLoop(QueryDefinition definition, QueryMetrics metrics, Consumer<String> notices, FaultPoints faults) {
        this.definition = definition;
        this.metrics = metrics;
        this.notices = notices;
        this.faults = faults;
        this.workers = new Workers(definition.settings().workers(), metrics.threads);
        this.pace = new Pace(definition.settings().commitIntervalMillis());
        this.clock = definition.clock();
        this.retention = new Retention(definition.settings().checkpoints());
        this.lastDiscovery = clock.millis();
        this.lastRotation = lastDiscovery;
    }

    /**
     * Recovers.
     *
     * @param incarnation ours, or 0 to take the next one
     * @param stopping whether it is to end: then it does not fence others any more
     * @return our incarnation; empty where it was to end
     * @throws ProgressLog.SupersededException where a larger one has written the log, which is then left alone
     */
    OptionalLong open(long incarnation, BooleanSupplier stopping) {
        long start = System.nanoTime();
        openState();
        if (incarnation > 0 && writer > incarnation) {
            throw Recovery.superseded(definition, incarnation, writer);
        }
        if (stopping.getAsBoolean()) {
            return OptionalLong.empty();
        }
        boolean hadNone = state.record().isEmpty();
        recovered(recovery.run(incarnation));
        metrics.restored(new QueryMetrics.Restored(source(hadNone), (System.nanoTime() - start) / 1e9));
        return OptionalLong.of(last.incarnation());
    }

    /**
     * Becomes the standby of the incarnation that runs: {@link #follow} goes on, until {@link #takeOver}.
     */
    void standBy() {
        openState();
        metrics.phase("following", "");
        tail = recovery.follow();
        followed();
    }

    /** Replays what has been committed meanwhile; returns whether it is to go on, else all is to be opened anew. */
    boolean follow() {
        if (outdated(clock.millis())) {
            return false;
        }
        List<ProgressLog.Entry> more = tail.poll(FOLLOW_MILLIS);
        if (more.size() > FEW) {
            metrics.phase("following", "");
        }
        recovery.advance(more);
        followed();
        return !recovery.isWholeAgain();
    }

    private void followed() {
        last = recovery.last();
        metrics.forgetRows(); // the one that is followed counts them
        long now = clock.millis();
        lastEnd = tail.atEnd() ? now : lastEnd;
        metrics.phase(now - lastEnd < BEHIND_MILLIS ? "standby" : "following", "");
        updateFigures(recovery.flow(), false);
        recovery.flow().inputs().forEach(Inputs::forgetRows);
    }

    /**
     * Goes on where the incarnation that was followed has stopped, or is stopped by this.
     *
     * @return our incarnation
     */
    long takeOver(long incarnation) {
        long start = System.nanoTime();
        metrics.phase("replaying", "");
        tail.close();
        tail = null;
        recovered(recovery.takeOver(incarnation));
        metrics.restored(new QueryMetrics.Restored("Standby", (System.nanoTime() - start) / 1e9));
        return last.incarnation();
    }

    private void openState() {
        if (!metrics.figures().phase().equals("waiting")) { // an outage lasts until it is over
            metrics.phase("starting", "");
        }
        CompletableFuture<Void> connecting = CompletableFuture.runAsync(this::connect);
        try {
            state = new KeptState(definition.state().open());
        } catch (StateHome.SavepointUnusableException e) {
            connecting.exceptionally(alsoFailed -> null).join();
            throw new QueryException("SavepointUnusable", e.getMessage(), e);
        } catch (RuntimeException e) {
            connecting.exceptionally(alsoFailed -> null).join();
            throw e;
        }
        connected(connecting);
        metrics.phase("starting", "");
        definition.state().loss().ifPresent(notices);
        checkpoints = new Checkpoints(
                definition.state(),
                state.store(),
                world.checkpoints(),
                this::wishes,
                definition.settings().checkpointIntervalMillis(),
                clock,
                metrics);
        recovery = new Recovery(definition, world, state, workers, metrics, notices);
    }

    private void recovered(Recovery.Recovered recovered) {
        flow = recovered.flow();
        metrics.weakness(world.log()
                .weakness()
                .or(() -> world.exchange().flatMap(Exchange::weakness))
                .orElse(""));
        last = recovered.last();
        remember(last);
        metrics.incarnation(last.incarnation());
        checkpoints.begin(last.incarnation());
        updateFigures();
    }

    /** A state of several slots is not of one moment, but a savepoint of before can be dropped. */
    private List<SavepointWish> wishes() {
        List<SavepointWish> wishes = definition.wishes().get();
        return flow != null && flow.peers().isPresent()
                ? wishes.stream().filter(SavepointWish::drop).toList()
                : wishes;
    }

    private String source(boolean hadNone) {
        if (!hadNone) {
            return switch (definition.state().origin()) {
                case VOLUME -> "Volume";
                case SAVEPOINT -> "Savepoint";
                default -> "Checkpoint";
            };
        }
        return last.epoch() == 0 && metrics.replayedEpochs.sum() == 0 ? "New" : "Log";
    }

    /** Clients take about as long to start as the state takes to open. */
    private void connect() {
        world = definition.world().get();
        writer = world.log().connect();
    }

    private static void connected(CompletableFuture<Void> connecting) {
        try {
            connecting.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    /** Live epochs until the end; returns nothing where that is not reached and all is to be opened anew. */
    Optional<QueryRun.End> run(BooleanSupplier stopping) {
        QueryDefinition.Settings settings = definition.settings();
        boolean bounded = settings.availableNow() || settings.triggerIntervalMillis() > 0;
        begin();
        if (bounded) {
            flow.limitToNow();
        }
        while (!stopping.getAsBoolean()) {
            if (outdated(clock.millis())) {
                return Optional.empty();
            }
            Optional<String> shape = otherShape();
            if (shape.isPresent()) {
                notices.accept("query '" + definition.name() + "' " + shape.get());
                return Optional.empty();
            }
            if (hasLeft()) {
                finish();
                return Optional.of(QueryRun.End.LEFT);
            }
            boolean caughtUp = !epoch();
            if (caughtUp && (flow.ended() || settings.availableNow())) {
                finish();
                return Optional.of(QueryRun.End.COMPLETED);
            }
            if (caughtUp && bounded) {
                waitForTrigger(settings.triggerIntervalMillis(), stopping);
                flow.discover();
                flow.limitToNow();
            }
        }
        finish();
        return Optional.of(QueryRun.End.STOPPED);
    }

    /**
     * Why it has to be opened anew: a slot that has been the only one is to be one of several, with an exchange, or it is the
     * only one again.
     */
    Optional<String> otherShape() {
        if (flow.peers().isPresent()) {
            return last.exchange() == null || last.usesExchange()
                    ? Optional.empty()
                    : Optional.of("is in one slot again; it goes on without an exchange");
        }
        boolean divides = last.exchange() == null ? definition.division().get().divides() : last.usesExchange();
        return divides && world.exchange().isPresent()
                ? Optional.of(
                        "is to be divided by " + definition.division().get() + "; it begins anew with an exchange")
                : Optional.empty();
    }

    /** Whether the slot has handed over all and is not part of the query any more. */
    boolean hasLeft() {
        return flow.peers().filter(Peers::hasLeft).isPresent();
    }

    /** Finds what there is to read. */
    void begin() {
        flow.discover();
        flow.requireInput();
        metrics.phase("running", ""); // not before: a start whose input is gone has done nothing
    }

    /** Goes on by an epoch, if there is reason for one; returns whether there may be more to do. */
    boolean epoch() {
        checkpoints.startIfDue(last.epoch());
        checkpoints.takePublished().ifPresent(this::stored);
        return liveEpoch(definition.settings()) || flow.hasMore() || !flow.atEnd();
    }

    private void remember(ProgressRecord record) {
        if (record.exchange() != null) {
            retention.epoch(record.epoch(), record.exchange());
        }
    }

    /** A checkpoint of an epoch is kept outside of the volume: what only older ones would need is needed no more. */
    void stored(long epoch) {
        retention.stored(epoch).ifPresent(flow::trim);
    }

    /** Looks now and then. */
    private boolean outdated(long now) {
        if (now - lastRotation < ROTATION_MILLIS) {
            return false;
        }
        lastRotation = now;
        if (flow != null) {
            tellWhoHolds();
        }
        boolean outdated = world.outdated().getAsBoolean();
        if (outdated) {
            notices.accept("the credentials have changed; clients are made anew");
        }
        return outdated;
    }

    private void tellWhoHolds() {
        OptionalInt holds = flow.heldBy();
        if (holds.isPresent() && !holds.equals(metrics.heldBy())) {
            notices.accept("windows of query '" + definition.name() + "' wait for slot " + holds.getAsInt()
                    + ", which has announced nothing new for half a minute: does it run, and do its partitions get rows"
                    + " (watermark.idleTimeout lets windows close without them)?");
        }
        metrics.heldBy(holds);
    }

    private void finish() {
        checkpoints.finish();
        updateFigures();
        metrics.phase("ended", "");
    }

    private void waitForTrigger(long interval, BooleanSupplier stopping) {
        long next = (clock.millis() / interval + 1) * interval;
        while (!stopping.getAsBoolean() && clock.millis() < next) {
            checkpoints.startIfDue(last.epoch());
            if (checkpoints.needsEpoch(last.epoch())) {
                return;
            }
            clock.sleep(Math.max(1, Math.min(100, next - clock.millis())));
        }
    }

    /** Reads, computes and commits one epoch, if there is reason for one; returns whether there was. */
    private boolean liveEpoch(QueryDefinition.Settings settings) {
        boolean due =
                discover(clock.millis()) || last.epoch() == 0 || flow.hasMore() || checkpoints.needsEpoch(last.epoch());
        boolean handsOver = flow.handOver();
        world.log().begin();
        long rows = flow.read(settings, due ? 0 : pace.readNanos(clock.nanos()));
        due |= handsOver;
        pace.ended(clock.nanos(), rows, flow.lag());
        long now = clock.millis();
        for (Inputs input : flow.inputs()) {
            due |= input.endEpoch(now, true);
        }
        Map<String, List<String>> journals = flow.drainJournals();
        due |= journals.values().stream().anyMatch(entries -> !entries.isEmpty());
        due |= flow.takeArrivals();
        if (!due) {
            state.store().rest();
            updateFigures();
            return false;
        }
        long epoch = last.epoch() + 1;
        long[] watermarks = flow.nextWatermarks(epoch);
        faults.reached(FaultPoints.Step.BEFORE_SEND);
        flow.finishEpoch(epoch, watermarks);
        flow.depart(epoch);
        flow.writeProblems(epoch);
        ProgressRecord record = new ProgressRecord(
                ProgressRecord.FORMAT,
                last.lineage(),
                last.plan(),
                last.incarnation(),
                false,
                epoch,
                Math.max(last.timeMillis(), now),
                watermarks[0],
                flow.progress(journals),
                flow.takeHashes(),
                flow.prepare(epoch),
                ProgressRecord.BUILD,
                flow.part().isPresent() ? definition.slot() : null,
                flow.exchangeProgress(),
                null);
        commit(record);
        return true;
    }

    private boolean discover(long now) {
        if (now - lastDiscovery < DISCOVER_MILLIS) {
            return false;
        }
        lastDiscovery = now;
        return flow.discover();
    }

    private void commit(ProgressRecord record) {
        faults.reached(FaultPoints.Step.BEFORE_COMMIT);
        long start = System.nanoTime();
        long position = world.log().commit(record, List.of());
        metrics.commitNanos.add(System.nanoTime() - start);
        faults.reached(FaultPoints.Step.AFTER_COMMIT);
        last = record;
        remember(record);
        long committed = System.nanoTime();
        flow.publish(record.epoch(), record.prepared());
        metrics.publishNanos.add(System.nanoTime() - committed);
        flow.startEpoch();
        faults.reached(FaultPoints.Step.BEFORE_STATE_WRITE);
        state.apply(flow, record, position);
        faults.reached(FaultPoints.Step.AFTER_STATE_WRITE);
        flow.committed(record.epoch());
        metrics.epochs.increment();
        updateFigures();
    }

    private void updateFigures() {
        updateFigures(flow, true);
    }

    /**
     * @param reads whether it is this process that reads for the query
     */
    private void updateFigures(Flow flow, boolean reads) {
        List<PartitionMetrics> partitions = flow.partitions();
        metrics.part(flow.part());
        metrics.keyGroups(flow.keyGroups());
        metrics.partitionRates(reads ? flow.partitionRates(partitions) : Map.of());
        metrics.partitions(reads ? partitions : List.of());
        metrics.effort(state.store().effort());
        long computed = ThreadTimes.now();
        metrics.threads.add(0, computed - threadTime);
        threadTime = computed;
        long watermark = last.watermark();
        boolean timed = watermark != Watermark.NONE && watermark != Watermark.END;
        metrics.set(new QueryMetrics.Figures(
                metrics.figures().phase(),
                last.epoch(),
                watermark,
                PartitionMetrics.lagRecords(partitions),
                timed ? Math.max(0, clock.millis() - watermark) : -1,
                state.store().rows(),
                state.store().bytes(),
                last.timeMillis(),
                "",
                ""));
    }

    /** Closes everything, whatever fails on the way: the next start must find nothing held. */
    @Override
    public void close() {
        workers.close();
        if (tail != null) {
            closing(tail::close);
        }
        if (recovery != null && recovery.flow() != null) {
            recovery.flow().inputs().forEach(input -> closing(input::close));
        }
        if (world != null) {
            world.sources().values().forEach(source -> closing(source::close));
            world.sinks().values().forEach(sink -> closing(sink::close));
            world.deadLetters().ifPresent(sink -> closing(sink::close));
            world.lateRows().ifPresent(sink -> closing(sink::close));
            world.exchange().ifPresent(exchange -> closing(exchange::close));
            closing(world.log()::close);
        }
        if (checkpoints != null) {
            closing(checkpoints::close);
        }
        if (state != null) {
            closing(state.store()::close);
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
