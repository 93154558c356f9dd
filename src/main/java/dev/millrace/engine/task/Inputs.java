package dev.millrace.engine.task;

import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.LongVector;
import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.PartitionMetrics;
import dev.millrace.engine.ProgressRecord.PartitionProgress;
import dev.millrace.engine.ProgressRecord.ReleasedPartition;
import dev.millrace.engine.ProgressRecord.SourceProgress;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.operators.Output;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SourceTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;

/**
 * One stream source of a query: its partitions over the workers, their positions, late rows and watermarks.
 *
 * <p>A row is late iff its time is below {@code max(largest time earlier in its partition − delay, floor)}: a function of
 * the input alone, decided here, once, for the whole plan. The floor of a partition that is new or comes back from idleness
 * is the query's watermark of the epoch before.
 */
final class Inputs {

    private final PlanNode.Scan scan;
    private final Source source;
    private final boolean dropLate;
    private final long idleTimeoutMillis;
    private final int timeColumn;
    private final boolean micros;
    private final long delay;
    private final List<Partition> partitions = new ArrayList<>();
    private final List<Partition> byIndex = new ArrayList<>(); // those that were released, too
    private final Map<String, Partition> byName = new HashMap<>();
    private final Source.Reader[] readers;
    private final Lane[] lanes;
    private final boolean first;
    private final Set<String> elsewhere = new TreeSet<>();
    private final int[] loads;
    private final Clock clock;
    private long watermark = Watermark.NONE;

    /** A partition's progress; written by its worker within an epoch, read by the coordinator between epochs. */
    private static final class Partition {
        private final String name;
        private final int index;
        private final int worker;
        private Position position;
        private long largest = Watermark.NONE;
        private long floor = Watermark.NONE;
        private boolean idle;
        private long idleSince;
        private long rows;
        private final PartitionMetrics metrics;

        Partition(String source, String name, int index, int worker, Position position) {
            this.name = name;
            this.metrics = new PartitionMetrics(source, name);
            this.index = index;
            this.worker = worker;
            this.position = position;
        }

        PartitionProgress progress() {
            return new PartitionProgress(name, position.offset(), position.leaderEpoch(), largest, floor, idle, rows);
        }
    }

    /** What one worker needs to split late rows off. */
    private static final class Lane {
        private int[] kept = {};
        private Batch onTime;
        private final Problems problems;

        Lane(Problems problems) {
            this.problems = problems;
        }
    }

    /**
     * @param first whether partitions that nobody had yet are taken up here
     */
    Inputs(
            PlanNode.Scan scan,
            Source source,
            boolean first,
            boolean dropLate,
            long idleTimeoutMillis,
            Clock clock,
            List<Problems> problems) {
        this.scan = scan;
        this.first = first;
        this.clock = clock;
        this.source = source;
        this.dropLate = dropLate;
        this.idleTimeoutMillis = idleTimeoutMillis;
        SourceTable.EventTime time = scan.table().eventTime().orElse(null);
        this.timeColumn = time == null ? -1 : scan.columns().indexOf(time.column());
        this.micros = timeColumn >= 0 && scan.schema().type(timeColumn).equals(DataType.TIMESTAMP_MICROS);
        this.delay = time == null ? 0 : time.delayMillis();
        int workers = problems.size();
        this.readers = new Source.Reader[workers];
        this.loads = new int[workers];
        this.lanes = new Lane[workers];
        for (int worker = 0; worker < workers; worker++) {
            lanes[worker] = new Lane(problems.get(worker));
            Problems own = problems.get(worker);
            readers[worker] = source.reader((index, position, record, start, length, reason) -> {
                Partition partition = byIndex.get(index);
                partition.rows++;
                own.malformed(position, reason, Arrays.copyOfRange(record, start, start + length));
            });
        }
    }

    String name() {
        return scan.table().name();
    }

    PlanNode.Scan scan() {
        return scan;
    }

    /** Takes up partitions that are not known yet; returns whether there were some. */
    boolean discover() {
        boolean found = false;
        for (Source.Start start : source.discover()) { // which also finds that a source is another one now
            if (first && !byName.containsKey(start.partition()) && !elsewhere.contains(start.partition())) {
                add(start.partition(), start.position()).floor = watermark;
                found = true;
            }
        }
        return found;
    }

