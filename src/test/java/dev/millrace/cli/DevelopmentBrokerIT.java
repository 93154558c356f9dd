package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The broker that users try Millrace with, and all tests rely upon, keeps its word. */
class DevelopmentBrokerIT {

    private static final String TOPIC = "rows";
    private static final int PRODUCERS = 12;
    private static final int PARTITIONS = 20;

    @TempDir
    private Path directory;

    /** What was acknowledged is there as a whole; what has an uncertain end is there as a whole or not at all. */
    @Test
    void aCommitHoldsInAllItsPartitionsThoughTheBrokerIsKilled() throws Exception {
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            broker.createTopic(TOPIC, PARTITIONS);
            for (int kill = 0; kill < 2; kill++) {
                Set<String> committed = ConcurrentHashMap.newKeySet();
                String round = "round-" + kill;
                List<Thread> producers = IntStream.range(0, PRODUCERS)
                        .mapToObj(i -> new Thread(() -> commitUntilItFails(broker, round + "-" + i, committed)))
                        .toList();
                producers.forEach(Thread::start);
                Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> committed.size() > 10 * PRODUCERS);
                broker.kill();
                for (Thread producer : producers) {
                    producer.join();
                }
                broker.restart();
                awaitWhole(broker, round, committed);
            }
        }
    }

    private static void commitUntilItFails(KafkaBroker broker, String id, Set<String> committed) {
        Map<String, Object> config = Map.of(
                "transactional.id",
                id,
                "max.block.ms",
                3_000,
                "delivery.timeout.ms",
                3_000,
                "request.timeout.ms",
                2_000);
        KafkaProducer<byte[], byte[]> producer = broker.producer(config);
        try {
            producer.initTransactions();
            for (int n = 0; ; n++) {
                producer.beginTransaction();
                String transaction = id + ":" + n;
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    producer.send(new ProducerRecord<>(TOPIC, partition, null, transaction.getBytes()));
                }
                producer.commitTransaction();
                committed.add(transaction);
            }
        } catch (KafkaException e) {
            producer.close(
                    Duration.ZERO); // the broker is gone; what the last transaction has come to is seen in the topic
        }
    }

    private static void awaitWhole(KafkaBroker broker, String round, Set<String> committed)
            throws InterruptedException {
        Map<String, Integer> seen = new HashMap<>();
        for (int i = 0; i < 30; i++) { // it ends what was begun when it knows that it is the only one
            seen.clear();
            broker.read(TOPIC, record -> seen.merge(record.value(), 1, Integer::sum));
            if (seen.keySet().containsAll(committed) && Set.of(PARTITIONS).containsAll(seen.values())) {
                break;
            }
            TimeUnit.SECONDS.sleep(1);
        }
        Map<String, Integer> torn = new TreeMap<>(seen);
        torn.values().removeIf(count -> count == PARTITIONS);
        assertEquals(Map.of(), torn, "not in all partitions");
        Set<String> lost = new TreeSet<>(committed);
        lost.removeAll(seen.keySet());
        assertTrue(lost.isEmpty(), () -> round + " has lost " + lost);
    }
}
