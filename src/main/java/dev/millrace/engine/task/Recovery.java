package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.data.Watermark;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.ProgressLog.SupersededException;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.ProgressRecord.SourceProgress;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.Slot;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * Brings a query from what its state holds to the end of its log, and makes this incarnation the one that goes on from
 * there. The log is the truth: epochs that it has and the state misses are computed again by the code that computes live
 * ones, with output suppressed but where a sink has lost it, and must give the rows that they gave. What cannot be recovered stops with {@code
 * StateLost}, {@code SourceDataLost}, {@code PlanChanged} or {@code ReplayDiverged}.
 */
final class Recovery {

    private static final long TAIL_MILLIS = 500;
    private static final int PATIENCE = 10;

    private final QueryDefinition definition;
    private final QueryDefinition.World world;
    private final KeptState state;
    private final Workers workers;
    private final QueryMetrics metrics;
    private final Consumer<String> notices;
    private final List<ProgressLog.Entry> entries = new ArrayList<>();
    private Flow flow;
    private ProgressRecord last;

    Recovery(
            QueryDefinition definition,
            QueryDefinition.World world,
            KeptState state,
            Workers workers,
            QueryMetrics metrics,
            Consumer<String> notices) {
        this.definition = definition;
        this.world = world;
        this.state = state;
        this.workers = workers;
        this.metrics = metrics;
        this.notices = notices;
    }

    /** A query that is ready to go on live behind its last record. */
    record Recovered(Flow flow, ProgressRecord last) {}

    /**
     * Fences older incarnations and recovers.
     *
     * @param incarnation ours, or 0 to take the next one
     */
    Recovered run(long incarnation) {
        requireOwnState();
        boolean ofSavepoint = state.isOfSavepoint();
        world.log().open(ofSavepoint ? -1 : state.logPosition(), entries::add);
        long own = incarnation(incarnation, ofSavepoint ? 0 : incarnationOfState());
        if (ofSavepoint) {
            continueSavepoint(own);
        }
        state.logIdentity().ifPresent(this::requireLog);
        return state.store().epoch() == StateStore.NO_EPOCH && entries.isEmpty() ? begin(own) : recover(own);
    }

    private void requireOwnState() {
        state.record().ifPresent(record -> {
            requirePlan(record.plan());
            requireSlot(record);
            requireMoving(record);
        });
    }

    /**
     * Begins to follow the log that another incarnation writes; {@link #advance} goes on with what comes, and {@link
     * #takeOver} ends it.
     *
     * @throws ConnectorException while there is nothing to follow
     */
    ProgressLog.Tail follow() {
        requireOwnState();
        boolean ofSavepoint = state.isOfSavepoint();
        ProgressLog.Tail tail = world.log().tail(ofSavepoint ? -1 : state.logPosition());
        try {
            for (int silent = 0; !tail.atEnd(); ) {
                List<ProgressLog.Entry> more = tail.poll(TAIL_MILLIS);
                entries.addAll(more);
                silent = more.isEmpty() ? silent + 1 : 0;
                if (silent > PATIENCE) {
                    throw waiting("the end of the query's log is out of reach");
                }
            }
            if (entries.isEmpty() && (ofSavepoint || state.store().epoch() == StateStore.NO_EPOCH)) {
                throw waiting("the query has not begun yet");
            }
            if (ofSavepoint) {
                continueSavepoint(0);
            }
            state.logIdentity().ifPresent(this::requireLog);
            last = base();
            advance(List.copyOf(entries));
            entries.clear();
            return tail;
        } catch (RuntimeException e) {
            tail.close();
            throw e;
        }
    }

    /**
     * Replays what has been committed, on a state of its own. Where the log goes on in a way that needs another beginning, the
     * state and the log are to be opened again.
     */
    void advance(List<ProgressLog.Entry> more) {
        for (ProgressLog.Entry entry : more) {
            ProgressRecord record = entry.record();
            if (record.usesExchange() && flow.peers().isEmpty()) {
                throw waiting("the query is divided now");
            }
            if (record.exchange() != null && record.exchange().left() && record.epoch() > last.epoch()) {
                throw waiting("the slot has left the query");
            }
            replayNext(entry);
        }
    }

