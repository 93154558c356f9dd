package dev.millrace.state.memory;

import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** A sorted map. */
public final class MemoryStore implements StateStore {

    private final NavigableMap<byte[], byte[]> map = new TreeMap<>(Arrays::compareUnsigned);
    private long epoch = NO_EPOCH;
    private long rows;

    @Override
    public long epoch() {
        return epoch;
    }

    @Override
    public List<byte[]> get(List<byte[]> keys) {
        return keys.stream().map(map::get).toList();
    }

    @Override
    public void scan(byte[] from, byte[] to, Visitor visitor) {
        visit(map.subMap(from, true, to, false), visitor);
    }

    @Override
    public void scanDescending(byte[] from, byte[] to, Visitor visitor) {
        visit(map.subMap(from, true, to, false).descendingMap(), visitor);
    }

    private static void visit(NavigableMap<byte[], byte[]> entries, Visitor visitor) {
        for (Map.Entry<byte[], byte[]> entry : entries.entrySet()) {
            if (!visitor.visit(entry.getKey(), entry.getValue())) {
                return;
            }
        }
    }

    @Override
    public void apply(StateBatch batch, long newEpoch) {
        batch.forEach(new StateBatch.Visitor() {
            @Override
            public void put(byte[] key, byte[] value) {
                map.put(key, value);
            }

            @Override
            public void delete(byte[] key) {
                map.remove(key);
            }

            @Override
            public void deleteRange(byte[] from, byte[] to) {
                map.subMap(from, true, to, false).clear();
            }
        });
        epoch = newEpoch;
        rows += batch.rows();
    }

    @Override
    public void checkpoint(Path directory) {
        throw new UnsupportedOperationException("a store in memory has no checkpoints");
    }

    @Override
    public long rows() {
        return rows;
    }

    @Override
    public long bytes() {
        return map.entrySet().stream()
                .mapToLong(entry -> entry.getKey().length + entry.getValue().length)
                .sum();
    }

    @Override
    public Effort effort() {
        return Effort.NONE;
    }

    @Override
    public void close() {}

    /** The number of entries; for tests that state is dropped. */
    public int size() {
        return map.size();
    }
}
