package dev.millrace.operator.scaling;

import dev.millrace.api.StreamingQueryStatus.Moves;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Which key groups and partitions are to go to other slots, so that all have as much to do.
 *
 * <p>What a slot does is CPU, for rows that it reads and for changes of what its key groups have. What one of either costs follows from
 * how the slots differ, by least squares with neither less than nothing.
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

    /** Of the busier one's CPU: who gains less by a move keeps what it has, so that there is an end. */
    private static final double LEAST = 1e-6;

    /** Where what the slots read and what they change is in the same proportion, nothing tells the two apart. */
    private static final double ALIKE = 1e-3;

    /** All slots note of each by name where it is, with each epoch. */
    static final int MOST_PARTITIONS = 20;

    /** That has what one slot does for all. */
    private static final Unit FIXED = Unit.ofKeyGroup(0);

    private final double[] cores;
    private final double mean;

    /**
     * What a slot did, a second.
     *
     * @param rate rows that it read
     * @param updates changes of what its key groups have
     * @param keyGroups by key group: changes of the busiest ones
     * @param partitions by partition: rows of the busiest ones
     */
    public record Load(
            double cores,
            double utilisation,
            double rate,
            double updates,
            Map<Integer, Double> keyGroups,
            Map<String, Double> partitions) {}

    /**
     * @param before the busiest slot's CPU, by the mean of all
     * @param expected the same after the move
     */
    public record Plan(Moves moves, double before, double expected) {}

    /**
     * What can go from slot to slot.
     *
     * @param partition null for a key group
     */
    private record Unit(int keyGroup, String partition) {

        static Unit ofKeyGroup(int keyGroup) {
            return new Unit(keyGroup, null);
        }

        static Unit ofPartition(String partition) {
            return new Unit(-1, partition);
        }

        boolean isPartition() {
            return partition != null;
        }

        boolean isIn(Moves moves) {
            return isPartition()
                    ? moves.partitions().containsKey(partition)
                    : moves.keyGroups().containsKey(keyGroup);
        }

        void go(Moves moves, int to) {
            if (isPartition()) {
                moves.partitions().put(partition, to);
            } else {
                moves.keyGroups().put(keyGroup, to);
            }
        }
    }

    /** What has not been moved before: each is noted from then on. */
    private static final class Others {
        private final int mostKeyGroups;
        private final int mostPartitions;
        private final Set<Unit> units = new HashSet<>();

        Others(int mostKeyGroups, int mostPartitions) {
            this.mostKeyGroups = mostKeyGroups;
            this.mostPartitions = mostPartitions;
        }

        boolean mayTake(Unit unit) {
            long alike = units.stream()
                    .filter(other -> other.isPartition() == unit.isPartition())
                    .count();
            return units.contains(unit) || alike < (unit.isPartition() ? mostPartitions : mostKeyGroups);
        }
    }

    /**
     * CPU seconds.
     *
     * @param read of a row that a slot reads
     * @param updated of a change of what its key groups have
     */
    private record Costs(double read, double updated) {}

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
     * @param known what has been moved before
     * @param most how many other key groups may move
     */
    public static Optional<Plan> of(List<Load> loads, Moves known, int most) {
        if (!isUneven(loads)) {
            return Optional.empty();
        }
        Costs each = costs(loads);
        Balance balance = new Balance(loads);
        double before = balance.cores[balance.busiest()];
        Moves moves = balance.move(loads.stream().map(load -> costs(load, each)).toList(), known, most);
        double after = balance.cores[balance.busiest()];
        return moves.isEmpty() || before - after < WORTH * before
                ? Optional.empty()
                : Optional.of(new Plan(moves, before / balance.mean, after / balance.mean));
    }

    /** What each takes of the CPU; only what takes some. */
    private static Map<Unit, Double> costs(Load load, Costs each) {
        Map<Unit, Double> costs = new LinkedHashMap<>();
        if (each.read > 0) {
            new TreeMap<>(load.partitions())
                    .forEach((partition, rate) -> costs.put(Unit.ofPartition(partition), each.read * rate));
        }
        if (each.updated > 0) {
            new TreeMap<>(load.keyGroups())
                    .forEach((group, rate) -> costs.put(Unit.ofKeyGroup(group), each.updated * rate));
        }
        return costs;
    }

    /** What best explains the slots' CPU; nothing where that is something else, or cannot be told. */
    private static Costs costs(List<Load> loads) {
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
            return kk == 0 && rr > 0 ? new Costs(rc / rr, 0) : new Costs(0, 0);
        }
        double read = (rc * kk - kc * rk) / determinant;
        double updated = (kc * rr - rc * rk) / determinant;
        return read < 0 ? new Costs(0, kc / kk) : updated < 0 ? new Costs(rc / rr, 0) : new Costs(read, updated);
    }

    /** From the busiest slot to the least busy one, whatever helps most, until nothing does or they are even. */
    private Moves move(List<Map<Unit, Double>> costs, Moves known, int most) {
        Moves moves = Moves.none();
        Others others = new Others(most, MOST_PARTITIONS - known.partitions().size());
        while (cores[busiest()] > EVEN * mean) {
            int from = busiest();
            int to = idlest();
            Optional<Map.Entry<Unit, Double>> best = costs.get(from).entrySet().stream()
                    .filter(unit -> !unit.getKey().equals(FIXED))
                    .filter(unit -> unit.getKey().isIn(known) || others.mayTake(unit.getKey()))
                    .min(Comparator.comparingDouble(unit -> busier(from, to, unit.getValue())));
            if (best.isEmpty() || busier(from, to, best.get().getValue()) > cores[from] * (1 - LEAST)) {
                break;
            }
            Unit unit = best.get().getKey();
            double cost = costs.get(from).remove(unit);
            costs.get(to).put(unit, cost);
            cores[from] -= cost;
            cores[to] += cost;
            unit.go(moves, to);
            if (!unit.isIn(known)) {
                others.units.add(unit);
            }
        }
        return moves;
    }

    /** CPU of the busier of two slots, if something goes from one to the other. */
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