    private static ConnectorException waiting(String what) {
        return new ConnectorException("Waiting", what, null, true);
    }

    ProgressRecord last() {
        return last;
    }

    /** Whether what is followed does without the exchange now that it had. */
    boolean isWholeAgain() {
        return flow.peers().isPresent() && last.exchange() != null && !last.usesExchange();
    }

    Flow flow() {
        return flow;
    }

    /**
     * Fences the incarnation that was followed, and goes on behind its last epoch.
     *
     * @param incarnation ours, which the operator has given
     */
    Recovered takeOver(long incarnation) {
        entries.clear();
        world.log().open(state.logPosition(), entries::add);
        long own = incarnation(incarnation, incarnationOfState());
        state.logIdentity().ifPresent(this::requireLog);
        requireContinuation(last);
        Claim claim = claim(end(), own);
        advance(List.copyOf(entries));
        return claimed(claim);
    }

    private long incarnationOfState() {
        return state.record().map(ProgressRecord::incarnation).orElse(0L);
    }

    private long incarnation(long wanted, long known) {
        long greatest = known;
        for (ProgressLog.Entry entry : entries) {
            greatest = Math.max(greatest, entry.record().incarnation());
        }
        if (wanted > 0 && greatest > wanted) {
            throw superseded(definition, wanted, greatest);
        }
        return wanted > 0 ? wanted : greatest + 1;
    }

    static SupersededException superseded(QueryDefinition definition, long incarnation, long by) {
        return new SupersededException(
                by,
                "incarnation " + by + " of query '" + definition.name() + "' has taken over; this one, " + incarnation
                        + ", stops");
    }

    /** The log that continues it has begun already, or begins now. */
    private void continueSavepoint(long incarnation) {
        ProgressRecord savepoint = state.record().orElseThrow();
        if (entries.isEmpty()) {
            world.endFormer().accept(incarnation);
            world.log().begin();
            ProgressRecord first = savepoint.continuedBy(UUID.randomUUID().toString(), incarnation);
            StaticTables tables = StaticTables.load(definition, state.store()); // for slots that begin later
            entries.add(new ProgressLog.Entry(first, world.log().commit(first, tables.journal())));
            notices.accept("query '" + definition.name() + "' goes on from epoch " + first.epoch()
                    + " of a savepoint; what it wrote after that is written again");
        }
        ProgressLog.Entry first = entries.get(0);
        if (!savepoint.lineage().equals(first.record().continues())
                || savepoint.epoch() != first.record().epoch()) {
            throw new QueryException(
                    "StateLost",
                    "the state is gone, and the progress log does not begin with the savepoint that there is, of epoch "
                            + savepoint.epoch());
        }
        state.continueSavepoint(first.record(), first.position(), world.log().identity());
    }

