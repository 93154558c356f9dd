package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.RecordJson;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;

/**
 * The progress log in the home cluster: {@code <prefix><id>-progress}, one partition, and {@code <prefix><id>-journal},
 * written in the transaction of the epoch's output.
 *
 * <p>Opening fences older producers first and then reads to the offset that the partition ended at, aborted records
 * included: so it never ends below a commit of its own that another writer's open transaction hides.
 */
public final class KafkaProgressLog implements ProgressLog {

    private static final long ASKS_NANOS = 2_000_000_000L;
    private static final Duration ANSWERS = Duration.ofSeconds(1);

    /** Offsets of records, and of the markers behind them, that came since the last fetch. */
    private static final long JUST_WRITTEN = 10;

    private final KafkaTransaction transaction;
    private final Map<String, Object> properties;
    private final Names names;
    private final String progressTopic;
    private final String journalTopic;
    private final Copies copies;
    private String weakness;
    private String identity;

    /**
     * How many copies of the topics there are to be, and how many of them have what is committed; 0 where the broker says.
     */
    public record Copies(short replication, int inSync) {}

    /**
     * Names of a slot's topics, and of the one that slots share.
     *
     * @param id of the query's state
     */
    public record Names(String prefix, String id, int slot, Copies copies) {

        private static final int MOST_OF_SINK = 60;

        private String own(String kind) {
            return prefix + id + "-" + kind + (slot == 0 ? "" : "-" + slot);
        }

        String progress() {
            return own("progress");
        }

        String journal() {
            return own("journal");
        }

        String checkpoint() {
            return own("checkpoint");
        }

        String exchange() {
            return prefix + id + "-exchange";
        }

        public String transactionalId() {
            return prefix + id + "-" + slot;
        }

        /**
         * Of a sink in another cluster: the topic there that has its epochs, and the name of its transactions. The number at the
         * end tells it from those of other queries and sinks whose names come to the same.
         */
        String epochs(String sink) {
            String legal = sink.replaceAll("[^a-zA-Z0-9_-]", "-");
            String start = legal.substring(0, Math.min(MOST_OF_SINK, legal.length()));
            return String.format("%s%s-epochs-%s-%08x", prefix, id, start, (id + "/" + sink).hashCode());
        }

        /** Those of another slot. */
        public Names of(int other) {
            return new Names(prefix, id, other, copies);
        }

        /** The slot whose log a topic is; −1 where it is something else. */
        int slotOf(String topic) {
            String first = of(0).progress();
            if (topic.equals(first)) {
                return 0;
            }
            boolean further = topic.startsWith(first + "-")
                    && topic.substring(first.length() + 1).matches("[1-9][0-9]{0,3}");
            return further ? Integer.parseInt(topic.substring(first.length() + 1)) : -1;
        }
    }

    public KafkaProgressLog(KafkaTransaction transaction, Map<String, Object> properties, Names names) {
        this.transaction = transaction;
        this.properties = properties;
        this.names = names;
        this.progressTopic = names.progress();
        this.journalTopic = names.journal();
        this.copies = names.copies();
    }

