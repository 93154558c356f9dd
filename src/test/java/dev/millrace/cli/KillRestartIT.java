package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real broker and an engine, each in a process of its own; the engine is killed with {@code kill -9} at random moments
 * while rows stream in. What is committed afterwards is what one uninterrupted run would have written: no row missing, none
 * twice.
 */
class KillRestartIT {

    private static final int ROWS = 1_000_000;
    private static final int KILLS = 20;
    private static final int PARTITIONS = 4;
    private static final int WORDS = 500;
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
            """;

    private final ObjectMapper json = new ObjectMapper();

    @TempDir
    private Path directory;

    private static String word(int id) {
        return "w" + (id * 31L + id / 7) % WORDS;
    }

    private static long time(int id) {
        return FIRST_TIME + id / 10;
    }

    @Test
    void committedOutputIsExactAfterKills() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            broker.createTopic("events", PARTITIONS);
            broker.createTopic("passed", PARTITIONS);
            broker.createTopic("word-counts", PARTITIONS);
            broker.createTopic("window-counts", 1);
            Thread feeder = new Thread(() -> feed(broker));
            feeder.start();
            Random random = new Random(seed);
            Path endless = write(broker, "endless.yaml", "");
            for (int kill = 0; kill < KILLS; kill++) {
                Process engine = engine(endless);
                if (random.nextInt(4) > 0) {
                    awaitProgress(broker, engine);
                }
                boolean ended = engine.waitFor(random.nextInt(1_500), TimeUnit.MILLISECONDS);
                assertTrue(!ended, () -> "the engine stopped by itself: " + log());
                engine.destroyForcibly().waitFor();
            }
            System.out.println(broker.written("passed") + " records written in the lives that were killed");
            feeder.join();
            Process last = engine(write(broker, "rest.yaml", ", availableNow: true"));
            assertTrue(last.waitFor(3, TimeUnit.MINUTES), "the rest was not processed");
            assertEquals(0, last.exitValue(), this::log);
            checkPassed(broker);
            checkWords(broker);
            checkWindows(broker);
        }
    }

    /** Waits until this life of the engine has written something; other lives are killed while they start. */
    private void awaitProgress(KafkaBroker broker, Process engine) {
        long before = broker.written("passed");
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> broker.written("passed") > before || !engine.isAlive());
    }

    private void feed(KafkaBroker broker) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int id = 0; id < ROWS; id++) {
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

    private Path write(KafkaBroker broker, String name, String trigger) throws IOException {
        Path file = directory.resolve(name);
        String text = QUERIES.replace("@servers", broker.servers()).replace("@trigger", trigger);
        return Files.writeString(file, text);
    }

    private Process engine(Path file) throws IOException {
        File log = directory.resolve("engine.log").toFile();
        List<String> command =
                new ArrayList<>(List.of(KafkaBroker.launcher(), "run", file.toString(), "--threads", "2"));
        command.addAll(List.of("--state", directory.resolve("state").toString()));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log))
                .start();
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("engine.log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private JsonNode parse(String text) {
        try {
            return json.readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException(text, e);
        }
    }

    private void checkPassed(KafkaBroker broker) {
        BitSet seen = new BitSet(ROWS);
        broker.read("passed", record -> {
            JsonNode row = parse(record.value());
            int id = row.get("id").asInt();
            assertTrue(!seen.get(id), () -> "row " + id + " was written twice");
            assertEquals(word(id), row.get("word").asText());
            seen.set(id);
        });
        assertEquals(ROWS, seen.cardinality(), "rows passed through");
    }

    private void checkWords(KafkaBroker broker) {
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
        for (int id = 0; id < ROWS; id++) {
            expectedCounts.merge(word(id), 1L, Long::sum);
            expectedTotals.merge(word(id), (long) id, Long::sum);
        }
        assertEquals(expectedCounts, counts);
        assertEquals(expectedTotals, totals);
    }

    /** Each closed window once; open are only those that end after the least time of the partitions less the delay. */
    private void checkWindows(KafkaBroker broker) {
        Map<Long, long[]> expected = new HashMap<>();
        for (int id = 0; id < ROWS; id++) {
            long end = time(id) - Math.floorMod(time(id), WINDOW) + WINDOW;
            long[] window = expected.computeIfAbsent(end, key -> new long[2]);
            window[0]++;
            window[1] += id;
        }
        long watermark = time(ROWS - PARTITIONS) - 1_000;
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
