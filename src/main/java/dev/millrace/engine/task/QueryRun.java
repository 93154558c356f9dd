package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressLog.SupersededException;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateStore;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Runs a query until it ends, is stopped, or meets what another try would meet again. Whatever goes wrong in between, the
 * way back is the one of a fresh start: close everything, open state and log, let the log decide, replay.
 */
public final class QueryRun {

    private static final long FIRST_BACKOFF_MILLIS = 200;
    private static final long MAX_BACKOFF_MILLIS = 2_000;

    /** Who was fenced gives the one who has fenced it time to say who it is. */
    private static final long POLITE_MILLIS = 1_000;

    private final QueryDefinition definition;
    private final QueryMetrics metrics = new QueryMetrics();
    private final Consumer<String> notices;
    private final FaultPoints faults;
    private final BooleanSupplier turn;
    private volatile boolean stopping;
    private long incarnation;
    private long forgottenAt = Long.MIN_VALUE;

    /** How a run ended. */
    public enum End {
        /** All input was processed, and that was all that was asked. */
        COMPLETED,
        STOPPED,
        /** A newer incarnation has taken over. */
        SUPERSEDED,
        /** The query is divided into fewer slots, and others have all of this one's. */
        LEFT
    }

    /**
     * @param notices receives sentences for the user: recoveries, waits
     */
    public QueryRun(QueryDefinition definition, Consumer<String> notices) {
        this(definition, notices, FaultPoints.NONE, 0, () -> true);
    }

    public QueryRun(QueryDefinition definition, Consumer<String> notices, FaultPoints faults) {
        this(definition, notices, faults, 0, () -> true);
    }

    /**
     * @param incarnation our fencing number, or 0 to take the one after the greatest that the log has
     * @param turn whether this run is the one that goes on with the query: while it is not, it is a standby, which follows the
     *     one that does; once it is, it remains so
     */
    public QueryRun(
            QueryDefinition definition,
            Consumer<String> notices,
            FaultPoints faults,
            long incarnation,
            BooleanSupplier turn) {
        this.definition = definition;
        this.notices = notices;
        this.faults = faults;
        this.incarnation = incarnation;
        this.turn = turn;
        metrics.volume(() -> {
            StateHome.Space space = definition.state().space();
            return new QueryMetrics.Volume(space.bytes(), space.free());
        });
    }

    public QueryMetrics metrics() {
        return metrics;
    }

    /** Asks the run to end after the epoch that it is in. */
    public void stop() {
        stopping = true;
    }

    /** Whether it was asked to end. */
    public boolean isStopping() {
        return stopping;
    }

    /**
     * @throws QueryException when the query cannot go on
     */
    public End run() {
        long backoff = FIRST_BACKOFF_MILLIS;
        String lastNotice = "";
        while (true) {
            long epochBefore = metrics.figures().epoch();
            long least = 0;
            try (EpochLoop loop = new EpochLoop(definition, metrics, notices, faults)) {
                if (open(loop)) {
                    lastNotice = "";
                    Optional<End> end = loop.run(() -> stopping);
                    if (end.isPresent()) {
                        return end.get();
                    }
                }
            } catch (SupersededException e) {
                notices.accept(e.getMessage());
                metrics.phase("ended", e.getMessage());
                metrics.incarnation(e.incarnation());
                return End.SUPERSEDED;
            } catch (StateStore.CorruptStateException e) {
                notices.accept(e.getMessage());
                discard();
            } catch (Exchange.TrimmedException e) {
                fallenBehind(e);
            } catch (ConnectorException e) {
                if (!e.retriable()) {
                    metrics.phase("ended", e.getMessage());
                    throw new QueryException(e.code(), e.getMessage(), e);
                }
                lastNotice = waiting(e.code(), e.getMessage(), lastNotice);
                least = e.code().equals(ConnectorException.FENCED) ? POLITE_MILLIS : 0;
            } catch (StateStore.NoSpaceException e) {
                lastNotice = waiting(StateStore.NoSpaceException.CODE, e.getMessage(), lastNotice);
            }
            if (stopping) {
                return End.STOPPED;
            }
            boolean progressed = metrics.figures().epoch() > epochBefore;
            backoff = progressed ? FIRST_BACKOFF_MILLIS : Math.min(MAX_BACKOFF_MILLIS, backoff * 2);
            pause(Math.max(least, backoff));
        }
    }

    /** Returns whether the query is this run's, and opened; else it is to be tried again, or to end. */
    private boolean open(EpochLoop loop) {
        if (turn.getAsBoolean()) {
            OptionalLong opened = loop.open(incarnation, () -> stopping);
            incarnation = opened.orElse(incarnation);
            return opened.isPresent();
        }
        loop.standBy();
        while (!turn.getAsBoolean()) {
            if (stopping || !loop.follow()) {
                return false;
            }
        }
        incarnation = loop.takeOver(incarnation);
        return true;
    }

    /**
     * Other slots, or the incarnation that is followed, have gone on with a newer checkpoint than the one that this state is
     * of, and what lies between is gone: so the newest one is taken instead, once.
     */
    private void fallenBehind(Exchange.TrimmedException e) {
        if (forgottenAt == metrics.figures().epoch()) {
            throw new QueryException("StateLost", e.getMessage(), e);
        }
        notices.accept(e.getMessage() + "; going on from the newest checkpoint");
        definition.state().forget();
        forgottenAt = metrics.figures().epoch();
    }

    private void discard() {
        try {
            definition.state().discard();
        } catch (StateHome.SavepointUnusableException e) {
            throw new QueryException("SavepointUnusable", e.getMessage(), e);
        }
    }

    /** Says what is waited for, once. */
    private String waiting(String code, String message, String lastNotice) {
        if (!message.equals(lastNotice)) {
            notices.accept(message + "; waiting for it");
        }
        metrics.waiting(code, message);
        return message;
    }

    private void pause(long millis) {
        long until = System.nanoTime() + millis * 1_000_000;
        try {
            while (!stopping && System.nanoTime() < until) {
                Thread.sleep(Math.min(100, millis));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stopping = true;
        }
    }
}
