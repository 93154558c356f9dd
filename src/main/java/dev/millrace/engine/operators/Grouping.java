package dev.millrace.engine.operators;

import dev.millrace.data.DataType;
import dev.millrace.data.Hash;
import dev.millrace.data.Schema;
import dev.millrace.plan.AggregateCall;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Properties;
import dev.millrace.plan.Waterline;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How a stateful node groups its input: shared by both halves of the operator, so that they agree.
 *
 * @param keys the input's key columns in the order in which they are encoded: one with a waterline first, so that closed
 *     groups are a range
 * @param outputs by place in {@code keys}: the node's output column
 * @param calls the aggregates
 * @param multisets the value sets that some of the calls read
 * @param waterline the promise about the first key column
 * @param closing where groups are emitted once, when they are closed: the first key decides
 */
public record Grouping(
        String name,
        Schema input,
        Schema output,
        List<Integer> keys,
        List<Integer> outputs,
        List<AggregateCall> calls,
        List<Values> multisets,
        boolean retractable,
        Optional<Waterline> waterline,
        Optional<PlanNode.Closing> closing,
        int operator,
        int keyGroups) {

    /** What a TIMESTAMP key that is not NULL takes. */
    static final int TIME_BYTES = 9;

    /** All values of a column of a group, with the rows restricted by a filter column or −1. */
    public record Values(int argument, int filter, int operator) {}

    public static Grouping of(PlanNode.Aggregate node, Map<PlanNode, Properties> properties, int keyGroups) {
        Properties input = properties.get(node.input());
        Map<Integer, Waterline> waterlines = properties.get(node).waterlines();
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, node.keys().size()).boxed().toList());
        order.sort(Comparator.comparing(i -> !waterlines.containsKey(i)));
        node.closing().ifPresent(closing -> closingFirst(order, closing));
        Optional<Waterline> waterline =
                order.isEmpty() ? Optional.empty() : Optional.ofNullable(waterlines.get(order.get(0)));
        long identity = node.identity();
        boolean retractable = !input.appendOnly();
        List<Values> multisets = new ArrayList<>();
        for (AggregateCall call : node.calls()) {
            if (needsValues(call, retractable) && find(multisets, call) < 0) {
                long derived = Hash.combine(identity, Hash.combine(call.argument(), call.filter()));
                multisets.add(new Values(call.argument(), call.filter(), (int) derived));
            }
        }
        return new Grouping(
                "aggregate",
                node.input().schema(),
                node.schema(),
                order.stream().map(node.keys()::get).toList(),
                order,
                node.calls(),
                multisets,
                retractable,
                waterline,
                node.closing(),
                (int) identity,
                keyGroups);
    }

    /** Of the keys that a window gives, only the one that closes it is grouped by where panes are counted. */
    private static void closingFirst(List<Integer> order, PlanNode.Closing closing) {
        order.remove((Object) closing.key());
        closing.panes().ifPresent(panes -> {
            order.removeAll(panes.starts());
            order.removeAll(panes.ends());
        });
        order.add(0, closing.key());
    }

    /** Groups equal rows, for operators that remember rows with their weights; {@code first} is encoded first, or −1. */
    public static Grouping ofRows(
            String name, Schema schema, int first, Waterline waterline, long identity, int keyGroups) {
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, schema.size()).boxed().toList());
        order.sort(Comparator.comparing(i -> i != first));
        return new Grouping(
                name,
                schema,
                schema,
                order,
                order,
                List.of(),
                List.of(),
                true,
                Optional.ofNullable(waterline),
                Optional.empty(),
                (int) identity,
                keyGroups);
    }

    private static boolean needsValues(AggregateCall call, boolean retractable) {
        boolean extreme = call.kind() == AggregateCall.Kind.MIN || call.kind() == AggregateCall.Kind.MAX;
        return call.distinct() || (extreme && retractable);
    }

    private static int find(List<Values> multisets, AggregateCall call) {
        for (int i = 0; i < multisets.size(); i++) {
            Values values = multisets.get(i);
            if (values.argument() == call.argument() && values.filter() == call.filter()) {
                return i;
            }
        }
        return -1;
    }

    /** The value set that the call reads, or −1 where it is fed rows. */
    int multisetOf(AggregateCall call) {
        return needsValues(call, retractable) ? find(multisets, call) : -1;
    }

    DataType argumentType(AggregateCall call) {
        return call.argument() < 0 ? DataType.BIGINT : input.type(call.argument());
    }

    /** One accumulator per call; null where the call needs none, or, with {@code partial}, where values feed it later. */
    Accumulator[] accumulators(boolean partial) {
        Accumulator[] accumulators = new Accumulator[calls.size()];
        for (int i = 0; i < accumulators.length; i++) {
            AggregateCall call = calls.get(i);
            accumulators[i] =
                    partial && multisetOf(call) >= 0 ? null : Accumulator.of(call, argumentType(call), retractable);
        }
        return accumulators;
    }

    int[] keyColumns() {
        return keys.stream().mapToInt(Integer::intValue).toArray();
    }

    /** The input columns that keys, filters and arguments are. */
    int[] readColumns() {
        IntStream called = calls.stream().flatMapToInt(call -> IntStream.of(call.argument(), call.filter()));
        return IntStream.concat(Arrays.stream(keyColumns()), called)
                .filter(column -> column >= 0)
                .distinct()
                .toArray();
    }

    /** The key group of an encoded key; the key of no columns is spread by the operator, all panes of a group are one. */
    int keyGroup(byte[] array, int start, int length, long hash) {
        boolean panes = closing.flatMap(PlanNode.Closing::panes).isPresent();
        long group = panes ? Hash.hash(array, start + TIME_BYTES, length - TIME_BYTES) : hash;
        int columns = keys.size() - (panes ? 1 : 0);
        return Hash.keyGroup(columns == 0 ? Hash.combine(group, operator) : group, keyGroups);
    }
}
