package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.data.Bytes;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The transactional producer of a query in a cluster. In its home cluster sinks and the progress log send through it between
 * {@link #begin} and {@link #commit}.
 *
 * <p>Every failure is given as an outage: a failed or timed-out commit may or may not have happened, a fenced producer may
 * meet a successor or an old transaction's time-out. Opening the log anew tells.
 */
public final class KafkaTransaction implements AutoCloseable {

    /**
     * How long a transaction may take, over the lives of a query's producers. An epoch that cannot be split and takes longer
     * is met again after each abort: the next life gives it twice the time, up to what brokers allow by default.
     */
    public static final class Patience {
        private static final int FIRST_MILLIS = 60_000;
        private static final int MAX_MILLIS = 900_000;

        private int millis;

        private int millis(Object configured) {
            if (millis == 0) {
                millis = configured == null ? FIRST_MILLIS : Integer.parseInt(configured.toString());
            }
            return millis;
        }

        private void exhausted() {
            millis = Math.max(millis, Math.min(MAX_MILLIS, 2 * millis));
        }
    }

    private final Patience patience;
    private final long timeoutNanos;
    private long begun;
    private final KafkaProducer<byte[], byte[]> producer;
    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private boolean open;
    private String watchedTopic;
    private volatile long watchedOffset = -1;

    public KafkaTransaction(Map<String, Object> properties, String transactionalId, Patience patience) {
        this.patience = patience;
        Map<String, Object> config = new HashMap<>();
        config.put(ProducerConfig.LINGER_MS_CONFIG, 20);
        config.put(ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
        config.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 64L << 20);
        config.putAll(properties);
        int timeout = patience.millis(properties.get(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG));
        config.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, timeout);
        timeoutNanos = TimeUnit.MILLISECONDS.toNanos(timeout);
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        producer = connect(
                config, () -> new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer()));
    }

    /** Fences older producers of this query and ends their transactions. */
    public void initialise() {
        try {
            producer.initTransactions();
        } catch (KafkaException e) {
            throw outage("the broker does not take up the query's transactions", e);
        }
    }

    /** Notes the offsets of records of this topic. */
    void watch(String topic) {
        watchedTopic = topic;
    }

    /** The offset of the last record of the watched topic whose sending has ended. */
    long watchedOffset() {
        return watchedOffset;
    }

    /** Starts a transaction, unless one is open. */
    public void begin() {
        if (open) {
            return;
        }
        try {
            producer.beginTransaction();
            open = true;
            begun = System.nanoTime();
        } catch (KafkaException e) {
            throw outage("a transaction cannot be started", e);
        }
    }

    /** Sends a record; may be called by several threads. The record's bytes are copied before it returns. */
    public void send(String topic, Integer partition, byte[] key, byte[] value, List<Header> headers) {
        Exception earlier = failure.get();
        if (earlier != null) {
            throw outage("a record was not taken", earlier);
        }
        try {
            producer.send(new ProducerRecord<>(topic, partition, key, value, headers), this::sent);
        } catch (KafkaException | IllegalStateException e) {
            throw outage("a record for topic " + topic + " was not taken", e);
        }
    }

    public void send(String topic, byte[] key, Bytes value) {
        send(topic, null, key, value.toByteArray(), null);
    }

    private void sent(RecordMetadata metadata, Exception e) {
        if (e == null && metadata.topic().equals(watchedTopic)) {
            watchedOffset = metadata.offset();
        }
        if (e != null) {
            failure.compareAndSet(null, e);
        }
    }

    /** Waits until brokers have taken everything that was sent. */
    void flush() {
        try {
            producer.flush();
            Exception earlier = failure.get();
            if (earlier != null) {
                throw outage("a record was not taken", earlier);
            }
        } catch (KafkaException | IllegalStateException | ConnectorException e) {
            throw failed("a record was not taken", e);
        }
    }

    /** That it took too long may be the reason: the next one may take longer. */
    private ConnectorException failed(String what, RuntimeException e) {
        if (System.nanoTime() - begun > timeoutNanos) {
            patience.exhausted();
        }
        return e instanceof ConnectorException known ? known : outage(what, e);
    }

    /** Makes everything that was sent since {@link #begin} visible at once. */
    public void commit() {
        flush();
        try {
            producer.commitTransaction();
            open = false;
        } catch (KafkaException | IllegalStateException e) {
            throw failed("a commit has no certain outcome", e);
        }
    }

    /** Number of partitions of a topic. */
    public int partitions(String topic) {
        try {
            return producer.partitionsFor(topic).size();
        } catch (KafkaException e) {
            throw outage("topic " + topic + " is not known", e);
        }
    }

    /** Makes a client; that its brokers cannot be found may pass. */
    static <T> T connect(Map<String, Object> config, Supplier<T> client) {
        try {
            return client.get();
        } catch (KafkaException e) {
            throw outage(
                    "no client can be made for " + config.get("bootstrap.servers"),
                    e.getCause() instanceof Exception cause ? cause : e);
        }
    }

    /** What may pass if it is tried again; a record that is too large does not become smaller. */
    static ConnectorException outage(String what, Exception e) {
        if (e instanceof RecordTooLargeException) {
            return new ConnectorException(
                    "RecordTooLarge",
                    "Kafka: " + what + ": raise max.message.bytes of its topic, max.request.size in the sink's"
                            + " properties, or both (" + reason(e) + ")",
                    e,
                    false);
        }
        String code = e instanceof ProducerFencedException || e instanceof InvalidProducerEpochException
                ? ConnectorException.FENCED
                : "KafkaUnavailable";
        return new ConnectorException(code, "Kafka: " + what + " (" + reason(e) + ")", e, true);
    }

    private static String reason(Throwable e) {
        return e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage());
    }

    @Override
    public void close() {
        producer.close(java.time.Duration.ZERO);
    }
}
