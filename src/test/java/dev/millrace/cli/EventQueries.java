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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Queries over one topic of events that stream in: rows as they are, counts by word, closed windows; the most frequent word of
 * overlapping windows (after Nexmark q5), and windows by what a table that does not change says of each word.
 */
final class EventQueries {

    static final int PARTITIONS = 4;
    private static final int WORDS = 500;
    private static final int FAMILIES = 7;
    private static final int LAST = 2_000;
    private static final long FIRST_TIME = 1_704_067_200_000L;
    private static final long WINDOW = 10_000;
    private static final long SLIDE = 2_000;

    /** By name: what differs. */
    private enum Kind {
        PASS("append", "passed", "SELECT id, word FROM events WHERE id >= 0"),
        WORDS("update", "word-counts", "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word"),
        WINDOWS("append", "window-counts", """
                SELECT window_end, COUNT(*) AS n, SUM(id) AS total
                    FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
                    GROUP BY window_start, window_end"""),
        HOT("append", "hot-words", """
                SELECT window_end, MAX(n) AS most FROM (
                      SELECT word, window_start, window_end, COUNT(*) AS n
                      FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
                      GROUP BY word, window_start, window_end)
                    GROUP BY window_start, window_end"""),
        FAMILIES("append", "family-counts", """
                SELECT f.family, w.window_end, COUNT(*) AS n, SUM(w.id) AS total
                    FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) w
                    JOIN families f ON f.word = w.word
                    GROUP BY f.family, w.window_start, w.window_end""");

        private final String mode;
        private final String topic;
        private final String sql;

        Kind(String mode, String topic, String sql) {
            this.mode = mode;
            this.topic = topic;
            this.sql = sql;
        }

        String lower() {
            return name().toLowerCase(Locale.ROOT);
        }

        String yaml() {
            return QUERY.replace("@name", lower())
                    .replace("@watermark", this == WORDS ? "" : "watermark: {column: ts, delay: 1s}")
                    .replace("@table", this == FAMILIES ? TABLE : "")
                    .replace("@sql", sql)
                    .replace("@mode", mode)
                    .replace("@topic", topic);
        }
    }

    private static final String TABLE =
            "- {name: families, schema: 'word STRING NOT NULL, family STRING NOT NULL', static: {}, format: {json: {}},"
                    + " kafka: {topic: families}}";

