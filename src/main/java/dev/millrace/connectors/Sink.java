package dev.millrace.connectors;

import dev.millrace.data.Batch;
import java.util.List;

/**
 * Where results go. What is written between two commits becomes visible as one: either the sink shares the transaction of
 * the progress log, or it makes an epoch visible by {@link #publish}, which may be repeated.
 *
 * <p>Writers are used by one thread each at a time; the rest by the committing thread.
 */
public interface Sink extends AutoCloseable {

    /** A writer for one of the workers. */
    Writer writer();

    /**
     * Makes what was written since the last call durable, though not visible; called before the epoch is committed.
     *
     * @return what {@link #publish} needs to know, recorded with the epoch; null for nothing
     */
    default String prepare(long epoch) {
        return null;
    }

    /**
     * Whether the rows of a prepared epoch that the log has are in the sink no more, though they were not published: then the
     * replay of the epoch writes them again, and prepares and publishes it.
     */
    default boolean needsReplay(long epoch, String prepared) {
        return false;
    }

    /**
     * A row that cannot be in the sink, and is left out as the sink is told to.
     *
     * @param row its values, as text
     * @param reason without values
     * @param kept whether it is to be a dead letter; else it is counted
     */
    record Refused(String row, String reason, boolean kept) {}

    /** Sends what waits, and returns the rows that were refused since the last call; called before {@link #prepare}. */
    default List<Refused> takeRefused() {
        return List.of();
    }

    /** Makes the epoch visible; does nothing if it is already. Called after the commit, and again after a restart. */
    default void publish(long epoch, String prepared) {}

    /** Tells a sink that shows a running state, after each commit. */
    default void committed(long epoch) {}

    /** Forgets what was written and not published. */
    @Override
    void close();

    /** Writes rows; weights tell what happens to them. */
    interface Writer {

        /** Adds each row as often as its weight says; all weights are above 0. */
        void append(Batch rows);

        /**
         * Changes of a keyed result: weight +1 sets the row of its key, −1 removes it; one change per key.
         *
         * @param keys the key's columns
         */
        void change(Batch rows, int[] keys);

        /** The whole result table, in place of the last one. */
        void replace(long epoch, List<Batch> rows);
    }
}
