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
import java.util.List;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Checkpoint;
import org.rocksdb.CompressionType;
import org.rocksdb.IndexType;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Slice;
import org.rocksdb.Status;
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

    private final StateMemory memory;
    private final BloomFilter bloom = new BloomFilter(10);
    private final Options options;
    private final WriteOptions writeOptions = new WriteOptions().setMemtableInsertHintPerBatch(true);
    private final RocksDB db;
    private volatile long epoch = NO_EPOCH;
    private volatile long rows;

    /**
     * @throws CorruptStateException when the files are damaged
     * @throws StateHome.StateInUseException when another process uses them
     */
    public RocksDbStore(Path directory, StateMemory memory) {
        this.memory = memory;
        memory.acquire();
        options = options();
        RocksDB opened = null;
        try {
            Files.createDirectories(directory);
            opened = RocksDB.open(options, directory.toString());
            epoch = number(opened, EPOCH_KEY, NO_EPOCH);
            rows = number(opened, ROWS_KEY, 0);
        } catch (RocksDBException e) {
            if (opened != null) {
                opened.close();
            }
            closeOptions();
            throw failure(directory, e);
        } catch (IOException e) {
            closeOptions();
            throw new UncheckedIOException(e);
        }
        db = opened;
    }

    private static long number(RocksDB opened, byte[] key, long otherwise) throws RocksDBException {
        byte[] stored = opened.get(key);
        return stored == null ? otherwise : Bytes.getLong(stored, 0);
    }

    private Options options() {
        BlockBasedTableConfig table = new BlockBasedTableConfig()
                .setBlockCache(memory.cache())
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
                .setWriteBufferManager(memory.buffers())
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
        return failure(Path.of(db.getName()), e);
    }

    @Override
    public long epoch() {
        return epoch;
    }

    @Override
    public List<byte[]> get(List<byte[]> keys) {
        try {
            List<byte[]> values = new ArrayList<>(keys.size());
            for (int from = 0; from < keys.size(); from += KEYS_AT_ONCE) {
                values.addAll(db.multiGetAsList(keys.subList(from, Math.min(keys.size(), from + KEYS_AT_ONCE))));
            }
            return values;
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void scan(byte[] from, byte[] to, Visitor visitor) {
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
            db.write(writeOptions, write);
            epoch = newEpoch;
            rows = newRows;
        } catch (RocksDBException e) {
            throw failure(e);
        }
    }

    @Override
    public void checkpoint(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.create(db)) {
            checkpoint.createCheckpoint(directory.toString());
        } catch (RocksDBException e) {
            throw failure(e);
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

    @Override
    public void close() {
        db.close();
        closeOptions();
    }

    private void closeOptions() {
        writeOptions.close();
        options.close();
        bloom.close();
        memory.release();
    }
}
