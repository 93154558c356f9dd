package dev.millrace.bench;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Ad events at a steady rate. */
final class SteadyLoad {

    private SteadyLoad() {}

    /**
     * Sends for the time.
     *
     * @param sent gives for a row what is told of its sending, or null
     */
    static void send(
            String servers, String topic, int rowsPerSecond, Duration time, Function<StringBuilder, Callback> sent)
            throws InterruptedException {
        Map<String, Object> config = Map.of(
                "bootstrap.servers", servers, "linger.ms", 1, "batch.size", 64 << 10, "acks", "1",
                "enable.idempotence", false);
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            StringBuilder scratch = new StringBuilder();
            long start = System.nanoTime();
            long total = rowsPerSecond * time.toSeconds();
            for (long number = 0; number < total; number++) {
                byte[] row = Rows.AD_EVENTS.bytes(number, scratch);
                producer.send(
                        new ProducerRecord<>(topic, (int) (number % Topics.PARTITIONS), null, row), sent.apply(scratch));
                if (number % 64 == 0) {
                    long due = start + number * 1_000_000_000L / rowsPerSecond;
                    TimeUnit.NANOSECONDS.sleep(due - System.nanoTime());
                }
            }
        }
    }
}
