package dev.millrace.state.rocksdb;

import org.rocksdb.LRUCache;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/**
 * What the open stores of a process may use together for blocks and write buffers. The memory is given back when the last of
 * them is closed.
 */
public final class StateMemory {

    /** Few threads read: a cache in many small parts would throw out a large block soon after it was read. */
    private static final int CACHE_SHARD_BITS = 2;

    private static final double SHARE_FOR_INDEXES = 0.25;

    private final long bytes;
    private int users;
    private LRUCache cache;
    private WriteBufferManager buffers;

    /**
     * @param bytes of which write buffers take half at most
     */
    public StateMemory(long bytes) {
        this.bytes = bytes;
    }

    /** For one more store, until it calls {@link #release}. */
    synchronized void acquire() {
        if (users++ == 0) {
            RocksDB.loadLibrary();
            cache = new LRUCache(bytes, CACHE_SHARD_BITS, false, SHARE_FOR_INDEXES);
            buffers = new WriteBufferManager(bytes / 2, cache);
        }
    }

    synchronized void release() {
        if (--users == 0) {
            buffers.close();
            cache.close();
        }
    }

    /** While a store is open. */
    synchronized LRUCache cache() {
        return cache;
    }

    /** While a store is open. */
    synchronized WriteBufferManager buffers() {
        return buffers;
    }
}
