package dev.millrace.state;

import java.util.Optional;

/**
 * The savepoint that a query's state began from: where there is no other state, it begins from there again.
 *
 * @param store that holds it
 */
public record SavepointOrigin(String name, CheckpointReader store) {

    public Optional<StoredCheckpoint> find() {
        return Optional.ofNullable(store.savepoints().get(name));
    }
}
