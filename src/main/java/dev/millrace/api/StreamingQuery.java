package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.fabric8.crd.generator.annotation.PreserveUnknownFields;
import io.fabric8.generator.annotation.Required;
import java.util.List;
import java.util.Map;

/**
 * One query: where its tables come from, the SQL, where the result goes, and how it runs. The same document works for {@code
 * millrace run} and in a cluster; what only a cluster uses is accepted and has no effect on one machine. Fields that are not
 * given are null.
 */
public record StreamingQuery(
        @Required String apiVersion,
        @Required String kind,
        @Required Metadata metadata,
        @Required Spec spec) {

    public static final String API_VERSION = "millrace.dev/v1alpha1";
    public static final String KIND = "StreamingQuery";

    public record Metadata(
            @Required String name, String namespace, Map<String, String> labels, Map<String, String> annotations) {}

    public record Spec(
            Kafka kafka,
            @Required List<Source> sources,
            @Required String query,
            @Required List<Sink> sinks,
            Output lateRows,
            Output deadLetters,
            Trigger trigger,
            State state,
            Scaling scaling,
            Engine engine,
            Upgrade upgrade,
            TimeSpan nodeLossTimeout,
            OnDataLoss onDataLoss,
            Boolean suspend,
            Integer replicas,
            @PreserveUnknownFields Map<String, Object> template) {}

    /** The home cluster and the default of every Kafka connector. */
    public record Kafka(String bootstrapServers, Map<String, String> properties, List<PropertiesFrom> propertiesFrom) {}

    /** Client properties from a file or a mounted secret, one {@code name=value} a line. */
    public record PropertiesFrom(NameRef secretRef, String file) {}

    public record NameRef(@Required String name) {}

    public record Source(
            @Required String name,
            String schema,
            List<String> primaryKey,
            Watermark watermark,
            Format format,
            OnMalformed onMalformed,
            @JsonProperty("static") Static fixed,
            KafkaSource kafka,
            Files files,
            Datagen datagen,
            Lines lines) {}

    public record Watermark(@Required String column, TimeSpan delay, TimeSpan idleTimeout) {}

    public record Format(Json json, Csv csv, Text text) {}

    public record Json(JsonTimestamp timestamp) {}

    /** How JSON shows times. */
    public enum JsonTimestamp {
        iso8601,
        epochMillis,
        epochSeconds,
        epochMicros
    }

    public record Csv(Boolean header, String delimiter) {}

    public record Text() {}

    /** What happens to records that are not rows of the table. */
    public enum OnMalformed {
        fail,
        skip,
        deadLetter
    }

    public record Static(TimeSpan refresh) {}

    public record KafkaSource(
            String bootstrapServers,
            String topic,
            List<String> topics,
            String topicPattern,
            StartingOffsets startingOffsets,
            KafkaMetadata metadata,
            Map<String, String> properties,
            List<PropertiesFrom> propertiesFrom) {}

    /** Names of columns that are added to the table, for what Kafka knows of a record. */
    public record KafkaMetadata(String key, String headers, String partition, String offset, String timestamp) {}

    /** {@code earliest}, {@code latest}, or one of the fields. */
    public record StartingOffsets(String position, String timestamp, Map<String, Long> partitions) {
        public static StartingOffsets ofText(String text) {
            if (!text.equals("earliest") && !text.equals("latest")) {
                throw new IllegalArgumentException(
                        "'" + text + "' is not earliest, latest, {timestamp: …} or {partitions: {0: 17}}");
            }
            return new StartingOffsets(text, null, null);
        }
    }

    public record Files(@Required String path, String pattern, String volume) {}

    public record Datagen(
            DatagenKind kind,
            Long seed,
            Double rowsPerSecond,
            Long rows,
            Integer partitions,
            Integer vocabulary,
            Long eventsPerSecond,
            Map<String, DatagenColumn> columns) {}

    /** The generators. */
    public enum DatagenKind {
        words,
        nexmark,
        adEvents,
        columns
    }

    /** A generated column: exactly one of the ways. */
    public record DatagenColumn(
            Sequence sequence, Range uniform, List<String> oneOf, Times time, Integer textLength, Double nullShare) {}

    public record Sequence(Long start, Long step) {}

    public record Range(@Required Double min, @Required Double max) {}

    public record Times(String start, TimeSpan step, TimeSpan jitter) {}

    /** Either the standard input or {@code tcp: host:port}. */
    public record Lines(Boolean stdin, String tcp) {}

    public record Sink(
            @Required String name,
            @Required OutputMode outputMode,
            Long maxRows,
            Format format,
            KafkaSink kafka,
            Files files,
            Console console) {}

    /** A place for rows that are not results. */
    public record Output(Format format, KafkaSink kafka, Files files, Console console) {}

    /** How a result is written. */
    public enum OutputMode {
        append,
        update,
        complete
    }

    public record KafkaSink(
            String bootstrapServers,
            @Required String topic,
            Map<String, String> properties,
            List<PropertiesFrom> propertiesFrom) {}

    public record Console() {}

    public record Trigger(TimeSpan interval, TimeSpan commitInterval, Boolean availableNow) {}

    public record State(
            String id,
            DeletionPolicy deletionPolicy,
            Integer keyGroups,
            Volume volume,
            Checkpoint checkpoint,
            Topics topics,
            TimeSpan ttl) {}

    /** What becomes of topics and files when the query is deleted. */
    public enum DeletionPolicy {
        Delete,
        Retain
    }

    public record Volume(Size size, String storageClassName, AutoGrow autoGrow) {}

    public record AutoGrow(@Required Size limit) {}

    public record Checkpoint(
            TimeSpan interval,
            Integer retained,
            @PreserveUnknownFields Map<String, Object> store) {}

    public record Topics(String prefix, Integer replicationFactor) {}

    public record Scaling(
            ScalingMode mode, Integer standby, Replicas replicas, Objective objective, ResourceRange resources) {}

    /** Who decides on pods, CPU and memory. */
    public enum ScalingMode {
        Off,
        Recommend,
        Auto
    }

    public record Replicas(Integer min, Integer max) {}

    public record Objective(TimeSpan maxLag, TimeSpan catchUp, Double utilisation) {}

    public record ResourceRange(Resources min, Resources max) {}

    public record Resources(Size cpu, Size memory) {}

    public record Engine(String image, Integer maxConcurrentUpgrades) {}

    public record Upgrade(TimeSpan progressTimeout, Restore restore) {}

    public record Restore(@Required String from, @Required Integer nonce, Boolean acknowledgeStateLoss) {}

    public record OnDataLoss(String policy, Integer nonce) {}
}
