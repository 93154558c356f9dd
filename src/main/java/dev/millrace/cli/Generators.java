package dev.millrace.cli;

import dev.millrace.api.StreamingQuery;
import dev.millrace.connectors.datagen.AdEventsGenerator;
import dev.millrace.connectors.datagen.ColumnsGenerator;
import dev.millrace.connectors.datagen.Generator;
import dev.millrace.connectors.datagen.NexmarkGenerator;
import dev.millrace.connectors.datagen.WordsGenerator;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** From a {@code datagen} source to its generator. */
final class Generators {

    private static final long DEFAULT_SEED = 42;
    private static final int DEFAULT_VOCABULARY = 1_000;
    private static final long DEFAULT_EVENTS_PER_SECOND = 10_000;
    private static final String DEFAULT_START = "2024-01-01T00:00:00Z";

    private Generators() {}

    private static StreamingQuery.DatagenKind kind(StreamingQuery.Datagen spec) {
        return spec.kind() == null ? StreamingQuery.DatagenKind.columns : spec.kind();
    }

    /** The generator's own schema; empty where the user gives one. */
    static Optional<Schema> schema(StreamingQuery.Datagen spec) {
        return spec == null || kind(spec) == StreamingQuery.DatagenKind.columns
                ? Optional.empty()
                : Optional.of(generator(spec, null).get().schema());
    }

    static Supplier<Generator> generator(StreamingQuery.Datagen spec, Schema schema) {
        long seed = spec.seed() == null ? DEFAULT_SEED : spec.seed();
        long perSecond = spec.eventsPerSecond() == null ? DEFAULT_EVENTS_PER_SECOND : spec.eventsPerSecond();
        int vocabulary = spec.vocabulary() == null ? DEFAULT_VOCABULARY : spec.vocabulary();
        return switch (kind(spec)) {
            case words -> () -> new WordsGenerator(seed, vocabulary);
            case adEvents -> () -> new AdEventsGenerator(seed, perSecond);
            case nexmark -> () -> new NexmarkGenerator(seed, perSecond);
            case columns -> () -> new ColumnsGenerator(schema, columns(spec, schema), seed);
        };
    }

    /** Why the generator cannot be made, or null. */
    static String problem(StreamingQuery.Datagen spec, Schema schema) {
        if (spec.partitions() != null && (spec.partitions() < 1 || spec.partitions() > 1024)) {
            return "partitions is between 1 and 1024";
        }
        if (spec.eventsPerSecond() != null && spec.eventsPerSecond() < 1) {
            return "eventsPerSecond is at least 1";
        }
        if (spec.vocabulary() != null && (spec.vocabulary() < 1 || spec.vocabulary() > 10_000_000)) {
            return "vocabulary is between 1 and 10000000";
        }
        if (kind(spec) != StreamingQuery.DatagenKind.columns) {
            return spec.columns() == null ? null : "columns are for kind: columns; remove them";
        }
        if (spec.columns() == null) {
            return "say how each column is generated: columns: {"
                    + schema.field(0).name() + ": {sequence: {}}, …}";
        }
        for (Field field : schema.fields()) {
            StreamingQuery.DatagenColumn column = spec.columns().get(field.name());
            if (column == null) {
                return "say how the column '" + field.name() + "' is generated: add it to columns";
            }
            long ways = Stream.of(
                            column.sequence(), column.uniform(), column.oneOf(), column.time(), column.textLength())
                    .filter(Objects::nonNull)
                    .count();
            if (ways != 1) {
                return "column '" + field.name() + "': give exactly one of sequence, uniform, oneOf, time, textLength";
            }
            if (column.time() != null
                    && column.time().start() != null
                    && Assembly.timestamp(column.time().start()) == null) {
                return "column '" + field.name() + "': start is not a time such as " + DEFAULT_START;
            }
            String refusal = ColumnsGenerator.refusal(column(column), field.type());
            if (refusal != null) {
                return "column '" + field.name() + "': " + refusal;
            }
        }
        for (String name : spec.columns().keySet()) {
            if (schema.indexOf(name) < 0) {
                return "columns names '" + name + "', which the schema does not have";
            }
        }
        return null;
    }

    private static List<ColumnsGenerator.Column> columns(StreamingQuery.Datagen spec, Schema schema) {
        List<ColumnsGenerator.Column> columns = new ArrayList<>();
        for (Field field : schema.fields()) {
            columns.add(column(spec.columns().get(field.name())));
        }
        return columns;
    }

    private static ColumnsGenerator.Column column(StreamingQuery.DatagenColumn column) {
        double nulls = column.nullShare() == null ? 0 : column.nullShare();
        if (column.sequence() != null) {
            Long start = column.sequence().start();
            Long step = column.sequence().step();
            return new ColumnsGenerator.SequenceColumn(start == null ? 0 : start, step == null ? 1 : step, nulls);
        }
        if (column.uniform() != null) {
            return new ColumnsGenerator.UniformColumn(
                    column.uniform().min(), column.uniform().max(), nulls);
        }
        if (column.oneOf() != null) {
            return new ColumnsGenerator.OneOfColumn(column.oneOf(), nulls);
        }
        if (column.time() != null) {
            StreamingQuery.Times time = column.time();
            long start = Assembly.timestamp(time.start() == null ? DEFAULT_START : time.start());
            long step = time.step() == null ? 1 : time.step().millis();
            long jitter = time.jitter() == null ? 0 : time.jitter().millis();
            return new ColumnsGenerator.TimeColumn(start, step, jitter, nulls);
        }
        return new ColumnsGenerator.TextColumn(column.textLength(), nulls);
    }
}
