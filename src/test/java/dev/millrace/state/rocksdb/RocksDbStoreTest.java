package dev.millrace.state.rocksdb;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millrace.state.StateBatch;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RocksDbStoreTest {

    private static final int KEYS = 1_300;

    @TempDir
    private Path directory;

    private StateStore open() {
        return new RocksDbStore(directory.resolve("db"), new StateMemory(16 << 20));
    }

    @Test
    void manyKeysAreAnsweredInTheirOrder() {
        try (StateStore store = open()) {
            StateBatch batch = new StateBatch();
            List<byte[]> keys = new ArrayList<>();
            for (int i = 0; i < KEYS; i++) {
                keys.add(StateKeys.meta("key " + i));
                if (i % 3 > 0) {
                    batch.put(keys.get(i), StateKeys.meta("value " + i));
                }
            }
            store.apply(batch, 1);
            List<byte[]> values = store.get(keys);
            assertEquals(KEYS, values.size());
            for (int i = 0; i < KEYS; i++) {
                assertArrayEquals(i % 3 > 0 ? StateKeys.meta("value " + i) : null, values.get(i));
            }
        }
    }

    /** A pod waits for the one before it, and does not begin anew. */
    @Test
    void whatAnotherHasOpenIsInUseAndNotDamaged() {
        try (StateStore store = open()) {
            store.apply(new StateBatch(), 1);
            assertThrows(StateHome.StateInUseException.class, this::open);
        }
        try (StateStore store = open()) {
            assertEquals(1, store.epoch());
        }
    }

    @Test
    void theNumberOfRowsIsKeptWithItsEpoch() {
        try (StateStore store = open()) {
            StateBatch batch = new StateBatch();
            batch.countRows(3);
            store.apply(batch, 1);
        }
        try (StateStore store = open()) {
            assertEquals(3, store.rows());
            StateBatch batch = new StateBatch();
            batch.countRows(-1);
            store.apply(batch, 2);
            assertEquals(2, store.rows());
            assertEquals(2, store.epoch());
        }
    }
}
