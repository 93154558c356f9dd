package dev.millrace.state.rocksdb;

import dev.millrace.data.Bytes;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Checkpoint;
import org.rocksdb.CompressionType;
import org.rocksdb.FlushOptions;
import org.rocksdb.HistogramType;
import org.rocksdb.IndexType;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Slice;
import org.rocksdb.Statistics;
import org.rocksdb.Status;
import org.rocksdb.TickerType;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * RocksDB with its log on and not synced: a killed process loses nothing, a machine that dies loses a tail that replay
 * brings back. Block cache and write buffers together stay within the given memory.
 */
public final class RocksDbStore implements StateStore {

    /** RocksDB sorts the keys of a call and keeps some hundred bytes for each: so many stay in the processor's cache. */
    private static final int KEYS_AT_ONCE = 512;

    private static final byte[] EPOCH_KEY = StateKeys.meta("epoch");
    private static final byte[] ROWS_KEY = StateKeys.meta("rows");

    static {
        RocksDB.loadLibrary();
    }

    /** A scan may be of one key: of so many scans the time of one is taken. */
    private static final int MEASURED_SCANS = 16;

    private static final long LITTLE_TO_REPLAY = 4L << 20;
    private static final long MEASURE_NANOS = 5_000_000_000L;

    /** Of what a database says of its files: names and sizes in bytes. */
    private static final Pattern PARTS =
            Pattern.compile("(?:raw key size|raw value size|index block size[^=]*|filter block size)=(\\d{1,18});");

    private final Path directory;
    private final StateMemory memory;
    private final BloomFilter bloom = new BloomFilter(10);
    private final Statistics statistics = new Statistics(EnumSet.allOf(HistogramType.class)); // counters only
    private final WriteOptions writeOptions = new WriteOptions().setMemtableInsertHintPerBatch(true);
    private final Lock opening = new ReentrantLock();
    private final LongAdder waits = new LongAdder();
    private int scans; // of several threads, and roughly
    private Effort effort = Effort.NONE;
    private long measuredAt;
    private boolean flushed; // or being so, since the memory is another one
    private StateMemory.Room room;
    private Options options;
    private RocksDB db; // null where it could not be opened again
    private volatile long epoch = NO_EPOCH;
    private volatile long rows;

    /**
     * @throws CorruptStateException when the files are damaged
     * @throws StateHome.StateInUseException when another process uses them
     */
    public RocksDbStore(Path directory, StateMemory memory) {
        this.directory = directory;
        this.memory = memory;
        try {
            Files.createDirectories(directory);
            open();
            epoch = number(db, EPOCH_KEY, NO_EPOCH);
            rows = number(db, ROWS_KEY, 0);
        } catch (RocksDBException e) {
            close();
            throw failure(directory, e);
        } catch (IOException e) {
            close();
            throw new UncheckedIOException(e);
        }
    }

    /** On the memory that there is now. */
    private void open() throws RocksDBException {
        room = memory.enter();
        options = options();
        db = RocksDB.open(options, directory.toString());
    }

    private void shut() {
        if (db != null) {
            db.close();
            db = null;
        }
        if (room != null) {
            options.close();
            room.leave();
            room = null;
        }
    }

    /** RocksDB takes a cache only when it is opened. A checkpoint that is being written is not disturbed: there will be another epoch. */
    private void moveToCurrentMemory() throws RocksDBException {
        if (room.isCurrent() || !hasLittleToReplay() || !opening.tryLock()) {
            return;
        }
        try {
            shut();
            open();
            flushed = false;
        } finally {
            opening.unlock();
        }
    }

    /** What lies in buffers only is read from the log when a store is opened: so it is written first, beside the epochs. */
    private boolean hasLittleToReplay() throws RocksDBException {
        if (!flushed && db.getLongProperty("rocksdb.cur-size-all-mem-tables") > LITTLE_TO_REPLAY) {
            try (FlushOptions beside = new FlushOptions().setWaitForFlush(false).setAllowWriteStall(true)) {
                db.flush(beside);
            }
            flushed = true;
        }
        return !flushed || db.getLongProperty("rocksdb.num-immutable-mem-table") == 0;
    }

    private static long number(RocksDB opened, byte[] key, long otherwise) throws RocksDBException {
        byte[] stored = opened.get(key);
        return stored == null ? otherwise : Bytes.getLong(stored, 0);
    }

    private Options options() {
        BlockBasedTableConfig table = new BlockBasedTableConfig()
                .setBlockCache(room.cache())
                .setFilterPolicy(bloom)
                .setCacheIndexAndFilterBlocks(true)
                .setCacheIndexAndFilterBlocksWithHighPriority(true)
                .setPinL0FilterAndIndexBlocksInCache(true)
                .setIndexType(IndexType.kTwoLevelIndexSearch)
                .setPartitionFilters(true)
                .setMetadataBlockSize(16 * 1024)
                .setPinTopLevelIndexAndFilter(true)
                .setBlockSize(16 * 1024);
        return new Options()
                .setCreateIfMissing(true)
                .setParanoidChecks(true)
                .setWriteBufferManager(room.buffers())
                .setStatistics(statistics)
                .setWriteBufferSize(64L << 20)
                .setMemtableWholeKeyFiltering(true)
                .setMemtablePrefixBloomSizeRatio(0.05)
                .setCompressionType(CompressionType.LZ4_COMPRESSION)
                .setTableFormatConfig(table)
                .setAvoidFlushDuringRecovery(true)
                .setMaxBackgroundJobs(2)
                .setKeepLogFileNum(2)
                .setMaxLogFileSize(1L << 20)
                .setStatsDumpPeriodSec(0);
    }

