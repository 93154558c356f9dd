package dev.millrace.engine.task;

import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.RowCodec;
import dev.millrace.engine.ProgressLog.JournalEntry;
import dev.millrace.engine.QueryException;
import dev.millrace.plan.PlanNode;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The rows of static tables. They are read from their sources once, when the query first starts, and recorded with epoch 0
 * in the journal and in the state: whatever happens to the file later, a replay joins the same rows.
 */
final class StaticTables {

    private static final int CHUNK_BYTES = 256 << 10;
    private static final String PREFIX = "static/";

    private final Map<String, Batch> rows = new LinkedHashMap<>();

    private StaticTables() {}

    Map<String, Batch> rows() {
        return rows;
    }

    /** Reads them from their sources. */
    static StaticTables read(QueryDefinition definition, QueryDefinition.World world) {
        StaticTables tables = new StaticTables();
        for (PlanNode.Scan scan : definition.plan().scans(true)) {
            tables.rows.put(
                    scan.table().name(),
                    read(scan, world.sources().get(scan.table().name())));
        }
        return tables;
    }

    private static Batch read(PlanNode.Scan scan, Source source) {
        Batch rows = new Batch(scan.schema());
        String name = scan.table().name();
        List<Source.Start> starts = source.discover();
        try (Source.Reader reader = source.reader((index, position, record, start, length, reason) -> {
            throw new QueryException(
                    "StaticTableFailed", "static table " + position + ": " + reason + "; correct the row");
        })) {
            for (int i = 0; i < starts.size(); i++) {
                reader.assign(i, starts.get(i).partition(), starts.get(i).position());
            }
            reader.limitToNow();
            for (int i = 0; i < starts.size(); i++) {
                while (!reader.atEnd(i)) {
                    append(reader.poll(1_000), rows);
                }
            }
        }
        if (starts.isEmpty()) {
            throw new QueryException(
                    "StaticTableFailed", "static table '" + name + "' has no file or partition to read");
        }
        return rows;
    }

    private static void append(SourceBatch batch, Batch rows) {
        for (int row = 0; row < batch.rows().size(); row++) {
            rows.append(batch.rows(), row, 1);
        }
    }

    /** The recorded form: chunks of encoded rows. */
    List<JournalEntry> journal() {
        List<JournalEntry> entries = new ArrayList<>();
        rows.forEach((name, batch) -> {
            Bytes chunk = new Bytes();
            int inChunk = 0;
            for (int row = 0; row < batch.size(); row++) {
                for (int c = 0; c < batch.columnCount(); c++) {
                    RowCodec.encode(batch.column(c), row, chunk);
                }
                inChunk++;
                if (chunk.length() >= CHUNK_BYTES || row + 1 == batch.size()) {
                    entries.add(new JournalEntry(PREFIX + name, counted(inChunk, chunk)));
                    chunk.clear();
                    inChunk = 0;
                }
            }
        });
        return entries;
    }

    /** A row may have no bytes, where none of the table's columns is used: the count tells. */
    private static byte[] counted(int rows, Bytes chunk) {
        return new Bytes(chunk.length() + 4)
                .putInt(rows)
                .put(chunk.array(), 0, chunk.length())
                .toByteArray();
    }

    void store(StateBatch batch) {
        int number = 0;
        for (JournalEntry entry : journal()) {
            batch.put(StateKeys.meta(entry.name() + "/" + String.format("%08d", number++)), entry.content());
        }
    }

    static StaticTables of(QueryDefinition definition, List<JournalEntry> journal) {
        StaticTables tables = new StaticTables();
        for (PlanNode.Scan scan : definition.plan().scans(true)) {
            Batch batch = new Batch(scan.schema());
            for (JournalEntry entry : journal) {
                if (entry.name().equals(PREFIX + scan.table().name())) {
                    decode(entry.content(), batch);
                }
            }
            tables.rows.put(scan.table().name(), batch);
        }
        return tables;
    }

    static StaticTables load(QueryDefinition definition, StateStore store) {
        List<JournalEntry> entries = new ArrayList<>();
        for (PlanNode.Scan scan : definition.plan().scans(true)) {
            String name = PREFIX + scan.table().name();
            byte[] prefix = StateKeys.meta(name + "/");
            store.scan(prefix, StateKeys.after(prefix), (key, value) -> {
                entries.add(new JournalEntry(name, value));
                return true;
            });
        }
        return of(definition, entries);
    }

    private static void decode(byte[] chunk, Batch into) {
        Bytes.Reader reader = new Bytes.Reader(chunk);
        for (int left = reader.getInt(); left > 0; left--) {
            for (int c = 0; c < into.columnCount(); c++) {
                RowCodec.decode(reader, into.column(c));
            }
            into.appendWeight(1);
        }
    }
}
