package dev.millrace.engine;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The durable list of committed epochs: the truth about a query. Committing an epoch appends its record and, in the same
 * atomic step, makes visible what sinks wrote through the log's transaction.
 *
 * <p>Any error of a commit leaves its outcome unknown; the caller closes everything and opens the log again, which decides.
 */
public interface ProgressLog extends AutoCloseable {

    /**
     * Reaches for the log and looks at it, changing nothing: what {@link #open} then need not wait for.
     *
     * @return the last incarnation that has written it, as far as can be seen; 0 for none
     */
    default long connect() {
        return 0;
    }

    /**
     * Fences older writers and reads the log from a position to its very end.
     *
     * @param from where to begin, or −1 for the beginning
     * @param entries receives each record in order
     */
    void open(long from, Consumer<Entry> entries);

    /**
     * Reads the log beside the one that writes it, and fences nobody.
     *
     * @param from where to begin, or −1 for the beginning
     * @throws dev.millrace.connectors.ConnectorException while there is no such log
     */
    default Tail tail(long from) {
        throw new UnsupportedOperationException("nobody reads such a log but the one that writes it");
    }

    /** Starts what {@link #commit} will make visible. */
    void begin();

    /** Appends the record, atomically with what was written since {@link #begin}; returns its position. */
    long commit(ProgressRecord record, List<JournalEntry> journal);

    /** The journal of an epoch: inputs that cannot be read again, in the order in which they were committed. */
    List<JournalEntry> journal(long epoch);

    /**
     * The journal of the first record of slot 0's log.
     *
     * @throws dev.millrace.connectors.ConnectorException while that is not written yet
     */
    default List<JournalEntry> firstJournal() {
        throw new UnsupportedOperationException("such a log is of one slot");
    }

    /** Names the log that positions refer to, once it is open: another one under the same name has another identity. */
    String identity();

    /** Why the loss of one disk or broker could lose the query's history; empty if it could not. Known once it is open. */
    Optional<String> weakness();

    @Override
    void close();

    /** The end of a log that grows. */
    interface Tail extends AutoCloseable {

        /** Records that have come, in order; waits for some up to the time given. */
        List<Entry> poll(long timeoutMillis);

        /** Whether all was read that was there at the last poll. */
        boolean atEnd();

        @Override
        void close();
    }

    /** A record and where it is. */
    record Entry(ProgressRecord record, long position) {}

    /** A piece of recorded input. */
    record JournalEntry(String name, byte[] content) {}

    /** A newer incarnation of this query writes the log now; this one has to stop. */
    final class SupersededException extends RuntimeException {
        private final long incarnation;

        /**
         * @param incarnation the newer one
         */
        public SupersededException(long incarnation, String message) {
            super(message);
            this.incarnation = incarnation;
        }

        public long incarnation() {
            return incarnation;
        }
    }
}
