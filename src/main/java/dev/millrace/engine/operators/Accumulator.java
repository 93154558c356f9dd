package dev.millrace.engine.operators;

import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.Vector;
import dev.millrace.plan.AggregateCall;

/**
 * What one aggregate remembers, for all groups of a table: arrays indexed by the group's slot. Adding is commutative and
 * exact, and adding with the opposite weight takes out what was put in, so order and batches leave no trace.
 */
abstract class Accumulator {

    /** The accumulator of a call; null for a plain {@code COUNT(*)}, which is the group's weight. */
    static Accumulator of(AggregateCall call, DataType argument, boolean retractable) {
        return switch (call.kind()) {
            case COUNT -> call.argument() < 0 && call.filter() < 0 ? null : new CountAccumulator();
            case SUM, AVG ->
                argument.kind() == DataType.Kind.DOUBLE
                        ? new DoubleSumAccumulator(call.kind() == AggregateCall.Kind.AVG)
                        : new ExactSumAccumulator(call.kind() == AggregateCall.Kind.AVG, argument);
            case MIN, MAX -> {
                boolean greatest = call.kind() == AggregateCall.Kind.MAX;
                boolean primitive = argument.isLong() || argument.kind() == DataType.Kind.DOUBLE;
                yield primitive && !retractable
                        ? new LongExtremeAccumulator(greatest, argument)
                        : new ExtremeAccumulator(greatest, argument);
            }
        };
    }

    /** Makes room for groups; new ones are empty. */
    abstract void ensure(int slots);

    /** Adds the values at {@code rows[k]}, none NULL, to the groups {@code slots[k]} with {@code weights[k]}. */
    abstract void add(Vector argument, int[] rows, int[] slots, long[] weights, int count);

    abstract void merge(int slot, Accumulator other, int otherSlot);

    /** Sets the aggregate's value: NULL for none, an error where it does not fit. */
    abstract void result(int slot, Vector out, int row);

    abstract void write(int slot, Bytes out);

    abstract void read(int slot, Bytes.Reader in);

    /** Whether nothing is remembered: the group can be forgotten. */
    abstract boolean isEmpty(int slot);

    /** Empties all groups. */
    abstract void clear();

    /** Takes over another group's content; used to close gaps, {@code to < from}. */
    abstract void move(int to, int from);

    /** Empties a group. */
    abstract void clear(int slot);
}
