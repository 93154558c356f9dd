package dev.millrace.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.millrace.api.EngineResources;
import dev.millrace.serving.Memory;
import dev.millrace.state.rocksdb.StateMemory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * The memory of a pod, which may become more or less while it runs: the heap is what it was at the start, RocksDB gets most of
 * the rest. It plans with what its container has, or with less where it is told to: then less can be taken from it.
 */
final class PodMemory {

    /** What neither heap nor RocksDB may take: code, threads, network buffers. */
    private static final long RESERVED = 200L << 20;

    private static final long LEAST_FOR_STATE = 32L << 20;
    private static final long LOOK_MILLIS = 1000;

    private final Optional<Path> wish;
    private final LongSupplier limit;
    private final long heap;
    private final StateMemory state;
    private long planned;
    private long adopted;

    /** Of this process. */
    PodMemory(Optional<Path> wish) {
        this(wish, PodMemory::total, Runtime.getRuntime().maxMemory());
    }

    /**
     * @param wish a file that says how many bytes to plan with; it need not exist yet
     * @param limit bytes of the container now
     * @param heap bytes that it may grow to
     */
    PodMemory(Optional<Path> wish, LongSupplier limit, long heap) {
        this.wish = wish;
        this.limit = limit;
        this.heap = heap;
        this.planned = wished();
        this.adopted = planned;
        this.state = new StateMemory(forState());
    }

    private static long total() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    }

    StateMemory state() {
        return state;
    }

    /** Looks at what there is, and is wished, until the process ends. */
    void start() {
        Thread thread = new Thread(this::watch, "memory");
        thread.setDaemon(true);
        thread.start();
    }

    private void watch() {
        try {
            while (true) {
                Thread.sleep(LOOK_MILLIS);
                look();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    synchronized void look() {
        long now = wished();
        if (now != planned) {
            planned = now;
            state.resize(forState());
        }
        adopted = state.isSettled() ? planned : Math.max(planned, adopted);
    }

    /** With the memory that its stores still have while they go over to less, and never with less than it needs. */
    synchronized Memory now() {
        return new Memory(Math.max(adopted, heap + RESERVED + LEAST_FOR_STATE), state.bytes());
    }

    private long forState() {
        return Math.max(LEAST_FOR_STATE, (long) ((planned - heap - RESERVED) * EngineResources.SHARE_FOR_STATE));
    }

    private long wished() {
        long most = limit.getAsLong();
        String text = wish.filter(Files::exists).map(PodMemory::text).orElse("");
        return text.matches("\\d{1,18}") ? Math.min(most, Long.parseLong(text)) : most;
    }

    /** What cannot be read is not there yet, or no more. */
    private static String text(Path file) {
        try {
            return Files.readString(file).trim();
        } catch (IOException e) {
            return "";
        }
    }
}
