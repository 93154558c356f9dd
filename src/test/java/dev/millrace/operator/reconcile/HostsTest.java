package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.DeciderTest.World;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.Promote;
import dev.millrace.operator.reconcile.Decision.TellGuests;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Rates;
import dev.millrace.operator.reconcile.Observed.Trouble;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Slots for whose pods there is no room, and that the pods of others run meanwhile. */
class HostsTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static String spec(int slots, String image) {
        return """
                {"query": "SELECT 1", "sources": [], "sinks": [{"name": "out", "kafka": {"topic": "t"}}],
                 "scaling": {"mode": "Manual"}, "replicas": %d, "engine": {"image": "%s"}}""".formatted(slots, image);
    }

    /** Three slots run. */
    private static World three() {
        World world = World.running(spec(3, "image:1"));
        says(world, "q-0-1", 0, 1, "running").look();
        says(world, "q-1-1", 1, 1, "running");
        says(world, "q-2-1", 2, 1, "running").look().after(60);
        says(world, "q-0-1", 0, 1, "running").look();
        assertEquals("True Processing", world.condition("Ready"));
        return world;
    }

    private static World says(World world, String name, int slot, long incarnation, String phase) {
        List<Integer> members = List.of(0, 1, 2);
        String division = world.status.division().text();
        EngineProgress progress = DeciderTest.progress(incarnation, phase, slot, division, members, "9", true);
        world.engines.put(name, new EngineView(true, world.now, progress, new Rates(1, 1)));
        return world;
    }

    /** What is said by a guest that has ended. */
    private static World ended(World world, String name, String end, long incarnation) {
        ObjectNode progress = JSON.valueToTree(world.engines.get(name).progress());
        List.of("running", "volumeShort", "calm").forEach(progress::remove);
        progress.put("phase", "ended").put("end", end).put("code", "SomeCode").put("message", "because");
        progress.put("incarnation", incarnation);
        world.engines.put(
                name, new EngineView(true, world.now, JSON.convertValue(progress, EngineProgress.class), null));
        return world;
    }

    private static EngineView full(EngineView view, World world) {
        return with(view, world, progress -> progress.put("volumeBytes", 10_000).put("volumeFree", 8_000));
    }

    private static EngineView with(EngineView view, World world, Consumer<ObjectNode> change) {
        ObjectNode progress = JSON.valueToTree(view.progress());
        List.of("running", "volumeShort", "calm").forEach(progress::remove);
        change.accept(progress);
        return new EngineView(true, world.now, JSON.convertValue(progress, EngineProgress.class), null);
    }

    /** The pods of these slots are gone, and there is no room for the next ones. */
    private static World lost(World world, int... slots) {
        for (int slot : slots) {
            world.pods.removeIf(pod -> pod.slot() == slot);
        }
        world.look();
        for (int slot : slots) {
            noRoom(world, "q-" + slot + "-2");
        }
        return world.look();
    }

    private static void noRoom(World world, String pod) {
        world.change(pod, p -> {
            p.phase = "Pending";
            p.node = null;
            p.trouble = Optional.of(new Trouble("Unschedulable", "it cannot be scheduled: 0/2 nodes are available"));
        });
    }

    private static void remove(World world, String pod) {
        world.pods.removeIf(p -> p.name().equals(pod));
    }

    private static Slot slot(World world, int slot) {
        return world.status.slots().get(slot);
    }

    private static List<String> told(World world) {
        return world.actions(TellGuests.class).stream()
                .map(told -> told.pod() + ": " + told.guests())
                .toList();
    }

    private static List<String> deleted(World world) {
        return world.actions(DeletePod.class).stream().map(DeletePod::name).toList();
    }

    private static List<String> created(World world) {
        return world.actions(CreatePod.class).stream()
                .map(pod -> (pod.standby() ? "standby " : "") + pod.claim())
                .toList();
    }

    /** Slot 1 is run by the pod of slot 0. */
    private static World hosted() {
        World world = lost(three(), 1).after(11).look();
        remove(world, "q-1-2");
        says(world.after(2), "q-0-1/1", 1, 3, "running");
        return world.look();
    }

    /** What its own pod waits for is the room of the pod that leaves. */
    @Test
    void aHostedSlotDoesNotKeepTheQueryFromShrinking() {
        World world = hosted();
        world.resizes = true;
        String auto = "\"scaling\": {\"replicas\": {\"min\": 1, \"max\": 2},"
                + " \"resources\": {\"min\": {\"cpu\": \"1\"}, \"max\": {\"cpu\": \"2\"}}}";
        world.spec(spec(3, "image:1").replace("\"scaling\": {\"mode\": \"Manual\"}, \"replicas\": 3", auto));
        world.look();
        assertEquals(2, world.status.scaling().pods());
        assertEquals(2, world.status.division().slots());
    }

    @Test
    void aSlotThatFindsNoRoomIsRunByThePodOfAnother() {
        World world = lost(three(), 1);
        assertEquals("False Unschedulable", world.condition("Ready"));
        assertEquals(List.of(), told(world));
        assertTrue(world.decision.recheck().orElseThrow().toSeconds() <= 10);
        world.after(11).look();
        assertEquals(List.of("q-0-1: 1:3"), told(world));
        assertEquals(List.of("q-1-2"), deleted(world));
        assertEquals("False Hosted", world.condition("Ready"));
        assertTrue(world.notices().contains("SlotHosted"));
        assertTrue(slot(world, 1).isHosted());
        assertEquals("q-0-1", slot(world, 1).pod());
        assertNull(slot(world, 1).claim());
        world.after(1).look();
        assertEquals(List.of(), told(world), "it was told");
        remove(world, "q-1-2");
        says(world.after(2), "q-0-1/1", 1, 3, "replaying").look();
        assertEquals("False Restoring", world.condition("Ready"));
        says(world.after(2), "q-0-1/1", 1, 3, "running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("Running", world.status.phase());
        assertEquals(3, world.status.readyReplicas());
        assertEquals("q-0-1", slot(world, 1).pod());
        assertTrue(slot(world, 1).isHosted());
        assertEquals(0, slot(world, 1).failures());
    }

    @Test
    void aPodOfItsOwnFollowsItAndTakesItBackWhenThereIsRoom() {
        World world = hosted();
        assertEquals(List.of("standby q-1-4"), created(world));
        noRoom(world, "q-1-4");
        world.after(300).look();
        assertEquals(List.of(), world.last, "it waits for room");
        assertEquals("True Processing", world.condition("Ready"));
        world.change("q-1-4", pod -> {
            pod.phase = "Running";
            pod.trouble = Optional.empty();
        });
        says(world, "q-1-4", 1, 4, "standby").look();
        assertEquals(List.of(new Promote("q-1-4", "1", 4)), world.actions(Promote.class));
        assertEquals(List.of("q-0-1: "), told(world));
        assertEquals(List.of(), deleted(world));
        assertFalse(slot(world, 1).isHosted());
        assertEquals("q-1-4", slot(world, 1).pod());
        ended(world.after(1), "q-0-1/1", "Superseded", 4);
        says(world, "q-1-4", 1, 4, "running").look();
        assertEquals("True Processing", world.condition("Ready"));
        world.engines.remove("q-0-1/1");
        world.after(2).look();
        assertEquals(List.of(), world.last);
    }

    @Test
    void guestsAreSpreadAndMayBeSeveral() {
        World world = lost(three(), 1, 2).after(11).look();
        assertEquals(List.of("q-0-1: 1:3 2:3"), told(world));
        World four = World.running(spec(4, "image:1"));
        says(four, "q-0-1", 0, 1, "running").look();
        for (int slot = 1; slot < 4; slot++) {
            says(four, "q-" + slot + "-1", slot, 1, "running");
        }
        lost(four.look().after(60), 1, 2).after(11).look();
        assertEquals(List.of("q-0-1: 1:3", "q-3-1: 2:3"), told(four), "each its own");
        World other = lost(three(), 0).after(11).look();
        assertEquals(List.of("q-1-1: 0:3"), told(other), "slot 0 as well");
        assertEquals("q-1-1", slot(other, 0).pod());
        says(other.after(2), "q-1-1/0", 0, 3, "running").look();
        assertEquals("True Processing", other.condition("Ready"));
        remove(other, "q-2-1");
        other.look();
        noRoom(other, "q-2-2");
        other.after(11).look();
        assertEquals(List.of("q-1-1: 0:3 2:3"), told(other), "there is no other");
    }

    @Test
    void whenTheHostIsLostBothGetPods() {
        World world = hosted();
        remove(world, "q-0-1");
        world.engines.remove("q-0-1");
        world.engines.remove("q-0-1/1");
        world.after(1).look();
        assertFalse(slot(world, 1).isHosted());
        assertEquals(List.of("q-0-1", "q-1-5"), created(world), "slot 0 on its volume");
    }

    @Test
    void aHostThatEndsTakesItsGuestsAlong() {
        World world = hosted();
        world.change("q-0-1", pod -> pod.deleting = true);
        world.after(1).look();
        assertEquals("False PodDeleted", world.condition("Ready"));
        assertEquals(List.of(), told(world));
        assertEquals(List.of(), created(world));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Superseded", "Crashed", "Stopped"})
    void aGuestThatHasEndedIsFollowedByAPodOfItsOwn(String end) {
        World world = hosted();
        remove(world, "q-1-4");
        ended(world.after(5), "q-0-1/1", end, 3).look();
        assertFalse(slot(world, 1).isHosted());
        assertEquals(List.of("q-0-1: "), told(world));
        assertEquals(1, created(world).size());
        assertTrue(created(world).get(0).startsWith("q-1-"));
    }

    @Test
    void aGuestThatFailsAsItsPodWouldFailsTheQuery() {
        World world = hosted();
        ended(world.after(5), "q-0-1/1", "Failed", 3).look();
        assertEquals("Failed", world.status.phase());
        assertEquals("True SomeCode", world.condition("Stalled"));
    }

    @Test
    void aHostThatDoesNotSayAnythingOfItIsGivenUp() {
        World world = lost(three(), 1).after(11).look();
        remove(world, "q-1-2");
        world.after(59).look();
        assertTrue(slot(world, 1).isHosted());
        world.after(2).look();
        assertFalse(slot(world, 1).isHosted());
        assertEquals(List.of("q-0-1: "), told(world));
        assertEquals(List.of("q-1-4"), created(world));
    }

    @Test
    void anOperatorThatStartsAnewLeavesGuestsWhereTheyAre() {
        World world = hosted();
        says(world.after(600), "q-1-4", 1, 4, "following");
        world.engines.keySet().removeIf(name -> name.startsWith("q-0-1"));
        world.look();
        assertEquals(List.of(), world.last, "nobody was asked yet");
        says(world.after(1), "q-0-1", 0, 1, "running");
        says(world, "q-0-1/1", 1, 3, "running").look();
        assertEquals(List.of(), world.last);
        assertEquals("True Processing", world.condition("Ready"));
    }

    @Test
    void aHostThatCouldNotBeToldIsToldAgain() {
        World world = lost(three(), 1).after(11).look();
        world.change("q-0-1", pod -> pod.guests = List.of()); // the API server did not take it
        world.change("q-1-2", pod -> pod.deleting = false);
        world.after(1).look();
        assertEquals(List.of("q-0-1: 1:3"), told(world));
        assertEquals(List.of("q-1-2"), deleted(world));
        assertEquals(List.of(), created(world));
    }

    @Test
    void oneThatKillsItsHostIsNoGuestForAWhile() {
        World world = hosted();
        remove(world, "q-1-4");
        world.change("q-0-1", pod -> pod.crashed = Optional.of(world.now.plusSeconds(5)));
        world.after(6).look();
        assertTrue(world.notices().contains("HostOverburdened"));
        assertEquals(List.of("q-0-1: "), told(world));
        String next = created(world).get(0);
        noRoom(world, next);
        world.after(300).look();
        assertEquals(List.of(), told(world), "nor of another one");
        world.after(300);
        says(world, "q-2-1", 2, 1, "running").look();
        assertEquals(1, told(world).size());
    }

    @Test
    void oneThatFillsTheVolumeOfItsHostLeaves() {
        World world = hosted();
        world.engines.put(
                "q-0-1",
                with(
                        world.engines.get("q-0-1"),
                        world,
                        progress -> progress.put("phase", "waiting").put("code", "VolumeFull")));
        world.after(1).look();
        assertEquals(List.of("q-0-1: "), told(world));
        assertFalse(slot(world, 1).isHosted());
    }

    @Test
    void aHostThatHasEndedHoldsNobody() {
        World world = lost(three(), 1).after(11).look();
        remove(world, "q-1-2");
        world.change("q-0-1", pod -> {
            pod.ended = true;
            pod.phase = "Failed";
        });
        world.after(1).look();
        assertFalse(slot(world, 1).isHosted());
        for (int i = 0; i < 4; i++) {
            world.after(10).look();
        }
        assertTrue(world.pods.stream().anyMatch(pod -> pod.slot() == 1 && !pod.ended()), () -> world.pods.toString());
    }

    @Test
    void anEngineThatKnowsOfNoGuestsGetsNone() {
        World world = lost(three(), 1);
        for (String name : List.of("q-0-1", "q-2-1")) {
            world.engines.put(name, with(world.engines.get(name), world, progress -> progress.remove("hosts")));
        }
        world.after(11).look();
        assertEquals(List.of(), told(world));
    }

    @Test
    void whatHasNotRunWaitsForRoom() {
        World world = World.running(spec(3, "image:1"));
        says(world, "q-0-1", 0, 1, "running").look();
        noRoom(world, "q-1-1");
        world.after(30).look();
        assertEquals(List.of(), told(world));
        assertEquals("True Processing", world.condition("Ready"));
    }

    @Test
    void onlyAPodThatRunsAndDidNotCrashJustNowCanBeAHost() {
        World world = lost(three(), 1);
        says(world, "q-0-1", 0, 1, "waiting");
        world.change("q-2-1", pod -> pod.crashed = Optional.of(world.now));
        world.after(11).look();
        assertEquals(List.of(), told(world));
        says(world.after(600), "q-2-1", 2, 1, "running");
        world.engines.put("q-2-1", full(world.engines.get("q-2-1"), world));
        world.look();
        assertEquals(List.of(), told(world), "its volume has no room for two times its checkpoint");
        assertEquals(List.of("q-1-3"), created(world), "not on the volume of before, which may be what has no room");
        noRoom(world, "q-1-3");
        says(world.after(11), "q-2-1", 2, 1, "running").look();
        assertEquals(List.of("q-2-1: 1:4"), told(world));
    }

    @Test
    void anUpgradeGivesEachSlotItsOwnPodAgain() {
        World world = hosted();
        remove(world, "q-1-4");
        world.spec = World.parse(spec(3, "image:2"));
        world.generation++;
        world.after(5).look();
        assertEquals(List.of("q-0-1"), deleted(world), "slot 0 goes first, and takes its guest along");
        remove(world, "q-0-1");
        world.engines.remove("q-0-1/1");
        world.after(5).look();
        assertTrue(created(world).contains("q-0-1"), () -> created(world).toString());
        assertFalse(slot(world, 1).isHosted());
    }

    @Test
    void aSlotThatIsGivenUpLeavesItsHost() {
        World world = hosted();
        world.spec = World.parse(spec(1, "image:1"));
        world.generation++;
        world.after(5).look();
        assertTrue(slot(world, 1).isHosted(), "it hands over there");
        ended(world.after(5), "q-0-1/1", "Left", 3).look();
        IntStream.range(0, 3).forEach(i -> {
            EngineProgress first = DeciderTest.progress(
                    1, "running", 0, world.status.division().text(), List.of(0), "9", true);
            world.engines.put("q-0-1", new EngineView(true, world.now, first, new Rates(1, 1)));
            world.after(2).look();
        });
        assertEquals(List.of(), guests(world, "q-0-1"));
        assertTrue(slot(world, 1).isUnused());
    }

    private static List<?> guests(World world, String name) {
        return world.pods.stream()
                .filter(pod -> pod.name().equals(name))
                .findFirst()
                .map(PodView::guests)
                .orElseThrow();
    }
}
