package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.Exchange;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;

/**
 * The exchange as a topic of the home cluster, {@code <prefix><id>-exchange}. What is sent is part of the log's transaction;
 * what is read is committed.
 */
public final class KafkaExchange implements Exchange {

    private final KafkaTransaction transaction;
    private final Map<String, Object> properties;
    private final String topic;
    private final int partitions;
    private final KafkaProgressLog.Copies copies;
    private KafkaConsumer<byte[], byte[]> consumer;
    private KafkaTopics trimmer;
    private Optional<String> weakness = Optional.empty();

    public KafkaExchange(
            KafkaTransaction transaction, Map<String, Object> properties, KafkaProgressLog.Names names, int keyGroups) {
        this.transaction = transaction;
        this.properties = properties;
        this.topic = names.exchange();
        this.partitions = 1 + keyGroups;
        this.copies = names.copies();
    }

    @Override
    public String open() {
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            String identity = topics.internal(topic, partitions, copies);
            topics.requireRights(topic, Set.of(AclOperation.READ, AclOperation.WRITE));
            weakness = topics.requireKept(topic);
            return identity;
        }
    }

    @Override
    public Optional<String> weakness() {
        return weakness;
    }

    @Override
    public void send(int partition, byte[] record) {
        transaction.send(topic, partition, null, record, null);
    }

    @Override
    public void seek(long[] offsets) {
        connect();
        List<TopicPartition> read = read(offsets);
        try {
            consumer.beginningOffsets(read).forEach((partition, begin) -> {
                if (offsets[partition.partition()] < begin) {
                    throw new TrimmedException("the topic " + topic + " begins at offset " + begin + " of partition "
                            + partition.partition() + ", but the state continues at "
                            + offsets[partition.partition()]);
                }
            });
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the exchange cannot be read", e);
        }
        move(offsets);
    }

    private void connect() {
        if (consumer == null) {
            consumer = InternalReader.consumer(properties, "read_committed");
        }
    }

    @Override
    public long begin(int partition) {
        return bound(partition, KafkaConsumer::beginningOffsets);
    }

    @Override
    public long end(int partition) {
        return bound(partition, KafkaConsumer::endOffsets);
    }

    private long bound(
            int partition,
            BiFunction<KafkaConsumer<byte[], byte[]>, List<TopicPartition>, Map<TopicPartition, Long>> bounds) {
        connect();
        TopicPartition of = new TopicPartition(topic, partition);
        try {
            return bounds.apply(consumer, List.of(of)).get(of);
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the exchange cannot be read", e);
        }
    }

    @Override
    public void readAll(int partition, Arrival arrival) {
        TopicPartition of = new TopicPartition(topic, partition);
        try (KafkaConsumer<byte[], byte[]> reader = InternalReader.consumer(properties, "read_committed")) {
            reader.assign(List.of(of));
            reader.seekToBeginning(List.of(of));
            InternalReader.readTo(
                    reader,
                    of,
                    end(partition),
                    position -> new ConnectorException(
                            "KafkaUnavailable", of + " cannot be read behind offset " + position, null, true),
                    record -> arrival.accept(partition, record.offset(), record.value()));
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the exchange cannot be read", e);
        }
    }

    private List<TopicPartition> read(long[] offsets) {
        List<TopicPartition> read = new ArrayList<>();
        for (int partition = 0; partition < offsets.length; partition++) {
            if (offsets[partition] != NOWHERE) {
                read.add(new TopicPartition(topic, partition));
            }
        }
        return read;
    }

    @Override
    public void move(long[] offsets) {
        List<TopicPartition> read = read(offsets);
        try {
            consumer.assign(read);
            read.forEach(partition -> consumer.seek(partition, offsets[partition.partition()]));
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the exchange cannot be read", e);
        }
    }

    @Override
    public void poll(long timeoutMillis, Arrival arrival) {
        try { // a process that was superseded may find records trimmed: it has to open its log to see why
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(timeoutMillis))) {
                arrival.accept(record.partition(), record.offset(), record.value());
            }
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the exchange cannot be read", e);
        }
    }

    @Override
    public long unread() {
        TopicPartition announcements = new TopicPartition(topic, ANNOUNCEMENTS);
        return consumer.assignment().contains(announcements)
                ? consumer.currentLag(announcements).orElse(-1)
                : -1;
    }

    @Override
    public void trim(long[] offsets) {
        Map<TopicPartition, Long> before = new HashMap<>();
        for (int partition = 0; partition < offsets.length; partition++) {
            if (offsets[partition] > 0) {
                before.put(new TopicPartition(topic, partition), offsets[partition]);
            }
        }
        if (trimmer == null) {
            trimmer = new KafkaTopics(properties);
        }
        trimmer.trim(before);
    }

    @Override
    public void close() {
        if (trimmer != null) {
            trimmer.close();
        }
        if (consumer != null) {
            consumer.close(CloseOptions.timeout(Duration.ZERO));
        }
    }
}
