package dev.millrace.engine.task;

import dev.millrace.data.Bytes;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.RecordJson;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A query's state store as its epochs write it: each in one atomic batch, which holds what the operators changed and, beside
 * it, the epoch's record, where the log goes on behind it, and what was recorded about sources.
 */
final class KeptState {

    private static final byte[] LOG_POSITION = StateKeys.meta("log-position");
    private static final byte[] LOG_IDENTITY = StateKeys.meta("log-identity");
    private static final byte[] RECORD = StateKeys.meta("record");
    private static final String JOURNAL = "journal/";

    private final StateStore store;
    private final StateBatch batch = new StateBatch();

    KeptState(StateStore store) {
        this.store = store;
    }

    StateStore store() {
        return store;
    }

    /** The last epoch's record; empty where nothing was written yet. */
    Optional<ProgressRecord> record() {
        return Optional.ofNullable(store.get(List.of(RECORD)).get(0)).map(RecordJson::read);
    }

    /** Where the log goes on behind the last epoch, −1 where nothing was written yet. */
    long logPosition() {
        byte[] stored = store.get(List.of(LOG_POSITION)).get(0);
        return stored == null ? -1 : Bytes.getLong(stored, 0);
    }

    /** Which log that is; empty where nothing was written yet. */
    Optional<String> logIdentity() {
        return Optional.ofNullable(store.get(List.of(LOG_IDENTITY)).get(0))
                .map(stored -> new String(stored, StandardCharsets.UTF_8));
    }

    /** Whether no log continues it yet: its positions are of the log of the query that the savepoint was taken of. */
    boolean isOfSavepoint() {
        return store.get(List.of(StateKeys.SAVEPOINT)).get(0) != null;
    }

    /** Binds a savepoint's state to the log that continues it. */
    void continueSavepoint(ProgressRecord first, long position, String logIdentity) {
        batch.put(LOG_IDENTITY, logIdentity.getBytes(StandardCharsets.UTF_8));
        batch.delete(StateKeys.SAVEPOINT, StateKeys.SAVEPOINT.length);
        writeRecord(first, position);
    }

    /** What is written next is all that there is. */
    void empty() {
        byte[] end = new byte[64];
        Arrays.fill(end, (byte) -1);
        batch.deleteRange(new byte[1], end);
        batch.countRows(-store.rows());
    }

    /** Writes epoch 0, with the static tables that it fixes. */
    void begin(StaticTables tables, ProgressRecord record, long position, String logIdentity) {
        tables.store(batch);
        batch.put(LOG_IDENTITY, logIdentity.getBytes(StandardCharsets.UTF_8));
        write(record, position);
    }

    /** Writes an epoch. */
    void apply(Flow flow, ProgressRecord record, long position) {
        flow.flush(batch);
        write(record, position);
    }

    /** Notes a claim, which is no epoch and brings no facts about sources. */
    void claim(ProgressRecord record, long position) {
        writeRecord(record, position);
    }

    private void write(ProgressRecord record, long position) {
        record.sources().forEach((name, progress) -> {
            for (int i = 0; i < progress.journal().size(); i++) {
                String key = JOURNAL + name + "/" + String.format("%016d/%08d", record.epoch(), i);
                batch.put(StateKeys.meta(key), progress.journal().get(i).getBytes(StandardCharsets.UTF_8));
            }
        });
        writeRecord(record, position);
    }

    private void writeRecord(ProgressRecord record, long position) {
        batch.put(LOG_POSITION, new Bytes(8).putLong(position).toByteArray());
        batch.put(RECORD, RecordJson.write(record));
        store.apply(batch, record.epoch());
        batch.clear();
    }

    /** What earlier epochs recorded about a source. */
    List<String> journal(String source) {
        byte[] prefix = StateKeys.meta(JOURNAL + source + "/");
        List<String> entries = new ArrayList<>();
        store.scan(prefix, StateKeys.after(prefix), (key, value) -> {
            entries.add(new String(value, StandardCharsets.UTF_8));
            return true;
        });
        return entries;
    }
}
