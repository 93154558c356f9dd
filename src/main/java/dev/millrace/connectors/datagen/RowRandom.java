package dev.millrace.connectors.datagen;

/** Random numbers of one row: SplitMix64 (Steele, Lea, Flood 2014) seeded by seed and row number. Reused row after row. */
final class RowRandom {

    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private final long seed;
    private long state;

    RowRandom(long seed) {
        this.seed = seed;
    }

    void start(long row) {
        state = mix(seed + GAMMA * (row + 1));
    }

    long next() {
        state += GAMMA;
        return mix(state);
    }

    private static long mix(long value) {
        long z = (value ^ value >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    /** 0 to {@code bound - 1}. */
    long below(long bound) {
        return Long.remainderUnsigned(next() >>> 1, bound);
    }

    double uniform() {
        return (next() >>> 11) * 0x1.0p-53;
    }
}
