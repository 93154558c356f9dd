package dev.millrace.kafka;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.state.CheckpointReader;
import dev.millrace.state.ContentHashes;
import dev.millrace.state.StoredCheckpoint;
import dev.millrace.state.StoredCheckpoint.StoredFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Checkpoints in the compacted topic {@code <prefix><id>-checkpoint} of the home cluster. Partition 0 has a record per
 * checkpoint ({@code checkpoint/<epoch>}), savepoint ({@code savepoint/<name>}) and file ({@code file/<id>}: its number of
 * parts), partition 1 the parts themselves ({@code <id>/<n>}). A manifest tells the offset of each part, so that a restore
 * reads only those.
 */
public class KafkaCheckpoints implements CheckpointReader {

    static final int PART_BYTES = 512 << 10;
    static final String CHECKPOINT_KEY = "checkpoint/";
    static final String SAVEPOINT_KEY = "savepoint/";
    static final String FILE_KEY = "file/";

    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final ObjectMapper MAPPER = new ObjectMapper();

    final Map<String, Object> properties;
    final String topic;
    final TopicPartition manifests;
    final TopicPartition parts;

    public KafkaCheckpoints(Map<String, Object> properties, KafkaProgressLog.Names names) {
        this.properties = properties;
        this.topic = names.checkpoint();
        this.manifests = new TopicPartition(topic, 0);
        this.parts = new TopicPartition(topic, 1);
    }

    @Override
    public String place() {
        return "topic " + topic;
    }

    @Override
    public List<StoredCheckpoint> list() {
        return exists() ? checkpoints(registry()) : List.of();
    }

    @Override
    public Map<String, StoredCheckpoint> savepoints() {
        return exists() ? savepoints(registry()) : Map.of();
    }

    private boolean exists() {
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            return topics.describe(topic).isPresent();
        }
    }

    /** Newest first. */
    static List<StoredCheckpoint> checkpoints(Map<String, byte[]> registry) {
        return manifests(registry, CHECKPOINT_KEY).values().stream()
                .sorted(Comparator.comparingLong(StoredCheckpoint::epoch).reversed())
                .toList();
    }

    static Map<String, StoredCheckpoint> savepoints(Map<String, byte[]> registry) {
        return manifests(registry, SAVEPOINT_KEY);
    }

    private static Map<String, StoredCheckpoint> manifests(Map<String, byte[]> registry, String prefix) {
        Map<String, StoredCheckpoint> found = new TreeMap<>();
        registry.forEach((key, value) -> {
            if (key.startsWith(prefix)) {
                found.put(key.substring(prefix.length()), manifest(value));
            }
        });
        return found;
    }

    private static StoredCheckpoint manifest(byte[] value) {
        try {
            return MAPPER.readValue(value, StoredCheckpoint.class);
        } catch (IOException e) {
            throw new UncheckedIOException("a manifest of a checkpoint cannot be read", e);
        }
    }

    static byte[] bytes(StoredCheckpoint manifest) {
        try {
            return MAPPER.writeValueAsBytes(manifest);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What partition 0 holds: the last value by key. */
    final Map<String, byte[]> registry() {
        Map<String, byte[]> entries = new TreeMap<>();
        try (KafkaConsumer<byte[], byte[]> consumer = InternalReader.consumer(properties, "read_committed")) {
            consumer.assign(List.of(manifests));
            consumer.seekToBeginning(List.of(manifests));
            long end = consumer.endOffsets(List.of(manifests)).get(manifests);
            InternalReader.readTo(consumer, manifests, end, this::silent, record -> {
                String key = new String(record.key(), StandardCharsets.UTF_8);
                if (record.value() == null) {
                    entries.remove(key);
                } else {
                    entries.put(key, record.value());
                }
            });
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the topic " + topic + " cannot be read", e);
        }
        return entries;
    }

    /** Writes to the topic outside of the query's transaction. */
    final KafkaProducer<byte[], byte[]> producer() {
        Map<String, Object> config = new HashMap<>(properties);
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 16L << 20);
        config.put(ProducerConfig.BATCH_SIZE_CONFIG, PART_BYTES);
        config.remove(ProducerConfig.TRANSACTIONAL_ID_CONFIG);
        config.remove(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG);
        return KafkaTransaction.connect(
                config, () -> new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer()));
    }

    private KafkaException silent(long offset) {
        return new KafkaException("nothing came behind offset " + offset);
    }

    /** A part that a restore waits for. */
    private record Part(long offset, StoredFile file, int index) {}

    @Override
    public void fetch(StoredCheckpoint checkpoint, Path directory) {
        List<Part> wanted = new ArrayList<>();
        try {
            Files.createDirectories(directory);
            for (StoredFile file : checkpoint.files()) {
                Files.write(directory.resolve(file.name()), new byte[0]);
                for (int i = 0; i < file.places().size(); i++) {
                    wanted.add(new Part(file.places().get(i), file, i));
                }
            }
            wanted.sort(Comparator.comparingLong(Part::offset));
            read(wanted, directory);
            for (StoredFile file : checkpoint.files()) {
                ContentHashes.prove(file, directory.resolve(file.name()), place());
            }
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the topic " + topic + " cannot be read", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads parts in the order of their offsets; far ones are sought, those between near ones are passed over. */
    private void read(List<Part> wanted, Path directory) throws IOException {
        try (KafkaConsumer<byte[], byte[]> consumer = InternalReader.consumer(properties, "read_uncommitted")) {
            consumer.assign(List.of(parts));
            long end = consumer.endOffsets(List.of(parts)).get(parts);
            int next = 0;
            while (next < wanted.size()) {
                Part part = wanted.get(next);
                if (part.offset() >= end) {
                    throw missing(part);
                }
                consumer.seek(parts, part.offset());
                long since = System.nanoTime();
                List<ConsumerRecord<byte[], byte[]>> records =
                        consumer.poll(InternalReader.POLL).records(parts);
                while (records.isEmpty()) {
                    if (System.nanoTime() - since > PATIENCE.toNanos()) {
                        throw silent(part.offset());
                    }
                    records = consumer.poll(InternalReader.POLL).records(parts);
                }
                next = take(records, wanted, next, directory);
            }
        }
    }

    /** Writes the parts that came; returns the index of the first that did not. */
    private int take(List<ConsumerRecord<byte[], byte[]>> records, List<Part> wanted, int from, Path directory)
            throws IOException {
        int next = from;
        for (ConsumerRecord<byte[], byte[]> record : records) {
            if (next == wanted.size()) {
                break;
            }
            Part part = wanted.get(next);
            if (record.offset() > part.offset()) {
                throw missing(part);
            }
            if (record.offset() == part.offset()) {
                if (record.value() == null
                        || !partKey(part.file().id(), part.index()).equals(text(record.key()))) {
                    throw missing(part);
                }
                try (RandomAccessFile out = new RandomAccessFile(
                        directory.resolve(part.file().name()).toFile(), "rw")) {
                    out.seek((long) part.index() * PART_BYTES);
                    out.write(record.value());
                }
                next++;
            }
        }
        return next;
    }

    private DamagedCheckpointException missing(Part part) {
        return new DamagedCheckpointException("part " + part.index() + " of the file "
                + part.file().name() + " is missing in " + place() + " at offset " + part.offset());
    }

    private static String text(byte[] key) {
        return new String(key, StandardCharsets.UTF_8);
    }

    static String partKey(String id, int index) {
        return id + "/" + index;
    }
}
