package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.EngineProgress.KeyGroupUpdates;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.operator.reconcile.DeciderTest.World;
import dev.millrace.operator.reconcile.Decision.TellDivision;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Rates;
import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Sample;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Key groups go from slots that have much to do to those that have little. */
class BalancingTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SPEC = """
            {"query": "SELECT 1", "sources": [], "sinks": [{"name": "out", "kafka": {"topic": "t"}}],
             "scaling": {"mode": "Manual"}, "replicas": @slots}""";
    private static final Map<Integer, Double> FEW = Map.of(0, 10_000.0, 1, 10_000.0, 2, 10_000.0);
    private static final Map<Integer, Double> MANY = Map.of(3, 60_000.0, 4, 50_000.0, 5, 10_000.0);

    /** Rows a second, of all slots 100,000. */
    private List<Map<String, Double>> partitions = List.of(Map.of(), Map.of());

    private boolean settled = true;
    private double limitOfSecond = 1.5;
    private long lag;
    private long lagGrows;

    private static double sum(Map<?, Double> groups) {
        return groups.values().stream()
                .mapToDouble(updates -> updates == null ? 0 : updates)
                .sum();
    }

    /** The pods answer that they have what is theirs. */
    private void answer(World world, List<Map<Integer, Double>> rates) {
        List<Integer> members = IntStream.range(0, rates.size()).boxed().toList();
        for (PodView pod : world.pods) {
            EngineProgress progress = DeciderTest.progress(
                    pod.incarnation(),
                    "running",
                    pod.slot(),
                    world.status.division() == null
                            ? null
                            : world.status.division().text(),
                    members,
                    "9",
                    settled);
            ObjectNode json = JSON.valueToTree(progress);
            json.remove("volumeShort");
            json.remove("running");
            Map<Integer, Double> groups = rates.get(pod.slot());
            json.set("keyGroupUpdates", JSON.valueToTree(new KeyGroupUpdates(sum(groups), groups)));
            json.set("partitionRates", JSON.valueToTree(partitions.get(pod.slot())));
            world.engines.put(
                    pod.name(),
                    new EngineView(true, world.now, JSON.convertValue(json, EngineProgress.class), new Rates(100, 7)));
        }
    }

    /** So many looks with a sample each, in which a row read costs 2 µs, and one of a key group 5 µs. */
    private World looks(World world, int count, List<Map<Integer, Double>> rates) {
        for (int i = 0; i < count; i++) {
            world.after(10);
            List<Sample.Slot> slots = new ArrayList<>();
            for (Map<Integer, Double> groups : rates) {
                Map<String, Double> read = partitions.get(slots.size());
                double rows = read == null ? 0 : sum(read);
                double rate = rows == 0 ? 100_000 : rows;
                double cores = rate * 2e-6 + sum(groups) * 5e-6;
                double limit = slots.isEmpty() ? 1.5 : limitOfSecond;
                long waits = slots.isEmpty() ? 0 : Math.max(0, lag += lagGrows);
                slots.add(new Sample.Slot(rate, waits, cores, limit, 0.1, 0.05, Memory.UNKNOWN));
            }
            world.samples.add(new Sample(world.now, 10, slots));
            answer(world, rates);
            world.look();
            if (world.notices().contains("LoadMoved") || world.notices().contains("BalanceRecommended")) {
                return world;
            }
        }
        return world;
    }

    private World divided(String spec) {
        World world = World.running(spec.replace("@slots", "2"));
        for (int i = 0; i < 8; i++) {
            answer(world, List.of(Map.of(), Map.of()));
            world.after(1).look();
        }
        assertEquals(2, world.pods.size());
        assertEquals("False AsWanted", world.condition("Reconciling"));
        return world;
    }

    private static List<String> told(World world) {
        return world.last.stream()
                .filter(TellDivision.class::isInstance)
                .map(action -> ((TellDivision) action).division())
                .distinct()
                .toList();
    }

    @Test
    void whatHasMoreToDoForTwoMinutesGivesKeyGroupsAway() {
        World world = divided(SPEC);
        Division before = world.status.division();
        looks(world, 11, List.of(FEW, MANY));
        assertEquals(before, world.status.division());
        looks(world, 3, List.of(FEW, MANY));
        Division after = world.status.division();
        assertEquals("4:0", after.moved());
        assertTrue(after.version() > before.version());
        assertEquals(List.of(after.text()), told(world));
        assertEquals(1, world.status.balance().keyGroups());
        assertEquals(1.4, world.status.balance().before(), 0.05);
        assertTrue(world.status.balance().expected() < 1.1);
        assertNull(world.status.balance().after());
        String message = world.decision.notices().get(0).message();
        assertTrue(
                message.startsWith("key groups go to other slots, 4 to slot 0: the busiest slot takes 1.4"), message);
    }

    @Test
    void whatHasMoreToReadGivesPartitionsAway() {
        World world = divided(SPEC);
        partitions = List.of(
                Map.of("clicks/in-0", 300_000.0, "clicks/in-2", 100_000.0, "clicks/in-4", 90_000.0),
                Map.of("clicks/in-1", 100_000.0, "clicks/in-3", 100_000.0));
        looks(world, 14, List.of(Map.of(), Map.of()));
        assertEquals("clicks/in-2:1", world.status.division().partitions());
        assertEquals(List.of(world.status.division().text()), told(world));
        assertEquals(0, world.status.balance().keyGroups());
        assertEquals(1, world.status.balance().partitions());
        String message = world.decision.notices().get(0).message();
        assertTrue(
                message.startsWith("partitions go to other slots, clicks/in-2 to slot 1: the busiest slot takes 1."),
                message);
        world.spec = World.parse(SPEC.replace("@slots", "3"));
        world.after(1).look();
        assertEquals("clicks/in-2:1", world.status.division().partitions());
    }

    /** An older image could not read where they are to be, and would not come to anything any more. */
    @Test
    void whereAnEngineKnowsOfNoPartitionsTheyAreWhereArithmeticHasThem() {
        World world = divided(SPEC);
        partitions = new ArrayList<>(List.of(
                Map.of("clicks/in-0", 300_000.0, "clicks/in-2", 100_000.0, "clicks/in-4", 90_000.0),
                Map.of("clicks/in-1", 100_000.0, "clicks/in-3", 100_000.0)));
        looks(world, 14, List.of(Map.of(), Map.of()));
        assertEquals("clicks/in-2:1", world.status.division().partitions());
        long version = world.status.division().version();
        partitions.set(1, null);
        answer(world, List.of(Map.of(), Map.of()));
        world.after(1).look();
        assertNull(world.status.division().partitions());
        assertNull(world.status.balance());
        assertTrue(world.notices().contains("LoadMoved"));
        assertTrue(world.status.division().version() > version);
        version = world.status.division().version();
        looks(world, 60, List.of(Map.of(), Map.of()));
        assertEquals(version, world.status.division().version());
    }

    /** An engine's image is its user's. */
    @Test
    void partitionsThatCannotBeAreNotMoved() {
        for (String odd : List.of("clicks", "a/b:1", "a/b,c", "a/b/c", "")) {
            World world = divided(SPEC);
            String division = world.status.division().text();
            partitions = List.of(
                    Map.of("clicks/in-0", 300_000.0, odd, 190_000.0),
                    Map.of("clicks/in-1", 100_000.0, "clicks/in-3", 100_000.0));
            looks(world, 14, List.of(Map.of(), Map.of()));
            assertEquals(division, world.status.division().text(), odd);
        }
    }

    /** What came of it is known two minutes after it has moved; after that, but not before ten minutes, the next may. */
    @Test
    void whatCameOfItIsShownAndTheNextWaits() {
        World world = divided(SPEC);
        looks(world, 14, List.of(FEW, MANY));
        settled = false;
        looks(world, 20, List.of(FEW, MANY));
        assertEquals("True Rescaling", world.condition("Reconciling"));
        assertNull(world.status.balance().after());
        settled = true;
        looks(world, 16, List.of(FEW, MANY));
        assertEquals(1.4, world.status.balance().after(), 0.05, "it did not help");
        String division = world.status.division().text();
        looks(world, 300, List.of(FEW, MANY));
        assertEquals(division, world.status.division().text(), "not again for an hour");
        looks(world, 60, List.of(FEW, MANY));
        assertTrue(world.notices().contains("LoadMoved"));
    }

    @Test
    void whereItHelpedTheNextMayComeInTenMinutes() {
        World world = divided(SPEC);
        looks(world, 14, List.of(FEW, MANY));
        List<Map<Integer, Double>> even = List.of(Map.of(0, 70_000.0, 1, 10_000.0), Map.of(3, 60_000.0, 5, 20_000.0));
        looks(world, 14, even);
        assertEquals(1, world.status.balance().after());
        String division = world.status.division().text();
        looks(world, 40, List.of(FEW, MANY));
        assertEquals(division, world.status.division().text());
        looks(world, 20, List.of(FEW, MANY));
        assertTrue(world.notices().contains("LoadMoved"));
    }

    @Test
    void whenTheNumberOfSlotsChangesWhatWasMovedStaysThere() {
        World world = divided(SPEC);
        looks(world, 14, List.of(FEW, MANY));
        world.spec = World.parse(SPEC.replace("@slots", "3"));
        world.after(1).look();
        assertEquals(3, world.status.division().slots());
        assertEquals("4:0", world.status.division().moved());
        assertNull(world.status.balance());
        world.spec = World.parse(SPEC.replace("@slots", "1"));
        world.after(1).look();
        assertEquals(1, world.status.division().slots());
        assertEquals("4:0", world.status.division().moved(), "slot 0 has all");
    }

    @Test
    void whereTheUserDecidesItIsOnlyTold() {
        for (String more : List.of(
                "\"mode\": \"Recommend\", \"replicas\": {\"min\": 2, \"max\": 2}",
                "\"mode\": \"Manual\", \"exclusions\": [{\"schedule\": \"* * * * *\", \"duration\": \"1h\"}]")) {
            World world = divided(SPEC.replace("\"mode\": \"Manual\"", more));
            String division = world.status.division().text();
            looks(world, 14, List.of(FEW, MANY));
            assertEquals(division, world.status.division().text());
            assertTrue(world.notices().contains("BalanceRecommended"), more);
        }
    }

    @Test
    void whatIsEvenStaysAsItIs() {
        World world = divided(SPEC);
        String division = world.status.division().text();
        looks(world, 60, List.of(FEW, Map.of(3, 40_000.0, 4, 30_000.0)));
        assertEquals(division, world.status.division().text());
    }

    @Test
    void aPeakOfAMinuteMovesNothing() {
        World world = divided(SPEC);
        String division = world.status.division().text();
        for (int i = 0; i < 5; i++) {
            looks(world, 6, List.of(FEW, MANY));
            looks(world, 7, List.of(FEW, FEW));
        }
        assertEquals(division, world.status.division().text());
    }

    @Test
    void aSlotThatHasMoreCpuThanTheOtherMayUseIt() {
        World world = divided(SPEC);
        String division = world.status.division().text();
        limitOfSecond = 2;
        looks(world, 30, List.of(FEW, MANY));
        assertEquals(division, world.status.division().text());
    }

    @Test
    void whoCatchesUpHasMoreToDoForAWhileOnly() {
        World world = divided(SPEC);
        String division = world.status.division().text();
        lag = 50_000_000;
        lagGrows = -1_000_000;
        looks(world, 49, List.of(FEW, MANY));
        assertEquals(division, world.status.division().text());
        lagGrows = 1_000_000;
        looks(world, 30, List.of(FEW, MANY));
        assertEquals("4:0", world.status.division().moved(), "it falls behind");
    }

    /** An engine's image is its user's. */
    @Test
    void whatCannotBeIsNotActedUpon() {
        Map<Integer, Double> nothing = new HashMap<>(MANY);
        nothing.put(4, null);
        List<Map<Integer, Double>> odd = List.of(
                nothing,
                Map.of(3, 60_000.0, 4, Double.NaN),
                Map.of(3, 60_000.0, 4, 1e200),
                Map.of(3, 60_000.0, 4, -5.0),
                Map.of(3, 60_000.0, -4, 50_000.0),
                Map.of(3, 60_000.0, 32, 50_000.0));
        for (Map<Integer, Double> of : odd) {
            World world = divided(SPEC);
            String division = world.status.division().text();
            looks(world, 30, List.of(FEW, of));
            assertEquals(division, world.status.division().text(), of.toString());
        }
    }
}
