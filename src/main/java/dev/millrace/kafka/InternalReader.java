package dev.millrace.kafka;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** How topics of the query's own are read: by partition and offset, without a group, to a given end. */
final class InternalReader {

    static final Duration POLL = Duration.ofMillis(500);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int FETCH_BYTES = 8 << 20;

    /** As large as the system finds good: one who polls without waiting gets at each poll what lies in it, and no more. */
    private static final int RECEIVE_BUFFER = -1;

    private InternalReader() {}

    /**
     * @param isolation {@code read_committed} or {@code read_uncommitted}
     */
    static KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> properties, String isolation) {
        return consumer(properties, isolation, 20);
    }

    /** Of committed records, for a reader that waits for the next one. */
    static KafkaConsumer<byte[], byte[]> follower(Map<String, Object> properties) {
        return consumer(properties, "read_committed", 500);
    }

    private static KafkaConsumer<byte[], byte[]> consumer(
            Map<String, Object> properties, String isolation, int waitMillis) {
        Map<String, Object> config = new HashMap<>(properties);
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, isolation);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        config.put(
                ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false); // it would have the broker's settings, not ours
        config.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, waitMillis);
        config.putIfAbsent(ConsumerConfig.RECEIVE_BUFFER_CONFIG, RECEIVE_BUFFER);
        config.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCH_BYTES);
        config.remove(ConsumerConfig.GROUP_ID_CONFIG);
        return KafkaTransaction.connect(
                config, () -> new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
    }

    /**
     * Reads from where the consumer stands.
     *
     * @param end the offset behind the last record
     * @param blocked what is thrown when nothing comes for a while, by the offset at which that is
     */
    static void readTo(
            KafkaConsumer<byte[], byte[]> consumer,
            TopicPartition partition,
            long end,
            LongFunction<RuntimeException> blocked,
            Consumer<ConsumerRecord<byte[], byte[]>> records) {
        long since = System.nanoTime();
        long position = consumer.position(partition);
        while (position < end) {
            consumer.poll(POLL).forEach(records);
            long now = consumer.position(partition);
            if (now > position) {
                position = now;
                since = System.nanoTime();
            } else if (System.nanoTime() - since > PATIENCE.toNanos()) {
                throw blocked.apply(position);
            }
        }
    }
}
