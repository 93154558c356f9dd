package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.PartitionMetrics;
import dev.millrace.engine.ProgressRecord.SourceProgress;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SourceTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/**
 * Which rows are late is a function of a partition's rows in their order, and of the watermark where a partition is new or
 * comes back; how polls, epochs and workers cut the input changes nothing, nor does a restart.
 */
class InputsTest {

    private static final long DELAY = 10;
    private static final long IDLE_MILLIS = 1_000;
    private static final Schema SCHEMA =
            Schema.of(new Field("id", DataType.BIGINT, false), new Field("ts", DataType.TIMESTAMP_MILLIS, true));

    private final List<List<long[]>> partitions = new ArrayList<>();
    private Schema schema = SCHEMA;
    private final TreeSet<Long> onTime = new TreeSet<>();
    private final LongAdder late = new LongAdder();
    private final LongAdder malformed = new LongAdder();
    private int pollRows = 100;
    private int workers = 1;
    private boolean answers = true;
    private long nextId;
    private long now = 1_000_000;
    private long watermark = Watermark.NONE;
    private Inputs inputs;

    private void partition(long... times) {
        partitions.add(new ArrayList<>());
        rows(partitions.size() - 1, times);
    }

    private void rows(int partition, long... times) {
        for (long time : times) {
            partitions.get(partition).add(new long[] {nextId++, time});
        }
    }

    private void start() {
        build();
        inputs.discover();
    }

