package dev.millrace.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The baselines: one thread that reads a topic's bytes, and one that also takes some fields by a streaming parser. */
final class RawConsumer {

    private static volatile long sink;

    private RawConsumer() {}

    /**
     * @param arguments servers, topic, number of records, then the fields to take, if any
     */
    public static void main(String[] arguments) throws IOException {
        Logger.getLogger("").setLevel(Level.WARNING);
        String topic = arguments[1];
        long total = Long.parseLong(arguments[2]);
        Set<String> fields = new HashSet<>(List.of(arguments).subList(3, arguments.length));
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", arguments[0]);
        config.put("isolation.level", "read_committed");
        AtomicLong rows = new AtomicLong();
        try (KafkaConsumer<byte[], byte[]> consumer =
                        new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                Samples samples = new Samples(rows::get, total)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            JsonFactory json = new JsonFactory();
            long read = 0;
            while (read < total) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    sink += fields.isEmpty() ? record.value().length : take(json, record.value(), fields);
                }
                read += records.count();
                rows.set(read);
            }
            Samples.print(samples.figures());
        }
    }

    private static long take(JsonFactory json, byte[] value, Set<String> fields) throws IOException {
        long taken = 0;
        try (JsonParser parser = json.createParser(value)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean wanted = fields.contains(parser.currentName());
                parser.nextToken();
                taken += wanted ? parser.getText().length() : 0;
            }
        }
        return taken;
    }
}
