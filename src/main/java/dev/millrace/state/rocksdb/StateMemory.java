package dev.millrace.state.rocksdb;

import org.rocksdb.LRUCache;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/**
 * What the open stores of a process may use together for blocks and write buffers. When it becomes more or less, stores go over
 * to the new memory one after the other, as soon as nothing else uses them; what is not used any more is given back.
 */
public final class StateMemory {

    /** Few threads read: a cache in many small parts would throw out a large block soon after it was read. */
    private static final int CACHE_SHARD_BITS = 2;

    private static final double SHARE_FOR_INDEXES = 0.25;

    private long bytes;
    private Room current;
    private int rooms;

    /** A cache and buffers of a size, for all stores that have come to it. */
    final class Room {
        private final LRUCache cache;
        private final WriteBufferManager buffers;
        private int users;

        private Room(long bytes) {
            RocksDB.loadLibrary();
            cache = new LRUCache(bytes, CACHE_SHARD_BITS, false, SHARE_FOR_INDEXES);
            buffers = new WriteBufferManager(bytes / 2, cache);
        }

        LRUCache cache() {
            return cache;
        }

        WriteBufferManager buffers() {
            return buffers;
        }

        /** It is not used any more by a store. */
        void leave() {
            synchronized (StateMemory.this) {
                if (--users == 0) {
                    buffers.close();
                    cache.close();
                    rooms--;
                    current = current == this ? null : current;
                }
            }
        }

        /** Whether it is the one that stores are to use now. */
        boolean isCurrent() {
            synchronized (StateMemory.this) {
                return current == this;
            }
        }
    }

    /**
     * @param bytes of which write buffers take half at most
     */
    public StateMemory(long bytes) {
        this.bytes = bytes;
    }

    /** For one more store, until it leaves it. */
    synchronized Room enter() {
        if (current == null) {
            current = new Room(bytes);
            rooms++;
        }
        current.users++;
        return current;
    }

    /** From now on it is so large; stores follow at the end of their epochs. */
    public synchronized void resize(long newBytes) {
        if (newBytes != bytes) {
            bytes = newBytes;
            current = null;
        }
    }

    public synchronized long bytes() {
        return bytes;
    }

    /** Whether no store uses memory of another size. */
    public synchronized boolean isSettled() {
        return rooms == (current == null ? 0 : 1);
    }
}