    private Partition add(String name, Position position) {
        int worker = 0;
        for (int other = 1; other < loads.length; other++) {
            worker = loads[other] < loads[worker] ? other : worker;
        }
        Partition partition = new Partition(name(), name, byIndex.size(), worker, position);
        byIndex.add(partition);
        partitions.add(partition);
        byName.put(name, partition);
        loads[worker]++;
        readers[worker].assign(partition.index, name, position);
        return partition;
    }

    /** Takes over what a record says, as the state at the end of its epoch. */
    void restore(SourceProgress progress) {
        requireIdentity(progress.identity());
        elsewhere.clear();
        if (progress.elsewhere() != null) {
            elsewhere.addAll(progress.elsewhere());
        }
        progress.partitions().forEach(this::restore);
    }

    private void restore(PartitionProgress saved) {
        Position position = new Position(saved.offset(), saved.leaderEpoch());
        Partition partition = byName.get(saved.partition());
        if (partition == null) {
            partition = add(saved.partition(), position);
        }
        partition.position = position;
        partition.largest = saved.largest();
        partition.floor = saved.floor();
        partition.idle = saved.idle();
        partition.rows = 0;
    }

    /** By partition that another slot is to have: as it is left, between two epochs. */
    List<ReleasedPartition> leaving(ToIntFunction<String> owner, IntPredicate agrees) {
        List<ReleasedPartition> leaving = new ArrayList<>();
        for (Partition partition : partitions) {
            int to = owner.applyAsInt(partition.name);
            if (agrees.test(to)) {
                leaving.add(new ReleasedPartition(name(), source.identity(), to, partition.progress()));
            }
        }
        return leaving;
    }

    /** Reads a partition no more. */
    void release(String name) {
        Partition partition = byName.remove(name);
        if (partition != null) { // it was found and released at once, which a replay does not see
            partitions.remove(partition);
            loads[partition.worker]--;
            readers[partition.worker].release(partition.index);
        }
        if (first) {
            elsewhere.add(name);
        }
    }

    /** Goes on with a partition where another slot has left it. */
    void receive(ReleasedPartition received) {
        requireIdentity(received.identity());
        elsewhere.remove(received.progress().partition());
        restore(received.progress());
    }

    private void requireIdentity(String identity) {
        if (!source.identity().equals(identity)) {
            throw new QueryException(
                    "SourceDataLost",
                    "source '" + name() + "' is not the one that was read before (it was " + identity + ", it is "
                            + source.identity() + "): was the topic deleted and made again? The positions"
                            + " mean nothing in it; start a new query with another state.id");
        }
    }

    boolean isEmpty() {
        return partitions.isEmpty();
    }

    /** Whether no other slot has a partition, or has released one that has not come. */
    boolean readsAll() {
        return elsewhere.isEmpty();
    }

    /** Whether all partitions that are read are such by their names. */
    boolean reads(Predicate<String> only) {
        return partitions.stream().allMatch(partition -> only.test(partition.name));
    }

    void restoreJournal(List<String> entries) {
        source.restoreJournal(entries);
    }

    List<String> drainJournal() {
        return source.drainJournal();
    }

    void watermark(long newWatermark) {
        watermark = newWatermark;
    }

    /**
     * The least time of the partitions that count, {@link Watermark#NONE} while one of them had no row yet, {@link
     * Watermark#END} where none counts.
     */
    long leastTime() {
        if (timeColumn < 0) {
            return Watermark.END;
        }
        long least = first && partitions.isEmpty() && elsewhere.isEmpty() ? Watermark.NONE : Watermark.END;
        for (Partition partition : partitions) {
            if (!partition.idle) {
                least = Math.min(least, threshold(partition));
            }
        }
        return least;
    }

    private long threshold(Partition partition) {
        return Math.max(Watermark.after(partition.largest, delay), partition.floor);
    }

    boolean watermarked() {
        return timeColumn >= 0;
    }

    void requireInput() {
        for (Source.Reader reader : readers) {
            reader.requireInput();
        }
    }

    void limitToNow() {
        for (Source.Reader reader : readers) {
            reader.limitToNow();
        }
    }

