package dev.millrace.connectors;

import dev.millrace.data.Batch;

/**
 * Rows that a reader took in one poll, of one or more partitions.
 *
 * @param rows weight 1 each, valid until the next poll
 * @param partitions by row: the index that the partition was assigned with; rows of one partition are in its order
 */
public record SourceBatch(Batch rows, int[] partitions) {}
