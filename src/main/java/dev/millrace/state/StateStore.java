package dev.millrace.state;

import java.nio.file.Path;
import java.util.List;

/**
 * An ordered map from bytes to bytes that changes only by {@link #apply}: one atomic batch per epoch, which also holds the
 * epoch's number. A store that was closed or killed after {@code apply} returned has that epoch; a machine that died may
 * have lost a tail of whole epochs.
 *
 * <p>Reads may come from several threads at once, {@code apply} from one with no reads beside it, {@code checkpoint} from
 * another beside all of them.
 */
public interface StateStore extends AutoCloseable {

    /** The epoch of a store that nothing was applied to. */
    long NO_EPOCH = -1;

    /** The last applied epoch, or {@link #NO_EPOCH}. */
    long epoch();

    /** Values in the order of the keys, null where a key is absent. */
    List<byte[]> get(List<byte[]> keys);

    /** Visits entries with {@code from <= key < to} in ascending order of unsigned bytes until the visitor says stop. */
    void scan(byte[] from, byte[] to, Visitor visitor);

    /** As {@link #scan} in descending order. */
    void scanDescending(byte[] from, byte[] to, Visitor visitor);

    void apply(StateBatch batch, long epoch);

    /** There is time: what can be done between epochs is done now. From the thread that applies, with no reads beside it. */
    default void rest() {}

    /** Writes a copy of the store into a new directory: as of its last epoch, or of one applied meanwhile. */
    void checkpoint(Path directory);

    /** Rows that operators keep, as {@link StateBatch#countRows} told. */
    long rows();

    /** Bytes on disk and in buffers, roughly. */
    long bytes();

    /** What the store took so far; asked for by the thread that applies. */
    Effort effort();

    /**
     * What a store took since it was opened.
     *
     * @param waitedNanos that threads waited in it, all of them together, for what did not lie in memory
     * @param stalledNanos that writes were held up, as they came faster than the disk takes them
     * @param hits how often a block lay in the cache
     * @param misses how often it did not
     * @param unpacked bytes that all it holds would take in memory, roughly: on disk it is compressed
     */
    record Effort(long waitedNanos, long stalledNanos, long hits, long misses, long unpacked) {
        public static final Effort NONE = new Effort(0, 0, 0, 0, 0);
    }

    @Override
    void close();

    /** Receives entries of a scan. */
    interface Visitor {
        /** Returns whether to go on. */
        boolean visit(byte[] key, byte[] value);
    }

    /** The disk has no room: nothing that was written is lost, and the same goes through when there is some. */
    final class NoSpaceException extends RuntimeException {

        /** As it is shown to users. */
        public static final String CODE = "VolumeFull";

        public NoSpaceException(Path directory, Throwable cause) {
            super("no space is left on the volume of " + directory, cause);
        }

        /** Whether that is what the operating system says. */
        public static boolean tells(String message) {
            return message != null
                    && (message.contains("No space left on device") || message.contains("Disk quota exceeded"));
        }
    }

    /** The store cannot be read: its files are damaged or gone. */
    final class CorruptStateException extends RuntimeException {
        public CorruptStateException(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
