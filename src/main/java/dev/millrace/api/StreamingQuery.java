package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.ValidationRule;
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

    /** What {@code state.keyGroups} is where it is not given. */
    public static final int DEFAULT_KEY_GROUPS = 32;

    /** In the rules of the CRD (CEL): the key groups of the query. */
    private static final String KEY_GROUPS =
            "(has(self.state) && has(self.state.keyGroups) ? self.state.keyGroups : " + DEFAULT_KEY_GROUPS + ")";

    /** The code of the warning about replicas that nothing follows. */
    public static final String REPLICAS_IGNORED = "ReplicasIgnored";

    public static final String REPLICAS_ARE_FOR_MANUAL =
            "replicas is for scaling.mode: Manual; otherwise scaling.replicas sets the limits";

    public record Metadata(
            @Required String name, String namespace, Map<String, String> labels, Map<String, String> annotations) {}

    @ValidationRule(
            value = KEY_GROUPS + " == (has(oldSelf.state) && has(oldSelf.state.keyGroups) ? oldSelf.state.keyGroups : "
                    + DEFAULT_KEY_GROUPS + ")",
            message = "state.keyGroups is fixed when the query is created (" + DEFAULT_KEY_GROUPS
                    + " where it is not given): create another query instead")
    @ValidationRule(
            value =
                    "(has(self.state) && has(self.state.id) ? self.state.id : '') == (has(oldSelf.state) && has(oldSelf.state.id) ? oldSelf.state.id : '')",
            message = "state.id is fixed when the query is created: create another query instead")
    @ValidationRule(
            value =
                    "!self.sources.exists(source, has(source.onMalformed) && source.onMalformed == 'deadLetter') || has(self.deadLetters)",
            message = "a source has onMalformed: deadLetter, so deadLetters must say where those records go")
    @ValidationRule(
            value =
                    "!self.sinks.exists(sink, has(sink.onRefused) && sink.onRefused == 'deadLetter') || has(self.deadLetters)",
            message = "a sink has onRefused: deadLetter, so deadLetters must say where those rows go")
    @ValidationRule(
            value =
                    "!has(self.scaling) || !has(self.scaling.replicas) || !has(self.scaling.replicas.max) || self.scaling.replicas.max <= "
                            + KEY_GROUPS,
            message = "scaling.replicas.max is above state.keyGroups (" + DEFAULT_KEY_GROUPS
                    + " where it is not given): more pods than key groups have nothing to do")
    @ValidationRule(
            value =
                    "!has(self.scaling) || !has(self.scaling.replicas) || !has(self.scaling.replicas.min) || self.scaling.replicas.min >= 1 && self.scaling.replicas.min <= "
                            + KEY_GROUPS,
            message = "scaling.replicas.min is not between 1 and state.keyGroups (" + DEFAULT_KEY_GROUPS
                    + " where it is not given)")
    @ValidationRule(
            value = "!has(self.replicas) || self.replicas >= 1 && self.replicas <= " + KEY_GROUPS,
            message = "replicas is not between 1 and state.keyGroups (" + DEFAULT_KEY_GROUPS
                    + " where it is not given); to stop all pods, say suspend: true")
    @ValidationRule(
            value =
                    "!has(self.replicas) || has(self.scaling) && has(self.scaling.mode) && self.scaling.mode == 'Manual' || has(oldSelf.replicas) && oldSelf.replicas == self.replicas",
            message = REPLICAS_ARE_FOR_MANUAL)
    @ValidationRule(
            value =
                    "has(self.kafka) && has(self.kafka.bootstrapServers) || !self.sources.exists(source, has(source.kafka) && !has(source.kafka.bootstrapServers)) && !self.sinks.exists(sink, has(sink.kafka) && !has(sink.kafka.bootstrapServers)) && (!has(self.deadLetters) || !has(self.deadLetters.kafka) || has(self.deadLetters.kafka.bootstrapServers)) && (!has(self.lateRows) || !has(self.lateRows.kafka) || has(self.lateRows.kafka.bootstrapServers))",
            message = "a source or sink in Kafka has no bootstrapServers; give them there, or in spec.kafka for all")
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
            Template template) {}

    /** In the rules of the CRD: who may read a query sees its properties. */
    private static final String NO_SECRETS =
            "!has(self.properties) || !['sasl.jaas.config', 'ssl.key.password', 'ssl.keystore.password', 'ssl.keystore.key', 'ssl.truststore.password', 'sasl.oauthbearer.client.credentials.client.secret'].exists(name, name in self.properties)";

    private static final String SECRETS_ELSEWHERE =
            "passwords and sasl.jaas.config belong into a Secret: propertiesFrom: [{secretRef: {name: ...}}]";

    /** The home cluster and the default of every Kafka connector. */
    @ValidationRule(value = NO_SECRETS, message = SECRETS_ELSEWHERE)
    public record Kafka(String bootstrapServers, Map<String, String> properties, List<PropertiesFrom> propertiesFrom) {}

    /** Client properties from a file or a mounted secret, one {@code name=value} a line. */
    @ValidationRule(
            value = "[has(self.secretRef), has(self.file)].exists_one(given, given)",
            message = "give exactly one of secretRef and file")
    public record PropertiesFrom(NameRef secretRef, String file) {}

    public record NameRef(@Required String name) {}

    @ValidationRule(
            value =
                    "[has(self.kafka), has(self.files), has(self.jdbc), has(self.datagen), has(self.lines)].exists_one(given, given)",
            message = "give exactly one of kafka, files, jdbc, datagen and lines")
    @ValidationRule(
            value = "!has(self.jdbc) || has(self.static)",
            message = "a table of a database is read once, at the first start: add static: {}")
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
            JdbcTable jdbc,
            Datagen datagen,
            Lines lines) {}

    public record Watermark(@Required String column, TimeSpan delay, TimeSpan idleTimeout) {}

    @ValidationRule(
            value = "[has(self.json), has(self.csv), has(self.text)].exists_one(given, given)",
            message = "give exactly one of json, csv and text")
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

    /** What happens to records that are not rows of the source's table, and to rows that the sink's table refuses. */
    public enum OnMalformed {
        fail,
        skip,
        deadLetter
    }

    public record Static(TimeSpan refresh) {}

    @ValidationRule(
            value = "[has(self.topic), has(self.topics), has(self.topicPattern)].exists_one(given, given)",
            message = "give exactly one of topic, topics and topicPattern")
    @ValidationRule(value = NO_SECRETS, message = SECRETS_ELSEWHERE)
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
    @ValidationRule(
            value =
                    "[has(self.sequence), has(self.uniform), has(self.oneOf), has(self.time), has(self.textLength)].filter(given, given).size() <= 1",
            message = "give at most one of sequence, uniform, oneOf, time and textLength")
    public record DatagenColumn(
            Sequence sequence, Range uniform, List<String> oneOf, Times time, Integer textLength, Double nullShare) {}

    public record Sequence(Long start, Long step) {}

    public record Range(@Required Double min, @Required Double max) {}

    public record Times(String start, TimeSpan step, TimeSpan jitter) {}

    /** Either the standard input or {@code tcp: host:port}. */
    @ValidationRule(
            value = "[has(self.stdin), has(self.tcp)].exists_one(given, given)",
            message = "give exactly one of stdin and tcp")
    public record Lines(Boolean stdin, String tcp) {}

    @ValidationRule(
            value = "[has(self.kafka), has(self.files), has(self.jdbc), has(self.console)].exists_one(given, given)",
            message = "give exactly one of kafka, files, jdbc and console")
    @ValidationRule(
            value = "has(self.jdbc) || !has(self.onRefused)",
            message = "only a table of a database refuses rows: onRefused needs jdbc")
    public record Sink(
            @Required String name,
            @Required OutputMode outputMode,
            Long maxRows,
            OnMalformed onRefused,
            Format format,
            KafkaSink kafka,
            Files files,
            JdbcTable jdbc,
            Console console) {}

    /** A place for rows that are not results. */
    @ValidationRule(
            value = "[has(self.kafka), has(self.files), has(self.console)].exists_one(given, given)",
            message = "give exactly one of kafka, files and console")
    public record Output(Format format, KafkaSink kafka, Files files, Console console) {}

    /** How a result is written. */
    public enum OutputMode {
        append,
        update,
        complete
    }

    @ValidationRule(value = NO_SECRETS, message = SECRETS_ELSEWHERE)
    public record KafkaSink(
            String bootstrapServers,
            @Required String topic,
            Map<String, String> properties,
            List<PropertiesFrom> propertiesFrom) {}

    /** A table of a PostgreSQL database; properties are those of its driver. */
    @ValidationRule(
            value = "!has(self.properties) || !['password', 'sslpassword'].exists(name, name in self.properties)",
            message = "passwords belong into a Secret: propertiesFrom: [{secretRef: {name: ...}}]")
    @ValidationRule(
            value = "self.url.startsWith('jdbc:postgresql:') && !self.url.contains('password=')",
            message = "give jdbc:postgresql://host:port/database, without a password: that belongs into a Secret,"
                    + " propertiesFrom: [{secretRef: {name: ...}}]")
    public record JdbcTable(
            @Required String url,
            @Required String table,
            Map<String, String> properties,
            List<PropertiesFrom> propertiesFrom) {}

    public record Console() {}

    @ValidationRule(
            value = "!has(self.availableNow) || !self.availableNow || !has(self.interval)",
            message = "availableNow processes what is there and ends, so it has no interval")
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

    public record Checkpoint(TimeSpan interval, Integer retained, Store store) {}

    /** Where checkpoints outlive the volume. In a cluster a query that writes to Kafka has {@code kafka: {}} by itself. */
    @ValidationRule(
            value = "[has(self.kafka), has(self.s3), has(self.directory)].exists_one(given, given)",
            message = "give exactly one of kafka, s3 and directory")
    public record Store(KafkaStore kafka, S3Store s3, DirectoryStore directory) {}

    public record KafkaStore() {}

    /**
     * A bucket, or a part of one.
     *
     * @param endpoint of a server other than AWS
     * @param pathStyle whether the bucket stands in the path; usual where an endpoint is given
     * @param credentialsFrom where AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are; without, the environment's
     */
    public record S3Store(
            @Required String bucket,
            String prefix,
            String endpoint,
            String region,
            Boolean pathStyle,
            PropertiesFrom credentialsFrom) {}

    /** A directory that every machine sees; in a cluster, mounted by {@code template.volumes} and {@code volumeMounts}. */
    public record DirectoryStore(@Required String path) {}

    /**
     * Those that the query makes for itself.
     *
     * @param minInsyncReplicas how many copies have what is committed; the broker's where it is not given
     */
    public record Topics(String prefix, Integer replicationFactor, Integer minInsyncReplicas) {}

    /**
     * How the query is scaled.
     *
     * @param standby how many slots, from slot 0 on, have a second pod that follows and takes over
     * @param exclusions times in which the autoscaler changes nothing
     */
    @ValidationRule(
            value = "!has(self.standby) || self.standby >= 0 && self.standby <= 100",
            message = "standby is not between 0 and 100")
    public record Scaling(
            ScalingMode mode,
            Integer standby,
            Replicas replicas,
            Objective objective,
            ResourceRange resources,
            List<Exclusion> exclusions) {}

    /**
     * A time in which the autoscaler changes nothing, again and again.
     *
     * @param schedule when it begins
     * @param timeZone of the schedule; UTC where it is not given
     */
    public record Exclusion(
            @Required CronSchedule schedule, @Required TimeSpan duration, ZoneName timeZone) {}

    /** Who decides on pods, CPU and memory. (YAML 1.1 reads a bare Off as false, so none is called that.) */
    public enum ScalingMode {
        Manual,
        Recommend,
        Auto
    }

    @ValidationRule(value = "!has(self.min) || !has(self.max) || self.min <= self.max", message = "min is above max")
    public record Replicas(Integer min, Integer max) {}

    /**
     * What the autoscaler is to see to.
     *
     * @param maxLag how old rows may be when they are read
     * @param catchUp in which time it is to be there again
     * @param utilisation which part of what it could do a query is to do in the long run
     */
    @ValidationRule(
            value = "!has(self.utilisation) || self.utilisation >= 0.1 && self.utilisation <= 1.0",
            message = "utilisation is not between 0.1 and 1")
    public record Objective(TimeSpan maxLag, TimeSpan catchUp, Double utilisation) {}

    /** What each pod is given: between both. */
    @ValidationRule(
            value =
                    "!has(self.max) || !has(self.max.cpu) || quantity(has(self.min) && has(self.min.cpu) ? string(self.min.cpu) : '1').compareTo(quantity(string(self.max.cpu))) <= 0",
            message = "min.cpu (1 where it is not given) is above max.cpu")
    @ValidationRule(
            value =
                    "!has(self.max) || !has(self.max.memory) || quantity(has(self.min) && has(self.min.memory) ? string(self.min.memory) : '1Gi').compareTo(quantity(string(self.max.memory))) <= 0",
            message = "min.memory (1Gi where it is not given) is above max.memory")
    public record ResourceRange(Resources min, Resources max) {}

    public record Resources(Size cpu, Size memory) {}

    public record Engine(String image) {}

    public record Upgrade(TimeSpan progressTimeout, Restore restore) {}

    @ValidationRule(
            value = "self.from != 'none' || has(self.acknowledgeStateLoss) && self.acknowledgeStateLoss",
            message = "from: none forgets the state; say acknowledgeStateLoss: true if that is meant")
    public record Restore(@Required String from, @Required Integer nonce, Boolean acknowledgeStateLoss) {}

    @ValidationRule(
            value = "!has(self.policy) || self.policy != 'continue' || has(self.nonce)",
            message = "policy: continue accepts one loss; give a nonce, and another one for the next")
    public record OnDataLoss(String policy, Integer nonce) {}

    /** What the user may say about the pods; lists and objects are those of a pod's spec. */
    public record Template(
            Map<String, String> labels,
            Map<String, String> annotations,
            Map<String, String> nodeSelector,
            List<Map<String, Object>> tolerations,
            Map<String, Object> affinity,
            List<Map<String, Object>> topologySpreadConstraints,
            String priorityClassName,
            String serviceAccountName,
            List<Map<String, Object>> env,
            List<Map<String, Object>> volumes,
            List<Map<String, Object>> volumeMounts,
            List<Map<String, Object>> imagePullSecrets) {}
}
