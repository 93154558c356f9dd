package dev.millrace.data;

import java.util.Arrays;

/**
 * A hash table from byte strings to dense slot numbers 0, 1, 2 … in order of first appearance, without an object per key.
 * What belongs to a key lies in arrays of the caller, indexed by slot.
 */
public final class ByteKeyTable {

    private static final int ABSENT = -1;

    private int[] buckets = new int[64];
    private long[] hashes = new long[32];
    private int[] starts = new int[33];
    private final Bytes keys = new Bytes(1024);
    private int size;

    public ByteKeyTable() {
        Arrays.fill(buckets, ABSENT);
    }

    public int size() {
        return size;
    }

    /** The slot of the key, or −1. */
    public int find(byte[] array, int start, int length, long hash) {
        int mask = buckets.length - 1;
        int bucket = spread(hash) & mask;
        while (true) {
            int slot = buckets[bucket];
            if (slot == ABSENT) {
                return ABSENT;
            }
            if (hashes[slot] == hash && sameKey(slot, array, start, length)) {
                return slot;
            }
            bucket = bucket + 1 & mask;
        }
    }

    /** The slot of the key; a new key gets slot {@code size() - 1}. */
    public int findOrAdd(byte[] array, int start, int length, long hash) {
        int found = find(array, start, length, hash);
        return found != ABSENT ? found : add(array, start, length, hash);
    }

    private int add(byte[] array, int start, int length, long hash) {
        if (size == hashes.length) {
            growTo(size * 2);
        }
        int slot = size++;
        hashes[slot] = hash;
        keys.put(array, start, length);
        starts[slot + 1] = keys.length();
        insert(slot);
        return slot;
    }

    private void growTo(int slots) {
        hashes = Arrays.copyOf(hashes, slots);
        starts = Arrays.copyOf(starts, slots + 1);
        buckets = new int[slots * 2];
        Arrays.fill(buckets, ABSENT);
        for (int slot = 0; slot < size; slot++) {
            insert(slot);
        }
    }

    private void insert(int slot) {
        int mask = buckets.length - 1;
        int bucket = spread(hashes[slot]) & mask;
        while (buckets[bucket] != ABSENT) {
            bucket = bucket + 1 & mask;
        }
        buckets[bucket] = slot;
    }

    private boolean sameKey(int slot, byte[] array, int start, int length) {
        return Arrays.equals(keys.array(), starts[slot], starts[slot + 1], array, start, start + length);
    }

    private static int spread(long hash) {
        return (int) (hash ^ hash >>> 32);
    }

    public byte[] keyArray() {
        return keys.array();
    }

    public int keyStart(int slot) {
        return starts[slot];
    }

    public int keyLength(int slot) {
        return starts[slot + 1] - starts[slot];
    }

    public long hash(int slot) {
        return hashes[slot];
    }

    /** Bytes held by keys and tables, roughly. */
    public long memory() {
        return keys.array().length + 4L * buckets.length + 12L * hashes.length;
    }

    public void clear() {
        if (buckets.length > 1 << 16 && size < buckets.length / 8) {
            buckets = new int[Math.max(64, Integer.highestOneBit(Math.max(1, size)) * 4)];
            hashes = new long[buckets.length / 2];
            starts = new int[hashes.length + 1];
        }
        Arrays.fill(buckets, ABSENT);
        keys.clear();
        size = 0;
    }
}
