package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.GuestSlot;
import dev.millrace.api.Scaling;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.operator.reconcile.DeciderTest.World;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.ResizePod;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Rates;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Sample;
import dev.millrace.operator.scaling.ScalingState.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** From samples to the CPU and the number of pods. */
class AutoscalerTest {

    private static final ObjectMapper JSON = new ObjectMapper();

    private static final long GIBIBYTE = 1L << 30;

    private static Observed.Given given(String asked, int milli) {
        return new Observed.Given(asked, milli, GIBIBYTE, -1, Optional.empty(), Optional.empty());
    }

    private static String spec(String mode) {
        return """
                {"query": "SELECT 1", "sources": [{"name": "in", "datagen": {}}],
                 "sinks": [{"name": "out", "kafka": {"topic": "t"}}],
                 "scaling": {"mode": "%s", "replicas": {"min": 1, "max": 4},
                  "resources": {"min": {"cpu": "500m"}, "max": {"cpu": "2"}}}}""".formatted(mode);
    }

    /** A query that has run long enough for measurements. */
    private static World running(String mode) {
        World world = World.running(spec(mode));
        world.resizes = true;
        settle(world);
        return world;
    }

    /** All pods run and have what they were told. */
    private static void settle(World world) {
        for (int i = 0; i < 6; i++) {
            world.pods.removeIf(pod -> pod.deleting());
            world.pods.stream()
                    .filter(pod -> !pod.standby())
                    .toList()
                    .forEach(pod -> says(world, pod.name(), pod.slot(), pod.incarnation()));
            world.after(1).look();
        }
        assertNotNull(world.status.scaling().settledAt(), world.status.scaling().toString());
    }

    private static void says(World world, String name, int slot, long incarnation) {
        int count =
                world.status.division() == null ? 1 : world.status.division().slots();
        boolean stays = slot < count;
        EngineProgress progress = world.status.division() == null
                ? DeciderTest.progress(incarnation, "running")
                : DeciderTest.progress(
                        incarnation,
                        "running",
                        slot,
                        world.status.division().text(),
                        IntStream.range(0, count).boxed().toList(),
                        stays ? "9" : "",
                        true);
        if (!stays) {
            world.change(name, pod -> {
                pod.ended = true;
                pod.outcome = Optional.of(new EngineOutcome("Left", "", "", incarnation));
            });
            return;
        }
        world.engines.put(name, new EngineView(true, world.now, progress, new Rates(1, 1)));
    }

    /** So many looks with a sample each; all pods do the same, and what they cannot do waits. */
    private static World load(World world, int looks, double arrivals, double perCore) {
        for (int i = 0; i < looks; i++) {
            world.after(10);
            int pods = (int) world.pods.stream().filter(pod -> !pod.standby()).count();
            double limit = world.pods.get(0).given().milli() / 1000.0;
            double rate = Math.min(arrivals / pods, perCore * limit);
            double more = 10 * (arrivals / pods - rate);
            long lag = more <= 0 ? 0 : waiting(world) + (long) more;
            List<Sample.Slot> slots = new ArrayList<>();
            for (int pod = 0; pod < pods; pod++) {
                slots.add(new Sample.Slot(rate, lag, rate / perCore, limit, 0.1, 0.05, Memory.UNKNOWN));
            }
            world.samples.add(new Sample(world.now, 10, slots));
            world.look();
            if (!world.last.isEmpty()) {
                return world;
            }
        }
        return world;
    }

    private static long waiting(World world) {
        return world.samples.isEmpty()
                ? 0
                : world.samples.get(world.samples.size() - 1).slots().get(0).lag();
    }

    private static List<String> resizes(World world) {
        return world.last.stream()
                .filter(ResizePod.class::isInstance)
                .map(ResizePod.class::cast)
                .map(resize -> resize.pod() + " " + resize.cpu())
                .toList();
    }

    @Test
    void whereNothingIsToBeChosenThereIsNoStatusOfIt() {
        assertNull(World.running(DeciderTest.KAFKA).status.scaling());
    }

