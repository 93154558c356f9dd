package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.data.Schema;
import dev.millrace.formats.Format;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Topics, by name or by pattern. A partition is named {@code topic-number}. Partitions that appear after the first start are
 * read from their beginning. What positions refer to is the cluster's and the topics' ids: a topic that was deleted and made
 * again is noticed.
 */
public final class KafkaSource implements Source {

    private final Config config;
    private final Map<String, String> topicIds = new TreeMap<>();
    private String clusterId;
    private boolean started;
    private final List<String> undrained = new ArrayList<>();

    /**
     * What is read.
     *
     * @param topics names, unless there is a pattern
     * @param metadata by kind (key, headers, partition, offset, timestamp): the table's column for it
     * @param columns the table's columns that are wanted, metadata among them
     * @param keepRaw whether rows keep their bytes, for dead letters and late rows
     */
    public record Config(
            String name,
            List<String> topics,
            Optional<Pattern> pattern,
            Map<String, Object> properties,
            Starting starting,
            Schema table,
            Map<String, Integer> metadata,
            List<Integer> columns,
            Format format,
            boolean keepRaw) {}

    /**
     * Where reading begins.
     *
     * @param kind earliest, latest, timestamp or partitions
     * @param timestamp in milliseconds
     * @param partitions offsets by partition number
     */
    public record Starting(String kind, long timestamp, Map<Integer, Long> partitions) {}

    public KafkaSource(Config config) {
        this.config = config;
    }

    static Map<String, Object> consumerConfig(Map<String, Object> properties) {
        Map<String, Object> config = new HashMap<>();
        config.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 1 << 20);
        config.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 16 << 20);
        config.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, 1 << 20);
        config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5_000);
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        config.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 20_000);
        config.putAll(properties);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        config.remove(ConsumerConfig.GROUP_ID_CONFIG);
        return config;
    }

    @Override
    public synchronized String identity() {
        if (clusterId == null) {
            try (KafkaTopics topics = new KafkaTopics(config.properties())) {
                clusterId = topics.clusterId();
                for (String topic : topicNames(topics)) {
                    note(topics.describe(topic).orElseThrow(() -> missing(topic)));
                }
            }
        }
        if (config.pattern().isPresent()) {
            return "cluster " + clusterId;
        }
        return "cluster " + clusterId + ", topics " + topicIds;
    }

    private void note(TopicDescription topic) {
        String id = topic.topicId().toString();
        String before = topicIds.put(topic.name(), id);
        if (before == null && config.pattern().isPresent()) {
            undrained.add(id + " " + topic.name());
        }
        if (before != null && !before.equals(id)) {
            throw new ConnectorException(
                    "SourceDataLost",
                    "the topic " + topic.name() + " of source '" + config.name() + "' was deleted and made again; its"
                            + " positions mean nothing now");
        }
    }

    private ConnectorException missing(String topic) {
        return new ConnectorException(
                "TopicNotFound",
                "the topic " + topic + " of source '" + config.name() + "' does not exist; create it",
                null,
                true);
    }

    private List<String> topicNames(KafkaTopics topics) {
        if (config.pattern().isEmpty()) {
            return config.topics();
        }
        return topics.names().stream()
                .filter(name -> config.pattern().get().matcher(name).matches())
                .sorted()
                .toList();
    }

    @Override
    public synchronized List<Start> discover() {
        List<TopicPartition> found = new ArrayList<>();
        try (KafkaTopics topics = new KafkaTopics(config.properties())) {
            for (String name : topicNames(topics)) {
                TopicDescription topic = topics.describe(name).orElseThrow(() -> missing(name));
                note(topic);
                topic.partitions().forEach(p -> found.add(new TopicPartition(name, p.partition())));
            }
        }
        Map<TopicPartition, Long> starts = started ? beginnings(found) : startingOffsets(found);
        started = true;
        return found.stream()
                .map(partition -> new Start(partition.toString(), Position.at(starts.get(partition))))
                .toList();
    }

    private static Map<TopicPartition, Long> beginnings(Collection<TopicPartition> partitions) {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        partitions.forEach(partition -> offsets.put(partition, 0L));
        return offsets;
    }

    private Map<TopicPartition, Long> startingOffsets(List<TopicPartition> partitions) {
        try (KafkaConsumer<byte[], byte[]> consumer = KafkaTransaction.connect(
                config.properties(),
                () -> new KafkaConsumer<>(
                        consumerConfig(config.properties()),
                        new ByteArrayDeserializer(),
                        new ByteArrayDeserializer()))) {
            Map<TopicPartition, Long> beginnings = consumer.beginningOffsets(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            Map<TopicPartition, Long> offsets = new HashMap<>();
            Map<TopicPartition, OffsetAndTimestamp> byTime = Map.of();
            if (config.starting().kind().equals("timestamp")) {
                Map<TopicPartition, Long> times = new HashMap<>();
                partitions.forEach(p -> times.put(p, config.starting().timestamp()));
                byTime = consumer.offsetsForTimes(times);
            }
            for (TopicPartition partition : partitions) {
                Long offset = switch (config.starting().kind()) {
                    case "latest" -> ends.get(partition);
                    case "timestamp" ->
                        byTime.get(partition) == null
                                ? ends.get(partition)
                                : (Long) byTime.get(partition).offset();
                    case "partitions" ->
                        config.starting().partitions().getOrDefault(partition.partition(), beginnings.get(partition));
                    default -> beginnings.get(partition);
                };
                offsets.put(partition, offset);
            }
            return offsets;
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the starting offsets of source '" + config.name() + "' are unknown", e);
        }
    }

    /** The ids of topics that a pattern has found; topics with fixed names are in the identity. */
    @Override
    public synchronized List<String> drainJournal() {
        List<String> entries = List.copyOf(undrained);
        undrained.clear();
        return entries;
    }

    /** A source that recovers knows its topics; partitions that it meets from now on are new. */
    @Override
    public synchronized void restoreJournal(List<String> entries) {
        started = true;
        for (String entry : entries) {
            int blank = entry.indexOf(' ');
            topicIds.put(entry.substring(blank + 1), entry.substring(0, blank));
        }
    }

    @Override
    public Reader reader(MalformedRows malformed) {
        return new KafkaReader(config, malformed);
    }

    @Override
    public void close() {}
}
