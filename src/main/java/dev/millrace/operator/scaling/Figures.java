package dev.millrace.operator.scaling;

/**
 * What a decision rests on.
 *
 * @param arrivals rows per second that come
 * @param rate rows per second that are read
 * @param lag rows behind; −1 for unknown
 * @param lagSeconds how long it takes for as many to come
 * @param capacity rows per second that the query could read as it is
 * @param target rows per second that it should be able to
 * @param needed the same, but for what waits, and where no more can be read than is, for that
 * @param coresPerRow CPU seconds that a row costs
 * @param utilisation of the busiest pod, 0 to 1
 * @param imbalance by how much the busiest pod has more to do than they have on average, at least 1
 * @param busy the share of the time in which the busiest thread of the busiest pod could do nothing else, 0 to 1
 * @param usable cores that a pod can make use of; infinite where that is not known
 * @param memory of the busiest pod, with the largest state of any
 */
public record Figures(
        double arrivals,
        double rate,
        long lag,
        double lagSeconds,
        double capacity,
        double target,
        double needed,
        double coresPerRow,
        double utilisation,
        double imbalance,
        double busy,
        double usable,
        Memory memory) {

    /** Whether state that is not in memory is what keeps, or will keep, the busiest pod from doing more: not its CPU. */
    boolean waitsForState() {
        return memory.slows() && busy >= utilisation;
    }

    /** Cores for what is needed in the long run. */
    double coresNeeded() {
        return needed * coresPerRow;
    }
}
