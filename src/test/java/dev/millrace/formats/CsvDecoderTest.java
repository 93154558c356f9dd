package dev.millrace.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.millrace.data.Batch;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Records of values between delimiters: quotes, empty fields, and what is no row of the table. */
class CsvDecoderTest {

    private static final Schema SCHEMA = Schema.of(
            new Field("id", DataType.INT, false),
            new Field("name", DataType.STRING, true),
            new Field("x", DataType.DOUBLE, true));

    private final RowDecoder decoder = new Format.Csv(false, ',').decoder(SCHEMA, List.of(0, 1, 2));
    private final Batch batch = new Batch(SCHEMA);

    private String decode(String line) {
        byte[] bytes = ("#" + line + "#").getBytes(StandardCharsets.UTF_8);
        return decoder.decode(bytes, 1, bytes.length - 2, batch);
    }

    @Test
    void aFieldThatIsNotUtf8IsMalformed() {
        byte[] line = "1,a??b,2".getBytes(StandardCharsets.UTF_8);
        line[3] = (byte) 0xC3;
        assertNotNull(decoder.decode(line, 0, line.length, batch));
        assertEquals(0, batch.size());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\'',
            nullValues = "NULL",
            value = {
                "1,a,2.5 | a | 2.5",
                "'1,\"a,\"\"b\",-1e3' | 'a,\"b' | -1000",
                "1,, | NULL | NULL",
                "'1,\"\",0' | '' | 0",
                "1,é,NaN | é | NaN",
                "1,b,-Infinity | b | -Infinity",
            })
    void readsFields(String line, String name, Double x) {
        assertNull(decode(line));
        assertEquals(Arrays.asList(1L, name, x), new ArrayList<>(batch.toObjects(0)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "1",
                "1,a",
                "1,a,2,",
                "1,a,2,3",
                ",a,2",
                "x,a,2",
                "1.5,a,2",
                "1,\"a,2",
                "1,\"a\"b,2",
                "1,a,nan"
            })
    void refusesWhatIsNoRow(String line) {
        assertNotNull(decode(line), line);
        assertEquals(0, batch.size());
        assertNull(decode("7,ok,1\r"));
        assertEquals(7L, batch.toObjects(0).get(0));
    }

    /** S13: also before 1970 a time is in the millisecond that began before it. */
    @Test
    void timesAreFloored() {
        Schema schema = Schema.of(new Field("ts", DataType.TIMESTAMP_MILLIS, true));
        Batch rows = new Batch(schema);
        byte[] line = "1969-12-31T23:59:59.9985Z".getBytes(StandardCharsets.UTF_8);
        assertNull(new Format.Csv(false, ',').decoder(schema, List.of(0)).decode(line, 0, line.length, rows));
        assertEquals(List.of(-2L), rows.toObjects(0));
    }

    @Test
    void aHeaderPutsFieldsInTheirPlaces() {
        RowDecoder headed = new Format.Csv(true, ';').decoder(SCHEMA, List.of(0, 2));
        byte[] header = "X;ID;more;name".getBytes(StandardCharsets.UTF_8);
        Batch rows = new Batch(SCHEMA.select(List.of(0, 2)));
        assertNull(headed.header(header, 0, header.length));
        byte[] line = "1.5;3;?;n".getBytes(StandardCharsets.UTF_8);
        assertNull(headed.decode(line, 0, line.length, rows));
        assertEquals(List.of(3L, 1.5), rows.toObjects(0));
    }
}