    private void build() {
        SourceTable table = new SourceTable("s", schema, Optional.of(new SourceTable.EventTime(1, DELAY)), false, true);
        List<Problems> problems = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            problems.add(new Problems(Map.of("s", MalformedPolicy.SKIP), false, malformed, late));
        }
        inputs = new Inputs(
                new PlanNode.Scan(table, List.of(0, 1)), new Rows(), true, true, IDLE_MILLIS, Clock.SYSTEM, problems);
        inputs.watermark(watermark);
    }

    private void restart() {
        SourceProgress progress = inputs.progress(List.of());
        build();
        inputs.restore(progress);
    }

    /** One epoch of some polls; returns whether there was reason for one. */
    private boolean epoch(int polls) {
        for (int poll = 0; poll < polls; poll++) {
            for (int worker = 0; worker < workers; worker++) {
                inputs.poll(worker, 0, batch -> {
                    for (int row = 0; row < batch.size(); row++) {
                        assertTrue(onTime.add(batch.longs(0).get(row)), "a row came twice");
                    }
                });
            }
        }
        boolean due = inputs.endEpoch(now, true);
        watermark = Math.max(watermark, inputs.leastTime());
        inputs.watermark(watermark);
        inputs.startEpoch(new LongAdder());
        return due;
    }

    @RepeatedTest(20)
    void latenessIsAFunctionOfThePartitionAlone() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        TreeSet<Long> expected = new TreeSet<>();
        for (int p = 0; p < 3; p++) {
            partitions.add(new ArrayList<>());
            long largest = Long.MIN_VALUE;
            for (int i = 0; i < 200; i++) {
                long time = 1_000 + i + random.nextInt(40) - 20;
                if (largest == Long.MIN_VALUE || time >= largest - DELAY) {
                    expected.add(nextId);
                }
                largest = Math.max(largest, time);
                rows(p, time);
            }
        }
        workers = 1 + random.nextInt(3);
        start();
        while (lag() > 0) {
            pollRows = 1 + random.nextInt(30);
            epoch(1 + random.nextInt(4));
            if (random.nextInt(3) == 0) {
                restart();
            }
        }
        assertEquals(expected, onTime, "seed " + seed);
        assertEquals(600 - expected.size(), late.sum());
    }

    private long lag() {
        return PartitionMetrics.lagRecords(inputs.metrics());
    }

    @Test
    void theSlowestPartitionHoldsTheWatermark() {
        partition(100, 200, 300);
        partition(150);
        start();
        epoch(4);
        assertEquals(140, watermark);
        rows(1, 260);
        epoch(4);
        assertEquals(250, watermark);
    }

    @Test
    void aPartitionWithoutRowsHoldsTheWatermarkUntilItIsIdle() {
        partition(100, 200);
        partition();
        start();
        epoch(4);
        assertEquals(Watermark.NONE, watermark);
        now += IDLE_MILLIS - 1;
        rows(0, 210);
        epoch(4);
        assertEquals(Watermark.NONE, watermark);
        now += 1;
        rows(0, 220);
        epoch(4);
        assertEquals(210, watermark);
    }

    @Test
    void idleIsDeclaredInAnEpochOfItsOwn() {
        partition(100);
        partition(50);
        start();
        epoch(4);
        rows(0, 120);
        epoch(4);
        now += IDLE_MILLIS;
        assertTrue(epoch(1), "becoming idle is recorded");
        assertFalse(epoch(1), "and nothing else happened");
    }

    /** P4: idle is not silent. */
    @Test
    void aPartitionThatDoesNotAnswerHoldsTheWatermark() {
        partition(100);
        partition(50);
        start();
        epoch(4);
        epoch(1);
        now += IDLE_MILLIS;
        answers = false;
        rows(0, 300);
        epoch(4);
        assertEquals(40, watermark);
    }

    @Test
    void rowsOfAPartitionThatComesBackAreJudgedByTheWatermark() {
        partition(100);
        partition(50);
        start();
        epoch(4);
        epoch(1);
        now += IDLE_MILLIS;
        rows(0, 300);
        epoch(4);
        assertEquals(290, watermark);
        rows(1, 289, 290, 60);
        epoch(4);
        assertEquals(2, late.sum());
        assertTrue(onTime.contains(4L), "the row at the watermark is on time");
        assertEquals(290, watermark, "the watermark does not go back");
    }

    @Test
    void aRestartKnowsWhoIsIdleAndWhereWhoCameBackBegan() {
        partition(100);
        partition(50);
        start();
        epoch(4);
        epoch(1);
        now += IDLE_MILLIS;
        rows(0, 300);
        epoch(4);
        restart();
        rows(0, 400);
        epoch(4);
        assertEquals(390, watermark);
        rows(1, 395);
        epoch(4);
        restart();
        rows(1, 386, 390);
        epoch(4);
        assertEquals(1, late.sum());
    }

    @Test
    void aNewPartitionBeginsAtTheWatermark() {
        partition(100, 200);
        start();
        epoch(4);
        assertEquals(190, watermark);
        partition(189, 190);
        assertTrue(inputs.discover());
        assertFalse(inputs.discover());
        epoch(4);
        assertEquals(1, late.sum());
        assertEquals(190, watermark);
    }

    @Test
    void aRowWithoutATimeIsMalformed() {
        partition(100, Long.MIN_VALUE, 120);
        start();
        epoch(4);
        assertEquals(1, malformed.sum());
        assertEquals(2, onTime.size());
    }

    /** S2: also before 1970 a microsecond before the watermark is before it. */
    @Test
    void microsecondsAreJudgedByTheMillisecondTheyAreIn() {
        schema = Schema.of(new Field("id", DataType.BIGINT, false), new Field("ts", DataType.TIMESTAMP_MICROS, true));
        partition(10_000, 0, -1, 999, -999);
        partition(-5_001, -15_000, -16_000, -16_001);
        start();
        epoch(4);
        assertEquals(3, late.sum());
        assertEquals(new TreeSet<>(List.of(0L, 1L, 3L, 5L, 6L, 7L)), onTime);
        assertEquals(-16, watermark);
    }

    /** The rows above as a source; a time of Long.MIN_VALUE is NULL. */
    private final class Rows implements Source {
        @Override
        public String identity() {
            return "rows";
        }

        @Override
        public List<Start> discover() {
            List<Start> starts = new ArrayList<>();
            for (int p = 0; p < partitions.size(); p++) {
                starts.add(new Start("p" + p, Position.at(0)));
            }
            return starts;
        }

        @Override
        public Reader reader(MalformedRows rows) {
            return new RowsReader();
        }

        @Override
        public void close() {}
    }

    private final class RowsReader implements Source.Reader {
        private final Batch batch = new Batch(schema);
        private final List<int[]> parts = new ArrayList<>();
        private final int[] of = new int[100];

        private int[] part(int index) {
            return parts.stream().filter(part -> part[0] == index).findFirst().orElseThrow();
        }

        @Override
        public void assign(int index, String partition, Position position) {
            parts.removeIf(part -> part[0] == index);
            parts.add(new int[] {index, Integer.parseInt(partition.substring(1)), (int) position.offset()});
        }

        @Override
        public void limit(int index, Position end) {}

        @Override
        public void limitToNow() {}

        @Override
        public SourceBatch poll(long timeoutMillis) {
            batch.clear();
            for (int[] part : parts) {
                List<long[]> rows = partitions.get(part[1]);
                while (batch.size() < pollRows && part[2] < rows.size()) {
                    long[] row = rows.get(part[2]++);
                    int at = batch.append(1);
                    ((LongVector) batch.column(0)).set(at, row[0]);
                    if (row[1] == Long.MIN_VALUE) {
                        batch.column(1).setNull(at);
                    } else {
                        ((LongVector) batch.column(1)).set(at, row[1]);
                    }
                    of[at] = part[0];
                }
            }
            batch.fill(batch.size(), ORIGIN);
            return new SourceBatch(batch, of);
        }

        @Override
        public Position position(int index) {
            return Position.at(part(index)[2]);
        }

        @Override
        public long lag(int index) {
            return partitions.get(part(index)[1]).size() - part(index)[2];
        }

        @Override
        public boolean atEnd(int index) {
            return lag(index) == 0;
        }

        @Override
        public boolean confirmAtEnd(int index) {
            return answers;
        }

        @Override
        public void close() {}
    }

    private static final RowOrigin ORIGIN = new RowOrigin() {
        @Override
        public SourcePosition position(int row) {
            return new SourcePosition("s", "p", row);
        }

        @Override
        public byte[] raw(int row) {
            return null;
        }
    };
}
