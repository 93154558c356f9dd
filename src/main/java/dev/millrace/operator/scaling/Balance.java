package dev.millrace.operator.scaling;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Which key groups are to go to other slots, so that all have as much to do.
 *
 * <p>What a slot does is CPU, for rows that it reads and for changes of what its key groups have. What one of either costs follows from
 * how the slots differ, by least squares with neither less than nothing. Who has busy partitions is relieved of key groups too,
 * which is what can be moved.
 */
public final class Balance {

    /** Of the mean: a busiest slot that has less is left alone. */
    static final double UNEVEN = 1.25;

    /** Of the mean: so even is even enough. */
    private static final double EVEN = 1.05;

    /** A slot that is less busy has no need. */
    private static final double LEAST_UTILISATION = 0.3;

    /** Of the busiest slot's CPU: what is gained by less is not worth a move. */
    private static final double WORTH = 0.08;

    /** Of the busier one's CPU: who gains less by a key group keeps it, so that there is an end. */
    private static final double LEAST = 1e-6;

    /** Where what the slots read and what they change is in the same proportion, nothing tells the two apart. */
    private static final double ALIKE = 1e-3;

    /** That has what one slot does for all. */
    private static final int FIXED = 0;

    private final double[] cores;
    private final double mean;

    /**
     * What a slot did, a second.
     *
     * @param rate rows that it read
     * @param updates changes of what its key groups have
     * @param keyGroups by key group: those of the busiest ones
     */
    public record Load(double cores, double utilisation, double rate, double updates, Map<Integer, Double> keyGroups) {}

    /**
     * @param moved by key group: the slot that is to have it
     * @param before the busiest slot's CPU, by the mean of all
     * @param expected the same after the move
     */
    public record Plan(SortedMap<Integer, Integer> moved, double before, double expected) {}

    private Balance(List<Load> loads) {
        this.cores = loads.stream().mapToDouble(Load::cores).toArray();
        this.mean = Arrays.stream(cores).average().orElseThrow();
    }

    /** The busiest slot's CPU, by the mean of all; 0 where nothing is done. */
    public static double imbalance(List<Load> loads) {
        double mean = loads.stream().mapToDouble(Load::cores).average().orElse(0);
        return mean <= 0 ? 0 : loads.stream().mapToDouble(Load::cores).max().orElseThrow() / mean;
    }

    /** Whether something should be done about it. */
    public static boolean isUneven(List<Load> loads) {
        return imbalance(loads) >= UNEVEN
                && loads.stream()
                                .max(Comparator.comparingDouble(Load::cores))
                                .orElseThrow()
                                .utilisation()
                        >= LEAST_UTILISATION;
    }

    /**
     * What evens them out with few moves; empty where nothing does.
     *
     * @param loads of all slots, by number
     * @param known key groups that have been moved before
     * @param most how many others may move
     */
    public static Optional<Plan> of(List<Load> loads, Set<Integer> known, int most) {
        double cost = costOfUpdate(loads);
        if (!isUneven(loads) || !(cost > 0)) {
            return Optional.empty();
        }
        Balance balance = new Balance(loads);
        double before = balance.cores[balance.busiest()];
        SortedMap<Integer, Integer> moved =
                balance.move(loads.stream().map(load -> costs(load, cost)).toList(), known, most);
        double after = balance.cores[balance.busiest()];
        return moved.isEmpty() || before - after < WORTH * before
                ? Optional.empty()
                : Optional.of(new Plan(moved, before / balance.mean, after / balance.mean));
    }

    /** By key group: its CPU. */
    private static Map<Integer, Double> costs(Load load, double each) {
        Map<Integer, Double> costs = new TreeMap<>();
        load.keyGroups().forEach((group, rate) -> costs.put(group, each * rate));
        return costs;
    }

    /** What best explains the slots' CPU; 0 where it is something else, or cannot be told. */
    private static double costOfUpdate(List<Load> loads) {
        double rr = 0;
        double kk = 0;
        double rk = 0;
        double rc = 0;
        double kc = 0;
        for (Load load : loads) {
            double rate = load.rate();
            double updates = load.updates();
            rr += rate * rate;
            kk += updates * updates;
            rk += rate * updates;
            rc += rate * load.cores();
            kc += updates * load.cores();
        }
        double determinant = rr * kk - rk * rk;
        if (determinant <= ALIKE * rr * kk) {
            return 0;
        }
        double ofRead = (rc * kk - kc * rk) / determinant;
        return ofRead < 0 ? kc / kk : Math.max(0, (kc * rr - rc * rk) / determinant);
    }

    /** From the busiest slot to the least busy one, whichever key group helps most, until none does or they are even. */
    private SortedMap<Integer, Integer> move(List<Map<Integer, Double>> costs, Set<Integer> known, int most) {
        SortedMap<Integer, Integer> moved = new TreeMap<>();
        Set<Integer> others = new HashSet<>();
        while (cores[busiest()] > EVEN * mean) {
            int from = busiest();
            int to = idlest();
            Optional<Map.Entry<Integer, Double>> best = costs.get(from).entrySet().stream()
                    .filter(group -> group.getKey() != FIXED)
                    .filter(group ->
                            others.size() < most || others.contains(group.getKey()) || known.contains(group.getKey()))
                    .min(Comparator.comparingDouble(group -> busier(from, to, group.getValue())));
            if (best.isEmpty() || busier(from, to, best.get().getValue()) > cores[from] * (1 - LEAST)) {
                break;
            }
            int group = best.get().getKey();
            double cost = costs.get(from).remove(group);
            costs.get(to).put(group, cost);
            cores[from] -= cost;
            cores[to] += cost;
            moved.put(group, to);
            if (!known.contains(group)) {
                others.add(group);
            }
        }
        return moved;
    }

    /** CPU of the busier of two slots, if a key group goes from one to the other. */
    private double busier(int from, int to, double cost) {
        return Math.max(cores[from] - cost, cores[to] + cost);
    }

    private int busiest() {
        return IntStream.range(0, cores.length).reduce(0, (a, b) -> cores[b] > cores[a] ? b : a);
    }

    private int idlest() {
        return IntStream.range(0, cores.length).reduce(0, (a, b) -> cores[b] < cores[a] ? b : a);
    }
}
