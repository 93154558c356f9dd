package dev.millrace.state.rocksdb;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.state.StateBatch;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
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

    private static byte[] key(int i) {
        return StateKeys.meta("key " + i);
    }

    private static StateBatch batch(int from, int to, int size) {
        StateBatch batch = new StateBatch();
        for (int i = from; i < to; i++) {
            byte[] value = new byte[size];
            new Random(i).nextBytes(value);
            batch.put(key(i), value);
        }
        return batch;
    }

    /** All that was applied is there whatever the memory was, also in copies that are written meanwhile. */
    @Test
    void memoryBecomesMoreAndLessWhileTheStoreIsUsed() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        StateMemory memory = new StateMemory(8 << 20);
        AtomicBoolean end = new AtomicBoolean();
        Path copies = Files.createDirectory(directory.resolve("copies"));
        try (StateStore store = new RocksDbStore(directory.resolve("db"), memory)) {
            CompletableFuture<Integer> copier = CompletableFuture.supplyAsync(() -> {
                int count = 0;
                while (!end.get()) {
                    store.checkpoint(copies.resolve(String.valueOf(count++)));
                }
                return count;
            });
            for (int epoch = 0; epoch < 150; epoch++) {
                store.apply(batch(100 * epoch, 100 * epoch + 100, 300), epoch);
                if (random.nextInt(3) == 0) {
                    memory.resize((4L + random.nextInt(20)) << 20);
                }
                int known = random.nextInt(100 * epoch + 100);
                byte[] expected = new byte[300];
                new Random(known).nextBytes(expected);
                assertArrayEquals(expected, store.get(List.of(key(known))).get(0), "seed " + seed);
            }
            end.set(true);
            int written = copier.get();
            assertTrue(written > 0);
            store.apply(new StateBatch(), 150);
            Awaitility.await("what is not used any more is given back").until(() -> {
                store.rest();
                return memory.isSettled();
            });
            try (StateStore copy = new RocksDbStore(copies.resolve(String.valueOf(written - 1)), memory)) {
                int rows = (int) (copy.epoch() + 1) * 100;
                assertNotNull(copy.get(List.of(key(rows - 1))).get(0));
                assertNull(copy.get(List.of(key(rows))).get(0));
            }
        }
        assertTrue(memory.isSettled());
    }

    @Test
    void storesGoOverToOtherMemoryOneByOne() {
        StateMemory memory = new StateMemory(8 << 20);
        try (StateStore one = new RocksDbStore(directory.resolve("one"), memory);
                StateStore other = new RocksDbStore(directory.resolve("other"), memory)) {
            memory.resize(16 << 20);
            assertFalse(memory.isSettled());
            one.apply(batch(0, 10, 10), 1);
            assertFalse(memory.isSettled(), "the other has the old one yet");
            other.apply(batch(0, 10, 10), 1);
            assertTrue(memory.isSettled());
            assertNotNull(one.get(List.of(key(9))).get(0));
            assertNotNull(other.get(List.of(key(9))).get(0));
        }
    }

    /** What is in buffers is written beside the epochs: a store that was opened with all of it in its log would hold them up. */
    @Test
    void aStoreGoesOverWithLittleInItsBuffers() {
        StateMemory memory = new StateMemory(64 << 20);
        try (StateStore store = new RocksDbStore(directory.resolve("db"), memory)) {
            store.apply(batch(0, 30_000, 500), 1);
            memory.resize(128 << 20);
            long before = store.bytes();
            store.rest();
            assertFalse(memory.isSettled(), before + " bytes would be read from the log");
            Awaitility.await().until(() -> {
                store.rest();
                return memory.isSettled();
            });
            assertNotNull(store.get(List.of(key(29_999))).get(0));
            assertEquals(1, store.epoch());
        }
    }

    @Test
    void whatDoesNotFitIntoMemoryIsReadAgain() {
        StateMemory memory = new StateMemory(1 << 20);
        Random random = new Random(1);
        try (StateStore store = new RocksDbStore(directory.resolve("db"), memory)) {
            for (int i = 0; i < 20; i++) { // some 10 MB, of which the buffers keep little
                store.apply(batch(1000 * i, 1000 * i + 1000, 500), i);
            }
            long little = missesOf(store, random);
            memory.resize(64 << 20);
            Awaitility.await().until(() -> {
                store.rest();
                return memory.isSettled();
            });
            missesOf(store, random); // now all of it lies in memory
            long much = missesOf(store, random);
            assertTrue(little > 500 && much < little / 10, little + " and " + much);
            assertTrue(store.effort().hits() > 0);
        }
    }

    /** What compresses well takes its whole size in memory. */
    @Test
    void theSizeInMemoryIsThatWithoutCompression() {
        try (StateStore store = open()) {
            StateBatch batch = new StateBatch();
            for (int i = 0; i < 100_000; i++) {
                batch.put(key(i), "abcdefghij".repeat(16).getBytes(StandardCharsets.UTF_8));
            }
            store.apply(batch, 1);
            store.apply(batch(0, 10, 10), 2);
            long plain = 100_000 * 160L;
            Awaitility.await().until(() -> store.bytes() < plain / 2); // it lies on disk
            long unpacked = store.effort().unpacked();
            assertTrue(unpacked > plain && unpacked < 2 * plain, unpacked + " of " + plain);
        }
    }

    private static long missesOf(StateStore store, Random random) {
        long before = store.effort().misses();
        store.get(random.ints(4_000, 0, 20_000).mapToObj(RocksDbStoreTest::key).toList());
        return store.effort().misses() - before;
    }
}
