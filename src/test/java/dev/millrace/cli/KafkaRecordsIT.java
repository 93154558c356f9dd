package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.engine.task.QueryRun;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a record is beside its value (key, headers, place and time, as columns), and where records go that are no rows or come
 * too late.
 */
class KafkaRecordsIT {

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;
    private static KafkaQueries queries;

    private final ObjectMapper json = new ObjectMapper();

    @BeforeAll
    static void start() throws Exception {
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")));
        queries = new KafkaQueries(broker, directory);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private List<JsonNode> read(String topic) throws Exception {
        List<JsonNode> rows = new ArrayList<>();
        for (String value : queries.values(topic)) {
            rows.add(json.readTree(value));
        }
        return rows;
    }

    @Test
    void keyHeadersPlaceAndTimeAreColumns() throws Exception {
        broker.createTopic("described", 2);
        broker.createTopic("describes-out", 1);
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int id = 0; id < 4; id++) {
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                        "described",
                        id % 2,
                        1_700_000_000_000L + id,
                        id == 3 ? null : bytes("k" + id),
                        KafkaQueries.row(id));
                for (int h = 0; h < id; h++) {
                    record.headers().add(new RecordHeader("h" + h, h == 1 ? null : bytes("v" + h)));
                }
                producer.send(record);
            }
        }
        String metadata = "metadata: {key: k, headers: hs, partition: p, offset: o, timestamp: t}";
        String sql = "SELECT id, CAST(k AS STRING) AS k, hs, p, o, t FROM events";
        queries.query(
                        queries.yaml(
                                "describes",
                                "described",
                                sql,
                                USUAL.mode("append").source(metadata)),
                        "describes")
                .run();
        assertEquals(
                List.of(
                        "{\"id\":0,\"k\":\"k0\",\"hs\":[],\"p\":0,\"o\":0,\"t\":\"2023-11-14T22:13:20.000Z\"}",
                        "{\"id\":1,\"k\":\"k1\",\"hs\":[{\"name\":\"h0\",\"value\":\"djA=\"}],\"p\":1,\"o\":0,\"t\":\"2023-11-14T22:13:20.001Z\"}",
                        "{\"id\":2,\"k\":\"k2\",\"hs\":[{\"name\":\"h0\",\"value\":\"djA=\"},{\"name\":\"h1\",\"value\":null}],\"p\":0,\"o\":1,\"t\":\"2023-11-14T22:13:20.002Z\"}",
                        "{\"id\":3,\"k\":null,\"hs\":[{\"name\":\"h0\",\"value\":\"djA=\"},{\"name\":\"h1\",\"value\":null},{\"name\":\"h2\",\"value\":\"djI=\"}],\"p\":1,\"o\":1,\"t\":\"2023-11-14T22:13:20.003Z\"}"),
                queries.values("describes-out"));
    }

    @Test
    void deadLettersCarryBytesPlaceAndReason() throws Exception {
        broker.createTopic("soiled", 1);
        broker.createTopic("soils-out", 1);
        broker.createTopic("soils-dead", 1);
        byte[] broken = {'{', (byte) 0xff, 0, '}'};
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            producer.send(new ProducerRecord<>("soiled", KafkaQueries.row(0)));
            producer.send(new ProducerRecord<>("soiled", broken));
            producer.send(new ProducerRecord<>("soiled", (byte[]) null));
            producer.send(new ProducerRecord<>("soiled", KafkaQueries.row(5)));
        }
        String yaml = queries.yaml(
                        "soils",
                        "soiled",
                        "SELECT 10 / id AS q FROM events",
                        USUAL.mode("append").more("deadLetters: {kafka: {topic: soils-dead}}"))
                .replace("- name: events", "- name: events\n      onMalformed: deadLetter");
        QueryRun run = queries.query(yaml, "soils");
        run.run();
        assertEquals(List.of("{\"q\":2}"), queries.values("soils-out"));
        assertEquals(3, run.metrics().rowsMalformed.sum());
        List<JsonNode> letters = read("soils-dead");
        letters.sort(
                java.util.Comparator.comparing(letter -> letter.get("offset").asInt()));
        assertEquals(3, letters.size());
        assertEquals("DIVISION_BY_ZERO", letters.get(0).get("code").asText());
        assertEquals("events", letters.get(0).get("source").asText());
        assertEquals(
                new String(KafkaQueries.row(0), StandardCharsets.UTF_8),
                letters.get(0).get("text").asText());
        assertEquals(1, letters.get(1).get("offset").asInt());
        assertEquals("soiled-0", letters.get(1).get("partition").asText());
        assertEquals(
                java.util.HexFormat.of().formatHex(broken),
                java.util.HexFormat.of().formatHex(letters.get(1).get("value").binaryValue()));
        assertTrue(letters.get(2).get("reason").asText().contains("no value"), letters::toString);
    }

    @Test
    void lateRowsGoToTheirTopicOnce() throws Exception {
        broker.createTopic("tardy", 1);
        broker.createTopic("tardies-out", 1);
        broker.createTopic("tardies-late", 1);
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int second : new int[] {1, 12, 30, 3, 31}) {
                String row = "{\"id\":" + second + ",\"ts\":" + second * 1000 + "}";
                producer.send(new ProducerRecord<>("tardy", bytes(row)));
            }
        }
        String sql =
                "SELECT window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
                        + " GROUP BY window_start, window_end";
        String yaml = queries.yaml(
                        "tardies", "tardy", sql, USUAL.mode("append").more("lateRows: {kafka: {topic: tardies-late}}"))
                .replace("id BIGINT, word STRING", "id BIGINT, ts TIMESTAMP(3)")
                .replace(
                        "format: {json: {}}\n      kafka",
                        "format: {json: {timestamp: epochMillis}}\n      watermark: {column: ts, delay: 5s}\n      kafka");
        queries.query(yaml, "tardies").run();
        queries.query(yaml, "tardies-again").run();
        assertEquals(
                List.of(
                        "{\"window_end\":\"1970-01-01T00:00:10.000Z\",\"n\":1}",
                        "{\"window_end\":\"1970-01-01T00:00:20.000Z\",\"n\":1}"),
                queries.values("tardies-out"));
        List<JsonNode> late = read("tardies-late");
        assertEquals(1, late.size());
        assertEquals("{\"id\":3,\"ts\":3000}", late.get(0).get("text").asText());
        assertEquals(3, late.get(0).get("offset").asInt());
    }

    /** S2: what was closed stays closed. */
    @Test
    void theWatermarkStaysWhenAllPartitionsAreIdle() throws Exception {
        broker.createTopic("quiet", 2);
        broker.createTopic("quiets-out", 1);
        String sql = "SELECT window_end, COUNT(*) AS n"
                + " FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
                + " GROUP BY window_start, window_end";
        String yaml = queries.yaml("quiets", "quiet", sql, USUAL.mode("append").endless())
                .replace("id BIGINT, word STRING", "ts TIMESTAMP(3)")
                .replace(
                        "format: {json: {}}\n      kafka",
                        "format: {json: {timestamp: epochMillis}}\n"
                                + "      watermark: {column: ts, delay: 5s, idleTimeout: 300ms}\n      kafka");
        QueryRun run = queries.query(yaml, "quiets");
        CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            sendTime(producer, 1, 20);
            Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> {
                sendTime(producer, 0, 100);
                return run.metrics().figures().watermark() == 95_000;
            });
            long[] epoch = new long[1];
            Awaitility.await()
                    .during(Duration.ofSeconds(2))
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> epoch[0] == (epoch[0] = run.metrics().figures().epoch()));
            sendTime(producer, 1, 50);
        }
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> run.metrics().rowsLate.sum() == 1);
        run.stop();
        assertEquals(QueryRun.End.STOPPED, end.get(60, TimeUnit.SECONDS));
        assertEquals(95_000, run.metrics().figures().watermark());
    }

    private static void sendTime(KafkaProducer<byte[], byte[]> producer, int partition, int second) {
        producer.send(new ProducerRecord<>("quiet", partition, null, bytes("{\"ts\":" + second * 1000 + "}")));
        producer.flush();
    }

    @Test
    void recordsOfAbortedTransactionsAreNoRows() throws Exception {
        broker.createTopic("withdrawn", 1);
        broker.createTopic("withdraws-out", 1);
        Map<String, Object> config = Map.of("bootstrap.servers", broker.servers(), "transactional.id", "writer");
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            for (int id = 0; id < 6; id++) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("withdrawn", KafkaQueries.row(id)));
                if (id % 2 == 0) {
                    producer.commitTransaction();
                } else {
                    producer.flush();
                    producer.abortTransaction();
                }
            }
        }
        String yaml = queries.yaml("withdraws", "withdrawn", "SELECT id FROM events", USUAL.mode("append"));
        for (String state : List.of("withdraws", "withdraws-again")) {
            assertEquals(
                    QueryRun.End.COMPLETED, queries.query(yaml, state).run(), "over offsets that hold no record too");
            assertEquals(List.of("{\"id\":0}", "{\"id\":2}", "{\"id\":4}"), queries.values("withdraws-out"), state);
        }
    }

    /** S4: a key with NULLs is a key like any other. */
    @Test
    void rowsWithNullInTheirKeyAreUpsertedAndDeleted() throws Exception {
        broker.createTopic("nameless", 1);
        broker.createTopic("namelesses-out", 1);
        String sql = "SELECT word, COUNT(*) AS n FROM events GROUP BY word HAVING COUNT(*) < 3";
        String yaml = queries.yaml("namelesses", "nameless", sql, USUAL);
        for (int n = 1; n <= 3; n++) {
            try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
                producer.send(new ProducerRecord<>("nameless", bytes("{\"id\":" + n + "}")));
                producer.send(new ProducerRecord<>("nameless", bytes("{\"word\":\"null\"}")));
            }
            queries.query(yaml, "namelesses").run();
            Map<String, String> held = new HashMap<>();
            broker.read("namelesses-out", record -> held.put(record.key(), record.value()));
            Map<String, String> expected = new HashMap<>();
            for (String word : List.of("null", "\"null\"")) {
                String key = "{\"word\":" + word + "}";
                expected.put(key, n < 3 ? key.replace("}", ",\"n\":" + n + "}") : null);
            }
            assertEquals(expected, held);
        }
    }

    /** S4: rows that only come and have no unique key are no upserts, however equal they are. */
    @Test
    void rowsWithoutAUniqueKeyThatOnlyComeHaveNoKey() throws Exception {
        broker.createTopic("repeated", 1);
        broker.createTopic("repeats-out", 1);
        queries.produce("repeated", 0, 2);
        queries.produce("repeated", 0, 2);
        queries.query(queries.yaml("repeats", "repeated", "SELECT id FROM events", USUAL), "repeats")
                .run();
        List<String> keys = new ArrayList<>();
        broker.read("repeats-out", record -> keys.add(record.key()));
        assertEquals(java.util.Arrays.asList(null, null, null, null), keys);
        assertEquals(List.of("{\"id\":0}", "{\"id\":0}", "{\"id\":1}", "{\"id\":1}"), queries.values("repeats-out"));
    }

    /** P5: whatever became of the file, and of the state. */
    @Test
    void aStaticTableIsFoundInTheJournal() throws Exception {
        broker.createTopic("joined", 1);
        broker.createTopic("joins-out", 1);
        Path names = directory.resolve("names.csv");
        String table = "    - {name: names, schema: \"word STRING, name STRING\", static: {}, format: {csv: {}},"
                + " files: {path: names.csv}}\n  query:";
        String sql = "SELECT e.id, n.name FROM events e JOIN names n ON n.word = e.word";
        String yaml = queries.yaml("joins", "joined", sql, USUAL.mode("append")).replace("  query:", table);
        Files.writeString(names, "w1,first\n");
        queries.produce("joined", 0, 2);
        queries.query(yaml, "joins").run();
        Files.writeString(names, "w1,second\n");
        queries.produce("joined", 101, 102);
        queries.query(yaml, "joins-elsewhere").run();
        assertEquals(
                List.of("{\"id\":1,\"name\":\"first\"}", "{\"id\":101,\"name\":\"first\"}"),
                queries.values("joins-out"));
    }
}