    @Test
    void aPodThatUsesUpItsCpuIsGivenMoreWhileItRuns() {
        World world = running("Auto");
        assertEquals("500m", world.status.scaling().cpu());
        load(world, 9, 40_000, 50_000);
        assertEquals(List.of("q-0-1 1200m"), resizes(world));
        Scaling scaling = world.status.scaling();
        assertEquals("1200m", scaling.cpu());
        assertNull(scaling.settledAt());
        assertEquals("Cpu", scaling.lastDecision().bottleneck());
        assertEquals(40_000, scaling.lastDecision().inputs().arrivals());
        assertTrue(world.notices().contains("Scaled"), world.notices().toString());
        world.after(2).look();
        assertNotNull(world.status.scaling().settledAt());
        assertEquals(List.of(), world.last, "asked for once");
        load(world, 9, 40_000, 50_000);
        assertTrue(world.status.scaling().lastDecision().outcome().startsWith("it can do"), "compared with what came");
        assertEquals("1200m", world.status.scaling().cpu());
    }

    @Test
    void whereCpuIsAtItsBoundThereAreMorePodsWithAsMuch() {
        World world = running("Auto");
        load(world, 9, 200_000, 50_000);
        assertEquals(3, world.status.scaling().pods());
        assertEquals("2", world.status.scaling().cpu());
        assertEquals(3, world.status.division().slots());
        assertEquals(List.of("q-0-1 2"), resizes(world), "that one at once");
        List<CreatePod> made = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            world.last.stream()
                    .filter(CreatePod.class::isInstance)
                    .map(CreatePod.class::cast)
                    .forEach(made::add);
            List.copyOf(world.pods).forEach(pod -> says(world, pod.name(), pod.slot(), pod.incarnation()));
            world.after(1).look();
        }
        assertEquals(2, made.size());
        assertTrue(world.pods.stream().allMatch(pod -> pod.given().milli() == 2_000), world.pods.toString());
    }

    @Test
    void lessIsGivenWhenLessWasEnoughForAWindow() {
        World world = running("Auto");
        load(world, 9, 200_000, 50_000);
        settle(world);
        load(world, 40, 40_000, 50_000);
        assertEquals(1, world.status.scaling().past().size(), "the one before the last");
        assertTrue(world.status
                .scaling()
                .past()
                .get(0)
                .contains("1 pod of 500m CPU and 1024Mi → 3 pods of 2 CPU and 1024Mi"));
        assertEquals(1, world.status.scaling().pods());
        assertEquals("1200m", world.status.scaling().cpu());
        assertEquals(1, world.status.division().slots(), "what it has is more already");
    }

    @Test
    void fewerPodsComeOnlyWhenThoseThatStayHaveTheCpu() {
        World world = running("Auto");
        load(world, 9, 100_000, 50_000);
        settle(world);
        load(world, 40, 70_000, 50_000);
        assertEquals(List.of("q-0-1 1", "q-1-1 1"), resizes(world), "of 1500m: too much for one pod");
        settle(world);
        load(world, 40, 60_000, 50_000);
        assertEquals(1, world.status.scaling().pods());
        assertEquals(List.of("q-0-1 1800m"), resizes(world));
        assertEquals(2, world.status.division().slots(), "one pod of 1 CPU could not do it");
        world.after(1).look();
        assertEquals(1, world.status.division().slots());
    }

    /** The node has no room: the pods keep what they have, and others come. */
    @Test
    void whatANodeDoesNotGiveIsNotWaitedForLong() {
        World world = running("Auto");
        world.mostMilli = 600;
        load(world, 9, 40_000, 50_000);
        assertEquals("1200m", world.status.scaling().cpu());
        world.after(20).look();
        assertEquals("1200m", world.status.scaling().cpu(), "it may come yet");
        world.after(11).look();
        assertEquals("600m", world.status.scaling().cpu());
        assertTrue(world.notices().contains("ScalingRefused"));
        assertEquals(List.of("q-0-1 600m"), resizes(world));
        assertEquals("600m", world.status.scaling().ceiling().cpu());
        world.mostMilli = Integer.MAX_VALUE;
        world.change("q-0-1", pod -> pod.given = given("600m 1024Mi", 600));
        world.after(1).look();
        load(world, 9, 40_000, 50_000);
        assertEquals(2, world.status.scaling().pods(), world.status.scaling().toString());
        assertEquals("600m", world.status.scaling().cpu());
    }

    /** A query of topics alone, whose pod is to get 1200m and has 500m on a node that is full. */
    private static World stuck(String more) {
        World world = World.running(
                spec("Auto").replace("datagen", "kafka").replace("\"mode\": \"Auto\"", "\"mode\": \"Auto\"" + more));
        world.resizes = true;
        settle(world);
        world.mostMilli = 500;
        load(world, 9, 40_000, 50_000);
        assertEquals("1200m", world.status.scaling().cpu());
        return world;
    }

    private static void follows(World world, String phase) {
        says(world, "q-0-1", 0, 1);
        world.engines.put("q-0-2", new EngineView(true, world.now, DeciderTest.progress(2, phase), new Rates(1, 1)));
    }

    @Test
    void aPodWhoseNodeIsFullIsReplacedOnAnotherOne() {
        World world = stuck("");
        says(world.after(20), "q-0-1", 0, 1);
        assertEquals(List.of(), world.look().actions(CreatePod.class), "there may be room soon");
        says(world.after(11), "q-0-1", 0, 1);
        world.look();
        assertEquals(
                List.of(new CreatePod(0, 2, "q-0-2", world.wanted().name(), "node-1", true)),
                world.actions(CreatePod.class));
        assertEquals(1_200, world.live().given().milli());
        assertTrue(world.notices().contains("Replacing"));
        follows(world.after(100), "following");
        assertEquals(List.of(), world.look().last, "it is waited for");
        assertEquals("1200m", world.status.scaling().cpu());
        follows(world.after(5), "standby");
        world.look();
        assertEquals(List.of(new Decision.Promote("q-0-2", "1", 2)), world.actions(Decision.Promote.class));
        assertEquals("q-0-1", world.actions(DeletePod.class).get(0).name());
        assertTrue(world.notices().contains("Replaced"));
        world.pods.removeIf(pod -> pod.deleting());
        settle(world);
        assertEquals("1200m", world.status.scaling().cpu());
        assertNull(world.status.scaling().ceiling());
        assertEquals(List.of(), resizes(world));
        assertEquals(1, world.pods.size(), "no other standby comes");
    }

    /** A node says so for a minute where it does not take memory away; an operator that was away looks later still. */
    @Test
    void anErrorIsAReasonAfterAWhileOnly() {
        World world = stuck("");
        Observed.Given now = world.live().given();
        Trouble error = new Trouble("Error", "the runtime says no");
        world.change(
                "q-0-1",
                pod -> pod.given =
                        new Observed.Given(now.asked(), 500, GIBIBYTE, -1, Optional.of(error), Optional.empty()));
        says(world.after(80), "q-0-1", 0, 1);
        assertEquals(List.of(), world.look().actions(CreatePod.class));
        says(world.after(60), "q-0-1", 0, 1);
        assertEquals(1, world.look().actions(CreatePod.class).size());
        assertEquals("1200m", world.status.scaling().cpu());
    }

    /** The first is evicted while it follows; the quota has no room for a second, nor a third. */
    /** What who opens it takes from who writes it: an engine refuses to follow then. */
    @Test
    void aPodThatWritesToSeveralClustersIsNotReplaced() {
        String dead = "\"deadLetters\": {\"kafka\": {\"topic\": \"d\"@at}}, \"scaling\"";
        for (boolean elsewhere : new boolean[] {false, true}) {
            String at = elsewhere ? ", \"bootstrapServers\": \"b:1\"" : "";
            World world = World.running(spec("Auto")
                    .replace("\"datagen\": {}", "\"kafka\": {\"topic\": \"i\"}")
                    .replace("\"scaling\"", dead.replace("@at", at)));
            assertEquals(!elsewhere, Replacements.arePossible(world.observe()));
        }
    }

    @Test
    void aReplacementThatIsLostIsMadeAnewAndNotForEver() {
        World world = stuck("");
        says(world.after(31), "q-0-1", 0, 1);
        world.look();
        follows(world.after(300), "following");
        world.look();
        for (int i = 0; world.status.scaling().cpu().equals("1200m"); i++) {
            assertTrue(i < 20, "it goes on and on");
            world.pods.removeIf(PodView::standby);
            says(world.after(5), "q-0-1", 0, 1);
            world.look();
        }
        assertTrue(world.notices().contains("ScalingRefused"));
        assertTrue(world.status.slots().get(0).standby() == null, "nothing is left of it");
    }

    @Test
    void whatHasRoomAfterAllIsNotReplaced() {
        World world = stuck("");
        says(world.after(31), "q-0-1", 0, 1);
        world.look();
        assertEquals(1, world.actions(CreatePod.class).size());
        world.change("q-0-1", pod -> pod.given = given("1200m 1024Mi", 1_200));
        follows(world.after(10), "standby");
        world.look();
        assertEquals("q-0-2", world.actions(DeletePod.class).get(0).name());
        assertEquals("q-0-1", world.status.slots().get(0).pod());
    }

    /** Where there is no room either, it goes, and the query has what it had. */
    @Test
    void aReplacementThatFindsNoNodeIsGivenUp() {
        World world = stuck("");
        says(world.after(31), "q-0-1", 0, 1);
        world.look();
        world.change("q-0-2", pod -> {
            pod.node = null;
            pod.phase = "Pending";
            pod.trouble = Optional.of(new Trouble("Unschedulable", "0/2 nodes: insufficient cpu"));
        });
        says(world.after(55), "q-0-1", 0, 1);
        world.look();
        assertEquals("1200m", world.status.scaling().cpu(), "it may be scheduled yet");
        says(world.after(6), "q-0-1", 0, 1);
        world.look();
        assertEquals("500m", world.status.scaling().cpu());
        assertTrue(world.status.scaling().ceiling().reason().contains("Deferred"));
        assertEquals("q-0-2", world.actions(DeletePod.class).get(0).name());
        assertNull(world.status.slots().get(0).standby());
    }

    /** What the user wishes for other reasons is not given up for this one. */
    @Test
    void aStandbyWithoutRoomStaysAndOneWithRoomGoesOn() {
        for (boolean room : List.of(false, true)) {
            World world = stuck(", \"standby\": 1");
            assertEquals(2, world.pods.size());
            if (room) {
                world.change("q-0-2", pod -> pod.given = given("1200m 1024Mi", 1_200));
            }
            follows(world.after(31), "standby");
            world.look();
            assertEquals(List.of(), world.actions(CreatePod.class));
            assertEquals(room ? "q-0-2" : "q-0-1", world.status.slots().get(0).pod());
            assertEquals(room ? "1200m" : "500m", world.status.scaling().cpu());
        }
    }

    @Test
    void aPodThatRunsOtherSlotsTooIsNotReplaced() {
        World world = stuck("");
        world.change("q-0-1", pod -> pod.guests = List.of(new GuestSlot(1, 7)));
        says(world.after(31), "q-0-1", 0, 1);
        world.look();
        assertEquals(List.of(), world.actions(CreatePod.class));
        assertEquals("500m", world.status.scaling().cpu());
    }

    /** A standby that fails, one that has not all in time, and none, as there is no checkpoint to begin from. */
    @Test
    void aReplacementThatDoesNotComeIsNotWaitedForForEver() {
        World failed = stuck("");
        says(failed.after(31), "q-0-1", 0, 1);
        failed.look();
        failed.change("q-0-2", pod -> {
            pod.ended = true;
            pod.outcome = Optional.of(new EngineOutcome("Failed", "ReplayDiverged", "", 2));
        });
        givesUpIn(failed, 1, 1);
        World slow = stuck("");
        says(slow.after(31), "q-0-1", 0, 1);
        slow.look();
        follows(slow.after(800), "following");
        slow.look();
        givesUpIn(slow, 60, 80);
        World without = stuck("");
        without.says(null, "the bucket is away", null);
        givesUpIn(without.after(31), 55, 65);
    }

    private static void givesUpIn(World world, int least, int most) {
        EngineView first = world.engines.get("q-0-1");
        int seconds = 0;
        while (world.status.scaling().cpu().equals("1200m")) {
            world.after(1);
            world.engines.put("q-0-1", new EngineView(true, world.now, first.progress(), first.rates()));
            world.look();
            seconds++;
            assertTrue(seconds <= most + 2, "it waits");
        }
        assertTrue(seconds >= least, () -> "it did not wait");
        assertTrue(world.notices().contains("ScalingRefused"));
    }

    /** The pods stay out for so long that the query goes on without them. */
    @Test
    void podsThatFindNoRoomAreGivenUp() {
        World world = running("Auto");
        load(world, 9, 200_000, 50_000);
        assertEquals(3, world.status.scaling().pods());
        for (int i = 0; i < 4; i++) {
            world.after(1).look();
            List.copyOf(world.pods).forEach(pod -> {
                if (pod.slot() == 0) {
                    says(world, pod.name(), 0, pod.incarnation());
                } else {
                    world.change(pod.name(), p -> {
                        p.node = null;
                        p.phase = "Pending";
                        p.trouble = Optional.of(new Trouble("Unschedulable", "0/2 nodes"));
                    });
                }
            });
        }
        world.after(200).look();
        assertEquals(3, world.status.scaling().pods(), "there may be another node soon");
        world.after(100).look();
        assertEquals(1, world.status.scaling().pods());
        assertEquals("2", world.status.scaling().cpu(), "which it got");
        assertEquals("Pods", world.status.scaling().blocked().get(0).remedy());
        assertTrue(world.notices().contains("ScalingRefused"));
        assertEquals(1, world.status.division().slots());
    }

    /** A quota says no: the message is on the pod. */
    @Test
    void whatIsRefusedIsNotAskedForAgainAtOnce() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        ResizePod refused = (ResizePod) world.last.get(0);
        Observed.Given noted = new Observed.Given(
                "500m 1024Mi",
                500,
                GIBIBYTE,
                -1,
                Optional.empty(),
                Optional.of(new Observed.NotTaken(refused.wish(), "exceeded quota")));
        world.change("q-0-1", pod -> pod.given = noted);
        world.after(1).look();
        assertEquals("500m", world.status.scaling().cpu());
        assertTrue(world.status.scaling().ceiling().reason().contains("exceeded quota"));
        assertEquals(List.of(), world.last, "it has what it is to have");
        world.after(1).look();
        assertNotNull(world.status.scaling().settledAt());
        world.samples.clear();
        world.after(700);
        load(world, 9, 25_000, 50_000); // one pod of 750m could do it
        assertEquals(List.of("q-0-1 750m"), resizes(world), "the quota may be another one now");
    }

    @Test
    void recommendationsAreToldOnceAndNotFollowed() {
        World world = running("Recommend");
        List<String> told = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            load(world, 1, 40_000, 50_000);
            assertEquals(List.of(), world.last);
            told.addAll(world.notices());
        }
        assertEquals("500m", world.status.scaling().cpu());
        assertEquals(1, world.status.scaling().recommended().pods());
        assertEquals("1200m", world.status.scaling().recommended().cpu());
        assertEquals(1, told.stream().filter("ScalingRecommended"::equals).count());
        assertFalse(told.contains("Scaled"));
    }

    /** A drained node, and no other with as much CPU: what the pod began with fits. */
    @Test
    void aReplacementThatFitsNowhereGetsWhatTheOneBeforeHadBeforeItGrew() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        settle(world);
        world.gone().look();
        assertEquals(1_200, world.live().given().milli());
        world.change(world.live().name(), pod -> {
            pod.node = null;
            pod.phase = "Pending";
            pod.trouble = Optional.of(new Trouble("Unschedulable", "0/2 nodes: insufficient cpu"));
        });
        world.after(30).look();
        assertEquals("1200m", world.status.scaling().cpu());
        world.after(31).look();
        assertEquals("500m", world.status.scaling().cpu());
        assertEquals(List.of("q-0-2 500m"), resizes(world));
        assertTrue(world.notices().contains("ScalingRefused"));
    }

    /** A change of the bounds is not a change that did not come. */
    @Test
    void podsThatCameLongAgoStay() {
        World world = running("Auto");
        load(world, 9, 200_000, 50_000);
        settle(world);
        world.after(3_600);
        world.spec(spec("Auto").replace("\"cpu\": \"2\"", "\"cpu\": \"1500m\""));
        world.look();
        assertEquals(3, world.status.scaling().pods());
        assertEquals("1500m", world.status.scaling().cpu());
        assertEquals(3, resizes(world).size());
    }

    /** Something that is not told takes the CPU away again. */
    @Test
    void whatElseSetsTheCpuIsNotFoughtForEver() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        world.change("q-0-1", pod -> pod.given = given("1200m 1024Mi", 700));
        world.after(100).look();
        assertEquals("1200m", world.status.scaling().cpu());
        world.after(250).look();
        assertEquals("700m", world.status.scaling().cpu());
        assertTrue(world.status.scaling().ceiling().reason().contains("VerticalPodAutoscaler"));
    }

    /** What is not known is not taken for the least. */
    @Test
    void withoutAStatusThePodsKeepWhatTheyHave() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        settle(world);
        world.status = withoutScaling(world);
        world.after(1).look();
        assertEquals("1200m", world.status.scaling().cpu());
        assertEquals(List.of(), world.last);
    }

    private static StreamingQueryStatus withoutScaling(World world) {
        ObjectNode status = JSON.valueToTree(world.status);
        status.remove("scaling");
        return JSON.convertValue(status, StreamingQueryStatus.class);
    }

    @Test
    void modeRecommendLeavesThingsAsTheyAre() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        settle(world);
        world.spec(spec("Recommend")).look();
        assertEquals("1200m", world.status.scaling().cpu());
        assertEquals(List.of(), world.last);
    }

    @Test
    void inModeManualPodsHaveWhatTheirVersionSays() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        settle(world);
        world.spec(spec("Manual")).look();
        assertEquals(List.of("q-0-1 500m"), resizes(world));
        assertNull(world.status.scaling());
    }

    @Test
    void nothingIsChangedWhileAPodIsSilent() {
        World world = running("Auto");
        world.silent();
        load(world, 5, 40_000, 50_000);
        assertEquals("500m", world.status.scaling().cpu());
        assertEquals(
                "not all pods run and have what they are to have",
                world.status.scaling().reason());
    }

    /** The pod that is about to be replaced says that it wants more. */
    @Test
    void nothingIsChangedWhileAVersionIsOnTrial() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        World other = running("Auto");
        int looks = other.samples.size();
        load(other, world.samples.size() - 1, 40_000, 50_000);
        assertEquals(world.samples.size() - 1 - looks, other.samples.size() - looks, "one look before it is decided");
        other.spec(spec("Auto").replace("\"query\"", "\"engine\": {\"image\": \"image:2\"}, \"query\""));
        load(other, 1, 40_000, 50_000);
        assertEquals(List.of(), resizes(other));
        assertEquals("500m", other.status.scaling().cpu());
        assertTrue(other.last.stream().anyMatch(DeletePod.class::isInstance), other.last.toString());
    }

    @Test
    void figuresAloneAreWrittenOnceAMinute() {
        World world = running("Auto");
        load(world, 7, 10_000, 50_000);
        int written = 0;
        for (int look = 0; look < 24; look++) {
            Scaling before = world.status.scaling();
            load(world, 1, 10_000 + 100 * look, 50_000);
            written += before.equals(world.status.scaling()) ? 0 : 1;
        }
        assertEquals(4, written, "in four minutes");
    }

    @Test
    void aQueryThatWaitsForItsSinkIsToldSo() {
        World world = running("Auto");
        long lag = 0;
        for (int i = 0; i < 6; i++) {
            world.after(10);
            lag += 400_000;
            world.samples.add(new Sample(
                    world.now, 10, List.of(new Sample.Slot(10_000, lag, 0.2, 0.5, 0.2, 0.8, Memory.UNKNOWN))));
            world.look();
            assertEquals(List.of(), world.last);
        }
        List<String> told =
                world.decision.notices().stream().map(Notice::reason).toList();
        assertTrue(told.contains("SinkBound"), told.toString());
    }

    private static final String MEMORY = """
            {"query": "SELECT 1", "sources": [{"name": "in", "datagen": {}}], "sinks": [{"name": "out", "kafka": {"topic": "t"}}],
             "scaling": {"mode": "Auto", "replicas": {"min": 1, "max": 4},
              "resources": {"min": {"cpu": "2"}, "max": {"memory": "4Gi"}}}}""";

    private static World withState() {
        World world = World.running(MEMORY);
        world.resizes = true;
        settle(world);
        return world;
    }

    /** So many looks with a sample each, of one pod that has so much state, and computes a third of the time. */
    private static World state(World world, int looks, double waits, long state, long lag) {
        for (int i = 0; i < looks; i++) {
            world.after(10);
            long memory = world.pods.get(0).given().memory();
            Memory seen = new Memory(waits, 0, state, memory - (memory >> 1));
            Sample.Slot slot = new Sample.Slot(10_000, lag, 0.3, 2, 0.3, 0.05, seen);
            world.samples.add(new Sample(world.now, 10, List.of(slot)));
            world.look();
            if (!world.last.isEmpty()) {
                return world;
            }
        }
        return world;
    }

    /** As its engine says, with how much memory it plans. */
    private static void plans(World world, String pod, long bytes) {
        ObjectNode progress = JSON.valueToTree(world.engines.get(pod).progress());
        List.of("running", "volumeShort", "calm").forEach(progress::remove);
        progress.put("memoryBytes", bytes);
        EngineProgress says = JSON.convertValue(progress, EngineProgress.class);
        world.engines.put(pod, new EngineView(true, world.now, says, new Rates(1, 1)));
    }

    @Test
    void aPodThatWaitsForItsStateIsGivenMemoryWhileItRuns() {
        World world = withState();
        assertEquals("1024Mi", world.status.scaling().memory());
        state(world, 9, 0.65, 3 * GIBIBYTE, 600_000);
        assertEquals(
                List.of(
                        new Decision.PlanMemory("q-0-1", 2 * GIBIBYTE),
                        new ResizePod("q-0-1", "2", "2048Mi", "2 2048Mi since " + world.now)),
                world.last);
        Scaling scaling = world.status.scaling();
        assertEquals("2048Mi", scaling.memory());
        assertEquals("State", scaling.lastDecision().bottleneck());
        assertEquals("Memory", scaling.lastDecision().remedy());
        assertEquals(0.65, scaling.lastDecision().inputs().stateWait());
        world.after(2).look();
        Change read = ScalingStatus.read(world.status.scaling()).orElseThrow().last();
        assertEquals(0.65, read.figures().memory().waits());
        state(world, 9, 0.65, 3 * GIBIBYTE, 600_000);
        assertEquals(
                List.of(),
                world.last,
                "what was given is still filled: " + world.status.scaling().reason());
        state(world, 9, 0.65, 3 * GIBIBYTE, 600_000);
        assertEquals("2048Mi", world.status.scaling().memory(), "which brought nothing");
        assertTrue(world.status.scaling().past().get(0).contains("of no use"));
        assertEquals(2, world.status.scaling().pods(), "each has less of the state");
    }

    @Test
    void aNodeWithoutRoomForTheMemoryIsHeeded() {
        World world = withState();
        world.mostMemory = GIBIBYTE;
        world.noRoom = Optional.of(new Observed.Trouble("Deferred", "node has no memory left"));
        state(world, 9, 0.65, 3 * GIBIBYTE, 600_000);
        assertEquals("2048Mi", world.status.scaling().memory());
        world.after(40).look();
        assertEquals("1024Mi", world.status.scaling().memory());
        assertEquals("1024Mi", world.status.scaling().ceiling().memory());
        assertNull(world.status.scaling().ceiling().cpu(), "there may be CPU");
        assertTrue(world.notices().contains("ScalingRefused"));
        world.after(1).look();
        state(world, 9, 0.65, 3 * GIBIBYTE, 600_000);
        assertTrue(world.status.scaling().pods() > 1, world.status.scaling().toString());
    }

    /** What is taken away from a pod must not be used any more: the engine first. Nothing waits for it. */
    @Test
    void memoryIsTakenAwayWhenTheEngineHasGivenItBack() {
        World world = withLessWished();
        assertEquals(List.of(new Decision.PlanMemory("q-0-1", 1216L << 20)), world.last);
        assertEquals("1216Mi", world.status.scaling().memory());
        plans(world, "q-0-1", 2 * GIBIBYTE);
        world.after(5).look();
        assertEquals(List.of(), world.last, "it has not yet");
        assertEquals(2 * GIBIBYTE, world.live().given().memory());
        assertNotNull(world.status.scaling().settledAt(), "other changes are made meanwhile");
        plans(world, "q-0-1", 1216L << 20);
        world.after(5).look();
        assertEquals(List.of("q-0-1 2"), resizes(world));
        assertEquals(1216L << 20, world.live().given().memory());
    }

    /** A pod with two gibibytes of memory, that needs less for long. */
    private static World withLessWished() {
        World world = withState();
        state(world, 9, 0.65, 3 * GIBIBYTE, 600_000);
        plans(world, "q-0-1", 2 * GIBIBYTE);
        world.after(2).look();
        return state(world, 120, 0, GIBIBYTE / 10, 0);
    }

    private static void refuses(World world, Optional<Observed.Trouble> node, Optional<Observed.NotTaken> server) {
        Observed.Given now = world.live().given();
        world.change(
                "q-0-1",
                pod -> pod.given = new Observed.Given(now.asked(), 2_000, 2 * GIBIBYTE, now.planned(), node, server));
    }

    /** Files that a pod has read count as used, and its node takes nothing away that is. */
    @Test
    void memoryThatANodeDoesNotTakeAwayIsKept() {
        World world = withLessWished();
        plans(world, "q-0-1", 1216L << 20);
        world.after(5).look();
        assertEquals("1216Mi", ((ResizePod) world.last.get(0)).memory());
        refuses(world, Optional.of(new Observed.Trouble("Error", "limit below current usage")), Optional.empty());
        world.after(20).look();
        assertEquals(List.of(), world.last, "files may leave the memory");
        world.after(60).look();
        assertEquals("2048Mi", ((ResizePod) world.last.get(0)).memory(), "as a change of CPU would wait for it");
        for (int i = 0; i < 3; i++) {
            refuses(world, Optional.empty(), Optional.empty());
            world.after(60).look();
            assertEquals(List.of(), world.last);
        }
        assertEquals("1216Mi", world.status.scaling().memory(), "with which it plans");
        assertNull(world.status.scaling().ceiling());
    }

    /** As API servers before Kubernetes 1.34 do. */
    @Test
    void memoryThatTheApiServerDoesNotTakeAwayIsKept() {
        World world = withLessWished();
        plans(world, "q-0-1", 1216L << 20);
        world.after(5).look();
        ResizePod asked = (ResizePod) world.last.get(0);
        refuses(world, Optional.empty(), Optional.of(new Observed.NotTaken(asked.wish(), "cannot be decreased")));
        world.after(20).look();
        assertEquals("2048Mi", ((ResizePod) world.last.get(0)).memory());
        refuses(world, Optional.empty(), Optional.empty());
        world.after(60).look();
        assertEquals(List.of(), world.last);
        assertNull(world.status.scaling().ceiling());
    }

    @Test
    void aHeapThatIsTooSmallIsTold() {
        World world = withState();
        for (int i = 0; i < 6; i++) {
            world.after(10);
            Memory seen = new Memory(0, 0.6, GIBIBYTE, 2 * GIBIBYTE);
            Sample.Slot slot = new Sample.Slot(10_000, 500_000, 1.8, 2, 0.3, 0.05, seen);
            world.samples.add(new Sample(world.now, 10, List.of(slot)));
            world.look();
            assertEquals(List.of(), world.last);
        }
        List<String> told =
                world.decision.notices().stream().map(Notice::reason).toList();
        assertTrue(told.contains("HeapBound"), told.toString());
    }

    /** On a day that the cashiers fear: what would be changed is told. */
    @Test
    void inTimesThatAreExcludedNothingIsChanged() {
        World world = running("Auto");
        ObjectNode excluding = world.spec.deepCopy();
        excluding
                .withObject("/scaling")
                .withArray("exclusions")
                .addObject()
                .put("schedule", "0 10 * * *")
                .put("duration", "30m");
        world.spec = excluding;
        assertTrue(world.now.toString().startsWith("2026-03-01T10:"), world.now.toString());
        load(world, 9, 40_000, 50_000);
        assertEquals(List.of(), world.last);
        assertEquals("500m", world.status.scaling().cpu());
        assertEquals("1200m", world.status.scaling().recommended().cpu());
        assertTrue(
                world.status
                        .scaling()
                        .reason()
                        .startsWith("nothing is changed before 2026-03-01T10:30:00Z, as '0 10 * * *'"),
                world.status.scaling().reason());
        world.after(1_800);
        load(world, 9, 40_000, 50_000);
        assertEquals(List.of("q-0-1 1200m"), resizes(world));
        assertNull(world.status.scaling().recommended());
    }

    /** Another operator goes on with what this one knew. */
    @Test
    void whatIsKnownIsInTheStatus() {
        World world = running("Auto");
        load(world, 9, 40_000, 50_000);
        world.after(2).look();
        load(world, 9, 40_000, 50_000);
        Scaling status = world.status.scaling();
        dev.millrace.operator.scaling.ScalingState state =
                ScalingStatus.read(status).orElseThrow();
        assertEquals(status.lastDecision().outcome(), state.last().outcome());
        assertEquals(status.cpuSeconds(), state.costs().cpu());
        assertEquals(
                status.needs().cores().stream().filter(cores -> cores >= 0).count(),
                state.needs().byMinute().size());
        assertTrue(ScalingStatus.read(new Scaling(
                        1, "much", null, null, null, null, null, null, null, null, null, null, null, null, null))
                .isEmpty());
    }
}
