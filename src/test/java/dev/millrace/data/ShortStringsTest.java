package dev.millrace.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What takes eight bytes at once does what a byte at a time does, wherever a string lies in its slab. */
class ShortStringsTest {

    private final long seed = Long.getLong("seed", System.nanoTime());
    private final Random random = new Random(seed);

    /** Of few different bytes, so that zeros, separators and bytes next to them in value are frequent. */
    private byte[] bytes(int length) {
        byte[] some = {0, 1, ' ', '!', (byte) 0x80, (byte) 0xA0, (byte) 0xFF, 'a'};
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = random.nextInt(3) == 0 ? (byte) 'b' : some[random.nextInt(some.length)];
        }
        return bytes;
    }

    @Test
    void keysOfOneStringAreEncodedAndHashedAsAnyOther() {
        Schema schema = Schema.of(new Field("k", DataType.BINARY, false));
        RowEncoder encoder = new RowEncoder(new int[] {0});
        for (int round = 0; round < 3_000; round++) {
            byte[] slab = bytes(random.nextInt(60));
            Batch batch = new Batch(schema);
            int rows = random.nextInt(20);
            batch.fill(rows, null);
            BytesVector column = (BytesVector) batch.column(0);
            column.reset(rows);
            column.borrow(slab, slab.length);
            for (int row = 0; row < rows; row++) {
                int start = random.nextInt(slab.length + 1);
                column.setRange(row, start, Math.min(slab.length - start, random.nextInt(18)));
            }
            encoder.encode(batch);
            for (int row = 0; row < rows; row++) {
                Bytes expected = new Bytes();
                RowCodec.encode(column, row, expected);
                int end = encoder.start(row) + encoder.length(row);
                assertArrayEquals(
                        expected.toByteArray(),
                        Arrays.copyOfRange(encoder.array(), encoder.start(row), end),
                        "-Dseed=" + seed);
                assertEquals(Hash.hash(expected.toByteArray()), encoder.hash(row), "-Dseed=" + seed);
            }
        }
    }

    @Test
    void partsLieBetweenSeparators() {
        for (int round = 0; round < 3_000; round++) {
            byte[] slab = bytes(random.nextInt(60));
            byte separator = bytes(1)[0];
            int start = random.nextInt(slab.length + 1);
            int end = start + random.nextInt(slab.length - start + 1);
            BytesVector parts = new BytesVector(DataType.BINARY);
            parts.reset(0);
            parts.borrow(slab, slab.length);
            parts.appendNull();
            parts.appendParts(start, end, separator);
            List<String> expected = new ArrayList<>();
            int from = start;
            for (int i = start; i <= end; i++) {
                if (i == end || slab[i] == separator) {
                    expected.add(from + "+" + (i - from));
                    from = i + 1;
                }
            }
            List<String> found = new ArrayList<>();
            for (int i = 1; i < parts.size(); i++) {
                found.add(parts.start(i) + "+" + parts.length(i) + (parts.isValue(i) ? "" : " is no value"));
            }
            assertEquals(expected, found, "-Dseed=" + seed);
        }
    }
}
