package dev.millrace.state;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Where a query's state lives on this machine: the store itself and its local checkpoints. */
public interface StateHome {

    /**
     * Opens the store; if it is damaged, the newest intact checkpoint; if there is none, an empty store.
     *
     * @throws StateInUseException when another process has it open
     * @throws SavepointUnusableException when the state is to begin from a savepoint that is not there or damaged
     */
    StateStore open();

    /** Where the state that the last {@link #open} gave came from. */
    Origin origin();

    /** Where state comes from. */
    enum Origin {
        /** There was none. */
        NEW,
        VOLUME,
        CHECKPOINT,
        SAVEPOINT
    }

    /** What had to be given up by the last {@link #open}, for the user; empty if nothing. */
    Optional<String> loss();

    /** Puts the store that was found damaged while open aside; it is closed already. */
    void discard();

    /** Takes the store away, which is closed and whole and of no use: the next {@link #open} restores the newest checkpoint. */
    void forget();

    /**
     * Writes a checkpoint of the open store, which may go on meanwhile, and drops surplus older ones.
     *
     * @return its files, which stay until the next is written
     */
    LocalCheckpoint checkpoint(StateStore store);

    /** How large the volume is that all lies on, and how much of it is free. */
    Space space();

    /** In bytes; −1 for what is not known. */
    record Space(long bytes, long free) {
        public static final Space UNKNOWN = new Space(-1, -1);
    }

    /**
     * A checkpoint on this machine.
     *
     * @param files names of its files: a directory may be on its way out with a volume that was deleted
     */
    record LocalCheckpoint(Path directory, long epoch, List<String> files) {}

    /** Nothing else may take the place of the savepoint. */
    final class SavepointUnusableException extends RuntimeException {
        public SavepointUnusableException(String message) {
            super(message);
        }
    }

    /** Another process has the state open. */
    final class StateInUseException extends RuntimeException {
        public StateInUseException(String message) {
            super(message);
        }
    }
}
