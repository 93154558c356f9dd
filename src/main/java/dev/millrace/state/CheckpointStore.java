package dev.millrace.state;

/**
 * Keeps checkpoints outside of the volume: files under names of their content, a manifest last. Storing has two halves,
 * where only the second can be fenced: {@link #upload} runs beside epochs; {@link #publish} makes the checkpoint the newest,
 * and takes away what no kept one needs, in one step that a superseded process cannot make. A store that is right without
 * fencing does all of it in the first.
 */
public interface CheckpointStore extends CheckpointReader, AutoCloseable {

    /** Prepares for storing, in the name of an incarnation that has fenced all earlier ones. */
    void begin(long incarnation);

    /**
     * Stores the files that are not stored yet.
     *
     * @param checkpoint of the store that this process has open: tables of equal name and size are equal
     * @return what {@link #publish} takes
     */
    StoredCheckpoint upload(StateHome.LocalCheckpoint checkpoint);

    /** Makes an uploaded checkpoint visible, if it is not yet; called by the thread that commits epochs, between two of them. */
    void publish(StoredCheckpoint checkpoint);

    /**
     * Keeps the newest checkpoint until it is dropped by this name. Called as {@link #publish} is, while nothing is being
     * uploaded; what failed with a {@link StoreAwayException} is called again later.
     */
    void keep(String savepoint, StoredCheckpoint checkpoint);

    /**
     * Makes a savepoint of what was kept under this name. Called as {@link #keep} is, once an epoch was committed that began
     * after that: so this process was not superseded by then, and whoever comes later keeps it too.
     */
    void confirm(String savepoint);

    /** Gives up a savepoint, if there is one of that name; called as {@link #keep} is. */
    void drop(String savepoint);

    /** A store that needs no transaction is away: savepoints wait, epochs do not. */
    final class StoreAwayException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public StoreAwayException(RuntimeException cause) {
            super(cause.getMessage(), cause);
        }
    }

    @Override
    void close();
}
