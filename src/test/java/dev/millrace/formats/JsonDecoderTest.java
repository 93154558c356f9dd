package dev.millrace.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The decoder reads what another JSON library reads, refuses what is no row, and what it reads is written back the same. */
class JsonDecoderTest {

    private static final Schema SCHEMA = Schema.of(
            new Field("id", DataType.BIGINT, false),
            new Field("name", DataType.STRING, true),
            new Field("ok", DataType.BOOLEAN, true),
            new Field("x", DataType.DOUBLE, true),
            new Field("d", new DataType.Decimal(20, 3), true),
            new Field("tags", new DataType.Array(DataType.STRING), true),
            new Field(
                    "geo",
                    new DataType.Row(List.of(
                            new Field("lat", DataType.INT, true),
                            new Field("names", new DataType.Array(DataType.STRING), true))),
                    true),
            new Field("ts", DataType.TIMESTAMP_MILLIS, true));

    private final ObjectMapper jackson = new ObjectMapper()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    private final RowDecoder decoder =
            new Format.Json(Format.TimestampStyle.ISO8601).decoder(SCHEMA, List.of(0, 1, 2, 3, 4, 5, 6, 7));
    private final RecordEncoder encoder = new Format.Json(Format.TimestampStyle.ISO8601).encoder();

    private String decode(String json, Batch into) {
        byte[] bytes = ("##" + json + "##").getBytes(StandardCharsets.UTF_8);
        return decoder.decode(bytes, 2, bytes.length - 4, into);
    }

    private static Batch batch() {
        Batch batch = new Batch(SCHEMA);
        batch.clear();
        return batch;
    }

