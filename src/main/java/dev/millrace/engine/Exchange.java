package dev.millrace.engine;

import java.util.Optional;

/**
 * How rows get to the slot that owns their key: partitions that all slots of a query write, each in the transaction of its
 * own log. Partition 0 holds announcements, which say what an epoch has sent; partition {@code 1 + g} holds what was sent to
 * key group {@code g}. Records of a partition have one order for all readers; a reader sees committed ones only.
 *
 * <p>Used by the thread of the epoch loop.
 */
public interface Exchange extends AutoCloseable {

    /** The partition of announcements. */
    int ANNOUNCEMENTS = 0;

    /** Why the loss of one disk or broker could lose rows on their way; empty if it could not. Known once it is open. */
    Optional<String> weakness();

    static int partitionOf(int keyGroup) {
        return 1 + keyGroup;
    }

    /** Adds a record to what the log's next commit makes visible. */
    void send(int partition, byte[] record);

    /** Of a partition that is not read. */
    long NOWHERE = -1;

    /** Reaches for the exchange, making it where there is none; returns what names it for ever. */
    String open();

    /**
     * Begins to read, or to read elsewhere.
     *
     * @throws TrimmedException where a record is not there any more
     *
     * @param offsets by partition: of the first record, or {@link #NOWHERE}
     */
    void seek(long[] offsets);

    /** The offset of a partition's first record that is still there. */
    long begin(int partition);

    /** The offset behind a partition's last committed record. */
    long end(int partition);

    /** Hands on all that a partition has now, wherever reading is. */
    void readAll(int partition, Arrival arrival);

    /** As {@link #seek} while reading, not looking whether the records are there: a poll finds out, as an outage. */
    void move(long[] offsets);

    /** Hands on records that have come, each partition's in order; waits for some up to the time given. */
    void poll(long timeoutMillis, Arrival arrival);

    /** How many announcements there are behind what was read, transactions' marks among them; −1 while that is unknown. */
    long unread();

    /**
     * Forgets records that nobody needs any more; one that cannot be forgotten now stays until the next time.
     *
     * @param offsets by partition: of the first that is needed; −1 where nothing is known
     */
    void trim(long[] offsets);

    @Override
    void close();

    /** What a state needs was forgotten: others went by a newer checkpoint than the one that it is of. */
    final class TrimmedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public TrimmedException(String message) {
            super(message);
        }
    }

    /** Takes records. */
    interface Arrival {
        void accept(int partition, long offset, byte[] record);
    }
}