    private static RuntimeException failure(Path directory, RocksDBException e) {
        Status.Code code =
                e.getStatus() == null ? Status.Code.Undefined : e.getStatus().getCode();
        String message = String.valueOf(e.getMessage());
        boolean corrupt = code == Status.Code.Corruption
                || message.contains("Corruption")
                || message.contains("mismatch")
                || message.contains("No such file");
        if (NoSpaceException.tells(message)) {
            return new NoSpaceException(directory, e);
        }
        if (corrupt) {
            return new CorruptStateException("the state in " + directory + " is damaged: " + message, e);
        }
        if (message.contains("lock hold by") || message.contains("While lock file")) {
            return new StateHome.StateInUseException(
                    "the state in " + directory + " is in use by another process; stop that one first");
        }
        return new IllegalStateException("RocksDB in " + directory + ": " + message, e);
    }

    private RuntimeException failure(RocksDBException e) {
        return failure(directory, e);
    }

    @Override
    public long epoch() {
        return epoch;
    }

    @Override
    public List<byte[]> get(List<byte[]> keys) {
        long start = WaitClock.now();
        try {
            List<byte[]> values = new ArrayList<>(keys.size());
            for (int from = 0; from < keys.size(); from += KEYS_AT_ONCE) {
                values.addAll(db.multiGetAsList(keys.subList(from, Math.min(keys.size(), from + KEYS_AT_ONCE))));
            }
            return values;
        } catch (RocksDBException e) {
            throw failure(e);
        } finally {
            waits.add(WaitClock.now() - start);
        }
    }

    @Override
    public void scan(byte[] from, byte[] to, Visitor visitor) {
        measured(() -> visitAll(from, to, visitor));
    }

    private void measured(Runnable scan) {
        if (++scans % MEASURED_SCANS != 0) {
            scan.run();
            return;
        }
        long start = WaitClock.now();
        scan.run();
        waits.add(MEASURED_SCANS * (WaitClock.now() - start));
    }

    private void visitAll(byte[] from, byte[] to, Visitor visitor) {
        try (Slice upper = new Slice(to);
                ReadOptions read = new ReadOptions().setIterateUpperBound(upper);
                RocksIterator iterator = db.newIterator(read)) {
            for (iterator.seek(from); iterator.isValid(); iterator.next()) {
                if (!visitor.visit(iterator.key(), iterator.value())) {
                    return;
                }
            }
            iterator.status();
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void scanDescending(byte[] from, byte[] to, Visitor visitor) {
        measured(() -> visitAllDescending(from, to, visitor));
    }

    private void visitAllDescending(byte[] from, byte[] to, Visitor visitor) {
        try (Slice lower = new Slice(from);
                ReadOptions read = new ReadOptions().setIterateLowerBound(lower);
                RocksIterator iterator = db.newIterator(read)) {
            for (iterator.seekForPrev(to); iterator.isValid(); iterator.prev()) {
                byte[] key = iterator.key();
                if (!Arrays.equals(key, to) && !visitor.visit(key, iterator.value())) {
                    return;
                }
            }
            iterator.status();
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void apply(StateBatch batch, long newEpoch) {
        long newRows = rows + batch.rows();
        batch.put(EPOCH_KEY, new Bytes(8).putLong(newEpoch).toByteArray());
        batch.put(ROWS_KEY, new Bytes(8).putLong(newRows).toByteArray());
        try (WriteBatch write = new WriteBatch(batch.toByteArray())) {
            long start = WaitClock.now();
            db.write(writeOptions, write);
            waits.add(WaitClock.now() - start);
            epoch = newEpoch;
            rows = newRows;
            moveToCurrentMemory();
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void rest() {
        try {
            moveToCurrentMemory();
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void checkpoint(Path directory) {
        opening.lock();
        try (Checkpoint checkpoint = Checkpoint.create(db)) {
            checkpoint.createCheckpoint(directory.toString());
        } catch (RocksDBException e) {
            throw failure(e);
        } finally {
            opening.unlock();
        }
    }

    @Override
    public long rows() {
        return rows;
    }

    @Override
    public long bytes() {
        try {
            return db.getLongProperty("rocksdb.total-sst-files-size")
                    + db.getLongProperty("rocksdb.cur-size-all-mem-tables");
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    /** Time without work counts as waiting for the disk only where something was not in memory: a thread also waits for a CPU. */
    @Override
    public Effort effort() {
        long misses = statistics.getTickerCount(TickerType.BLOCK_CACHE_MISS);
        long stalled = 1000 * statistics.getTickerCount(TickerType.STALL_MICROS);
        long waited = waits.sumThenReset();
        boolean counts = misses > effort.misses() || stalled > effort.stalledNanos();
        effort = new Effort(
                effort.waitedNanos() + (counts ? waited : 0),
                stalled,
                statistics.getTickerCount(TickerType.BLOCK_CACHE_HIT),
                misses,
                unpacked());
        return effort;
    }

    /** Keys, values, indexes and filters of all files, and what is in buffers; looked at now and then, as there may be many files. */
    private long unpacked() {
        long now = System.nanoTime();
        if (measuredAt != 0 && now - measuredAt < MEASURE_NANOS) {
            return effort.unpacked();
        }
        measuredAt = now;
        try {
            long files = PARTS.matcher(db.getProperty("rocksdb.aggregated-table-properties"))
                    .results()
                    .mapToLong(part -> Long.parseLong(part.group(1)))
                    .sum();
            return files + db.getLongProperty("rocksdb.cur-size-all-mem-tables");
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void close() {
        shut();
        writeOptions.close();
        statistics.close();
        bloom.close();
    }
}
