package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.ProgressLog.SupersededException;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.StateStore;
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
        SUPERSEDED
    }

    /**
     * @param notices receives sentences for the user: recoveries, waits
     */
    public QueryRun(QueryDefinition definition, Consumer<String> notices) {
        this(definition, notices, FaultPoints.NONE);
    }

    public QueryRun(QueryDefinition definition, Consumer<String> notices, FaultPoints faults) {
        this.definition = definition;
        this.notices = notices;
        this.faults = faults;
    }

    public QueryMetrics metrics() {
        return metrics;
    }

    /** Asks the run to end after the epoch that it is in. */
    public void stop() {
        stopping = true;
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
                return loop.run(() -> stopping);
            } catch (SupersededException e) {
                notices.accept(e.getMessage());
                metrics.phase("ended", e.getMessage());
                return End.SUPERSEDED;
            } catch (StateStore.CorruptStateException e) {
                notices.accept(e.getMessage());
                definition.state().discard();
            } catch (ConnectorException e) {
                if (!e.retriable()) {
                    metrics.phase("ended", e.getMessage());
                    throw new QueryException(e.code(), e.getMessage(), e);
                }
                if (!e.getMessage().equals(lastNotice)) {
                    notices.accept(e.getMessage() + "; waiting for it");
                    lastNotice = e.getMessage();
                }
                metrics.phase("waiting", e.getMessage());
            }
            if (stopping) {
                return End.STOPPED;
            }
            boolean progressed = metrics.figures().epoch() > epochBefore;
            backoff = progressed ? FIRST_BACKOFF_MILLIS : Math.min(MAX_BACKOFF_MILLIS, backoff * 2);
            pause(backoff);
        }
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
