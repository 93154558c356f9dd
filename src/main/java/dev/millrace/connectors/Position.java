package dev.millrace.connectors;

/**
 * How far a partition has been read.
 *
 * @param offset of the next record
 * @param leaderEpoch Kafka's leader epoch of the last record, or −1: with it a log that was rewritten is noticed
 */
public record Position(long offset, int leaderEpoch) {

    public static Position at(long offset) {
        return new Position(offset, -1);
    }
}
