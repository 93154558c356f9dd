package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.ByteKeyTable;
import dev.millrace.data.Bytes;
import dev.millrace.data.RowCodec;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;

/**
 * Numbers equal rows of a result that has no unique key, so that they can be written as upserts: the copies of a row are
 * 1, 2, … up to its weight. State: row → weight, one entry per row of the result.
 *
 * <p>Delta: when a row's weight goes from a to b, +(row, n) for n in a+1 … b, or −(row, n) for n in b+1 … a.
 */
public final class RowsStage implements Stage {

    private final Grouping grouping;
    private final PartialGroups[] parts;
    private final AggregateStage.Place place;
    private final StateTable table;
    private final Output output;
    private final Batch out;
    private final Bytes.Reader reader = new Bytes.Reader();

    /**
     * @param out a batch of the grouping's columns and one BIGINT more, the copy's number
     */
    public RowsStage(
            Grouping grouping,
            PartialGroups[] parts,
            AggregateStage.Place place,
            StateStore store,
            Batch out,
            Output output) {
        this.grouping = grouping;
        this.parts = parts;
        this.place = place;
        this.table = new StateTable(store, grouping.operator(), new Accumulator[0], place.memoryBytes());
        this.out = out;
        this.output = output;
    }

    @Override
    public void endEpoch(EpochEnd epoch) {
        for (PartialGroups part : parts) {
            table.touchOwn(part.groups(), place);
        }
        table.fetch();
        int count = table.touchedCount();
        long[] before = new long[count];
        for (int t = 0; t < count; t++) {
            before[t] = Math.max(0, table.groups().weight(table.touched(t)));
        }
        for (PartialGroups part : parts) {
            table.mergeOwn(part.groups(), place);
        }
        out.clear();
        for (int t = 0; t < count; t++) {
            int slot = table.touched(t);
            long after = Math.max(0, table.groups().weight(slot));
            for (long n = before[t] + 1; n <= after; n++) {
                emit(slot, n, 1);
            }
            for (long n = after + 1; n <= before[t]; n++) {
                emit(slot, n, -1);
            }
        }
        if (out.size() > 0) {
            output.accept(out);
        }
    }

    @Override
    public void moved(boolean[] moved, long[] watermarks) {
        table.moved(moved, place.keyGroups(moved.length));
    }

    private void emit(int slot, long number, long weight) {
        ByteKeyTable keys = table.groups().keys();
        reader.reset(keys.keyArray(), keys.keyStart(slot));
        for (int column : grouping.outputs()) {
            RowCodec.decode(reader, out.column(column));
        }
        out.longs(out.columnCount() - 1).append(number);
        out.appendWeight(weight);
    }

    @Override
    public void flush(StateBatch batch) {
        table.flush(batch);
    }
}