    /** Reads up to the positions of a record and no further; partitions that it does not have stay where they are. */
    void limitTo(SourceProgress progress) {
        for (Partition partition : partitions) {
            readers[partition.worker].limit(partition.index, partition.position);
        }
        for (PartitionProgress end : progress.partitions()) {
            Partition partition = byName.get(end.partition());
            if (partition == null) {
                throw new QueryException(
                        "SourceDataLost",
                        "source '" + name() + "' no longer has partition " + end.partition()
                                + ", which was read before");
            }
            readers[partition.worker].limit(partition.index, new Position(end.offset(), end.leaderEpoch()));
        }
    }

    private Position startOf(PartitionProgress recorded) {
        return source.discover().stream()
                .filter(start -> start.partition().equals(recorded.partition()))
                .map(Source.Start::position)
                .findFirst()
                .orElseThrow(() -> new QueryException(
                        "SourceDataLost",
                        "source '" + name() + "' no longer has partition " + recorded.partition()
                                + ", which was read before"));
    }

    /** Opens partitions that appeared in the record's epoch, and no others, with the floor that they had then. */
    void addNew(SourceProgress progress) {
        for (PartitionProgress recorded : progress.partitions()) {
            if (!byName.containsKey(recorded.partition())) {
                add(recorded.partition(), startOf(recorded)).floor = watermark;
            }
        }
    }

    void unlimit() {
        for (Partition partition : partitions) {
            readers[partition.worker].limit(partition.index, null);
        }
    }

    /** Polls the worker's partitions once and pushes on-time rows; returns how many rows were read. */
    int poll(int worker, long timeoutMillis, Output output) {
        if (loads[worker] == 0) {
            clock.sleep(timeoutMillis); // a worker without a partition must not spin
            return 0;
        }
        SourceBatch batch = readers[worker].poll(timeoutMillis);
        Batch rows = batch.rows();
        int count = rows.size();
        if (count > 0) {
            accept(worker, batch, output);
        }
        return count;
    }

    private void accept(int worker, SourceBatch batch, Output output) {
        Batch rows = batch.rows();
        int[] of = batch.partitions();
        int count = rows.size();
        countRows(of, count);
        if (timeColumn < 0) {
            output.accept(rows);
            return;
        }
        Lane lane = lanes[worker];
        int kept = split(lane, rows, of);
        if (kept == count) {
            output.accept(rows);
        } else if (kept > 0) {
            if (lane.onTime == null) {
                lane.onTime = new Batch(rows.schema());
            }
            lane.onTime.gather(rows, lane.kept, kept);
            output.accept(lane.onTime);
        }
    }

    private void countRows(int[] of, int count) {
        int from = 0;
        for (int i = 1; i <= count; i++) {
            if (i == count || of[i] != of[from]) {
                byIndex.get(of[from]).rows += i - from;
                from = i;
            }
        }
    }

    /** Notes times and puts the numbers of rows that are on time into {@code lane.kept}. */
    private int split(Lane lane, Batch rows, int[] of) {
        int count = rows.size();
        if (lane.kept.length < count) {
            lane.kept = new int[count];
        }
        LongVector times = rows.longs(timeColumn);
        int kept = 0;
        Partition partition = null;
        for (int i = 0; i < count; i++) {
            if (times.marked() && !times.isValue(i)) {
                reportUntimed(lane, rows, i);
                continue;
            }
            if (partition == null || of[i] != partition.index) {
                partition = byIndex.get(of[i]);
                wake(partition);
            }
            long time = micros ? Math.floorDiv(times.get(i), 1000L) : times.get(i);
            if (dropLate && time < threshold(partition)) {
                lane.problems.late(rows, i, "its time is before the partition's watermark");
                continue;
            }
            partition.largest = Math.max(partition.largest, time);
            lane.kept[kept++] = i;
        }
        return kept;
    }

    private void reportUntimed(Lane lane, Batch rows, int row) {
        byte mark = rows.column(timeColumn).mark(row);
        String reason = mark == CellError.NULL
                ? "the event time " + scan.schema().field(timeColumn).name() + " is NULL"
                : CellError.ofMark(mark).text();
        lane.problems.malformed(
                rows.origin().position(row), reason, rows.origin().raw(row));
    }

    private void wake(Partition partition) {
        if (partition.idle) {
            partition.idle = false;
            partition.floor = Math.max(partition.floor, watermark);
        }
    }

