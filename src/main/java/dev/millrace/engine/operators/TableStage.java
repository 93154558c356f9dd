package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.RowCodec;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The whole result table of a {@code complete} sink, in memory and in state: row → weight, one entry per row of the result.
 * Emits nothing; the sink's adapter reads {@link #rows} when {@link #changed}.
 */
public final class TableStage implements Stage {

    private final Grouping grouping;
    private final PartialGroups[] parts;
    private final AggregateStage.Place place;
    private final StateStore store;
    private final TreeMap<byte[], Long> rows = new TreeMap<>(Arrays::compareUnsigned);

    /** Changed rows, and whether the store has them. */
    private final Map<ByteBuffer, Boolean> dirty = new HashMap<>();

    private boolean changed;

    public TableStage(Grouping grouping, PartialGroups[] parts, AggregateStage.Place place, StateStore store) {
        this.grouping = grouping;
        this.parts = parts;
        this.place = place;
        this.store = store;
        load();
    }

    private void load() {
        for (int keyGroup : place.keyGroups(grouping.keyGroups())) {
            byte[] prefix = StateKeys.prefix(keyGroup, grouping.operator());
            store.scan(prefix, StateKeys.after(prefix), (key, value) -> {
                rows.put(key, GroupTable.storedWeight(value));
                return true;
            });
        }
    }

    /** All key groups move at once, if this one has some. */
    @Override
    public void moved(boolean[] moved, long[] watermarks) {
        if (moved[0]) {
            rows.clear();
            load();
        }
    }

    @Override
    public void endEpoch(EpochEnd epoch) {
        changed = false;
        Bytes key = new Bytes();
        for (PartialGroups part : parts) {
            GroupTable from = part.groups();
            ByteKeyTable keys = from.keys();
            for (int i = 0; i < from.size(); i++) {
                if (!place.owns(from.keyGroup(i)) || from.weight(i) == 0) {
                    continue;
                }
                key.clear();
                StateKeys.prefix(from.keyGroup(i), grouping.operator(), key);
                key.put(keys.keyArray(), keys.keyStart(i), keys.keyLength(i));
                byte[] stored = key.toByteArray();
                dirty.putIfAbsent(ByteBuffer.wrap(stored), rows.containsKey(stored));
                if (rows.merge(stored, from.weight(i), Long::sum) == 0) {
                    rows.remove(stored);
                }
                changed = true;
            }
        }
    }

    public boolean changed() {
        return changed;
    }

    /** The number of rows that are there, copies counted. */
    public long size() {
        return rows.values().stream()
                .filter(weight -> weight > 0)
                .mapToLong(w -> w)
                .sum();
    }

    /** The rows by their encoded form, with their weights, all above 0. */
    public void rows(Map<byte[], Long> into) {
        rows.forEach((key, weight) -> {
            if (weight > 0) {
                into.put(Arrays.copyOfRange(key, StateKeys.PREFIX, key.length), weight);
            }
        });
    }

    /** Appends an encoded row to a batch of the result's columns. */
    public void decode(byte[] row, long weight, Batch into) {
        Bytes.Reader reader = new Bytes.Reader(row);
        for (int column : grouping.outputs()) {
            RowCodec.decode(reader, into.column(column));
        }
        into.appendWeight(weight);
    }

    @Override
    public void flush(StateBatch batch) {
        Bytes value = new Bytes();
        dirty.forEach((entry, wasThere) -> {
            byte[] key = entry.array();
            Long weight = rows.get(key);
            batch.countRows((weight == null ? 0 : 1) - (wasThere ? 1 : 0));
            if (weight == null) {
                batch.delete(key, key.length);
            } else {
                value.clear();
                value.put(RowCodec.FORMAT).putZigzag(weight);
                batch.put(key, key.length, value.array(), value.length());
            }
        });
        dirty.clear();
    }
}
