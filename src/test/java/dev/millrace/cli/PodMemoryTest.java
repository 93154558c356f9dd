package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.serving.Memory;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import dev.millrace.state.rocksdb.RocksDbStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PodMemoryTest {

    private static final long MIB = 1L << 20;

    @TempDir
    private Path directory;

    private final AtomicLong limit = new AtomicLong(1000 * MIB);

    private PodMemory memory() {
        return new PodMemory(Optional.of(directory.resolve("wish")), limit::get, 400 * MIB);
    }

    private void wish(long mib) throws IOException {
        Files.writeString(directory.resolve("wish"), mib * MIB + "\n");
    }

    private static Memory look(PodMemory memory) {
        memory.look();
        return memory.now();
    }

    @Test
    void theStateGetsMostOfWhatTheHeapLeaves() throws Exception {
        PodMemory memory = memory();
        assertEquals(new Memory(1000 * MIB, 300 * MIB), look(memory));
        limit.set(1400 * MIB);
        assertEquals(new Memory(1400 * MIB, 600 * MIB), look(memory));
        wish(1200);
        assertEquals(new Memory(1200 * MIB, 450 * MIB), look(memory), "less than there is");
        wish(4000);
        assertEquals(new Memory(1400 * MIB, 600 * MIB), look(memory), "no more than there is");
        wish(500);
        assertEquals(new Memory(632 * MIB, 32 * MIB), look(memory), "the heap stays what it is");
        Files.writeString(directory.resolve("wish"), "much");
        assertEquals(1400 * MIB, look(memory).planned());
    }

    /** The pod may be given less only when nothing uses more any longer. */
    @Test
    void lessIsToldWhenStoresHaveGivenItBack() throws Exception {
        PodMemory memory = memory();
        try (StateStore store = new RocksDbStore(directory.resolve("db"), memory.state())) {
            wish(800);
            assertEquals(1000 * MIB, look(memory).planned());
            store.apply(new StateBatch(), 1);
            assertEquals(800 * MIB, look(memory).planned());
            wish(1000);
            assertEquals(1000 * MIB, look(memory).planned(), "more is told at once");
        }
    }
}