    /** Ends an epoch: takes the readers' positions. Returns whether anything was read or became idle. */
    boolean endEpoch(long nowMillis, boolean mayIdle) {
        boolean changed = false;
        for (Partition partition : partitions) {
            Source.Reader reader = readers[partition.worker];
            Position now = reader.position(partition.index);
            changed |= !now.equals(partition.position);
            partition.position = now;
            if (mayIdle) {
                changed |= updateIdle(partition, reader, nowMillis);
            }
        }
        return changed;
    }

    private boolean updateIdle(Partition partition, Source.Reader reader, long nowMillis) {
        boolean quiet = partition.rows == 0 && reader.atEnd(partition.index);
        if (!quiet) {
            partition.idleSince = 0;
            return false;
        }
        if (partition.idleSince == 0) {
            partition.idleSince = nowMillis;
        }
        boolean becomesIdle = !partition.idle
                && timeColumn >= 0
                && idleTimeoutMillis > 0
                && nowMillis - partition.idleSince >= idleTimeoutMillis;
        if (becomesIdle && !reader.confirmAtEnd(partition.index)) {
            partition.idleSince = 0;
            return false;
        }
        partition.idle |= becomesIdle;
        return becomesIdle;
    }

    /** In a replay: whether all the worker's partitions are where the record says. */
    boolean reached(int worker, SourceProgress progress) {
        for (PartitionProgress end : progress.partitions()) {
            Partition partition = byName.get(end.partition());
            if (partition.worker == worker
                    && readers[partition.worker].position(partition.index).offset() < end.offset()) {
                return false;
            }
        }
        return true;
    }

    /** In a replay: checks that the epoch had the recorded rows and takes over idleness. */
    void checkReplay(SourceProgress progress) {
        for (PartitionProgress end : progress.partitions()) {
            Partition partition = byName.get(end.partition());
            if (partition.rows != end.rows()) {
                throw new QueryException(
                        "SourceDataLost",
                        "source '" + name() + "' partition " + end.partition() + " gave " + partition.rows
                                + " records up to offset " + end.offset() + " where it gave " + end.rows()
                                + " before: records were removed or compacted");
            }
        }
        restore(progress);
    }

    SourceProgress progress(List<String> journal) {
        return new SourceProgress(
                source.identity(),
                partitions.stream().map(Partition::progress).toList(),
                journal,
                elsewhere.isEmpty() ? null : List.copyOf(elsewhere));
    }

    void startEpoch(LongAdder rowsIn) {
        for (Partition partition : partitions) {
            rowsIn.add(partition.rows);
            partition.metrics.read(partition.rows);
            partition.rows = 0;
        }
    }

    /** What waits in each partition, as of now. */
    List<PartitionMetrics> metrics() {
        long now = clock.millis();
        return partitions.stream().map(partition -> measured(partition, now)).toList();
    }

    /** What was read until now was another's. */
    void forgetRows() {
        partitions.forEach(partition -> partition.metrics.forgetRows());
    }

    private PartitionMetrics measured(Partition partition, long now) {
        Source.Reader reader = readers[partition.worker];
        long lag = reader.lag(partition.index);
        long timestamp = reader.timestamp(partition.index);
        partition.metrics.waits(lag, lag == 0 ? 0 : lag < 0 || timestamp < 0 ? -1 : Math.max(0, now - timestamp));
        return partition.metrics;
    }

    /** Whether all partitions were read to their ends, or to the end of what there was when limited to that. */
    boolean atEnd() {
        for (Partition partition : partitions) {
            if (!readers[partition.worker].atEnd(partition.index)) {
                return false;
            }
        }
        return true;
    }

    /** As {@link #atEnd()} for the worker's own partitions; may be asked by that worker while others read. */
    boolean atEnd(int worker) {
        for (Partition partition : partitions) {
            if (partition.worker == worker && !readers[worker].atEnd(partition.index)) {
                return false;
            }
        }
        return true;
    }

    /** Whether nothing will ever come. */
    boolean ended() {
        for (Partition partition : partitions) {
            if (!readers[partition.worker].ended(partition.index)) {
                return false;
            }
        }
        return !partitions.isEmpty();
    }

    void close() {
        for (Source.Reader reader : readers) {
            if (reader != null) {
                reader.close();
            }
        }
        source.close();
    }
}
