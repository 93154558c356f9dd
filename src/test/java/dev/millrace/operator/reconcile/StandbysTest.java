package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.EngineOutcome;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.StreamingQueryStatus.Standby;
import dev.millrace.operator.reconcile.DeciderTest.World;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.Promote;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Rates;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods that follow the pod of their slot, and take over from it. */
class StandbysTest {

    private static final String SPEC = """
            {"query": "SELECT 1", "sources": [], "sinks": [{"name": "out", "kafka": {"topic": "t"}}],
             "scaling": {"mode": "Manual", "standby": @standbys}, "replicas": @slots, "engine": {"image": "@image"}}""";

    private static String spec(int slots, int standbys, String image) {
        return SPEC.replace("@standbys", String.valueOf(standbys))
                .replace("@slots", String.valueOf(slots))
                .replace("@image", image);
    }

    private static PodView pod(World world, String name) {
        return world.pods.stream()
                .filter(pod -> pod.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static World says(World world, String name, String phase) {
        world.engines.put(
                name,
                new EngineView(
                        true,
                        world.now,
                        DeciderTest.progress(pod(world, name).incarnation(), phase, null, null, null, null, null),
                        new Rates(1, 1)));
        return world;
    }

    private static Slot slot(World world) {
        return world.status.slots().get(0);
    }

    private static List<String> deleted(World world) {
        return world.actions(DeletePod.class).stream().map(DeletePod::name).toList();
    }

    /** Slot 0 runs, and has a standby that is about to start. */
    private static World starting() {
        return World.running(spec(1, 1, "image:1"));
    }

    /** And that has all. */
    private static World ready() {
        World world = starting().after(5);
        says(world, "q-0-1", "running");
        says(world, "q-0-2", "standby").look();
        assertEquals("True Ready", world.condition("StandbyReady"));
        return world;
    }

    @Test
    void aStandbyIsMadeWithTheNextIncarnationOnAVolumeOfItsOwnAndAnotherNode() {
        World world = starting();
        assertEquals(List.of(new CreateClaim("q-0-2", 0, true)), world.actions(CreateClaim.class));
        assertEquals(
                List.of(new CreatePod(0, 2, "q-0-2", world.wanted().name(), "node-1", true)),
                world.actions(CreatePod.class));
        assertEquals(1, slot(world).incarnation(), "the one that runs");
        assertEquals("False Starting", world.condition("StandbyReady"));
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals(1, world.status.replicas());
        says(world.after(5), "q-0-2", "following").look();
        assertEquals("False Following", world.condition("StandbyReady"));
        assertEquals(List.of(), world.actions(CreatePod.class));
        says(world.after(5), "q-0-2", "standby").look();
        assertEquals(Standby.READY, slot(world).standby().state());
        world.after(5).look();
        assertEquals(List.of(), world.last, "nothing is swept away");
    }

    @Test
    void noneIsMadeBeforeThereIsACheckpointToBeginFrom() {
        World world = new World(spec(1, 1, "image:1"))
                .look()
                .after(5)
                .says((Long) null, null, null)
                .look();
        assertEquals("True Processing", world.condition("Ready"));
        assertNull(slot(world).standby());
        world.after(5).says(3L, null, null).look();
        assertEquals(2, slot(world).standby().incarnation());
    }

    /** What happens to the pod that runs. */
    private enum Fate {
        DELETED(world -> world.change("q-0-1", pod -> pod.deleting = true)),
        GONE(world -> world.pods.remove(pod(world, "q-0-1"))),
        KILLED(world -> world.change("q-0-1", pod -> {
            pod.ended = true;
            pod.phase = "Failed";
        })),
        SUPERSEDED_BY_NOBODY(world -> world.change("q-0-1", pod -> {
            pod.ended = true;
            pod.outcome = Optional.of(new EngineOutcome("Superseded", "", "", 1));
        })),
        CRASHED(world -> world.change("q-0-1", pod -> pod.crashed = Optional.of(world.now))),
        CRASHED_AND_STARTS(world -> {
            world.change("q-0-1", pod -> pod.crashed = Optional.of(world.now.minusSeconds(4)));
            says(world, "q-0-1", "starting");
        }),
        NODE_LOST(world -> {
            world.unreachable.put("node-1", world.now.minusSeconds(60));
            world.change("q-0-2", pod -> pod.node = "node-2");
            EngineView before = world.engines.get("q-0-1");
            world.engines.put(
                    "q-0-1", new EngineView(false, world.now.minusSeconds(60), before.progress(), before.rates()));
        });

        private final Consumer<World> happens;

        Fate(Consumer<World> happens) {
            this.happens = happens;
        }
    }

    @ParameterizedTest
    @EnumSource(Fate.class)
    void itTakesOver(Fate fate) {
        World world = ready().after(3);
        fate.happens.accept(world);
        world.look();
        assertEquals(List.of(new Promote("q-0-2", "1", 2)), world.actions(Promote.class));
        assertEquals(List.of(), world.actions(CreatePod.class));
        assertTrue(world.notices().contains("StandbyTakesOver"));
        assertEquals("q-0-2", slot(world).pod());
        assertEquals("q-0-2", slot(world).claim());
        assertEquals(2, slot(world).incarnation());
        assertNull(slot(world).standby());
        assertEquals("False TakingOver", world.condition("Ready"));
        boolean lives = world.pods.stream().anyMatch(pod -> pod.name().equals("q-0-1") && !pod.ended());
        assertTrue(!lives || pod(world, "q-0-1").deleting(), "the one before ends");
        says(world.after(1), "q-0-2", "running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals(0, slot(world).failures());
        assertEquals(
                List.of("q-0-3"),
                world.actions(CreatePod.class).stream().map(CreatePod::claim).toList());
    }

    @Test
    void thePromotionIsSaidUntilItIsHeard() {
        World world = ready().after(3);
        world.change("q-0-1", pod -> pod.deleting = true);
        world.look();
        world.change("q-0-2", pod -> pod.standby = true); // the API server did not take it
        world.after(1).look();
        assertEquals(List.of(new Promote("q-0-2", "1", 2)), world.actions(Promote.class));
        world.after(1).look();
        assertEquals(List.of(), world.actions(Promote.class));
    }

    @ParameterizedTest
    @ValueSource(strings = {"following", "waiting", "starting"})
    void oneThatIsNotReadyTakesNothingOver(String phase) {
        World world = ready().after(5);
        says(world, "q-0-2", phase);
        world.pods.remove(pod(world, "q-0-1"));
        world.look();
        assertEquals(List.of(), world.actions(Promote.class));
        assertEquals(
                List.of(new CreatePod(0, 3, "q-0-1", world.wanted().name())),
                world.actions(CreatePod.class),
                "a number that nobody has");
        assertEquals(List.of("q-0-2"), deleted(world), "its number is an old one now");
    }

    @Test
    void anEngineThatCrashedLongAgoAndStartsAgainAfterAnOutageKeepsItsQuery() {
        World world = ready().after(600);
        says(world, "q-0-2", "standby");
        world.change("q-0-1", pod -> pod.crashed = Optional.of(world.now.minusSeconds(500)));
        says(world, "q-0-1", "starting").look();
        assertEquals(List.of(), world.actions(Promote.class));
    }

    @Test
    void oneThatHasCrashedAndRunsAgainKeepsItsQuery() {
        World world = ready().after(10);
        world.change("q-0-1", pod -> pod.crashed = Optional.of(world.now.minusSeconds(8)));
        says(world, "q-0-1", "running");
        says(world, "q-0-2", "standby").look();
        assertEquals(List.of(), world.last);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Completed", "Failed"})
    void aQueryThatHasEndedNeedsNone(String end) {
        World world = ready().after(5);
        world.change("q-0-1", pod -> {
            pod.ended = true;
            pod.outcome = Optional.of(new EngineOutcome(end, "SomeCode", "because", 1));
        });
        world.look();
        assertEquals(List.of(), world.actions(Promote.class));
        assertTrue(deleted(world).contains("q-0-2"));
        assertNull(slot(world).standby());
    }

    @Test
    void anUpgradeTakesItsStandbyAlong() {
        World world = ready().after(5).spec(spec(1, 1, "image:2")).look();
        assertEquals(List.of(), world.actions(Promote.class), "it is of the version before");
        assertTrue(deleted(world).contains("q-0-1"));
        world.change("q-0-1", pod -> {
            pod.ended = true;
            pod.outcome = Optional.of(new EngineOutcome("Stopped", "", "", 1));
        });
        world.after(2).look();
        assertEquals(List.of(), world.actions(Promote.class));
        assertEquals(
                List.of(3L),
                world.actions(CreatePod.class).stream()
                        .map(CreatePod::incarnation)
                        .toList());
        says(world.after(5), "q-0-3", "running").look();
        assertTrue(pod(world, "q-0-2").deleting());
        world.pods.removeIf(pod -> pod.incarnation() < 3);
        for (int i = 0; i < 3; i++) {
            says(world.after(5), "q-0-3", "running").look();
        }
        PodView next = pod(world, "q-0-4");
        assertTrue(next.standby());
        assertEquals(pod(world, "q-0-3").version(), next.version());
    }

    @Test
    void whenItIsNotWantedAnyMoreItAndItsVolumeGo() {
        World world = ready().after(5).spec(spec(1, 0, "image:1")).look();
        assertEquals(List.of("q-0-2"), deleted(world));
        assertNull(slot(world).standby());
        assertEquals("-", world.condition("StandbyReady"));
        world.pods.removeIf(PodView::standby);
        says(world.after(5), "q-0-1", "running").look();
        assertEquals(
                List.of("q-0-2"),
                world.actions(DeleteClaim.class).stream().map(DeleteClaim::name).toList());
    }

    @Test
    void whileAQueryIsSuspendedThereIsNone() {
        World world = ready().after(5);
        world.spec(spec(1, 1, "image:1").replace("{\"query\"", "{\"suspend\": true, \"query\""))
                .look();
        assertEquals(List.of("q-0-1", "q-0-2"), deleted(world));
        assertNull(slot(world).standby());
    }

    @Test
    void oneThatEndsIsMadeAgainLaterAndLater() {
        World world = ready().after(5);
        long number = 2;
        for (int failures = 1; failures <= 4; failures++) {
            String name = "q-0-" + number;
            says(world, "q-0-1", "running");
            world.pods.removeIf(pod -> pod.name().equals(name));
            world.look();
            int seconds = 0;
            while (world.actions(CreatePod.class).isEmpty()) {
                world.after(1);
                says(world, "q-0-1", "running").look();
                assertTrue(++seconds < 60, "never again");
            }
            int least = failures == 1 ? 0 : 1 << (failures - 1);
            assertTrue(seconds >= least && seconds <= least + 1, failures + " failures, " + seconds + " s");
            number = slot(world).standby().incarnation();
        }
    }

    @Test
    void whatTheEngineRefusesIsToldAndNotTriedAgain() {
        World world = starting().after(5);
        world.change("q-0-2", pod -> {
            pod.ended = true;
            pod.outcome = Optional.of(new EngineOutcome("Failed", "NotSupportedByStandby", "topics only", 2));
        });
        says(world, "q-0-1", "running").look();
        assertEquals("False Failed", world.condition("StandbyReady"));
        assertTrue(world.notices().contains("StandbyFailed"));
        assertEquals("True Processing", world.condition("Ready"));
        says(world.after(600), "q-0-1", "running").look();
        assertEquals(List.of(), world.actions(CreatePod.class));
    }

    @Test
    void oneThatHasFailedIsMadeAgainAfterTenMinutes() {
        World world = starting().after(5);
        world.change("q-0-2", pod -> {
            pod.ended = true;
            pod.outcome = Optional.of(new EngineOutcome("Failed", "SourceDataLost", "too late", 2));
        });
        says(world, "q-0-1", "running").look();
        assertEquals("False Failed", world.condition("StandbyReady"));
        assertEquals(List.of(), world.actions(DeletePod.class));
        says(world.after(600), "q-0-1", "running").look();
        assertEquals(List.of("q-0-2"), deleted(world));
        world.pods.removeIf(PodView::standby);
        for (int i = 0; i < 3; i++) {
            says(world.after(2), "q-0-1", "running").look();
        }
        assertEquals(3, slot(world).standby().incarnation());
    }

    /** Its volume may hold the state of before, and is swept away only while the query runs. */
    @Test
    void theNumberOfOneThatWasGivenUpIsNotGivenAgain() {
        String running = spec(1, 1, "image:1");
        World world = ready().after(5);
        world.spec(running.replace("{\"query\"", "{\"suspend\": true, \"query\""))
                .look();
        world.pods.clear();
        world.after(5).look();
        world.spec(running).after(5).look();
        assertEquals(
                List.of(3L),
                world.actions(CreatePod.class).stream()
                        .map(CreatePod::incarnation)
                        .toList());
        assertEquals("q-0-1", slot(world).claim(), "its own volume");
    }

    @Test
    void oneOnALostNodeIsMadeElsewhere() {
        World world = ready().after(5);
        world.change("q-0-2", pod -> pod.node = "node-2");
        EngineView before = world.engines.get("q-0-2");
        world.engines.put(
                "q-0-2", new EngineView(false, world.now.minusSeconds(60), before.progress(), before.rates()));
        world.unreachable.put("node-2", world.now.minusSeconds(60));
        says(world, "q-0-1", "running").look();
        assertEquals(List.of("q-0-2"), deleted(world)); // where it stays Terminating
        for (int i = 0; i < 3; i++) {
            says(world.after(2), "q-0-1", "running").look();
        }
        assertEquals(3, slot(world).standby().incarnation());
        assertEquals(1, slot(world).incarnation());
    }

    @Test
    void withoutAStoreThereIsNoneAndItIsSaid() {
        World world = new World(spec(1, 1, "image:1").replace("\"kafka\": {\"topic\": \"t\"}", "\"console\": {}"));
        world.look().after(5).answers("running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("False NotSupportedByStandby", world.condition("StandbyReady"));
        assertNull(slot(world).standby());
    }

    @Test
    void aPodThatIsPromotedHearsOfADivisionLater() {
        World world = ready().after(3);
        world.change("q-0-1", pod -> pod.deleting = true);
        world.spec(spec(2, 1, "image:1")).look();
        assertEquals(1, world.actions(Promote.class).size());
        assertEquals(List.of(), world.actions(Decision.TellDivision.class));
        world.after(1).look();
        assertEquals(
                List.of("q-0-2"),
                world.actions(Decision.TellDivision.class).stream()
                        .map(Decision.TellDivision::pod)
                        .toList());
    }

    @Test
    void theFirstSlotsHaveOneEach() {
        World world = new World(spec(3, 2, "image:1")).look().after(5);
        for (int i = 0; i < 6; i++) {
            String division = world.status.division().text();
            for (PodView pod : List.copyOf(world.pods)) {
                if (!pod.standby()) {
                    world.engines.put(
                            pod.name(),
                            new EngineView(
                                    true,
                                    world.now,
                                    DeciderTest.progress(
                                            pod.incarnation(),
                                            "running",
                                            pod.slot(),
                                            division,
                                            List.of(0, 1, 2),
                                            "9",
                                            true),
                                    new Rates(1, 1)));
                }
            }
            world.look().after(5);
        }
        assertEquals(
                List.of("q-0-2", "q-1-2"),
                world.pods.stream()
                        .filter(PodView::standby)
                        .map(PodView::name)
                        .sorted()
                        .toList());
        assertEquals(3, world.status.replicas());
        assertFalse(world.condition("StandbyReady").startsWith("True"));
        says(world, "q-0-2", "standby");
        says(world, "q-1-2", "standby").look();
        assertEquals("True Ready", world.condition("StandbyReady"));
        world.pods.remove(pod(world, "q-1-1"));
        world.look();
        assertEquals(List.of(new Promote("q-1-2", "1", 2)), world.actions(Promote.class));
    }
}
