package dev.millrace.data;

import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * A hash table from byte strings to dense slot numbers 0, 1, 2 … in order of first appearance, without an object per key.
 * What belongs to a key lies in arrays of the caller, indexed by slot.
 */
public final class ByteKeyTable {

    private static final int ABSENT = -1;
    private static final int MAX_INLINE = 15;

    /** By length: the bytes of the first and of the second word that are the key's; one more is a longer key's. */
    private static final long[] FIRST = masks(0);

    private static final long[] SECOND = masks(Long.BYTES);

    private static long[] masks(int offset) {
        long[] masks = new long[MAX_INLINE + 2];
        for (int length = offset; length <= MAX_INLINE; length++) {
            masks[length] = Words.first(Math.min(Long.BYTES, length - offset));
        }
        return masks;
    }

    /** The slot + 1 in the lowest bits, the hash's highest ones above; 0 where empty. */
    private int[] buckets = new int[64];

    /** The bits of a bucket that are the slot's. */
    private int slotBits = 63;

    private long[] hashes = new long[32];
    private int[] starts = new int[33];

    /** By slot: a key of up to 15 bytes as two words, its length in the last byte; nothing for a longer one. */
    private long[] inline = new long[64];

    private final Bytes keys = new Bytes(1024);
    private int size;

    public int size() {
        return size;
    }

    /** The slot of the key, or −1. */
    public int find(byte[] array, int start, int length, long hash) {
        if (length > MAX_INLINE || start + 2 * Long.BYTES > array.length) {
            return findLong(array, start, length, hash);
        }
        long first = first(array, start, length);
        long second = second(array, start, length);
        int mask = buckets.length - 1;
        int tag = (int) (hash >>> 32);
        for (int bucket = spread(hash) & mask; buckets[bucket] != 0; bucket = bucket + 1 & mask) {
            int entry = buckets[bucket];
            if (((entry ^ tag) & ~slotBits) == 0) {
                int slot = (entry & slotBits) - 1;
                if (inline[2 * slot] == first && inline[2 * slot + 1] == second) {
                    return slot;
                }
            }
        }
        return ABSENT;
    }

    private static long first(byte[] array, int start, int length) {
        return Words.get(array, start) & FIRST[length];
    }

    private static long second(byte[] array, int start, int length) {
        return Words.get(array, start + Long.BYTES) & SECOND[length] | (long) length << 56;
    }

    /**
     * For each key its slot where it lies in the first place looked at, else −1: most do. Without a branch from one key to
     * the next, so that the processor waits for many of them at once.
     *
     * @param keys encoded with room behind them
     */
    public void findAtOnce(RowEncoder keys, int count, int[] slots) {
        int mask = buckets.length - 1;
        for (int i = 0; i < count; i++) {
            slots[i] = buckets[spread(keys.hash(i)) & mask];
        }
        byte[] array = keys.array();
        for (int i = 0; i < count; i++) {
            int slot = Math.max(0, (slots[i] & slotBits) - 1);
            int start = keys.start(i);
            int length = Math.min(keys.length(i), MAX_INLINE + 1);
            boolean same = slots[i] != 0
                    & inline[2 * slot] == first(array, start, length)
                    & inline[2 * slot + 1] == second(array, start, length);
            slots[i] = same ? slot : ABSENT;
        }
    }

    private int findLong(byte[] array, int start, int length, long hash) {
        int mask = buckets.length - 1;
        for (int bucket = spread(hash) & mask; buckets[bucket] != 0; bucket = bucket + 1 & mask) {
            int slot = (buckets[bucket] & slotBits) - 1;
            if (hashes[slot] == hash && sameKey(slot, array, start, length)) {
                return slot;
            }
        }
        return ABSENT;
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
        int at = keys.length();
        keys.put(array, start, length);
        keys.reserve(2 * Long.BYTES);
        starts[slot + 1] = keys.length();
        boolean inlined = length <= MAX_INLINE;
        inline[2 * slot] = inlined ? first(keys.array(), at, length) : 0;
        inline[2 * slot + 1] = inlined ? second(keys.array(), at, length) : -1;
        insert(slot);
        return slot;
    }

    private void growTo(int slots) {
        hashes = Arrays.copyOf(hashes, slots);
        starts = Arrays.copyOf(starts, slots + 1);
        inline = Arrays.copyOf(inline, slots * 2);
        buckets = new int[slots * 2];
        slotBits = buckets.length - 1;
        for (int slot = 0; slot < size; slot++) {
            insert(slot);
        }
    }

    private void insert(int slot) {
        int mask = buckets.length - 1;
        int bucket = spread(hashes[slot]) & mask;
        while (buckets[bucket] != 0) {
            bucket = bucket + 1 & mask;
        }
        buckets[bucket] = (int) (hashes[slot] >>> 32) & ~slotBits | slot + 1;
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

    /** Bytes that the keys need, roughly; the table may hold twice as many, as room to grow. */
    public long memory() {
        return keys.length() + 36L * size;
    }

    /** Receives the slot that a key had before and the one that it has now. */
    public interface Moves {
        void moved(int from, int to);
    }

    /** Drops the keys whose slots are not to be kept and closes the gaps; slots keep their order. */
    public void retain(IntPredicate keep, Moves moves) {
        int kept = 0;
        int end = 0;
        for (int slot = 0; slot < size; slot++) {
            if (!keep.test(slot)) {
                continue;
            }
            int start = starts[slot];
            int length = starts[slot + 1] - start;
            if (kept != slot) {
                System.arraycopy(keys.array(), start, keys.array(), end, length);
                starts[kept] = end;
                hashes[kept] = hashes[slot];
                inline[2 * kept] = inline[2 * slot];
                inline[2 * kept + 1] = inline[2 * slot + 1];
                moves.moved(slot, kept);
            }
            end += length;
            kept++;
        }
        if (kept == size) {
            return;
        }
        starts[kept] = end;
        size = kept;
        keys.truncate(end);
        Arrays.fill(buckets, 0);
        for (int slot = 0; slot < size; slot++) {
            insert(slot);
        }
    }

    public void clear() {
        if (buckets.length > 1 << 16 && size < buckets.length / 8) {
            buckets = new int[Math.max(64, Integer.highestOneBit(Math.max(1, size)) * 4)];
            slotBits = buckets.length - 1;
            hashes = new long[buckets.length / 2];
            starts = new int[hashes.length + 1];
            inline = new long[buckets.length];
        }
        Arrays.fill(buckets, 0);
        keys.clear();
        size = 0;
    }
}
