package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.millrace.data.Watermark;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Several slots, however many at each time and whatever happens to them, write what {@link SlowZSets} computes from the whole
 * input. A seed decides a world
 * ({@code -Dseed=…}); {@code -Dseeds=…} says how many of them there are for each query, {@code ./mvnw -Psimulation test} has 2,000.
 * A seed that finds something is added to {@value #KEPT}, whose worlds are in every run.
 */
class SimulationTest {

    private static final int SEEDS = Integer.getInteger("seeds", 60);
    private static final String KEPT = "src/test/resources/simulation-seeds.txt";

    @TestFactory
    Stream<DynamicTest> slots() {
        return worlds(1, SEEDS);
    }

    /** Each start with another number of threads. They are not the seed's: such a world may not come again. */
    @TestFactory
    Stream<DynamicTest> slotsOfSeveralWorkers() {
        return worlds(2, SEEDS / 10);
    }

    /** Seeds by line; what one has found stands behind it. */
    @TestFactory
    Stream<DynamicTest> worldsThatHaveFoundSomething() throws IOException {
        List<Long> seeds = Files.readAllLines(Path.of(KEPT)).stream()
                .filter(line -> !line.startsWith("#"))
                .map(line -> Long.valueOf(line.split(" ")[0]))
                .toList();
        assertFalse(seeds.isEmpty());
        return queries()
                .map(sql -> DynamicTest.dynamicTest(
                        sql, () -> seeds.forEach(seed -> new World(sql, seed, 1).check(SimulatedKafka.Fault.NONE))));
    }

    private static Stream<String> queries() {
        return Stream.concat(Events.QUERIES.stream(), Events.CLOSING.stream());
    }

    private static Stream<DynamicTest> worlds(int workers, int count) {
        Long only = Long.getLong("seed");
        long first = only == null ? System.nanoTime() : only;
        System.out.println("simulation: -Dseed=" + first);
        return queries()
                .map(sql -> DynamicTest.dynamicTest(sql, () -> {
                    int exchanged = 0;
                    int trimmed = 0;
                    int moved = 0;
                    int takeOvers = 0;
                    int reunions = 0;
                    for (int i = 0; i < (only == null ? count : 1); i++) {
                        World world = new World(sql, first + i, workers);
                        SimulatedKafka kafka = world.check(SimulatedKafka.Fault.NONE);
                        moved += world.moved;
                        takeOvers += world.takeOvers;
                        reunions += kafka.reunions();
                        exchanged += kafka.exchanged();
                        trimmed += kafka.trimmed();
                    }
                    boolean groups = sql.contains("GROUP BY") || sql.contains("DISTINCT") || sql.contains("COUNT(");
                    assertTrue(!groups || only != null || exchanged > 0, "nothing went from slot to slot");
                    assertTrue(only != null || count < 6 || moved > 0, "nothing was handed over");

                    assertTrue(only != null || count < 60 || takeOvers > 0, "no standby has taken over");
                    assertTrue(only != null || count < 60 || reunions > count / 2, "who is alone does not know it");
                    assertTrue(!groups || only != null || count < 60 || trimmed > 0, "all that went is kept for ever");
                }));
    }

    /** What the simulation is for: it finds what is broken. */
    @ParameterizedTest
    @EnumSource(
            value = SimulatedKafka.Fault.class,
            names = {"NONE"},
            mode = EnumSource.Mode.EXCLUDE)
    void aWorldThatBreaksItsPromisesIsFound(SimulatedKafka.Fault fault) {
        String sql = Events.CLOSING.get(0);
        long first = System.nanoTime();
        for (int i = 0; i < 300; i++) {
            try {
                new World(sql, first + i, 1).check(fault);
            } catch (AssertionError found) {
                return;
            }
        }
        fail("nobody has noticed: " + fault);
    }

    /** A query, its input, and what becomes of it. */
    private static final class World {
        private final String sql;
        private final long seed;
        private final int workers;
        private final Random random;
        private final Events events;
        private final QueryPlan plan;
        private final List<List<List<Object>>> partitions = new ArrayList<>();
        private final Map<List<Object>, Long> input = new HashMap<>();
        private final List<List<Object>> names = new ArrayList<>();
        private final Map<List<Object>, Long> nameRows = new HashMap<>();
        private int moved;
        private int takeOvers;

        World(String sql, long seed, int workers) {
            this.sql = sql;
            this.seed = seed;
            this.workers = workers;
            this.random = new Random(seed);
            this.events = new Events(random);
            this.plan = Events.CLOSING.contains(sql)
                    ? Events.compile(sql, OutputMode.UPDATE, OutputMode.COMPLETE, OutputMode.APPEND)
                    : Events.compile(sql, OutputMode.UPDATE);
            for (int p = 1 + random.nextInt(5); p > 0; p--) {
                partitions.add(partition());
            }
            for (int i = 0; i < 12; i++) {
                names.add(events.nameRow());
                SlowZSets.add(nameRows, names.get(i), 1);
            }
        }

        /** More or less in the order of their times: what comes behind a later one is late, wherever times count. */
        private List<List<Object>> partition() {
            List<List<Object>> rows = new ArrayList<>();
            for (int i = 1 + random.nextInt(60); i > 0; i--) {
                rows.add(events.eventRow(0));
            }
            rows.sort(Comparator.comparing(row -> (Long) row.get(7)));
            for (int swaps = random.nextInt(4); swaps > 0; swaps--) {
                Collections.swap(rows, random.nextInt(rows.size()), random.nextInt(rows.size()));
            }
            long largest = Long.MIN_VALUE;
            for (List<Object> row : rows) {
                long time = (Long) row.get(7);
                if (time >= largest || !plan.usesWatermark()) {
                    SlowZSets.add(input, row, 1);
                }
                largest = Math.max(largest, time);
            }
            return rows;
        }

        SimulatedKafka check(SimulatedKafka.Fault fault) {
            int slots = 1 + random.nextInt(4);
            String which = sql + " in " + slots + " slots, -Dseed=" + seed + " (to be added to " + KEPT + ")";
            Simulation simulation =
                    new Simulation(plan, Map.of("events", partitions, "names", List.of(names)), slots, workers, random);
            simulation.kafka().breakPromise(fault);
            try {
                simulation.run(50 + random.nextInt(200));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(which, e);
            }
            moved = simulation.moves();
            takeOvers = simulation.takeOvers();
            Map<List<Object>, Long> whole = new SlowZSets(Map.of("events", input, "names", nameRows)).of(plan.root());
            for (SinkPlan sink : plan.sinks()) {
                assertEquals(
                        expected(sink, whole),
                        simulation.kafka().held(sink.name()).rows(),
                        which + ", sink " + sink.name());
            }
            return simulation.kafka();
        }

        private Map<List<Object>, Long> expected(SinkPlan sink, Map<List<Object>, Long> whole) {
            Map<List<Object>, Long> expected = new HashMap<>(whole);
            if (sink.mode() == OutputMode.APPEND && sink.root() instanceof PlanNode.Hold hold) {
                long watermark = partitions.stream()
                        .mapToLong(rows -> rows.stream()
                                .mapToLong(row -> (Long) row.get(7))
                                .max()
                                .orElseThrow())
                        .min()
                        .orElse(Watermark.NONE);
                long bound = hold.waterline().at(watermark);
                expected.keySet().removeIf(row -> (Long) row.get(hold.column()) >= bound);
            }
            return expected;
        }
    }
}
