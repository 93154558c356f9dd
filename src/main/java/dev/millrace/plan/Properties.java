package dev.millrace.plan;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is proved of a node's output.
 *
 * @param appendOnly no row that was emitted is ever retracted
 * @param uniqueKey columns of which no two rows of the output's total have the same values; empty list: at most one row
 * @param waterlines by column: the promise about later values
 * @param stateBound how much the node itself remembers
 */
public record Properties(
        boolean appendOnly,
        Optional<List<Integer>> uniqueKey,
        Map<Integer, Waterline> waterlines,
        StateBound stateBound) {

    public Properties {
        uniqueKey = uniqueKey.map(List::copyOf);
        waterlines = Map.copyOf(waterlines);
    }

    /** How the state of a node grows. */
    public enum StateBound {
        NONE("none"),
        CONSTANT("constant"),
        TIME_BOUNDED("bounded by time: dropped when the watermark has passed"),
        PER_KEY("one entry per key, never dropped"),
        UNBOUNDED("grows with the input");

        private final String text;

        StateBound(String text) {
            this.text = text;
        }

        public String text() {
            return text;
        }
    }
}
