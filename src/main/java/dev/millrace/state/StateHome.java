package dev.millrace.state;

import java.util.Optional;

/** Where a query's state lives on this machine: the store itself and its local checkpoints. */
public interface StateHome {

    /**
     * Opens the store; if it is damaged, the newest intact checkpoint; if there is none, an empty store.
     *
     * @throws StateInUseException when another process has it open
     */
    StateStore open();

    /** What had to be given up by the last {@link #open}, for the user; empty if nothing. */
    Optional<String> loss();

    /** Puts the store that was found damaged while open aside; it is closed already. */
    void discard();

    /** Writes a checkpoint of the open store, which may go on meanwhile, and drops surplus older ones. */
    void checkpoint(StateStore store);

    /** Another process has the state open. */
    final class StateInUseException extends RuntimeException {
        public StateInUseException(String message) {
            super(message);
        }
    }
}
