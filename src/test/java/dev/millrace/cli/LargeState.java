package dev.millrace.cli;

import dev.millrace.cli.SlotProcess.Logged;
import dev.millrace.engine.ProgressRecord;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;

/** A query that counts keys of 200 random letters, as many as make a state of a given size, and its rows. */
final class LargeState implements AutoCloseable {

    static final int KEY_BYTES = 200;
    static final String NAME = "large";

    private static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: large}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: k STRING NOT NULL
                  format: {json: {}}
                  kafka: {topic: events}
              query: SELECT k, COUNT(*) AS n FROM events GROUP BY k HAVING COUNT(*) > 5
              sinks:
                - {name: out, outputMode: update, format: {json: {}}, kafka: {topic: counts}}
              trigger: {commitInterval: 100ms}
            """;

    private final KafkaBroker broker;
    private final int keys;
    private final Thread feeder = new Thread(this::feed, "feeder");
    private volatile boolean feeding = true;

    /** Its keys are there when this returns. */
    LargeState(KafkaBroker broker, int megabytes) throws Exception {
        this.broker = broker;
        this.keys = (int) ((long) megabytes * 1_000_000 / KEY_BYTES);
        broker.createTopic("events", 4);
        broker.createTopic("counts", 1);
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int i = 0; i < keys; i++) {
                send(producer, i, i);
            }
        }
    }

    /** Sizes in megabytes, as a property has them: {@code 100,1000}. */
    static Stream<Integer> sizes(String property) {
        return Arrays.stream(System.getProperty(property, "").split(","))
                .filter(size -> !size.isEmpty())
                .map(Integer::parseInt);
    }

    /** The query, with more of a spec. */
    String query(String more) {
        return QUERY.replace("@servers", broker.servers()) + more;
    }

    /** What is committed of a slot. */
    List<Logged> log(int slot) {
        return SlotProcess.log(broker, NAME, slot);
    }

    /** Waits until slot 0 has read all keys. */
    void awaitRead() {
        Awaitility.await()
                .atMost(Duration.ofMinutes(15))
                .pollInterval(Duration.ofSeconds(1))
                .ignoreExceptions()
                .until(() -> rows(log(0)) >= keys);
    }

    /** From now on some keys come again, a thousand a second. */
    void startFeeding() {
        feeder.start();
    }

    void stopFeeding() throws InterruptedException {
        feeding = false;
        feeder.join();
    }

    private void feed() {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int i = 0; feeding; i++) {
                send(producer, i, (int) (i * 7_919L % keys));
                if (i % 50 == 0) {
                    TimeUnit.MILLISECONDS.sleep(50);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, int number, int key) {
        byte[] row = ("{\"k\":\"" + name(key) + "\"}").getBytes(StandardCharsets.UTF_8);
        producer.send(new ProducerRecord<>("events", Math.floorMod(number, 4), null, row));
    }

    /** Of 64 letters at random: compression takes a quarter at most. */
    private static String name(int key) {
        byte[] name = new byte[KEY_BYTES * 3 / 4];
        new SplittableRandom(key).nextBytes(name);
        return Base64.getEncoder().encodeToString(name);
    }

    private static long rows(List<Logged> log) {
        return log.stream()
                .flatMap(logged -> logged.record().sources().values().stream())
                .flatMap(source -> source.partitions().stream())
                .mapToLong(ProgressRecord.PartitionProgress::rows)
                .sum();
    }

    @Override
    public void close() {
        feeding = false;
    }
}
