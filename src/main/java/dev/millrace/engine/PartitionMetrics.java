package dev.millrace.engine;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** What of a partition was read, and what waits in it. Written by one thread, read by any. */
public final class PartitionMetrics {

    private final String source;
    private final String partition;
    private volatile long rowsIn;
    private volatile long lagRecords = -1;
    private volatile long lagMillis = -1;

    public PartitionMetrics(String source, String partition) {
        this.source = source;
        this.partition = partition;
    }

    /** The one in which rows wait longest, or, where that is not known, in which most wait; empty where none do. */
    public static Optional<PartitionMetrics> furthestBehind(List<PartitionMetrics> partitions) {
        return partitions.stream()
                .filter(one -> one.lagRecords > 0)
                .max(Comparator.<PartitionMetrics>comparingLong(one -> one.lagMillis)
                        .thenComparingLong(one -> one.lagRecords));
    }

    /** Records that wait in all of them; −1 if unknown. */
    public static long lagRecords(List<PartitionMetrics> partitions) {
        return partitions.stream().anyMatch(one -> one.lagRecords < 0)
                ? -1
                : partitions.stream().mapToLong(one -> one.lagRecords).sum();
    }

    /** Counts rows of a committed epoch. */
    public void read(long rows) {
        rowsIn += rows;
    }

    /** Counts from here on: what was read until now was another's. */
    public void forgetRows() {
        rowsIn = 0;
    }

    /**
     * Notes what waits.
     *
     * @param records behind the position; −1 for unknown
     * @param millis for how long the next of them has been there, about; −1 for unknown
     */
    public void waits(long records, long millis) {
        lagRecords = records;
        lagMillis = millis;
    }

    public String source() {
        return source;
    }

    public String partition() {
        return partition;
    }

    public long rowsIn() {
        return rowsIn;
    }

    public long lagRecords() {
        return lagRecords;
    }

    public long lagMillis() {
        return lagMillis;
    }
}
