package dev.millrace.engine.task;

/**
 * How long an epoch reads. Where the query keeps up, epochs begin one commit interval after the other, so what the end of
 * an epoch takes is taken off the next one's reading, though at most half. Where it is behind, each reads for the whole
 * interval: the more rows, the less the end of the epoch costs each.
 */
final class Pace {

    private final long intervalNanos;
    private boolean keepsUp;
    private long readEnded;

    Pace(long intervalMillis) {
        this.intervalNanos = intervalMillis * 1_000_000;
    }

    /** For how many nanoseconds an epoch that begins now reads. */
    long readNanos(long now) {
        long ending = keepsUp ? now - readEnded : 0;
        return Math.max(intervalNanos - ending, Math.min(intervalNanos, ending));
    }

    /**
     * @param rows that the epoch has read
     * @param lag what it has left, −1 if unknown
     */
    void ended(long now, long rows, long lag) {
        readEnded = now;
        keepsUp = lag >= 0 && lag <= rows;
    }
}