    private void requireLog(String identity) {
        if (!identity.equals(world.log().identity())) {
            throw new QueryException(
                    "StateLost",
                    "the query's progress log is not the one that its state was written with: it was deleted and made"
                            + " again, and earlier epochs are gone");
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

    /** The first start: epoch 0 fixes the starting positions and the static tables before any row is read. */
    private Recovered begin(long incarnation) {
        world.endFormer().accept(incarnation);
        StaticTables tables = definition.slot().index() == 0
                ? StaticTables.read(definition, world)
                : StaticTables.of(definition, world.log().firstJournal()); // a retraction must meet the row of before
        flow = flow(tables, null);
        flow.peers().ifPresent(Peers::requireNew);
        flow.discover();
        world.log().begin();
        ProgressRecord record = new ProgressRecord(
                ProgressRecord.FORMAT,
                UUID.randomUUID().toString(),
                definition.plan().id(),
                incarnation,
                true,
                0,
                definition.clock().millis(),
                Watermark.NONE,
                flow.progress(flow.drainJournals()),
                Map.of(),
                Map.of(),
                ProgressRecord.BUILD,
                flow.peers().isPresent() ? definition.slot() : null,
                flow.exchangeProgress(),
                null);
        long position = world.log().commit(record, tables.journal());
        state.begin(tables, record, position, world.log().identity());
        return new Recovered(flow, record);
    }

    private Flow flow(StaticTables tables, ProgressRecord held) {
        return new Flow(definition, world, state.store(), held, exchanges(), tables, workers, metrics);
    }

    /** Whether there are, or may be, other slots: a query that was divided goes on with an exchange until it is whole again. */
    private boolean exchanges() {
        boolean has = state.record().filter(ProgressRecord::usesExchange).isPresent()
                || entries.stream().anyMatch(entry -> entry.record().usesExchange());
        boolean can = world.exchange().isPresent();
        if (has && !can) {
            throw new QueryException(
                    "SlotsChanged",
                    "the query was divided into slots, and with what its resource says now it cannot be: its streams and"
                            + " sinks have to be topics, and it has no trigger");
        }
        boolean had = !entries.isEmpty() && end().exchange() != null
                || state.record().map(ProgressRecord::exchange).isPresent();
        return has
                || can
                        && !had // else it begins as it ended, and wakes the exchange itself
                        && (definition.slot().index() > 0
                                || definition.division().get().divides());
    }

    private Recovered recover(long incarnation) {
        requireContinuation(state.record().orElse(null));
        Claim claim = claim(end(), incarnation);
        last = base();
        if (claim.record().exchange() == null) {
            flow.peers().ifPresent(Peers::requireNew);
        }
        replay();
        return claimed(claim);
    }

    /** The log's last record. */
    private ProgressRecord end() {
        return entries.isEmpty()
                ? state.record().orElseThrow()
                : entries.get(entries.size() - 1).record();
    }

    private Recovered claimed(Claim claim) {
        state.claim(claim.record(), claim.position());
        flow.publish(claim.record().epoch(), claim.record().prepared());
        return new Recovered(flow, claim.record());
    }

    /** What the replay begins behind. */
    private ProgressRecord base() {
        ProgressRecord base = state.record().orElse(null);
        Optional<ProgressLog.Entry> left = entries.stream()
                .filter(entry -> entry.record().exchange() != null
                        && entry.record().exchange().left())
                .reduce((earlier, later) -> later);
        if (left.isPresent()
                && (base == null || base.epoch() < left.get().record().epoch())) {
            base = fromLeft(left.get());
        } else if (base != null) {
            flow = flow(StaticTables.load(definition, state.store()), base);
            flow.inputs().forEach(input -> input.restoreJournal(state.journal(input.name())));
            resume(base);
        } else {
            base = fromNothing();
        }
        return base;
    }

    /** The state is gone: the log must still have the beginning. */
    private ProgressRecord fromNothing() {
        ProgressLog.Entry first = entries.get(0);
        if (first.record().epoch() != 0 || first.record().continues() != null) {
            throw new QueryException(
                    "StateLost",
                    "the state is gone and the progress log begins at epoch "
                            + first.record().epoch()
                            + (first.record().continues() == null ? "" : " of a savepoint")
                            + ": earlier input cannot be replayed");
        }
        requirePlan(first.record().plan());
        StaticTables tables = StaticTables.of(definition, world.log().journal(0));
        flow = flow(tables, first.record());
        flow.inputs()
                .forEach(input -> input.restoreJournal(
                        first.record().sources().get(input.name()).journal()));
        resume(first.record());
        state.begin(tables, first.record(), first.position(), world.log().identity());
        return first.record();
    }

    /** Nothing that was owned before is: whatever the state has, it begins empty. */
    private ProgressRecord fromLeft(ProgressLog.Entry entry) {
        ProgressRecord record = entry.record();
        requirePlan(record.plan());
        StaticTables tables = StaticTables.of(definition, world.log().journal(0));
        state.empty();
        flow = flow(tables, record);
        resume(record);
        state.begin(tables, record, entry.position(), world.log().identity());
        return record;
    }

    private void resume(ProgressRecord record) {
        for (Inputs input : flow.inputs()) {
            SourceProgress progress = record.sources().get(input.name());
            input.watermark(record.watermark());
            input.restore(progress);
        }
    }

    private void replay() {
        long end = end().epoch();
        if (end > last.epoch()) {
            notices.accept(
                    "replaying epochs " + (last.epoch() + 1) + " to " + end + " of query '" + definition.name() + "'");
            metrics.phase("replaying", "");
        }
        entries.forEach(this::replayNext);
    }

    private void replayNext(ProgressLog.Entry entry) {
        requireNext(last, entry.record());
        if (entry.record().epoch() > last.epoch()) {
            replayEpoch(entry.record(), entry.position());
            last = entry.record();
        }
    }

    /**
     * What would be replayed in vain is not claimed.
     *
     * @param before the record that the log goes on behind; null for none
     */
    private void requireContinuation(ProgressRecord before) {
        ProgressRecord last = before;
        for (ProgressLog.Entry entry : entries) {
            if (last != null) {
                requireNext(last, entry.record());
            }
            last = entry.record();
        }
        if (before != null && last.epoch() < before.epoch()) {
            throw new QueryException(
                    "StateLost",
                    "the state is at epoch " + before.epoch() + " but the progress log ends at epoch " + last.epoch());
        }
    }

    /** A record repeats its epoch as a claim, or is the next one of the same history. */
    private void requireNext(ProgressRecord last, ProgressRecord next) {
        boolean sameLineage = next.lineage().equals(last.lineage());
        if (next.epoch() > last.epoch() + 1 || !sameLineage) {
            throw new QueryException(
                    "StateLost",
                    "the progress log goes from epoch " + last.epoch() + " to epoch " + next.epoch()
                            + (sameLineage ? "" : " of another lineage"));
        }
        requirePlan(next.plan());
        requireSlot(next);
        requireMoving(next);
    }

    private static void requireMoving(ProgressRecord record) {
        if (record.exchange() != null && record.exchange().identity() == null) {
            throw new QueryException(
                    "BuildChanged",
                    "the query was divided into a fixed number of slots by an earlier Millrace, which this one does"
                            + " not go on with: start anew with another state.id");
        }
    }

    private void requireSlot(ProgressRecord record) {
        Slot before = record.slot() == null ? Slot.ONLY : record.slot();
        if (before.index() != definition.slot().index()) {
            throw new QueryException(
                    "SlotsChanged",
                    "what is kept here is of slot " + before.index() + ", and this is slot "
                            + definition.slot().index() + ": give each slot a state of its own");
        }
    }

    private void replayEpoch(ProgressRecord record, long position) {
        if (!ProgressRecord.BUILD.equals(record.build())) {
            throw new QueryException(
                    "BuildChanged",
                    "epoch " + record.epoch() + " was computed by engine " + record.build() + " and its state is not"
                            + " written yet; this is engine " + ProgressRecord.BUILD + ", which may compute it"
                            + " otherwise: run the query once more with Millrace of engine " + record.build()
                            + " and stop it in order, then change");
        }
        flow.replay(record);
        flow.finishEpoch(record.epoch(), Flow.watermarksOf(record));
        flow.takeHashes().forEach((sink, hash) -> {
            if (!hash.equals(record.outputs().getOrDefault(sink, 0L))) {
                throw new QueryException(
                        "ReplayDiverged",
                        "replaying epoch " + record.epoch() + " gave other rows for sink '" + sink
                                + "' than were written: the input has changed, or another build of Millrace wrote them");
            }
        });
        flow.endReplay(record);
        state.apply(flow, record, position);
        metrics.replayedEpochs.increment();
    }

    /**
     * The first record of this incarnation, and where it is.
     *
     * @param record repeats the epoch that it found
     */
    private record Claim(ProgressRecord record, long position) {}

    /**
     * Claims the log as soon as its end is known. An earlier incarnation that still lives has been fenced by now, takes up the
     * log again, and would fence this one before it has claimed anything, were there a long replay to do first.
     */
    private Claim claim(ProgressRecord last, long incarnation) {
        world.log().begin();
        ProgressRecord claim = last.claimedBy(incarnation);
        return new Claim(claim, world.log().commit(claim, List.of()));
    }
}
