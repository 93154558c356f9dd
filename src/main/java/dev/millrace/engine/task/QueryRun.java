package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.ProgressLog.SupersededException;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateStore;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Runs a query until it ends, is stopped, or meets what another try would meet again. Whatever goes wrong in between, the
 * way back is the one of a fresh start: close everything, open state and log, let the log decide, replay.
 */
public final class QueryRun {

    private static final long FIRST_BACKOFF_MILLIS = 200;
    private static final long MAX_BACKOFF_MILLIS = 2_000;

    private final QueryDefinition definition;
    private final QueryMetrics metrics = new QueryMetrics();
    private final Consumer<String> notices;
    private final FaultPoints faults;
    private volatile boolean stopping;
    private long incarnation;

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
        this(definition, notices, FaultPoints.NONE, 0);
    }

    public QueryRun(QueryDefinition definition, Consumer<String> notices, FaultPoints faults) {
        this(definition, notices, faults, 0);
    }

    /**
     * @param incarnation our fencing number, or 0 to take the one after the greatest that the log has
     */
    public QueryRun(QueryDefinition definition, Consumer<String> notices, FaultPoints faults, long incarnation) {
        this.definition = definition;
        this.notices = notices;
        this.faults = faults;
        this.incarnation = incarnation;
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
            try (EpochLoop loop = new EpochLoop(definition, metrics, notices, faults)) {
                incarnation = loop.open(incarnation);
                lastNotice = "";
                Optional<End> end = loop.run(() -> stopping);
                if (end.isPresent()) {
                    return end.get();
                }
            } catch (SupersededException e) {
                notices.accept(e.getMessage());
                metrics.phase("ended", e.getMessage());
                metrics.incarnation(e.incarnation());
                return End.SUPERSEDED;
            } catch (StateStore.CorruptStateException e) {
                notices.accept(e.getMessage());
                discard();
            } catch (ConnectorException e) {
                if (!e.retriable()) {
                    metrics.phase("ended", e.getMessage());
                    throw new QueryException(e.code(), e.getMessage(), e);
                }
                lastNotice = waiting(e.code(), e.getMessage(), lastNotice);
            } catch (StateStore.NoSpaceException e) {
                lastNotice = waiting(StateStore.NoSpaceException.CODE, e.getMessage(), lastNotice);
            }
            if (stopping) {
                return End.STOPPED;
            }
            boolean progressed = metrics.figures().epoch() > epochBefore;
            backoff = progressed ? FIRST_BACKOFF_MILLIS : Math.min(MAX_BACKOFF_MILLIS, backoff * 2);
            pause(backoff);
        }
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
