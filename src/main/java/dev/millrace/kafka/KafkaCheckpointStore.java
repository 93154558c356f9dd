package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.state.CheckpointStore;
import dev.millrace.state.ContentHashes;
import dev.millrace.state.StateHome.LocalCheckpoint;
import dev.millrace.state.StoredCheckpoint;
import dev.millrace.state.StoredCheckpoint.StoredFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;

/**
 * Writes checkpoints into the home cluster. Files are sent beside the epochs by a producer of their own; manifests and
 * tombstones go through the query's transaction, so that a fenced process can neither add nor take away one. A file's id
 * holds its hash, who stored it, and in which of its epochs: it never comes again, so that a late tombstone meets no other.
 */
public final class KafkaCheckpointStore extends KafkaCheckpoints implements CheckpointStore {

    /** What a topic takes by default, less what stands around a record. */
    private static final int MAX_MANIFEST = 1_000_000;

    private final KafkaTransaction transaction;
    private final KafkaProgressLog.Names names;
    private final int retained;
    private final ContentHashes hashes = new ContentHashes();
    private final Map<String, Integer> stored = new HashMap<>();
    private List<StoredCheckpoint> kept;
    private Map<String, StoredCheckpoint> savepoints;
    private long incarnation;
    private KafkaProducer<byte[], byte[]> producer;

    public KafkaCheckpointStore(
            Map<String, Object> properties, KafkaProgressLog.Names names, KafkaTransaction transaction, int retained) {
        super(properties, names);
        this.transaction = transaction;
        this.names = names;
        this.retained = retained;
    }

    @Override
    public void begin(long own) {
        incarnation = own;
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            topics.checkpoints(topic, names.copies());
        }
        Map<String, byte[]> registry = registry();
        kept = checkpoints(registry);
        savepoints = savepoints(registry);
        registry.forEach((key, value) -> {
            if (key.startsWith(FILE_KEY)) {
                stored.put(
                        key.substring(FILE_KEY.length()), Integer.valueOf(new String(value, StandardCharsets.UTF_8)));
            }
        });
        producer = producer();
    }

    @Override
    public Map<String, StoredCheckpoint> savepoints() {
        return savepoints == null ? super.savepoints() : Map.copyOf(savepoints);
    }

    @Override
    public StoredCheckpoint upload(LocalCheckpoint checkpoint) {
        List<StoredFile> files = new ArrayList<>();
        Map<String, StoredFile> known = new HashMap<>();
        savepoints.values().forEach(manifest -> remember(manifest, known));
        kept.forEach(manifest -> remember(manifest, known));
        try {
            for (String name : checkpoint.files()) {
                Path path = checkpoint.directory().resolve(name);
                long size = Files.size(path);
                String hash = hashes.of(path, size);
                StoredFile same = known.get(hash + size);
                files.add(
                        same == null
                                ? send(path, name, size, hash, checkpoint.epoch())
                                : new StoredFile(name, size, same.id(), hash, same.places()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("a checkpoint is not taken", e);
        }
        StoredCheckpoint manifest = new StoredCheckpoint(
                StoredCheckpoint.FORMAT, checkpoint.epoch(), incarnation, System.currentTimeMillis(), files);
        if (bytes(manifest).length > MAX_MANIFEST) {
            throw new ConnectorException(
                    "CheckpointTooLarge",
                    "Kafka: the checkpoint has too many parts for one manifest (" + manifest.bytes() + " bytes)");
        }
        return manifest;
    }

    private static void remember(StoredCheckpoint manifest, Map<String, StoredFile> known) {
        manifest.files().forEach(file -> known.put(file.hash() + file.size(), file));
    }

    private StoredFile send(Path path, String name, long size, String hash, long epoch) throws IOException {
        String id = hash.substring(0, 32) + "-" + incarnation + "-" + epoch + "-" + name;
        int count = (int) ((size + PART_BYTES - 1) / PART_BYTES);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        sent.add(send(0, FILE_KEY + id, String.valueOf(count).getBytes(StandardCharsets.UTF_8)));
        stored.put(id, count);
        try (InputStream in = Files.newInputStream(path)) {
            for (int i = 0; i < count; i++) {
                sent.add(send(1, partKey(id, i), in.readNBytes(PART_BYTES)));
            }
        }
        List<Long> offsets = sent.stream().map(KafkaCheckpointStore::offset).toList();
        return new StoredFile(name, size, id, hash, List.copyOf(offsets.subList(1, offsets.size())));
    }

    private Future<RecordMetadata> send(int partition, String key, byte[] value) {
        return producer.send(new ProducerRecord<>(topic, partition, key.getBytes(StandardCharsets.UTF_8), value));
    }

    private static long offset(Future<RecordMetadata> sent) {
        try {
            return sent.get().offset();
        } catch (ExecutionException e) {
            throw KafkaTransaction.outage(
                    "a checkpoint is not taken", e.getCause() instanceof Exception cause ? cause : e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw KafkaTransaction.outage("interrupted", e);
        }
    }

    @Override
    public void publish(StoredCheckpoint checkpoint) {
        List<StoredCheckpoint> next = new ArrayList<>(kept);
        next.removeIf(old -> old.epoch() >= checkpoint.epoch());
        next.add(0, checkpoint);
        List<StoredCheckpoint> surplus = List.copyOf(next.subList(Math.min(retained, next.size()), next.size()));
        next.removeAll(surplus);
        transaction.begin();
        transaction.send(topic, 0, key(CHECKPOINT_KEY + checkpoint.epoch()), bytes(checkpoint), null);
        surplus.forEach(old -> transaction.send(topic, 0, key(CHECKPOINT_KEY + old.epoch()), null, null));
        List<String> dead = sendDead(next, savepoints.values());
        transaction.commit();
        dead.forEach(stored::remove);
        kept = next;
    }

    /** The files that neither of them needs go. */
    private List<String> sendDead(Collection<StoredCheckpoint> checkpoints, Collection<StoredCheckpoint> named) {
        Set<String> live = new HashSet<>(StoredCheckpoint.fileIds(checkpoints));
        live.addAll(StoredCheckpoint.fileIds(named));
        List<String> dead =
                stored.keySet().stream().filter(id -> !live.contains(id)).toList();
        for (String id : dead) {
            for (int i = 0; i < stored.get(id); i++) {
                transaction.send(topic, 1, key(partKey(id, i)), null, null);
            }
            transaction.send(topic, 0, key(FILE_KEY + id), null, null);
        }
        return dead;
    }

    @Override
    public void keep(String savepoint, StoredCheckpoint checkpoint) {
        transaction.begin();
        transaction.send(topic, 0, key(SAVEPOINT_KEY + savepoint), bytes(checkpoint), null);
        transaction.commit();
        savepoints.put(savepoint, checkpoint);
    }

    /** A process that was superseded could not have kept it. */
    @Override
    public void confirm(String savepoint) {}

    @Override
    public void drop(String savepoint) {
        if (!savepoints.containsKey(savepoint)) {
            return;
        }
        Map<String, StoredCheckpoint> left = new TreeMap<>(savepoints);
        left.remove(savepoint);
        transaction.begin();
        transaction.send(topic, 0, key(SAVEPOINT_KEY + savepoint), null, null);
        List<String> dead = sendDead(kept, left.values());
        transaction.commit();
        dead.forEach(stored::remove);
        savepoints = left;
    }

    private static byte[] key(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        if (producer != null) {
            producer.close(java.time.Duration.ZERO);
            producer = null;
        }
    }
}
