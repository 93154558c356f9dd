package dev.millrace.plan;

import dev.millrace.data.Schema;
import java.util.Objects;
import java.util.Optional;

/**
 * A source as the planner sees it.
 *
 * @param fixed whether it is a static table: joined, not streamed
 * @param replayable whether its rows can be read again at the same positions
 */
public record SourceTable(
        String name, Schema schema, Optional<EventTime> eventTime, boolean fixed, boolean replayable) {

    public SourceTable {
        Objects.requireNonNull(schema);
        Objects.requireNonNull(eventTime);
    }

    /**
     * The column whose values drive the watermark.
     *
     * @param delayMillis how much later than the partition's largest time a row may come
     */
    public record EventTime(int column, long delayMillis) {}
}
