package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import dev.millrace.formats.Format;
import dev.millrace.kafka.KafkaSource;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A reader gives each record once, and none beyond the limits, wherever these are set again and again: among records, markers of
 * transactions and records that are no rows, and while partitions go and come back.
 */
class KafkaReaderIT {

    private static final int PARTITIONS = 3;
    private static final int RECORDS = 6_000;

    @TempDir
    private Path directory;

    private final Map<Integer, Integer> indexes = new HashMap<>();
    private final Map<Integer, Integer> partitions = new HashMap<>();
    private final Map<Long, Long> offsets = new HashMap<>(); // by id, of those that are rows
    private final long[] ends = new long[PARTITIONS];
    private final long began = System.currentTimeMillis();
    private int next;
    private int timed;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eachRecordIsReadOnceAndNoneBeyondTheLimit(boolean malformed) throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        Random random = new Random(seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            broker.createTopic("limited", PARTITIONS);
            send(broker, random, malformed);
            Source source = source(broker);
            Set<Long> broken = new HashSet<>();
            try (Source.Reader reader = source.reader((index, position, bytes, start, length, reason) ->
                    broken.add(Long.parseLong(new String(bytes, start, length, StandardCharsets.UTF_8))))) {
                read(reader, random, "-Dseed=" + seed);
            }
            assertEquals(malformed ? RECORDS - offsets.size() : 0, broken.size());
        }
    }

    private void read(Source.Reader reader, Random random, String which) {
        long[] at = new long[PARTITIONS];
        for (int p = 0; p < PARTITIONS; p++) {
            assign(reader, p, 0);
        }
        Set<Long> seen = new HashSet<>();
        for (int round = 0; round < 40; round++) {
            long[] to = new long[PARTITIONS];
            for (int p = 0; p < PARTITIONS; p++) {
                to[p] = Math.min(ends[p], at[p] + random.nextInt(4) * random.nextInt(60));
                reader.limit(indexes.get(p), Position.at(to[p]));
            }
            take(reader, to, seen, which);
            assertEquals(expected(to), seen, which);
            at = to;
            for (int p = 0; p < PARTITIONS; p++) {
                reader.limit(indexes.get(p), null);
            }
            if (random.nextInt(3) == 0) { // it goes to another slot, and comes back
                int p = random.nextInt(PARTITIONS);
                reader.release(indexes.get(p));
                assign(reader, p, at[p]);
            }
        }
        take(reader, ends, seen, which);
        assertEquals(expected(ends), seen, which);
        assertTrue(timed > 0, "it says when what it has read came");
    }

    private void assign(Source.Reader reader, int partition, long offset) {
        partitions.remove(indexes.get(partition));
        indexes.put(partition, next);
        partitions.put(next, partition);
        reader.assign(next++, "limited-" + partition, Position.at(offset));
    }

    private void take(Source.Reader reader, long[] to, Set<Long> seen, String which) {
        long until = System.nanoTime() + 30_000_000_000L;
        while (indexes.entrySet().stream()
                .anyMatch(part -> reader.position(part.getValue()).offset() < to[part.getKey()])) {
            SourceBatch batch = reader.poll(1_000);
            for (int row = 0; row < batch.rows().size(); row++) {
                long id = batch.rows().longs(0).get(row);
                assertTrue(seen.add(id), () -> id + " came twice, " + which);
                assertEquals(id % PARTITIONS, (int) partitions.get(batch.partitions()[row]), which);
            }
            if (System.nanoTime() > until) {
                fail("it does not get there, " + which);
            }
        }
        indexes.forEach((partition, index) -> {
            assertEquals(to[partition], reader.position(index).offset(), which);
            long timestamp = reader.timestamp(index);
            assertTrue(timestamp == -1 || timestamp >= began && timestamp <= System.currentTimeMillis(), which);
            timed += timestamp > 0 ? 1 : 0;
        });
    }

    private Set<Long> expected(long[] to) {
        Set<Long> expected = new HashSet<>();
        offsets.forEach((id, offset) -> {
            if (offset < to[(int) (id % PARTITIONS)]) {
                expected.add(id);
            }
        });
        return expected;
    }

    private static Source source(KafkaBroker broker) {
        return new KafkaSource(new KafkaSource.Config(
                "limited",
                List.of("limited"),
                Optional.empty(),
                Map.of("bootstrap.servers", broker.servers(), "fetch.max.wait.ms", 20),
                new KafkaSource.Starting("earliest", 0, Map.of()),
                Schema.of(new Field("id", DataType.BIGINT, false)),
                Map.of(),
                List.of(0),
                new Format.Json(Format.TimestampStyle.ISO8601),
                false));
    }

    /** In transactions, some of which are aborted; a record that is no row is its number alone. */
    private void send(KafkaBroker broker, Random random, boolean malformed) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", broker.servers(), "transactional.id", "sender");
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            for (long id = 0; id < RECORDS; ) {
                producer.beginTransaction();
                if (random.nextInt(10) == 0) {
                    producer.send(new ProducerRecord<>("limited", random.nextInt(PARTITIONS), null, bytes("never")))
                            .get();
                    producer.abortTransaction();
                    continue;
                }
                for (int i = 1 + random.nextInt(40); i > 0 && id < RECORDS; i--) {
                    long sent = id++;
                    boolean broken = malformed && random.nextInt(20) == 0;
                    String text = broken ? String.valueOf(sent) : "{\"id\":" + sent + "}";
                    producer.send(
                            new ProducerRecord<>("limited", (int) (sent % PARTITIONS), null, bytes(text)),
                            (metadata, e) -> {
                                if (!broken) {
                                    offsets.put(sent, metadata.offset());
                                }
                            });
                }
                producer.commitTransaction();
            }
        }
        try (Admin admin = broker.admin()) {
            for (int p = 0; p < PARTITIONS; p++) {
                TopicPartition partition = new TopicPartition("limited", p);
                ends[p] = admin.listOffsets(Map.of(partition, OffsetSpec.latest()))
                        .partitionResult(partition)
                        .get()
                        .offset();
            }
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