    private static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: @name}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: id BIGINT NOT NULL, word STRING NOT NULL, ts TIMESTAMP(3) NOT NULL
                  @watermark
                  format: {json: {timestamp: epochMillis}}
                  kafka: {topic: events}
                @table
              query: |
                @sql
              sinks:
                - {name: out, outputMode: @mode, format: {json: {}}, kafka: {topic: @topic}}
              trigger: {commitInterval: 100ms@trigger}
              state: {@state}
            """;

    private final ObjectMapper json = new ObjectMapper();
    private final KafkaBroker broker;
    private final int rows;
    private final List<Kind> kinds;

    /** The first three. */
    EventQueries(KafkaBroker broker, int rows) throws Exception {
        this(broker, rows, List.of(Kind.PASS, Kind.WORDS, Kind.WINDOWS));
    }

    private EventQueries(KafkaBroker broker, int rows, List<Kind> kinds) throws Exception {
        this.broker = broker;
        this.rows = rows;
        this.kinds = kinds;
        broker.createTopic("events", PARTITIONS);
        for (Kind kind : kinds) {
            broker.createTopic(kind.topic, kind == Kind.PASS || kind == Kind.WORDS ? PARTITIONS : 1);
        }
        if (kinds.contains(Kind.FAMILIES)) {
            broker.createTopic("families", 1);
            sendFamilies();
        }
    }

    /** Three of all. */
    static EventQueries some(KafkaBroker broker, int rows, Random random) throws Exception {
        List<Kind> kinds = new ArrayList<>(List.of(Kind.values()));
        Collections.shuffle(kinds, random);
        return new EventQueries(broker, rows, List.copyOf(kinds.subList(0, 3)));
    }

    List<String> names() {
        return kinds.stream().map(Kind::lower).toList();
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
        for (Kind kind : kinds) {
            switch (kind) {
                case PASS -> checkPassed();
                case WORDS -> checkWords();
                case WINDOWS -> checkWindows();
                case HOT -> checkHot();
                case FAMILIES -> checkFamilies();
                default -> throw new IllegalStateException(kind.name());
            }
        }
    }

    /** Every fifth word has none. */
    private void sendFamilies() {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int word = 0; word < WORDS; word++) {
                if (word % 5 > 0) {
                    String row = "{\"word\":\"w" + word + "\",\"family\":\"f" + word % FAMILIES + "\"}";
                    producer.send(new ProducerRecord<>("families", row.getBytes(StandardCharsets.UTF_8)));
                }
            }
        }
    }

    private static int wordNumber(int id) {
        return (int) ((id * 31L + id / 7) % WORDS);
    }

    private static String word(int id) {
        return "w" + wordNumber(id);
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
        String text = kinds.stream()
                .map(Kind::yaml)
                .collect(Collectors.joining("---\n"))
                .replace("@servers", broker.servers())
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
        Map<Long, List<Long>> expected = new HashMap<>();
        for (int id = 0; id < rows; id++) {
            add(expected, windowEnd(id), id);
        }
        checkClosed("window-counts", expected, Function.identity(), row -> end(row), row -> counted(row));
    }

    /** Of each window the count of its most frequent word. */
    private void checkHot() {
        Map<Long, int[]> panes = new TreeMap<>();
        for (int id = 0; id < rows; id++) {
            panes.computeIfAbsent(Math.floorDiv(time(id), SLIDE), pane -> new int[WORDS])[wordNumber(id)]++;
        }
        Map<Long, List<Long>> expected = new HashMap<>();
        for (long pane : panes.keySet()) {
            for (long last = pane; last < pane + WINDOW / SLIDE; last++) {
                long[] counts = new long[WORDS];
                for (long one = last - WINDOW / SLIDE + 1; one <= last; one++) {
                    int[] some = panes.getOrDefault(one, new int[WORDS]);
                    for (int word = 0; word < WORDS; word++) {
                        counts[word] += some[word];
                    }
                }
                expected.put(
                        (last + 1) * SLIDE, List.of(Arrays.stream(counts).max().orElseThrow()));
            }
        }
        checkClosed(
                "hot-words",
                expected,
                Function.identity(),
                row -> end(row),
                row -> List.of(row.get("most").asLong()));
    }

    private void checkFamilies() {
        Map<String, List<Long>> expected = new HashMap<>();
        for (int id = 0; id < rows; id++) {
            int word = wordNumber(id);
            if (word % 5 > 0) {
                add(expected, windowEnd(id) + " f" + word % FAMILIES, id);
            }
        }
        checkClosed(
                "family-counts",
                expected,
                key -> Long.valueOf(key.split(" ")[0]),
                row -> end(row) + " " + row.get("family").asText(),
                row -> counted(row));
    }

    private static long windowEnd(int id) {
        return time(id) - Math.floorMod(time(id), WINDOW) + WINDOW;
    }

    private static <K> void add(Map<K, List<Long>> sums, K key, long id) {
        List<Long> sum = sums.getOrDefault(key, List.of(0L, 0L));
        sums.put(key, List.of(sum.get(0) + 1, sum.get(1) + id));
    }

    private static long end(JsonNode row) {
        return Instant.parse(row.get("window_end").asText()).toEpochMilli();
    }

    private static List<Long> counted(JsonNode row) {
        return List.of(row.get("n").asLong(), row.get("total").asLong());
    }

    /**
     * @param endOf the end of a key's window
     */
    private <K> void checkClosed(
            String topic,
            Map<K, List<Long>> all,
            Function<K, Long> endOf,
            Function<JsonNode, K> key,
            Function<JsonNode, List<Long>> content) {
        long watermark = time(rows - PARTITIONS) - 1_000;
        Map<K, List<Long>> expected = new HashMap<>(all);
        expected.keySet().removeIf(one -> endOf.apply(one) > watermark);
        broker.read(topic, record -> {
            JsonNode row = parse(record.value());
            List<Long> window = expected.remove(key.apply(row));
            assertTrue(window != null, () -> topic + ": " + row + " was written twice or too early");
            assertEquals(window, content.apply(row), row::toString);
        });
        assertNull(expected.keySet().stream().findFirst().orElse(null), topic + ": a window is missing");
    }
}
