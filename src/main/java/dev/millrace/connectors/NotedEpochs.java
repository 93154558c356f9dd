package dev.millrace.connectors;

import java.util.OptionalLong;

/**
 * What becomes of the epochs of a sink outside the log's transaction, which notes the number of its last one together with its
 * rows. Each prepared epoch says which one was noted before it, and takes the place of just that one: so a sink that was set
 * back, or that is ahead of the query, is noticed.
 *
 * @param sink in words
 * @param place where the number is noted, in words
 * @param whole what holds it, and could be set back
 * @param none what to say where there is no number any more, and what to do
 */
public record NotedEpochs(String sink, String place, String whole, String none) {

    /** The number before the first epoch is begun: one that is missing later was lost. */
    public static final long NONE_YET = -1;

    /**
     * As {@link Sink#needsReplay}.
     *
     * @param noted empty for none
     */
    public boolean needsReplay(OptionalLong noted, long epoch, String prepared) {
        long there = noted.orElseThrow(() -> lost(none));
        if (there < epoch && !String.valueOf(there).equals(prepared)) {
            throw lost("is at epoch " + there + " and was at " + prepared + " before epoch " + epoch + ": the " + whole
                    + " was set back");
        }
        return there < epoch;
    }

    /** As {@link Sink#prepare}, of an epoch that has rows. */
    public String prepare(long noted, long epoch) {
        if (noted >= epoch) {
            throw lost("has epoch " + noted + " of it, and the query is at epoch " + epoch
                    + ": its state and log were lost, or set back");
        }
        return String.valueOf(noted);
    }

    /** As {@link Sink#publish}, where nothing waits to be published: then it was before. */
    public void requirePublished(OptionalLong noted, long epoch, String prepared) {
        if (needsReplay(noted, epoch, prepared)) {
            throw lost("does not have epoch " + epoch);
        }
    }

    /** What was written is unknown. */
    public ConnectorException lost(String what) {
        return new ConnectorException("SinkDataLost", sink + ": what was written is unknown: " + place + " " + what);
    }
}
