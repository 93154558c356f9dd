package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.NotedEpochs;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.formats.Format;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * A topic in another cluster than the query's log. An epoch's records are one transaction there, begun when the first is
 * written; brokers have all of them before the epoch is committed to the log, and it ends after that, with the epoch's number as
 * the last record of a topic of the query's own. A transaction that was lost in between is written again by the replay of its
 * epoch, as that number tells.
 *
 * <p>{@link NotedEpochs} tells a topic that was set back, or that is ahead of the query. Opening fences older processes of the query, whose transactions end with nothing visible.
 */
public final class OtherClusterSink implements Sink {

    private static final byte[] KEY = "epoch".getBytes(StandardCharsets.US_ASCII);

    /** Offsets of records and of the markers behind them, in which the last one is looked for first. */
    private static final long LATELY = 16;

    private final String epochs;
    private final NotedEpochs noted;
    private final Map<String, Object> properties;
    private final KafkaTransaction transaction;
    private final KafkaSink topic;
    private OptionalLong last;
    private boolean begun;

    /**
     * @param name of the sink
     * @param properties of the cluster
     * @param names of the query's topics
     * @throws ConnectorException where the cluster cannot be reached
     */
    public OtherClusterSink(
            String name,
            String topic,
            Format format,
            Map<String, Object> properties,
            KafkaProgressLog.Names names,
            KafkaTransaction.Patience patience) {
        this.epochs = names.epochs(name);
        this.noted = new NotedEpochs(
                "sink '" + name + "'",
                "the topic " + epochs + " of its cluster",
                "cluster",
                "has no record; if the topic has moved, take that one along");
        this.properties = properties;
        this.transaction = new KafkaTransaction(properties, epochs, patience);
        this.topic = new KafkaSink(topic, format, transaction);
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            topics.epochs(epochs, names.copies());
            transaction.initialise();
            last = read();
        } catch (RuntimeException e) {
            transaction.close();
            throw e;
        }
    }

    /** The number of the last epoch whose transaction was committed; empty where there is none. Nobody else writes it by now. */
    private OptionalLong read() {
        TopicPartition partition = new TopicPartition(epochs, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = InternalReader.consumer(properties, "read_committed")) {
            consumer.assign(List.of(partition));
            long begin = consumer.beginningOffsets(List.of(partition)).get(partition);
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            long[] found = {Long.MIN_VALUE};
            for (long from = end, back = LATELY; found[0] == Long.MIN_VALUE && from > begin; back *= 2) {
                from = Math.max(begin, end - back);
                consumer.seek(partition, from);
                InternalReader.readTo(
                        consumer,
                        partition,
                        end,
                        offset -> new ConnectorException(
                                "KafkaUnavailable",
                                "Kafka: the topic " + epochs + " cannot be read at offset " + offset,
                                null,
                                true),
                        record -> found[0] = Long.parseLong(new String(record.value(), StandardCharsets.US_ASCII)));
            }
            return found[0] == Long.MIN_VALUE ? OptionalLong.empty() : OptionalLong.of(found[0]);
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the topic " + epochs + " cannot be read", e);
        }
    }

    @Override
    public synchronized boolean needsReplay(long epoch, String prepared) {
        return noted.needsReplay(last, epoch, prepared);
    }

    @Override
    public Writer writer() {
        return new BeginningWriter(topic.writer());
    }

    private synchronized void begin() {
        if (last.isEmpty()) {
            transaction.begin();
            note(NotedEpochs.NONE_YET);
            transaction.commit();
            last = OptionalLong.of(NotedEpochs.NONE_YET);
        }
        if (!begun) {
            transaction.begin();
            begun = true;
        }
    }

    private void note(long epoch) {
        transaction.send(epochs, 0, KEY, String.valueOf(epoch).getBytes(StandardCharsets.US_ASCII), null);
    }

    @Override
    public synchronized String prepare(long epoch) {
        if (!begun) {
            return null;
        }
        String before = noted.prepare(last.orElseThrow(), epoch);
        note(epoch);
        transaction.flush();
        return before;
    }

    @Override
    public synchronized void publish(long epoch, String prepared) {
        if (begun) {
            transaction.commit();
            last = OptionalLong.of(epoch);
            begun = false;
        } else {
            noted.requirePublished(last, epoch, prepared);
        }
    }

    /** What was not published is aborted by whoever opens it next, or by the brokers. */
    @Override
    public void close() {
        transaction.close();
    }

    /** Begins the epoch's transaction before its first record. */
    private final class BeginningWriter implements Writer {
        private final Writer rows;

        BeginningWriter(Writer rows) {
            this.rows = rows;
        }

        @Override
        public void append(Batch batch) {
            begin();
            rows.append(batch);
        }

        @Override
        public void change(Batch batch, int[] keys) {
            begin();
            rows.change(batch, keys);
        }

        @Override
        public void replace(long epoch, List<Batch> batches) {
            begin();
            rows.replace(epoch, batches);
        }
    }
}
