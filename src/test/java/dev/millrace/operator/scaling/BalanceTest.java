package dev.millrace.operator.scaling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.StreamingQueryStatus.Moves;
import dev.millrace.operator.scaling.Balance.Load;
import dev.millrace.operator.scaling.Balance.Plan;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BalanceTest {

    private static final double PER_ROW_READ = 2e-6;
    private static final double PER_ROW_KEYED = 5e-6;

    /** Of a slot of which it is not known what it reads. */
    private static Load load(double read, Map<Integer, Double> keyGroups) {
        double keyed = sum(keyGroups);
        double cores = PER_ROW_READ * read + PER_ROW_KEYED * keyed;
        return new Load(cores, cores / 2, read, keyed, new HashMap<>(keyGroups), Map.of());
    }

    private static Load load(Map<String, Double> partitions, Map<Integer, Double> keyGroups) {
        Load load = load(sum(partitions), keyGroups);
        return new Load(
                load.cores(),
                load.utilisation(),
                load.rate(),
                load.updates(),
                load.keyGroups(),
                new HashMap<>(partitions));
    }

    private static double sum(Map<?, Double> rates) {
        return rates.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    /** That have been moved before, wherever. */
    private static Moves known(Map<Integer, Double> keyGroups) {
        Moves known = Moves.none();
        keyGroups.keySet().forEach(group -> known.keyGroups().put(group, 0));
        return known;
    }

    private static Map<Integer, Double> groups(double... rates) {
        Map<Integer, Double> groups = new TreeMap<>();
        for (int i = 0; i < rates.length; i += 2) {
            groups.put((int) rates[i], rates[i + 1]);
        }
        return groups;
    }

    private static List<Load> after(List<Load> loads, Plan plan) {
        List<Map<Integer, Double>> groups =
                moved(loads.stream().map(Load::keyGroups).toList(), plan.moves().keyGroups());
        List<Map<String, Double>> partitions = moved(
                loads.stream().map(Load::partitions).toList(), plan.moves().partitions());
        List<Load> after = new ArrayList<>();
        for (int slot = 0; slot < loads.size(); slot++) {
            after.add(
                    loads.get(slot).partitions().isEmpty()
                            ? load(loads.get(slot).rate(), groups.get(slot))
                            : load(partitions.get(slot), groups.get(slot)));
        }
        return after;
    }

    private static <K> List<Map<K, Double>> moved(List<Map<K, Double>> before, Map<K, Integer> moves) {
        List<Map<K, Double>> after = new ArrayList<>();
        before.forEach(of -> after.add(new HashMap<>(of)));
        moves.forEach((what, to) -> {
            double rate = after.stream()
                    .map(of -> of.remove(what))
                    .filter(found -> found != null)
                    .findFirst()
                    .orElseThrow();
            after.get(to).put(what, rate);
        });
        return after;
    }

    @Test
    void busyKeyGroupsGoToSlotsThatHaveLittleToDo() {
        List<Load> loads = List.of(
                load(100_000, groups(0, 10_000, 1, 10_000, 2, 10_000)),
                load(100_000, groups(3, 60_000, 4, 50_000, 5, 10_000)));
        Plan plan = Balance.of(loads, Moves.none(), 1_000).orElseThrow();
        assertEquals(Map.of(4, 0), plan.moves().keyGroups());
        assertEquals(plan.expected(), Balance.imbalance(after(loads, plan)), 1e-6, "what a row costs was found");
        assertTrue(plan.expected() < 1.1, plan.toString());
    }

    @Test
    void whatIsEvenStaysAsItIs() {
        assertEquals(
                Optional.empty(),
                Balance.of(
                        List.of(load(100_000, groups(1, 50_000)), load(100_000, groups(2, 60_000))),
                        Moves.none(),
                        1_000));
    }

    @Test
    void aSlotThatIsNotBusyNeedsNoHelp() {
        assertEquals(
                Optional.empty(),
                Balance.of(
                        List.of(load(1_000, groups(1, 500)), load(1_000, groups(2, 5_000, 3, 5_000))),
                        Moves.none(),
                        1_000));
    }

    @Test
    void whoHasMoreToReadIsRelievedOfKeyGroups() {
        List<Load> loads =
                List.of(load(400_000, groups(1, 20_000, 2, 20_000)), load(100_000, groups(3, 20_000, 4, 21_000)));
        Plan plan = Balance.of(loads, Moves.none(), 1_000).orElseThrow();
        assertEquals(Map.of(1, 1, 2, 1), plan.moves().keyGroups());
        assertEquals(plan.expected(), Balance.imbalance(after(loads, plan)), 1e-6);
    }

    @Test
    void whoHasBusyPartitionsGivesSomeAway() {
        List<Load> loads = List.of(
                load(
                        Map.of("clicks/in-0", 400_000.0, "clicks/in-2", 100_000.0, "clicks/in-4", 150_000.0),
                        groups(1, 20_000, 2, 20_000)),
                load(Map.of("clicks/in-1", 60_000.0, "clicks/in-3", 60_000.0), groups(3, 20_000, 4, 21_000)));
        Plan plan = Balance.of(loads, Moves.none(), 1_000).orElseThrow();
        assertEquals(1, plan.moves().partitions().get("clicks/in-4"));
        assertEquals(plan.expected(), Balance.imbalance(after(loads, plan)), 1e-6);
        assertTrue(plan.expected() < 1.1, plan.toString());
    }

    @Test
    void soManyPartitionsMoveThatEachCanBeNotedByName() {
        Map<String, Double> many = new TreeMap<>();
        Map<String, Double> few = new TreeMap<>();
        for (int i = 0; i < 60; i++) {
            many.put("clicks/many-" + i, 10_000.0);
            few.put("clicks/few-" + i, 2_000.0);
        }
        List<Load> loads = List.of(load(many, Map.of()), load(few, Map.of()));
        Moves moves = Balance.of(loads, Moves.none(), 1_000).orElseThrow().moves();
        assertEquals(Balance.MOST_PARTITIONS, moves.partitions().size());
        Moves others = Moves.none();
        for (int i = 0; i < Balance.MOST_PARTITIONS; i++) {
            others.partitions().put("clicks/gone-" + i, 0);
        }
        assertEquals(Optional.empty(), Balance.of(loads, others, 1_000));
        assertEquals(
                moves.partitions().keySet(),
                Balance.of(loads, moves, 1_000)
                        .orElseThrow()
                        .moves()
                        .partitions()
                        .keySet());
    }

    /** A query without groups, such as a filter. */
    @Test
    void whereThereIsNoStateReadingIsAllThatCosts() {
        List<Load> loads = List.of(
                load(Map.of("clicks/in-0", 400_000.0, "clicks/in-2", 100_000.0), Map.of()),
                load(Map.of("clicks/in-1", 100_000.0, "clicks/in-3", 150_000.0), Map.of()));
        Plan plan = Balance.of(loads, Moves.none(), 1_000).orElseThrow();
        assertEquals(Map.of("clicks/in-2", 1), plan.moves().partitions());
        assertEquals(400.0 / 375, plan.expected(), 1e-6);
    }

    /** Reading is all that costs: its partitions have more rows. */
    @Test
    void whereKeyGroupsCostNothingTheyStayWhereTheyAre() {
        List<Load> loads = List.of(
                new Load(0.8, 0.8, 400_000, 40, groups(1, 20, 2, 20), Map.of()),
                new Load(0.2, 0.2, 100_000, 41, groups(3, 21, 4, 20), Map.of()));
        assertTrue(Balance.isUneven(loads));
        assertEquals(Optional.empty(), Balance.of(loads, Moves.none(), 1_000));
    }

    @Test
    void whereNothingTellsReadingFromKeyGroupsTheyStayWhereTheyAre() {
        List<Load> loads =
                List.of(load(400_000, groups(1, 20_000, 2, 20_000)), load(100_000, groups(3, 5_000, 4, 5_000)));
        assertTrue(Balance.isUneven(loads));
        assertEquals(Optional.empty(), Balance.of(loads, Moves.none(), 1_000));
    }

    @Test
    void oneKeyGroupThatIsAllTheLoadIsNotSentRoundInCircles() {
        List<Load> loads = List.of(load(100_000, groups(0, 1_000, 1, 1_000)), load(100_000, groups(5, 150_000, 6, 50)));
        assertEquals(Optional.empty(), Balance.of(loads, Moves.none(), 1_000));
    }

    /** Others leave the slot of a key group that nobody can divide; nor can the first one go. */
    @ParameterizedTest
    @ValueSource(ints = {0, 7})
    void whoHasAHotKeyGroupIsRelievedOfTheOthers(int hot) {
        List<Load> loads = List.of(
                load(100_000, groups(hot, 60_000, 1, 30_000, 2, 30_000)), load(100_000, groups(3, 10_000, 4, 10_000)));
        Plan plan = Balance.of(loads, Moves.none(), 1_000).orElseThrow();
        assertFalse(plan.moves().keyGroups().containsKey(0), plan.toString());
        assertTrue(Balance.imbalance(after(loads, plan)) < 1.1, plan.toString());
    }

    /** None of them alone is worth a move. */
    @Test
    void manySmallKeyGroupsGoTogether() {
        Map<Integer, Double> many = new TreeMap<>();
        Map<Integer, Double> few = new TreeMap<>();
        for (int i = 0; i < 200; i++) {
            many.put(1 + i, 500.0);
            few.put(201 + i, 200.0);
        }
        List<Load> loads = List.of(load(50_000, many), load(50_000, few));
        Plan plan = Balance.of(loads, Moves.none(), 1_000).orElseThrow();
        assertTrue(Balance.imbalance(after(loads, plan)) < 1.06, plan.toString());
        assertEquals(
                30,
                Balance.of(loads, Moves.none(), 30)
                        .orElseThrow()
                        .moves()
                        .keyGroups()
                        .size());
        assertEquals(Optional.empty(), Balance.of(loads, Moves.none(), 3), "it would be of no use");
        Plan again = Balance.of(loads, known(many), 0).orElseThrow();
        assertTrue(
                many.keySet().containsAll(again.moves().keyGroups().keySet()),
                "those that were moved before may go on");
    }

    @Test
    void whatIsNoNumberMovesNothing() {
        Load sound = load(100_000, groups(1, 10_000));
        for (double odd : new double[] {Double.NaN, Double.POSITIVE_INFINITY, 1e200}) {
            Load other = new Load(1, 1, 100_000, odd, groups(2, odd, 3, 5), Map.of());
            assertEquals(Optional.empty(), Balance.of(List.of(sound, other), Moves.none(), 1_000), String.valueOf(odd));
        }
    }

    @Test
    void whateverIsProposedHelpsAsMuchAsItSays() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        int plans = 0;
        for (int round = 0; round < 2_000; round++) {
            int slots = 2 + random.nextInt(6);
            int keyGroups = slots * (1 + random.nextInt(200));
            List<Map<Integer, Double>> groups = new ArrayList<>();
            for (int slot = 0; slot < slots; slot++) {
                groups.add(new TreeMap<>());
            }
            for (int group = 0; group < keyGroups; group++) {
                groups.get(random.nextInt(slots)).put(group, Math.exp(random.nextGaussian()) * 20_000);
            }
            List<Load> loads = new ArrayList<>();
            boolean known = random.nextBoolean();
            for (Map<Integer, Double> of : groups) {
                Map<String, Double> partitions = new TreeMap<>();
                for (int i = 1 + random.nextInt(5); i > 0; i--) {
                    partitions.put("clicks/in-" + random.nextInt(1_000_000), 2_000 + random.nextDouble() * 50_000);
                }
                loads.add(known ? load(partitions, of) : load(50_000 + random.nextInt(30_000), of));
            }
            Optional<Plan> plan = Balance.of(loads, Moves.none(), 1_000);
            if (plan.isPresent()) {
                plans++;
                double before = Balance.imbalance(loads);
                double after = Balance.imbalance(after(loads, plan.get()));
                assertEquals(before, plan.get().before(), 1e-6, "seed " + seed);
                assertEquals(after, plan.get().expected(), 1e-6, "seed " + seed);
                assertTrue(after < 0.93 * before, "seed " + seed + ": " + before + " to " + after);
            }
        }
        assertTrue(plans > 500, plans + " plans, seed " + seed);
    }
}
