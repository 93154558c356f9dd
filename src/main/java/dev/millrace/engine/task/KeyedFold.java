package dev.millrace.engine.task;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.RowEncoder;
import dev.millrace.data.Schema;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Folds an epoch's deltas of a keyed result to one change per key: the row that is there now, or the removal of the one
 * that was. Deltas that cancel leave nothing.
 */
final class KeyedFold {

    private final Batch collected;
    private final Batch changes;
    private final RowEncoder keyEncoder;
    private final RowEncoder rowEncoder;
    private final ByteKeyTable contents = new ByteKeyTable();
    private final ByteKeyTable keys = new ByteKeyTable();

    KeyedFold(Schema schema, int[] keys) {
        this.collected = new Batch(schema);
        this.changes = new Batch(schema);
        this.keyEncoder = new RowEncoder(keys);
        this.rowEncoder = new RowEncoder(IntStream.range(0, schema.size()).toArray());
    }

    /**
     * Adds deltas, each key's in one call at most, the row that goes before the row that comes: what is left of them are
     * changes already.
     */
    void addPairs(Batch delta) {
        keyEncoder.encode(delta);
        for (int row = 0; row < delta.size(); row++) {
            boolean replaced = delta.weight(row) < 0
                    && row + 1 < delta.size()
                    && delta.weight(row + 1) > 0
                    && keyEncoder.same(row, row + 1);
            if (!replaced) {
                changes.append(delta, row, delta.weight(row) > 0 ? 1 : -1);
            }
        }
    }

    /** The changes that {@link #addPairs} left; the caller clears them. */
    Batch pairs() {
        return changes;
    }

    void add(Batch delta, int row) {
        collected.append(delta, row, delta.weight(row));
    }

    /** One row per changed key, weight +1 to set it or −1 to remove it; forgets what was added. */
    Batch fold() {
        int rows = collected.size();
        keyEncoder.encode(collected);
        rowEncoder.encode(collected);
        contents.clear();
        keys.clear();
        long[] net = new long[rows];
        int[] contentOf = new int[rows];
        for (int i = 0; i < rows; i++) {
            int slot = contents.findOrAdd(
                    rowEncoder.array(), rowEncoder.start(i), rowEncoder.length(i), rowEncoder.hash(i));
            contentOf[i] = slot;
            net[slot] += collected.weight(i);
        }
        int[] chosen = new int[rows];
        Arrays.fill(chosen, -1);
        for (int i = 0; i < rows; i++) {
            long weight = net[contentOf[i]];
            int key = keys.findOrAdd(keyEncoder.array(), keyEncoder.start(i), keyEncoder.length(i), keyEncoder.hash(i));
            if (weight > 0 || (weight < 0 && chosen[key] < 0)) {
                chosen[key] = i;
            }
        }
        changes.clear();
        for (int key = 0; key < keys.size(); key++) {
            if (chosen[key] >= 0) {
                changes.append(collected, chosen[key], net[contentOf[chosen[key]]] > 0 ? 1 : -1);
            }
        }
        collected.clear();
        return changes;
    }
}
