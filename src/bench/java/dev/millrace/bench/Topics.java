package dev.millrace.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Makes topics and fills them; one that is full from an earlier run is taken as it is. */
final class Topics {

    static final int PARTITIONS = 4;

    private Topics() {}

    static void create(String servers, String topic, int partitions) throws Exception {
        create(servers, topic, partitions, Map.of());
    }

    static void create(String servers, String topic, int partitions, Map<String, String> more) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            if (!admin.listTopics().names().get().contains(topic)) {
                Map<String, String> settings = new HashMap<>(more);
                settings.put("retention.ms", "-1");
                settings.put("segment.bytes", String.valueOf(512 << 20));
                NewTopic wanted = new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(settings);
                admin.createTopics(List.of(wanted)).all().get();
            }
        }
    }

    static void delete(String servers, Set<String> topics) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            Set<String> there = admin.listTopics().names().toCompletionStage().toCompletableFuture().join();
            admin.deleteTopics(topics.stream().filter(there::contains).toList())
                    .all()
                    .toCompletionStage()
                    .toCompletableFuture()
                    .join();
        }
    }

    /** Records in the topic, transaction markers counted. */
    static long records(String servers, String topic) {
        Map<String, Object> config = Map.of("bootstrap.servers", servers);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            return consumer.endOffsets(partitions).values().stream()
                    .mapToLong(Long::longValue)
                    .sum();
        }
    }

    static void fill(String servers, Rows rows, String topic, int partitions, long count) throws Exception {
        create(servers, topic, partitions);
        long there = records(servers, topic);
        if (there >= count) {
            return;
        }
        System.out.println("filling " + topic + " with " + count + " records");
        Map<String, Object> config = Map.of(
                "bootstrap.servers", servers,
                "batch.size", 512 << 10,
                "linger.ms", 20,
                "enable.idempotence", false,
                "acks", "1",
                "buffer.memory", 128L << 20);
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            StringBuilder scratch = new StringBuilder();
            for (long number = there; number < count; number++) {
                int partition = (int) (number % partitions);
                producer.send(new ProducerRecord<>(topic, partition, null, rows.bytes(number, scratch)));
            }
        }
    }
}
