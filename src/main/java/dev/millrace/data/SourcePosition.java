package dev.millrace.data;

/**
 * A record of a source.
 *
 * @param source the source's name in the resource
 * @param partition the partition's name: {@code topic-3} for Kafka, {@code files} for a directory
 * @param offset the record's offset in the partition
 */
public record SourcePosition(String source, String partition, long offset) {

    @Override
    public String toString() {
        return source + " " + partition + " offset " + offset;
    }
}