    /**
     * Ends the writers of a log that is given up: they find that an incarnation larger than theirs has claimed it. Nothing
     * happens where there is no such log.
     */
    public static void supersede(
            Map<String, Object> properties, Names names, KafkaTransaction.Patience patience, long incarnation) {
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            if (topics.describe(names.progress()).isEmpty()) {
                return;
            }
        }
        KafkaTransaction transaction = new KafkaTransaction(properties, names.transactionalId(), patience);
        try (KafkaProgressLog log = new KafkaProgressLog(transaction, properties, names)) {
            transaction.watch(log.progressTopic);
            transaction.initialise();
            Optional<ProgressRecord> last = log.last();
            if (last.isPresent()) {
                long larger = Math.max(incarnation, last.get().incarnation() + 1);
                log.commit(last.get().claimedBy(larger), List.of());
            }
        }
    }

    private Optional<ProgressRecord> last() {
        TopicPartition partition = new TopicPartition(progressTopic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            return last(consumer, partition, uncommittedEnd(partition));
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the progress log of before cannot be read", e);
        }
    }

    /** The last record before an offset, looked for from there. */
    private Optional<ProgressRecord> last(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, long end) {
        long begin = consumer.beginningOffsets(List.of(partition)).get(partition);
        consumer.assign(List.of(partition));
        AtomicReference<ProgressRecord> found = new AtomicReference<>();
        for (long back = 100; found.get() == null; back *= 100) {
            long start = Math.max(begin, end - back);
            consumer.seek(partition, start);
            readTo(consumer, partition, end, record -> {
                if (record.value() != null) {
                    found.set(RecordJson.read(record.value()));
                }
            });
            if (start == begin) {
                break;
            }
        }
        return Optional.ofNullable(found.get());
    }

    @Override
    public long connect() {
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            if (topics.describe(progressTopic).isEmpty()
                    || topics.describe(journalTopic).isEmpty()) {
                return 0;
            }
            examine(topics);
        }
        TopicPartition partition = new TopicPartition(progressTopic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            long committed = consumer.endOffsets(List.of(partition)).get(partition);
            return last(consumer, partition, committed)
                    .map(ProgressRecord::incarnation)
                    .orElse(0L);
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the progress log cannot be read", e);
        }
    }

    @Override
    public void open(long from, Consumer<Entry> entries) {
        if (identity == null) {
            try (KafkaTopics topics = new KafkaTopics(properties)) {
                if (from >= 0 && topics.describe(progressTopic).isEmpty()) {
                    throw new QueryException(
                            "StateLost",
                            "the topic " + progressTopic + " is gone, although the state says that the query has run");
                }
                examine(topics);
            }
        }
        transaction.watch(progressTopic);
        transaction.initialise();
        read(from, entries);
    }

    /** Makes the topics that are missing, and checks them. */
    private void examine(KafkaTopics topics) {
        String found = topics.internal(progressTopic, 1, copies) + "/" + topics.internal(journalTopic, 1, copies);
        for (String topic : List.of(progressTopic, journalTopic)) {
            topics.requireRights(topic, Set.of(AclOperation.READ, AclOperation.WRITE));
            weakness = topics.requireKept(topic).orElse(weakness);
        }
        identity = found;
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        return InternalReader.consumer(properties, "read_committed");
    }

    /** The partition's end with open and aborted transactions. */
    private long uncommittedEnd(TopicPartition partition) {
        try (KafkaConsumer<byte[], byte[]> consumer = InternalReader.consumer(properties, "read_uncommitted")) {
            return consumer.endOffsets(List.of(partition)).get(partition);
        }
    }

    private void read(long from, Consumer<Entry> entries) {
        TopicPartition partition = new TopicPartition(progressTopic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            long end = uncommittedEnd(partition);
            seek(consumer, partition, from, end);
            readTo(consumer, partition, end, record -> entry(record).ifPresent(entries));
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the progress log cannot be read", e);
        }
    }

    /** Where the state goes on; that must be there still. */
    private void seek(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, long from, long end) {
        long begin = consumer.beginningOffsets(List.of(partition)).get(partition);
        long start = from < 0 ? begin : from;
        if (start < begin || start > end) {
            throw new QueryException(
                    "StateLost",
                    "the topic " + progressTopic + " holds the offsets " + begin + " to " + end
                            + ", but the state continues at " + start);
        }
        if (from < 0 && begin > 0) {
            throw new QueryException(
                    "StateLost",
                    "the state is gone and the topic " + progressTopic + " begins at offset " + begin
                            + ": earlier epochs cannot be replayed");
        }
        consumer.assign(List.of(partition));
        consumer.seek(partition, start);
    }

    private static Optional<Entry> entry(ConsumerRecord<byte[], byte[]> record) {
        return record.value() == null
                ? Optional.empty()
                : Optional.of(new Entry(RecordJson.read(record.value()), record.offset() + 1));
    }

    @Override
    public Tail tail(long from) {
        if (identity == null) {
            throw new ConnectorException("Waiting", "the query has not begun yet", null, true);
        }
        TopicPartition partition = new TopicPartition(progressTopic, 0);
        KafkaConsumer<byte[], byte[]> consumer = InternalReader.follower(properties);
        try {
            seek(consumer, partition, from, uncommittedEnd(partition));
            return new KafkaTail(consumer, partition);
        } catch (KafkaException e) {
            consumer.close();
            throw KafkaTransaction.outage("the progress log cannot be read", e);
        } catch (RuntimeException e) {
            consumer.close();
            throw e;
        }
    }

    /** Reads committed records only: the log has no others for who did not write it. */
    private static final class KafkaTail implements Tail {
        private final KafkaConsumer<byte[], byte[]> consumer;
        private final TopicPartition partition;
        private long askedAt = System.nanoTime() - ASKS_NANOS;

        KafkaTail(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
            this.consumer = consumer;
            this.partition = partition;
        }

        @Override
        public List<Entry> poll(long timeoutMillis) {
            List<Entry> found = new ArrayList<>();
            try {
                consumer.poll(Duration.ofMillis(timeoutMillis))
                        .forEach(record -> entry(record).ifPresent(found::add));
            } catch (KafkaException e) {
                throw KafkaTransaction.outage("the progress log cannot be read", e);
            }
            return found;
        }

        /** Now and then the broker is asked: what is known of the last fetch says nothing where none is answered. */
        @Override
        public boolean atEnd() {
            if (consumer.currentLag(partition).orElse(1) > 0) {
                return false;
            }
            if (System.nanoTime() - askedAt < ASKS_NANOS) {
                return true;
            }
            try {
                Long end = consumer.endOffsets(List.of(partition), ANSWERS).get(partition);
                askedAt = end == null ? askedAt : System.nanoTime();
                return end != null && end - consumer.position(partition, ANSWERS) <= JUST_WRITTEN;
            } catch (KafkaException e) {
                return false;
            }
        }

        @Override
        public void close() {
            consumer.close(CloseOptions.timeout(Duration.ofSeconds(1)));
        }
    }

    private void readTo(
            KafkaConsumer<byte[], byte[]> consumer,
            TopicPartition partition,
            long end,
            Consumer<ConsumerRecord<byte[], byte[]>> records) {
        InternalReader.readTo(
                consumer,
                partition,
                end,
                position -> new ConnectorException("KafkaUnavailable", blocked(partition, position), null, true),
                records);
    }

    private String blocked(TopicPartition partition, long position) {
        return "Kafka: " + blocker(partition).orElse("an open transaction") + " hides the end of " + partition
                + " behind offset " + position + " until it ends";
    }

    /** A broker that does not tell hides no more than the name. */
    private Optional<String> blocker(TopicPartition partition) {
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            return topics.openTransaction(partition);
        } catch (ConnectorException e) {
            return Optional.empty();
        }
    }

    @Override
    public void begin() {
        transaction.begin();
    }

    @Override
    public long commit(ProgressRecord record, List<JournalEntry> journal) {
        transaction.begin();
        for (JournalEntry entry : journal) {
            byte[] key = (record.epoch() + "/" + entry.name()).getBytes(java.nio.charset.StandardCharsets.UTF_8);
            transaction.send(journalTopic, 0, key, entry.content(), null);
        }
        transaction.send(progressTopic, 0, null, RecordJson.write(record), null);
        transaction.commit();
        return transaction.watchedOffset() + 1;
    }

    @Override
    public List<JournalEntry> firstJournal() {
        String progress = names.of(0).progress();
        try (KafkaTopics topics = new KafkaTopics(properties)) {
            if (topics.describe(progress).isEmpty()) {
                throw waiting();
            }
        }
        TopicPartition partition = new TopicPartition(progress, 0);
        List<ProgressRecord> first = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            readTo(consumer, partition, Math.min(end, 1), record -> first.add(RecordJson.read(record.value())));
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the progress log of slot 0 cannot be read", e);
        }
        if (first.isEmpty()) {
            throw waiting();
        }
        return journal(names.of(0).journal(), first.get(0).epoch());
    }

    private static ConnectorException waiting() {
        return new ConnectorException("Waiting", "slot 0 has not begun yet", null, true);
    }

    @Override
    public List<JournalEntry> journal(long epoch) {
        return journal(journalTopic, epoch);
    }

    private List<JournalEntry> journal(String topic, long epoch) {
        TopicPartition partition = new TopicPartition(topic, 0);
        List<JournalEntry> found = new ArrayList<>();
        String prefix = epoch + "/";
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            long end = uncommittedEnd(partition);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            readTo(consumer, partition, end, record -> {
                String key = new String(record.key(), java.nio.charset.StandardCharsets.UTF_8);
                if (key.startsWith(prefix)) {
                    found.add(new JournalEntry(key.substring(prefix.length()), record.value()));
                }
            });
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the journal cannot be read", e);
        }
        return found;
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public Optional<String> weakness() {
        return Optional.ofNullable(weakness);
    }

    @Override
    public void close() {
        transaction.close();
    }
}
