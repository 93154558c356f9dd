package dev.millrace.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * From the time at which the broker has an ad event to the moment a {@code read_committed} consumer has the count that holds
 * it: the n-th event of a campaign and window, by the broker's times, with the first count of at least n.
 */
final class Latency {

    private static final Duration WARM_UP = Duration.ofSeconds(10);

    private final String servers;
    private final String input;
    private final String output;
    private final Map<String, String> campaigns = new HashMap<>();
    private final Map<String, ConcurrentLinkedQueue<Long>> sent = new ConcurrentHashMap<>();
    private final List<Count> counts = new ArrayList<>();
    private volatile boolean ended;

    /** A count as the consumer got it. */
    private record Count(String group, long views, long millis) {}

    Latency(String servers, String input, String output, Path ads) throws IOException {
        this.servers = servers;
        this.input = input;
        this.output = output;
        for (String line : Files.readAllLines(ads)) {
            campaigns.put(line.split(",")[0], line.split(",")[1]);
        }
    }

    /** Sends at the rate for the time, after a warm-up; returns the latencies in milliseconds, ascending. */
    long[] measure(int rowsPerSecond, Duration time) throws Exception {
        Thread consumer = new Thread(this::consume, "latency-consumer");
        consumer.start();
        long from = System.currentTimeMillis() + WARM_UP.toMillis();
        SteadyLoad.send(servers, input, rowsPerSecond, WARM_UP.plus(time), row -> {
            String group = group(row);
            return group == null ? null : (metadata, e) -> note(group, metadata.timestamp());
        });
        TimeUnit.SECONDS.sleep(2);
        ended = true;
        consumer.join();
        return latencies(from);
    }

    private void note(String group, long brokerMillis) {
        sent.computeIfAbsent(group, key -> new ConcurrentLinkedQueue<>()).add(brokerMillis);
    }

    /** Campaign and window of a view; null for another event. */
    private String group(StringBuilder row) {
        if (row.indexOf("\"event_type\":\"view\"") < 0) {
            return null;
        }
        String ad = after(row, "\"ad_id\":\"", 36);
        long time = Long.parseLong(after(row, "\"event_time\":", 13));
        return campaigns.get(ad) + "@" + (time - time % 10_000);
    }

    private static String after(StringBuilder row, String name, int length) {
        int at = row.indexOf(name) + name.length();
        return row.substring(at, at + length);
    }

    private void consume() {
        Map<String, Object> config = Map.of(
                "bootstrap.servers", servers, "isolation.level", "read_committed", "fetch.max.wait.ms", 100);
        ObjectMapper json = new ObjectMapper();
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(output).stream()
                    .map(info -> new TopicPartition(output, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (!ended) {
                var records = consumer.poll(Duration.ofMillis(100));
                long now = System.currentTimeMillis();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    JsonNode row = json.readTree(record.value());
                    String group = row.get("campaign_id").asText() + "@"
                            + row.get("window_start").asLong();
                    counts.add(new Count(group, row.get("views").asLong(), now));
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private long[] latencies(long from) {
        Map<String, long[]> times = new HashMap<>();
        sent.forEach((group, queue) -> times.put(
                group, queue.stream().mapToLong(Long::longValue).sorted().toArray()));
        Map<String, Long> seen = new HashMap<>();
        LongStream.Builder found = LongStream.builder();
        long unseen = times.values().stream().mapToLong(t -> t.length).sum();
        for (Count count : counts) {
            long before = seen.getOrDefault(count.group, 0L);
            long[] own = times.getOrDefault(count.group, new long[0]);
            for (long n = before; n < Math.min(count.views, own.length); n++) {
                unseen--;
                if (own[(int) n] >= from) {
                    found.add(count.millis - own[(int) n]);
                }
            }
            seen.put(count.group, Math.max(before, count.views));
        }
        if (unseen > 0) {
            System.out.println("latency: " + unseen + " events were never counted");
        }
        return found.build().sorted().toArray();
    }

    /** The value that a share of the sorted ones does not exceed. */
    static long percentile(long[] sorted, double share) {
        return sorted.length == 0 ? -1 : sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    }

    static String describe(long[] sorted) {
        return Arrays.stream(new double[] {0.5, 0.99, 0.999})
                .mapToObj(share -> "p" + String.valueOf(share * 100).replaceAll("\\.0$", "") + " "
                        + percentile(sorted, share) + " ms")
                .reduce((a, b) -> a + ", " + b)
                .orElse("");
    }
}
