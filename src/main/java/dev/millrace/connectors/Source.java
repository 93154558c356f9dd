package dev.millrace.connectors;

import dev.millrace.data.SourcePosition;
import java.util.List;

/**
 * An input table's rows, in partitions that can each be read again from a position. Rows of a partition have an order that
 * never changes.
 *
 * <p>{@link #discover} and the journal are used by one thread; each reader by one thread of its own.
 */
public interface Source extends AutoCloseable {

    /** What the partitions' positions refer to, such as a topic's id; a change means that positions mean nothing now. */
    String identity();

    /** The partitions that there are, with their starting positions; called again now and then, only ever grows. */
    List<Start> discover();

    /** A reader for some of the partitions. */
    Reader reader(MalformedRows malformed);

    /** Facts that must be recorded to read the same rows again, such as which file is the seventh; since the last call. */
    default List<String> drainJournal() {
        return List.of();
    }

    /** Takes back what {@link #drainJournal} gave, in order, before anything is read. */
    default void restoreJournal(List<String> entries) {}

    @Override
    void close();

    /** A partition and where reading begins. */
    record Start(String partition, Position position) {}

    /** Reads partitions, each known by an index that the caller chose. */
    interface Reader extends AutoCloseable {

        void assign(int index, String partition, Position position);

        /** Reads a partition no more: another process goes on with it. */
        default void release(int index) {
            throw new UnsupportedOperationException("only one process reads this source");
        }

        /** Reads up to this position and no further; null for no bound. For replay. */
        void limit(int index, Position end);

        /** Reads what there is at the time of the call and no further. */
        void limitToNow();

        /** Fails where what comes next is known to be gone: asked at a start, before the rest of the input is written on. */
        default void requireInput() {}

        /** The next rows, possibly none; waits for some up to the time given. */
        SourceBatch poll(long timeoutMillis);

        /** The position behind the last row of the last poll. */
        Position position(int index);

        /** Records there are behind the position, as far as is known; −1 if unknown. */
        long lag(int index);

        /** That of the last record that was read, in milliseconds; −1 if unknown. */
        default long timestamp(int index) {
            return -1;
        }

        /** Whether the last poll was answered and the position was the partition's end. */
        boolean atEnd(int index);

        /** {@link #atEnd} asked of where the rows are kept, before a silent partition is declared idle. */
        default boolean confirmAtEnd(int index) {
            return atEnd(index);
        }

        /** Whether nothing will ever come after the position. */
        default boolean ended(int index) {
            return false;
        }

        @Override
        void close();
    }

    /** Takes records that are not rows of the table. They count as read. */
    interface MalformedRows {
        /**
         * @param index the partition's
         * @param record the record's bytes, valid only during the call
         */
        void malformed(int index, SourcePosition position, byte[] record, int start, int length, String reason);
    }
}
