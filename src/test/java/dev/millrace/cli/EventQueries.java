package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Three queries over one topic of events that stream in: rows as they are, counts by word, closed windows. */
final class EventQueries {

    static final int PARTITIONS = 4;
    private static final int WORDS = 500;
    private static final int LAST = 2_000;
    private static final long FIRST_TIME = 1_704_067_200_000L;
    private static final long WINDOW = 10_000;

    private static final String QUERIES = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: pass}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: id BIGINT NOT NULL, word STRING NOT NULL, ts TIMESTAMP(3) NOT NULL
                  watermark: {column: ts, delay: 1s}
                  format: {json: {timestamp: epochMillis}}
                  kafka: {topic: events}
              query: SELECT id, word FROM events WHERE id >= 0
              sinks:
                - {name: out, outputMode: append, format: {json: {}}, kafka: {topic: passed}}
              trigger: {commitInterval: 100ms@trigger}
              state: {@state}
            ---
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: words}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: id BIGINT NOT NULL, word STRING NOT NULL, ts TIMESTAMP(3) NOT NULL
                  format: {json: {timestamp: epochMillis}}
                  kafka: {topic: events}
              query: SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word
              sinks:
                - {name: out, outputMode: update, format: {json: {}}, kafka: {topic: word-counts}}
              trigger: {commitInterval: 100ms@trigger}
              state: {@state}
            ---
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: windows}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: id BIGINT NOT NULL, word STRING NOT NULL, ts TIMESTAMP(3) NOT NULL
                  watermark: {column: ts, delay: 1s}
                  format: {json: {timestamp: epochMillis}}
                  kafka: {topic: events}
              query: |
                SELECT window_end, COUNT(*) AS n, SUM(id) AS total
                FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
                GROUP BY window_start, window_end
              sinks:
                - {name: out, outputMode: append, format: {json: {}}, kafka: {topic: window-counts}}
              trigger: {commitInterval: 100ms@trigger}
              state: {@state}
            """;

    private final ObjectMapper json = new ObjectMapper();
    private final KafkaBroker broker;
    private final int rows;

    EventQueries(KafkaBroker broker, int rows) throws Exception {
        this.broker = broker;
        this.rows = rows;
        broker.createTopic("events", PARTITIONS);
        broker.createTopic("passed", PARTITIONS);
        broker.createTopic("word-counts", PARTITIONS);
        broker.createTopic("window-counts", 1);
    }

    /** Begins to send the events, but for the last ones. */
    Thread feed() {
        Thread feeder = new Thread(() -> send(0, rows - LAST));
        feeder.start();
        return feeder;
    }

    /** Sends the last events, which all that still runs gets to see. */
    void feedLast() {
        send(rows - LAST, rows);
    }

    /** What is committed is what one uninterrupted run would have written. */
    void check() {
        checkPassed();
        checkWords();
        checkWindows();
    }

    private static String word(int id) {
        return "w" + (id * 31L + id / 7) % WORDS;
    }

    private static long time(int id) {
        return FIRST_TIME + id / 10;
    }

    private void send(int from, int to) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int id = from; id < to; id++) {
                String row = "{\"id\":" + id + ",\"word\":\"" + word(id) + "\",\"ts\":" + time(id) + "}";
                producer.send(
                        new ProducerRecord<>("events", id % PARTITIONS, null, row.getBytes(StandardCharsets.UTF_8)));
                if (id % 2_500 == 0) {
                    TimeUnit.MILLISECONDS.sleep(150);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * @param trigger added to that of each
     * @param state what each says of its state
     */
    Path write(Path file, String trigger, String state) throws IOException {
        String text = QUERIES.replace("@servers", broker.servers())
                .replace("@trigger", trigger)
                .replace("@state", state);
        return Files.writeString(file, text);
    }

    private JsonNode parse(String text) {
        try {
            return json.readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException(text, e);
        }
    }

    private void checkPassed() {
        BitSet seen = new BitSet(rows);
        broker.read("passed", record -> {
            JsonNode row = parse(record.value());
            int id = row.get("id").asInt();
            assertTrue(!seen.get(id), () -> "row " + id + " was written twice");
            assertEquals(word(id), row.get("word").asText());
            seen.set(id);
        });
        assertEquals(rows, seen.cardinality(), "rows passed through");
    }

    private void checkWords() {
        Map<String, Long> counts = new HashMap<>();
        Map<String, Long> totals = new HashMap<>();
        broker.read("word-counts", record -> {
            JsonNode row = parse(record.value());
            String word = row.get("word").asText();
            Long before = counts.put(word, row.get("n").asLong());
            assertTrue(before == null || before < row.get("n").asLong(), () -> "the count of " + word + " went back");
            totals.put(word, row.get("total").asLong());
        });
        Map<String, Long> expectedCounts = new HashMap<>();
        Map<String, Long> expectedTotals = new HashMap<>();
        for (int id = 0; id < rows; id++) {
            expectedCounts.merge(word(id), 1L, Long::sum);
            expectedTotals.merge(word(id), (long) id, Long::sum);
        }
        assertEquals(expectedCounts, counts);
        assertEquals(expectedTotals, totals);
    }

    /** Each closed window once; open are only those that end after the least time of the partitions less the delay. */
    void checkWindows() {
        Map<Long, long[]> expected = new HashMap<>();
        for (int id = 0; id < rows; id++) {
            long end = time(id) - Math.floorMod(time(id), WINDOW) + WINDOW;
            long[] window = expected.computeIfAbsent(end, key -> new long[2]);
            window[0]++;
            window[1] += id;
        }
        long watermark = time(rows - PARTITIONS) - 1_000;
        expected.keySet().removeIf(end -> end > watermark - Math.floorMod(watermark, WINDOW));
        broker.read("window-counts", record -> {
            JsonNode row = parse(record.value());
            long end = Instant.parse(row.get("window_end").asText()).toEpochMilli();
            long[] window = expected.remove(end);
            assertTrue(window != null, () -> "window " + row + " was written twice or too early");
            assertEquals(window[0], row.get("n").asLong());
            assertEquals(window[1], row.get("total").asLong());
        });
        assertNull(expected.keySet().stream().findFirst().orElse(null), "a window is missing");
    }
}
