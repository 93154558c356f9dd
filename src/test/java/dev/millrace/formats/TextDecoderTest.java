package dev.millrace.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.millrace.data.Batch;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Whole records as cells: any bytes as BINARY, as STRING only what is UTF-8. */
class TextDecoderTest {

    private static Batch batch(DataType type) {
        return new Batch(Schema.of(new Field("line", type, true)));
    }

    private static String decode(byte[] bytes, Batch into) {
        RowDecoder decoder = new Format.Text().decoder(into.schema(), List.of(0));
        byte[] framed = new byte[bytes.length + 2];
        System.arraycopy(bytes, 0, framed, 1, bytes.length);
        return decoder.decode(framed, 1, bytes.length, into);
    }

    private static boolean isUtf8(byte[] bytes) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    /** S12: what the JDK would replace is malformed: surrogates, overlong forms, what is too large, what is cut off. */
    @Test
    void takesWhatIsUtf8AndNothingElse() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Batch batch = batch(DataType.STRING);
        int[] edges = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
        int rows = 0;
        for (int first = 0; first <= 0xFF; first++) {
            for (int second : edges) {
                int third = edges[random.nextInt(edges.length)];
                for (byte[] bytes : new byte[][] {
                    {'a', (byte) first},
                    {(byte) first, (byte) second},
                    {(byte) first, (byte) second, (byte) 0x80},
                    {(byte) first, (byte) second, (byte) 0x80, (byte) 0xBF},
                    {'1', '2', '3', '4', '5', '6', '7', '8', (byte) first, (byte) second, (byte) third, (byte) 0x80},
                }) {
                    String problem = decode(bytes, batch);
                    String text = java.util.HexFormat.of().formatHex(bytes);
                    assertEquals(isUtf8(bytes) ? null : "the text is not well-formed UTF-8", problem, text);
                    rows += problem == null ? 1 : 0;
                    assertEquals(rows, batch.size(), text);
                }
            }
        }
    }

    @Test
    void bytesAreTakenAsTheyAre() {
        Batch batch = batch(DataType.BINARY);
        assertNull(decode(new byte[] {(byte) 0xC3, 0}, batch));
        assertEquals(2, ((byte[]) batch.toObjects(0).get(0)).length);
    }
}
