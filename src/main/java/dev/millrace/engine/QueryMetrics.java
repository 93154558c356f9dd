package dev.millrace.engine;

import java.util.concurrent.atomic.LongAdder;

/** A query's counters and present figures, read from any thread. Counters only grow while the process lives. */
public final class QueryMetrics {

    /** Rows that were read, whether their epoch was committed yet or not. */
    public final LongAdder rowsRead = new LongAdder();

    /** Rows of committed epochs. */
    public final LongAdder rowsIn = new LongAdder();

    public final LongAdder rowsOut = new LongAdder();
    public final LongAdder rowsLate = new LongAdder();
    public final LongAdder rowsMalformed = new LongAdder();
    public final LongAdder epochs = new LongAdder();
    public final LongAdder replayedEpochs = new LongAdder();
    public final LongAdder commitNanos = new LongAdder();
    public final LongAdder busyNanos = new LongAdder();

    /** Checkpoints that were written, and the time it took beside the epochs. */
    public final LongAdder checkpoints = new LongAdder();

    public final LongAdder checkpointNanos = new LongAdder();

    /** Why the loss of one disk or broker could lose the query's history; empty if it could not, or is not known yet. */
    private volatile String weakness = "";

    private volatile Figures figures = new Figures("starting", -1, Long.MIN_VALUE, 0, 0, 0, 0, 0, "");

    /**
     * What holds now.
     *
     * @param phase starting, replaying, running, waiting or ended
     * @param watermark in milliseconds
     * @param lagRecords −1 if unknown
     * @param lagMillis how far the watermarked time lags behind the clock; −1 if unknown
     * @param message why it waits, or empty
     */
    public record Figures(
            String phase,
            long epoch,
            long watermark,
            long lagRecords,
            long lagMillis,
            long stateRows,
            long stateBytes,
            long committedAtMillis,
            String message) {

        public Figures withPhase(String newPhase, String newMessage) {
            return new Figures(
                    newPhase,
                    epoch,
                    watermark,
                    lagRecords,
                    lagMillis,
                    stateRows,
                    stateBytes,
                    committedAtMillis,
                    newMessage);
        }
    }

    public String weakness() {
        return weakness;
    }

    public void weakness(String reason) {
        weakness = reason;
    }

    public Figures figures() {
        return figures;
    }

    public void set(Figures newFigures) {
        figures = newFigures;
    }

    public void phase(String phase, String message) {
        figures = figures.withPhase(phase, message);
    }
}
