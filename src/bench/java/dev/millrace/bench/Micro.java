package dev.millrace.bench;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.RowEncoder;
import dev.millrace.data.Schema;
import dev.millrace.formats.Format;
import dev.millrace.formats.RowDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Single steps of the hot path, in nanoseconds per row or word: the case {@code jmh} of the bench. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class Micro {

    private static final int ROWS = 2048;
    private static final int VOCABULARY = 100_000;
    private static final Schema EVENT = Schema.of(
            new Field("ad_id", DataType.STRING, false),
            new Field("event_type", DataType.STRING, false),
            new Field("event_time", DataType.TIMESTAMP_MILLIS, false));
    private static final Schema WORD = Schema.of(new Field("word", DataType.STRING, false));

    private final byte[][] events = new byte[ROWS][];
    private final RowDecoder sameShape = decoder();
    private final RowDecoder otherShapes = decoder();
    private final byte[][] mixed = new byte[ROWS][];
    private final Batch decoded = new Batch(EVENT);
    private final Batch words = new Batch(WORD);
    private final RowEncoder encoder = new RowEncoder(new int[] {0});
    private final ByteKeyTable table = new ByteKeyTable();
    private final int[] slots = new int[ROWS];

    public Micro() {
        StringBuilder scratch = new StringBuilder();
        for (int i = 0; i < ROWS; i++) {
            events[i] = Rows.AD_EVENTS.bytes(i, scratch);
            String text = new String(events[i], StandardCharsets.UTF_8);
            mixed[i] = i % 2 == 0 ? events[i] : text.replace(",", " , ").getBytes(StandardCharsets.UTF_8);
        }
        SplittableRandom random = new SplittableRandom(1);
        BytesVector column = (BytesVector) words.column(0);
        column.reset(ROWS);
        words.fill(ROWS, null);
        for (int i = 0; i < ROWS; i++) {
            column.set(i, "word" + (int) (Math.pow(VOCABULARY, random.nextDouble()) - 1));
        }
        encoder.encode(words);
        for (int i = 0; i < ROWS; i++) {
            table.findOrAdd(encoder.array(), encoder.start(i), encoder.length(i), encoder.hash(i));
        }
    }

    private static RowDecoder decoder() {
        return new Format.Json(Format.TimestampStyle.EPOCH_MILLIS).decoder(EVENT, List.of(0, 1, 2));
    }

    private Batch decode(RowDecoder decoder, byte[][] records) {
        decoded.clear();
        for (byte[] row : records) {
            if (decoder.decode(row, 0, row.length, decoded) != null) {
                throw new IllegalStateException(new String(row, StandardCharsets.UTF_8));
            }
        }
        return decoded;
    }

    /** Ad events whose members always come in the same way: read by the template. */
    @Benchmark
    @OperationsPerInvocation(ROWS)
    public Batch decodeEvents() {
        return decode(sameShape, events);
    }

    /** Two ways of writing in turn: mostly read by the general decoder. */
    @Benchmark
    @OperationsPerInvocation(ROWS)
    public Batch decodeEventsOfTwoShapes() {
        return decode(otherShapes, mixed);
    }

    @Benchmark
    @OperationsPerInvocation(ROWS)
    public RowEncoder encodeWords() {
        encoder.encode(words);
        return encoder;
    }

    @Benchmark
    @OperationsPerInvocation(ROWS)
    public int[] findWords() {
        table.findAtOnce(encoder, ROWS, slots);
        return slots;
    }
}