    private String string(Random random) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < random.nextInt(6); i++) {
            text.appendCodePoint(
                    switch (random.nextInt(5)) {
                        case 0 -> random.nextInt(32);
                        case 1 -> "\"\\/{}[],:".charAt(random.nextInt(9));
                        case 2 -> 0x1F600 + random.nextInt(50);
                        case 3 -> 0xE0 + random.nextInt(500);
                        default -> 'a' + random.nextInt(26);
                    });
        }
        return text.toString();
    }

    private ObjectNode row(Random random) {
        ObjectNode row = jackson.createObjectNode();
        row.put("id", random.nextLong() >> random.nextInt(60));
        if (random.nextInt(4) > 0) {
            row.put("name", string(random));
        }
        row.put("other", string(random));
        row.putObject("skipped")
                .putArray("deep")
                .add(string(random))
                .addObject()
                .put(string(random), 1.5);
        if (random.nextBoolean()) {
            row.put("ok", random.nextBoolean());
        } else {
            row.putNull("ok");
        }
        row.put("x", random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20));
        row.put("d", java.math.BigDecimal.valueOf(random.nextLong() >> 8, random.nextInt(4)));
        var tags = row.putArray("tags");
        for (int i = 0; i < random.nextInt(4); i++) {
            tags.add(random.nextInt(5) == 0 ? null : string(random));
        }
        row.putObject("geo").put("lat", random.nextInt()).putArray("names").add(string(random));
        row.put("ts", "2024-02-29T23:59:59." + (100 + random.nextInt(900)) + "Z");
        return row;
    }

    @Test
    void readsWhatJacksonWrote() throws JsonProcessingException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Batch batch = batch();
        for (int i = 0; i < 500; i++) {
            ObjectNode row = row(random);
            boolean pretty = random.nextBoolean();
            String json = pretty ? row.toPrettyString() : row.toString();
            batch.clear();
            assertNull(decode(json, batch), () -> json + " seed " + seed);
            Bytes out = new Bytes();
            encoder.encode(batch, 0, new int[] {0, 1, 2, 3, 4, 5, 6, 7}, out);
            JsonNode back = jackson.readTree(new String(out.array(), 0, out.length(), StandardCharsets.UTF_8));
            for (Field field : SCHEMA.fields()) {
                JsonNode expected = row.has(field.name()) ? row.get(field.name()) : jackson.nullNode();
                JsonNode found = back.get(field.name());
                if (field.name().equals("x")) {
                    assertEquals(expected.doubleValue(), found.doubleValue());
                } else if (field.name().equals("d")) {
                    assertEquals(0, expected.decimalValue().compareTo(found.decimalValue()));
                } else {
                    assertEquals(expected.toString(), found.toString(), "seed " + seed);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "7",
                "[]",
                "{",
                "{}",
                "{\"id\":1",
                "{\"id\":1}}",
                "{\"id\":1} x",
                "{\"id\":1,}",
                "{\"id\":1.5}",
                "{\"id\":\"1\"}",
                "{\"id\":null}",
                "{\"id\":9223372036854775808}",
                "{\"id\":1,\"name\":7}",
                "{\"id\":1,\"name\":\"a}",
                "{\"id\":1,\"name\":\"\\q\"}",
                "{\"id\":1,\"name\":\"\\ud800\"}",
                "{\"id\":1,\"ok\":\"true\"}",
                "{\"id\":1,\"ok\":tru}",
                "{\"id\":1,\"x\":1e999}",
                "{\"id\":1,\"d\":0.1234}",
                "{\"id\":1,\"d\":123456789012345678901}",
                "{\"id\":1,\"tags\":[\"a\",]}",
                "{\"id\":1,\"tags\":{}}",
                "{\"id\":1,\"geo\":{\"lat\":2147483648}}",
                "{\"id\":1,\"ts\":\"2023-02-29T00:00:00Z\"}",
                "{\"id\":1,\"ts\":5}",
                "{\"id\":1,\"other\":nul}",
                "{\"id\":1,\"other\":[1,2}",
                "{\"id\":1,\"other\":\"",
                "{id:1}",
                "{\"id\":01}",
                "{\"id\":+1}",
                "{\"id\":-}",
                "{\"id\":1,\"x\":1.}",
                "{\"id\":1,\"x\":.5}",
                "{\"id\":1,\"x\":1e}",
                "{\"id\":1,\"x\":NaN}",
                "{\"id\":1,\"x\":\"nan\"}",
                "{\"id\":1,\"other\":01}",
                "{\"id\":1,\"other\":\"\u0001\"}",
                "{\"id\":1,\"name\":\"\u001f\"}",
                "{\"id\":1,\"ts\":\"2024-01-01T00:00:00Z\\q\"}",
            })
    void refusesWhatIsNoRowAndLeavesNothingBehind(String json) {
        Batch batch = batch();
        assertNull(decode("{\"id\":5,\"name\":\"before\",\"tags\":[\"t\"]}", batch));
        assertNotNull(decode(json, batch), json);
        assertNull(decode("{\"id\":6,\"geo\":{\"lat\":1}}", batch));
        assertEquals(2, batch.size());
        assertEquals(5L, batch.toObjects(0).get(0));
        assertEquals("before", batch.toObjects(0).get(1));
        assertEquals(6L, batch.toObjects(1).get(0));
        assertNull(batch.toObjects(1).get(1));
        assertNull(batch.toObjects(1).get(5));
    }

    /** S12: strings are compared by their UTF-8 bytes, so they have to be UTF-8; behind a row that taught the form too. */
    @Test
    void aStringThatIsNotUtf8IsMalformed() {
        Schema schema = Schema.of(new Field("id", DataType.BIGINT, false), new Field("name", DataType.STRING, true));
        RowDecoder reader = new Format.Json(Format.TimestampStyle.ISO8601).decoder(schema, List.of(0, 1));
        Batch batch = new Batch(schema);
        for (int place = 16; place < 29; place++) {
            byte[] json = "{\"id\":1,\"name\":\"abcdefghijklm\"}".getBytes(StandardCharsets.UTF_8);
            json[place] = (byte) 0xC3;
            String reason = reader.decode(json, 0, json.length, batch);
            assertTrue(String.valueOf(reason).contains("UTF-8"), reason);
            json[place] = 'x';
            assertNull(reader.decode(json, 0, json.length, batch));
        }
        assertEquals(13, batch.size());
    }

    /** Whatever byte is wrong: a record that is taken is JSON to the other library too. */
    @Test
    void takesNoBrokenJson() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        ObjectMapper lenient = new ObjectMapper();
        Batch batch = batch();
        int taken = 0;
        for (int i = 0; i < 5_000; i++) {
            StringBuilder json = new StringBuilder(row(random).toString());
            int at = random.nextInt(json.length());
            char other = "0123456789.-+eE\"\\{}[]:, \u0002anull".charAt(random.nextInt(30));
            switch (random.nextInt(3)) {
                case 0 -> json.setCharAt(at, other);
                case 1 -> json.insert(at, other);
                default -> json.deleteCharAt(at);
            }
            batch.clear();
            if (decode(json.toString(), batch) == null) {
                taken++;
                String text = json.toString();
                assertDoesNotThrow(() -> lenient.readTree(text), () -> text + " seed " + seed);
            }
        }
        assertTrue(taken > 500, "only " + taken + " records were taken");
    }

    @Test
    void valuesAreReadThroughEscapes() {
        Schema schema = Schema.of(
                new Field("ts", DataType.TIMESTAMP_MILLIS, true),
                new Field("b", DataType.BINARY, true),
                new Field("x", DataType.DOUBLE, true));
        RowDecoder reader = new Format.Json(Format.TimestampStyle.ISO8601).decoder(schema, List.of(0, 1, 2));
        byte[] json = "{\"\\u0074s\":\"2024\\u002d05-01T00:00:00Z\",\"b\":\"a\\/8=\",\"x\":\"-Infinity\"}"
                .getBytes(StandardCharsets.UTF_8);
        Batch batch = new Batch(schema);
        assertNull(reader.decode(json, 0, json.length, batch));
        assertEquals(
                java.time.Instant.parse("2024-05-01T00:00:00Z").toEpochMilli(),
                batch.toObjects(0).get(0));
        assertEquals(Double.NEGATIVE_INFINITY, batch.toObjects(0).get(2));
        assertArrayEquals(
                new byte[] {0x6b, (byte) 0xff}, (byte[]) batch.toObjects(0).get(1));
    }

    @Test
    void timesWithOffsetsBecomeUtc() {
        Batch batch = batch();
        assertNull(decode("{\"id\":1,\"ts\":\"2024-05-01T01:30:00.250+02:00\"}", batch));
        assertEquals(
                java.time.Instant.parse("2024-04-30T23:30:00.250Z").toEpochMilli(),
                batch.toObjects(0).get(7));
    }

    /** S13: a time is in the unit that began before it, on either side of 1970. */
    @ParameterizedTest
    @CsvSource({
        "ISO8601, '\"1969-12-31T23:59:59.9985Z\"', '\"1969-12-31T23:59:59.998Z\"'",
        "EPOCH_MICROS, -1500, -2000",
        "EPOCH_MILLIS, -2, -2",
        "EPOCH_SECONDS, -1, -1"
    })
    void timesAreFloored(Format.TimestampStyle style, String written, String read) {
        Schema schema = Schema.of(new Field("ts", DataType.TIMESTAMP_MILLIS, true));
        Format.Json format = new Format.Json(style);
        Batch batch = new Batch(schema);
        byte[] json = ("{\"ts\":" + written + "}").getBytes(StandardCharsets.UTF_8);
        assertNull(format.decoder(schema, List.of(0)).decode(json, 0, json.length, batch));
        Bytes out = new Bytes();
        format.encoder().encode(batch, 0, new int[] {0}, out);
        assertEquals("{\"ts\":" + read + "}", new String(out.toByteArray(), StandardCharsets.UTF_8));
        out.clear();
        new Format.Json(Format.TimestampStyle.EPOCH_SECONDS).encoder().encode(batch, 0, new int[] {0}, out);
        assertEquals("{\"ts\":-1}", new String(out.toByteArray(), StandardCharsets.UTF_8));
    }

    private String flatRow(Random random, List<String> names, boolean spaced, boolean iso) {
        StringBuilder json = new StringBuilder("{");
        for (String name : names) {
            json.append(json.length() > 1 ? "," : "")
                    .append(spaced ? " " : "")
                    .append('"')
                    .append(name)
                    .append(spaced ? "\" : " : "\":")
                    .append(flatValue(random, name, iso));
        }
        return json.append(spaced ? " }\n" : "}").toString();
    }

    private String flatValue(Random random, String name, boolean iso) {
        int odd = random.nextInt(60);
        if (odd < 3) {
            return List.of("null", "\"7\"", "1.0").get(odd);
        }
        return switch (name.charAt(0)) {
            case 's' ->
                jackson.valueToTree(
                                random.nextInt(4) == 0
                                        ? string(random)
                                        : "x".repeat(random.nextInt(20)) + random.nextInt(1_000))
                        .toString();
            case 't' ->
                iso
                        ? "\"2024-02-29T23:59:59." + (100 + random.nextInt(900)) + "Z\""
                        : String.valueOf(random.nextLong() >> 10 + random.nextInt(50));
            default -> String.valueOf(random.nextLong() >> random.nextInt(64));
        };
    }

    /** A decoder that has seen other records reads, and refuses, a record as one that has seen none. */
    @ParameterizedTest
    @ValueSource(strings = {"EPOCH_MILLIS", "EPOCH_SECONDS", "EPOCH_MICROS", "ISO8601"})
    void whatWasLearnedChangesNothing(String style) {
        Schema schema = Schema.of(
                new Field("n", DataType.BIGINT, false),
                new Field("s", DataType.STRING, true),
                new Field("i", DataType.INT, true),
                new Field("t", DataType.TIMESTAMP_MILLIS, true),
                new Field("u", DataType.STRING, false));
        Format.Json format = new Format.Json(Format.TimestampStyle.valueOf(style));
        List<Integer> columns = List.of(0, 1, 2, 3, 4);
        long seed = System.nanoTime();
        Random random = new Random(seed);
        RowDecoder learning = format.decoder(schema, columns);
        List<String> names = new java.util.ArrayList<>(List.of("n", "skipped", "s", "i", "t", "sk", "u"));
        Batch learned = new Batch(schema);
        Batch fresh = new Batch(schema);
        int good = 0;
        for (int i = 0; i < 10_000; i++) {
            if (i % 500 == 0) {
                java.util.Collections.shuffle(names, random);
            }
            StringBuilder json = new StringBuilder(flatRow(random, names, i % 1_000 < 250, style.equals("ISO8601"))
                    .replace("\"u\":", "\"u\":\"v" + i + "\",\"w\":"));
            if (random.nextInt(20) == 0) {
                json.setCharAt(random.nextInt(json.length()), "09.-e\"\\{}, \u0002a\u00e9".charAt(random.nextInt(14)));
            }
            int before = random.nextInt(3);
            byte[] text = json.toString().getBytes(StandardCharsets.UTF_8);
            byte[] bytes = new byte[before + text.length + random.nextInt(20)];
            java.util.Arrays.fill(bytes, (byte) '5');
            System.arraycopy(text, 0, bytes, before, text.length);
            if (i % 50 == 0) {
                learned.clear();
                fresh.clear();
            }
            String reason = format.decoder(schema, columns).decode(bytes, before, text.length, fresh);
            assertEquals(reason, learning.decode(bytes, before, text.length, learned), () -> json + " seed " + seed);
            if (reason == null) {
                good++;
                int row = fresh.size() - 1;
                assertEquals(row, learned.size() - 1);
                assertEquals(fresh.toObjects(row), learned.toObjects(row), () -> json + " seed " + seed);
            }
        }
        assertTrue(good > 2_000, "only " + good + " rows were good");
    }
}
