package dev.millrace.kafka;

import dev.millrace.state.StoredCheckpoint;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;

/** Takes away what a query has in a cluster beside its results, when nobody runs it. */
public final class KafkaCleanUp {

    private final Map<String, Object> properties;
    private final KafkaProgressLog.Names names;
    private final KafkaCheckpoints checkpoints;

    public KafkaCleanUp(Map<String, Object> properties, KafkaProgressLog.Names names) {
        this.properties = properties;
        this.names = names;
        this.checkpoints = new KafkaCheckpoints(properties, names);
    }

    /** All topics go, but savepoints stay, and the topic that holds them. */
    public void query() {
        slots().filter(slot -> slot > 0).forEach(slot -> {
            KafkaProgressLog.Names further = names.of(slot);
            delete(further.journal(), further.checkpoint(), further.progress());
        });
        delete(names.exchange(), names.progress(), names.journal());
        deleteAllBut(
                checkpoints.savepoints()); // looked for behind the log: whoever drops the last one now sees it gone
    }

    /** Of a sink in another cluster, which the properties are of: what was noted of its epochs. */
    public void sink(String name) {
        delete(names.epochs(name));
    }

    /** The slots that have left a log. */
    public IntStream slots() {
        try (KafkaTopics admin = new KafkaTopics(properties)) {
            return admin.names().stream()
                    .mapToInt(names::slotOf)
                    .filter(slot -> slot >= 0)
                    .sorted();
        }
    }

    private void delete(String... topics) {
        try (KafkaTopics admin = new KafkaTopics(properties)) {
            admin.delete(List.of(topics));
        }
    }

    /** Whether the query has left its log: it was deleted, and only savepoints may be there. */
    public boolean isOver() {
        try (KafkaTopics admin = new KafkaTopics(properties)) {
            return admin.describe(names.progress()).isEmpty();
        }
    }

    /** A savepoint goes; its files with it, or, where the query still has a log, when the query runs next. */
    public void savepoint(String name) {
        if (checkpoints.savepoints().containsKey(name)) {
            tombstones(List.of(new Key(0, KafkaCheckpoints.SAVEPOINT_KEY + name)));
        }
        if (isOver()) {
            deleteAllBut(checkpoints.savepoints());
        }
    }

    private void deleteAllBut(Map<String, StoredCheckpoint> savepoints) {
        if (savepoints.isEmpty()) {
            delete(names.checkpoint());
            return;
        }
        Set<String> live = StoredCheckpoint.fileIds(savepoints.values());
        List<Key> keys = new ArrayList<>();
        checkpoints.registry().forEach((key, value) -> {
            if (key.startsWith(KafkaCheckpoints.CHECKPOINT_KEY)) {
                keys.add(new Key(0, key));
            } else if (key.startsWith(KafkaCheckpoints.FILE_KEY)) {
                String id = key.substring(KafkaCheckpoints.FILE_KEY.length());
                if (!live.contains(id)) {
                    int parts = Integer.parseInt(new String(value, StandardCharsets.UTF_8));
                    for (int i = 0; i < parts; i++) {
                        keys.add(new Key(1, KafkaCheckpoints.partKey(id, i)));
                    }
                    keys.add(new Key(0, key));
                }
            }
        });
        tombstones(keys);
    }

    /** A key of a partition of the topic of checkpoints. */
    private record Key(int partition, String text) {}

    private void tombstones(List<Key> keys) {
        AtomicReference<Exception> failed = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = checkpoints.producer()) {
            keys.forEach(key -> producer.send(
                    new ProducerRecord<>(
                            names.checkpoint(), key.partition(), key.text().getBytes(StandardCharsets.UTF_8), null),
                    (metadata, e) -> {
                        if (e != null) {
                            failed.compareAndSet(null, e);
                        }
                    }));
            producer.flush();
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the topic " + names.checkpoint() + " cannot be written", e);
        }
        if (failed.get() != null) {
            throw KafkaTransaction.outage("the topic " + names.checkpoint() + " cannot be written", failed.get());
        }
    }
}
