package dev.millrace.engine.operators;

import dev.millrace.data.Batch;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import dev.millrace.plan.PlanNode;

/**
 * Linear: repeats each row once per window that holds its time, with the window's start (inclusive) and end (exclusive)
 * appended. Rows without a time are in no window.
 */
public final class WindowOperator implements Output {

    private final int timeColumn;
    private final long size;
    private final long slide;
    private final long offset;
    private final RowErrors errors;
    private final Output output;
    private final Batch assigned;
    private final LongVector starts;
    private final LongVector ends;
    private final RowSelection source = new RowSelection();
    private long windowFrom = 1;
    private long windowUntil;

    public WindowOperator(Schema input, PlanNode.Window node, RowErrors errors, Output output) {
        DataType.Timestamp type = (DataType.Timestamp) input.type(node.timeColumn());
        long units = type.unitsPerSecond() / 1000;
        this.timeColumn = node.timeColumn();
        this.size = node.size() * units;
        this.slide = node.slide() * units;
        this.offset = node.offset() * units;
        this.errors = errors;
        this.output = output;
        this.assigned = new Batch(node.schema());
        this.starts = assigned.longs(node.schema().size() - 2);
        this.ends = assigned.longs(node.schema().size() - 1);
    }

    @Override
    public void accept(Batch delta) {
        LongVector times = delta.longs(timeColumn);
        int rows = delta.size();
        source.start(rows);
        starts.reset(0);
        ends.reset(0);
        for (int i = 0; i < rows; i++) {
            byte mark = times.mark(i);
            if (mark == CellError.VALUE) {
                assign(i, times.get(i));
            } else if (mark != CellError.NULL) {
                errors.report("window", CellError.ofMark(mark), delta, i);
            }
        }
        int count = source.count();
        if (count == 0) {
            return;
        }
        for (int c = 0; c < assigned.columnCount() - 2; c++) {
            assigned.column(c).gather(delta.column(c), source.rows(), count);
        }
        assigned.fillFrom(delta, source.rows(), count);
        output.accept(assigned);
    }

    private void assign(int row, long time) {
        if (slide == size && time >= windowFrom && time < windowUntil) {
            add(row, windowFrom);
            return;
        }
        long last = time - Math.floorMod(time - offset, slide);
        for (long start = last; start > time - size; start -= slide) {
            add(row, start);
        }
        windowFrom = last;
        windowUntil = last + size;
    }

    private void add(int row, long start) {
        source.add(row);
        starts.append(start);
        ends.append(start + size);
    }
}
