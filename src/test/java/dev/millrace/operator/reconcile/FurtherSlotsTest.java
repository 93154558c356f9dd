package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Behind;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.DeciderTest.World;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.TellDivision;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Rates;
import dev.millrace.operator.reconcile.Observed.Trouble;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A query of several slots. */
class FurtherSlotsTest {

    private static final String KAFKA = """
            {"query": "SELECT 1", "sources": [], "sinks": [{"name": "out", "kafka": {"topic": "t"}}],
             "scaling": {"mode": "Manual"}, "replicas": @slots, "engine": {"image": "@image"}}""";

    private static String spec(int slots) {
        return spec(slots, "image:1");
    }

    private static String spec(int slots, String image) {
        return KAFKA.replace("@slots", String.valueOf(slots)).replace("@image", image);
    }

    /** The pods of these slots answer that they have what is theirs. */
    private static World run(World world, int... slots) {
        return answer(world, true, slots);
    }

    private static World answer(World world, boolean settled, int... slots) {
        String division =
                world.status.division() == null ? null : world.status.division().text();
        List<Integer> members = world.pods.stream()
                .filter(pod -> pod.outcome().isEmpty())
                .map(PodView::slot)
                .distinct()
                .toList();
        for (int slot : slots) {
            says(world, slot, division, members, settled);
        }
        return world;
    }

    /** The pod of a slot answers so. */
    private static World says(World world, int slot, String division, List<Integer> members, boolean settled) {
        PodView pod = pod(world, slot);
        EngineProgress progress = division == null
                ? DeciderTest.progress(pod.incarnation(), "running", null, null, null, null, null)
                : DeciderTest.progress(pod.incarnation(), "running", slot, division, members, "9", settled);
        world.engines.put(pod.name(), new EngineView(true, world.now, progress, new Rates(100, 7)));
        return world;
    }

    private static PodView pod(World world, int slot) {
        return world.pods.stream()
                .filter(pod -> pod.slot() == slot)
                .reduce((earlier, later) -> later)
                .orElseThrow();
    }

    private static World change(World world, int slot, boolean ended, Optional<Trouble> trouble, String end) {
        PodView pod = pod(world, slot);
        world.change(pod.name(), p -> {
            p.ended = ended;
            p.phase = ended ? "Succeeded" : p.phase;
            p.trouble = trouble;
            p.outcome = Optional.ofNullable(end)
                    .map(how -> new EngineOutcome(how, "SomeCode", "because", pod.incarnation()));
        });
        return world;
    }

    private static World end(World world, int slot, String end) {
        return change(world, slot, true, Optional.empty(), end);
    }

    private static World gone(World world, int slot) {
        world.pods.remove(pod(world, slot));
        return world;
    }

    private static List<Integer> created(World world) {
        return world.actions(CreatePod.class).stream().map(CreatePod::slot).toList();
    }

    private static List<String> deleted(World world) {
        return world.actions(DeletePod.class).stream().map(DeletePod::name).toList();
    }

    /** So many slots, all settled. */
    private static World running(int slots) {
        World world = new World(spec(slots));
        world.look().after(5);
        run(world, 0).look();
        int[] all = IntStream.range(0, slots).toArray();
        run(world.after(5), all).look();
        assertEquals("Running", world.status.phase());
        assertEquals(slots, world.status.readyReplicas());
        return world;
    }

    @Test
    void slotZeroGoesFirstAndTheOthersFollow() {
        World world = new World(spec(3)).look();
        assertEquals(List.of(0), created(world));
        run(world.after(5), 0).look();
        assertEquals(List.of(1, 2), created(world));
        assertEquals(
                List.of(new CreateClaim("q-1-1", 1), new CreateClaim("q-2-1", 2)), world.actions(CreateClaim.class));
        assertEquals("True Processing", world.condition("Ready"), "rows are processed meanwhile");
        assertEquals("True Rescaling", world.condition("Reconciling"));
        assertEquals("Rescaling", world.status.phase());
        run(world.after(5), 0, 1).look();
        assertEquals("Rescaling", world.status.phase());
        answer(world.after(5), false, 0, 1, 2).look();
        assertEquals("Rescaling", world.status.phase(), "key groups move");
        run(world.after(5), 0, 1, 2).look();
        assertEquals("Running", world.status.phase());
        assertEquals("False AsWanted", world.condition("Reconciling"));
        assertEquals("True AsWanted", world.condition("Scalable"));
        assertEquals(3, world.status.replicas());
        assertEquals(3, world.status.readyReplicas());
        assertEquals(300.0, world.status.throughput().in());
        assertEquals(130, world.status.lag().records(), "the sum of all, to two digits");
        assertEquals(List.of(), world.after(5).look().last, "and nothing more is to do");
    }

    @Test
    void whoRunsIsToldOfAnotherDivision() {
        World world = new World(spec(1)).look().after(5);
        run(world, 0).look();
        assertNull(world.status.division());
        assertEquals("0/1", pod(world, 0).division());
        world.spec(spec(2)).look();
        String division = world.status.division().text();
        assertEquals(List.of(new TellDivision("q-0-1", "1", division)), world.actions(TellDivision.class));
        assertEquals(division, pod(world, 1).division(), "who starts knows");
        long version = world.status.division().version();
        assertEquals(world.now.getEpochSecond(), version, "later than any that a query of the name had before");
        world.spec(spec(4)).look();
        assertEquals(version + 1, world.status.division().version(), "in the same second");
        assertEquals(List.of("Rescaling"), world.notices().stream().distinct().toList());
    }

    @Test
    void aSurplusSlotRunsUntilItHasLeft() {
        World world = running(3);
        world.spec(spec(1)).look();
        assertEquals(List.of(), deleted(world));
        assertEquals(2, world.actions(TellDivision.class).size() - 1);
        assertEquals("Rescaling", world.status.phase());
        assertTrue(Conditions.find(world.status.conditions(), "Reconciling")
                .orElseThrow()
                .message()
                .endsWith("1, 2"));
        gone(world, 1).after(5);
        says(run(world, 2), 0, world.status.division().text(), List.of(0, 1, 2), false)
                .look();
        assertEquals(List.of(1), created(world), "it has still something to hand over");
        end(world.after(5), 2, "Left");
        String division = world.status.division().text();
        says(run(world, 1), 0, division, List.of(0, 1, 2), false).look();
        assertEquals(List.of(), deleted(world), "slot 0 has not heard of it");
        assertEquals("True Processing", world.condition("Ready"));
        run(world.after(1), 0, 1).look();
        assertEquals(List.of("q-2-1"), deleted(world));
        assertEquals(Slot.unused(2, 1), world.status.slots().get(2), "its number is kept");
        assertEquals(
                List.of("q-2-1"),
                world.actions(DeleteClaim.class).stream().map(DeleteClaim::name).toList());
        gone(world, 2);
        run(end(world.after(5), 1, "Left"), 0).look();
        gone(world, 1);
        run(world.after(5), 0).look();
        assertEquals("Running", world.status.phase());
        assertEquals(1, world.status.replicas());
        assertEquals(
                List.of("q-0-1"),
                world.claims.stream().map(Observed.ClaimView::name).toList());
        world.spec(spec(3)).look();
        assertEquals(
                List.of(
                        new CreatePod(1, 3, "q-1-3", world.wanted().name()),
                        new CreatePod(2, 2, "q-2-2", world.wanted().name())),
                world.actions(CreatePod.class),
                "no number is given twice");
    }

    @Test
    void aSlotThatTheOthersDoNotKnowNeedNotLeave() {
        World world = running(1);
        world.spec(spec(3)).look();
        change(world, 2, false, Optional.of(new Trouble("ImageNotPulled", "no such image")), null);
        says(run(world.after(5), 1), 0, world.status.division().text(), List.of(0, 1), true)
                .look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("True ImageNotPulled", world.condition("Reconciling"));
        assertEquals(1, world.budget.orElseThrow(), "of those that are there one at a time may go");
        world.spec(spec(2)).look();
        assertEquals(List.of(), deleted(world), "what slot 0 knew before");
        says(run(world.after(5), 1), 0, world.status.division().text(), List.of(0, 1), true)
                .look();
        assertEquals(List.of("q-2-1"), deleted(world));
        gone(world, 2);
        run(world.after(5), 0, 1).look();
        assertEquals("Running", world.status.phase());
        assertTrue(world.status.slots().get(2).isUnused());
    }

    /** Another query had its state before, or the status was lost. */
    @Test
    void slotsThatTheLogKnowsRunBeItToHandOver() {
        World world = new World(spec(1)).look();
        says(world.after(5), 0, "99999999999/3", List.of(0, 1, 2), false).look();
        assertEquals("100000000000/1", world.status.division().text());
        assertEquals(List.of(1, 2), created(world));
        assertEquals("False Starting", world.condition("Ready"), "what they own stands still");
        end(world.after(5), 1, "Superseded");
        says(world, 0, world.status.division().text(), List.of(0, 1, 2), false).look();
        assertEquals(List.of(1), created(world));
        says(run(world.after(5), 1, 2), 0, world.status.division().text(), List.of(0, 1, 2), false)
                .look();
        assertEquals("Rescaling", world.status.phase());
        assertEquals("True Processing", world.condition("Ready"));
        end(end(world.after(5), 1, "Left"), 2, "Left");
        run(world, 0).look();
        gone(gone(world, 1), 2);
        run(world.after(5), 0).look();
        assertEquals("Running", world.status.phase());
        assertEquals(1, world.status.replicas());
    }

    @Test
    void aVersionOnTrialDividesNothingThatCannotBe() {
        World world = new World(spec(2)).verdict(undivided());
        run(world.look().after(5), 0).look();
        world.spec(spec(2, "nowhere")).verdict(DeciderTest.accepted("plan-a")).look();
        assertNull(world.status.division());
        end(world, 0, "Stopped").after(5).look();
        run(world.after(5), 0).look();
        assertNull(world.status.division(), "it runs, but was not seen to when this was decided");
        run(world.after(5), 0).look();
        assertEquals(2, world.status.division().slots());
        assertEquals(List.of(1), created(world));
    }

    @Test
    void whatSlotsTellIsToldOnceEach() {
        World world = running(3);
        gone(world, 1);
        run(world.after(5), 0, 2).look();
        assertEquals(List.of(), world.notices(), "the others go on from nothing");
        change(world, 1, false, Optional.of(new Trouble("Unschedulable", "no room")), null);
        change(world, 2, false, Optional.of(new Trouble("Unschedulable", "no room")), null);
        world.engines.remove("q-2-1");
        run(world.after(5), 0).look();
        assertEquals(
                List.of("slot 1", "slot 2"),
                world.decision.notices().stream().map(Decision.Notice::about).toList());
    }

    @Test
    void onlySoManyPodsOfLostNodesAreReplacedAtOnce() {
        World world = running(4);
        world.recentTakeOvers = TakeOvers.AT_ONCE - 2;
        for (int slot = 1; slot < 4; slot++) {
            PodView pod = pod(world, slot);
            EngineView engine = world.engines.get(pod.name());
            world.engines.put(pod.name(), new EngineView(false, engine.lastAnswer(), engine.progress(), null));
            world.change(pod.name(), p -> p.node = "node-2");
        }
        world.unreachable.put("node-2", world.now);
        run(world.after(31), 0).look();
        assertEquals(List.of(1, 2), created(world));
        assertEquals(2, world.decision.takeOvers());
    }

    @Test
    void whatTheApiServerRefusesHoldsUpNoOtherSlot() {
        World world = running(1);
        world.spec(spec(2)).look();
        gone(world, 1);
        world.decision = Decider.refused(world.observe(), world.decision, "NotAccepted", "over the quota");
        world.status = world.decision.status();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("True NotAccepted", world.condition("Reconciling"));
        run(world.after(1), 0).look();
        assertEquals("True NotAccepted", world.condition("Reconciling"), "until it is tried again");
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("Rescaling", world.status.phase());
        run(world.after(5), 0).look();
        assertEquals(List.of(1), created(world));
        world.decision = Decider.refused(world.observe(), world.decision, "NotAccepted", "over the quota");
        world.status = world.decision.status();
        gone(world, 1);
        world.spec(spec(1)).look();
        says(world.after(5), 0, world.status.division().text(), List.of(0), true)
                .look();
        assertEquals(
                List.of(0),
                world.status.slots().stream()
                        .filter(slot -> slot.pod() != null)
                        .map(Slot::slot)
                        .toList());
    }

    @Test
    void aQueryIsReadyWhenAllThatHaveAPartInItAre() {
        World world = running(3);
        gone(world, 1);
        run(world.after(5), 0, 2).look();
        assertEquals(List.of(1), created(world));
        assertEquals("False Starting", world.condition("Ready"), "its key groups stand still");
        assertEquals("Starting", world.status.phase());
        assertEquals(2, world.status.readyReplicas());
        assertEquals(
                new CreatePod(1, 2, "q-1-1", world.wanted().name()),
                world.actions(CreatePod.class).get(0),
                "on its volume");
        run(world.after(5), 0, 1, 2).look();
        assertEquals("True Processing", world.condition("Ready"));
    }

    @Test
    void aSlotWhoseNodeIsLostStartsElsewhere() {
        World world = running(2);
        PodView pod = pod(world, 1);
        EngineView engine = world.engines.get(pod.name());
        world.engines.put(pod.name(), new EngineView(false, engine.lastAnswer(), engine.progress(), null));
        world.change(pod.name(), p -> p.node = "node-2");
        world.unreachable.put("node-2", world.now);
        run(world.after(29), 0).look();
        assertEquals(List.of(), created(world));
        run(world.after(2), 0).look();
        assertEquals(List.of(new CreatePod(1, 2, "q-1-2", world.wanted().name())), world.actions(CreatePod.class));
        assertEquals(List.of("q-1-1"), deleted(world));
        assertEquals(1, world.decision.takeOvers());
    }

    @Test
    void aSlotThatFailsStopsTheQuery() {
        World world = running(2);
        run(end(world.after(5), 1, "Failed"), 0).look();
        assertEquals("Failed", world.status.phase());
        assertEquals("True SomeCode", world.condition("Stalled"));
        assertEquals("False SomeCode", world.condition("Ready"));
    }

    @Test
    void aNewVersionGoesFromSlotToSlot() {
        World world = running(3);
        world.spec(spec(3, "image:2")).look();
        assertEquals(List.of("q-0-1"), deleted(world), "slot 0 shows that it runs");
        end(world.after(5), 0, "Stopped");
        run(world, 1, 2).look();
        assertEquals(List.of(0), created(world));
        run(world.after(5), 1, 2).look();
        assertEquals(List.of(), deleted(world));
        run(world.after(5), 0, 1, 2).look();
        assertEquals(List.of("q-1-1"), deleted(world), "one after the other");
        run(world.after(5), 0, 2).look();
        assertEquals(List.of(), deleted(world));
        end(world, 1, "Stopped");
        run(world.after(5), 0, 2).look();
        assertEquals(List.of(1), created(world));
        run(world.after(5), 0, 1, 2).look();
        assertEquals(List.of("q-2-1"), deleted(world));
        end(world, 2, "Stopped");
        run(world.after(5), 0, 1).look();
        run(world.after(5), 0, 1, 2).look();
        assertEquals("Running", world.status.phase());
        assertEquals(
                List.of(world.wanted().name()),
                world.pods.stream()
                        .filter(pod -> !pod.ended())
                        .map(PodView::version)
                        .distinct()
                        .toList());
    }

    @Test
    void aVersionThatDoesNotRunTouchesNoFurtherSlot() {
        World world = running(2);
        String before = world.status.current().config();
        world.spec(spec(2, "nowhere")).look();
        end(world, 0, "Stopped");
        run(world.after(5), 1).look();
        gone(world, 1);
        world.after(5).look();
        assertEquals(before, pod(world, 1).version(), "one that dies comes back as it was");
        end(world, 0, "Failed");
        run(world.after(5), 1).look();
        assertEquals("True RolledBack", world.condition("Stalled"));
        assertEquals(before, world.actions(CreatePod.class).get(0).version());
        run(world.after(5), 0, 1).look();
        assertEquals("Running", world.status.phase());
    }

    @Test
    void anotherStateBeginsUndivided() {
        World world = running(2);
        long version = world.status.division().version();
        world.spec(spec(2).replace(
                                "\"engine\"",
                                "\"upgrade\": {\"restore\": {\"from\": \"none\", \"nonce\": 1}}, \"engine\""))
                .look();
        assertEquals(List.of("q-0-1", "q-1-1"), deleted(world));
        end(end(world.after(5), 0, "Stopped"), 1, "Stopped").look();
        assertEquals(List.of(new CreatePod(0, 2, "q-0-2", world.wanted().name())), world.actions(CreatePod.class));
        assertTrue(world.status.division().version() >= version);
        run(world.after(5), 0).look();
        assertEquals(List.of(new CreatePod(1, 2, "q-1-2", world.wanted().name())), world.actions(CreatePod.class));
    }

    @Test
    void anotherStateOfOneSlotKnowsNothingOfTheSlotsBefore() {
        World world = running(2);
        world.spec(spec(1).replace(
                                "\"engine\"",
                                "\"upgrade\": {\"restore\": {\"from\": \"none\", \"nonce\": 1}}, \"engine\""))
                .verdict(undivided())
                .look();
        assertNull(world.status.division());
        assertEquals(List.of("q-0-1", "q-1-1"), deleted(world));
        end(end(world.after(5), 0, "Stopped"), 1, "Stopped").look();
        run(world.after(5), 0).look();
        assertEquals(List.of(), created(world));
        assertEquals("Running", world.status.phase());
        assertEquals(1, world.status.replicas());
    }

    @Test
    void suspensionEndsAllAndAllComeBackAtOnce() {
        World world = running(2);
        world.spec(spec(2).replace("\"engine\"", "\"suspend\": true, \"engine\""))
                .look();
        assertEquals(List.of("q-0-1", "q-1-1"), deleted(world));
        assertEquals(0, world.status.replicas());
        assertEquals("True AsWanted", world.condition("Scalable"));
        gone(gone(world, 0), 1).after(5).look();
        assertEquals("False Suspended", world.condition("Reconciling"));
        world.spec(spec(2)).look();
        assertEquals(List.of(0, 1), created(world));
    }

    @Test
    void whatCannotBeDividedGoesOnWithOne() {
        World world = new World(spec(3)).verdict(undivided());
        run(world.look().after(5), 0).look();
        assertEquals("False NotSupportedInSlots", world.condition("Scalable"));
        assertTrue(Conditions.find(world.status.conditions(), "Scalable")
                .orElseThrow()
                .message()
                .contains("a file"));
        assertEquals(1, world.pods.size());
        assertEquals("Running", world.status.phase());
        assertNull(world.status.division());
    }

    private static Verdict undivided() {
        return new Verdict(List.of(), "plan-a", Map.of("out", "update"), List.of(), "", "a file");
    }

    @Test
    void whatWasDividedTakesNoVersionThatCannotBe() {
        World world = running(2);
        world.spec(spec(2, "image:2")).verdict(undivided()).look();
        assertEquals("True NotSupportedInSlots", world.condition("Stalled"));
        assertEquals(List.of(), deleted(world));
        run(world.after(5), 0, 1).look();
        assertEquals("Running", world.status.phase(), "the version before goes on");
        assertFalse(world.condition("UpToDate").startsWith("True"));
    }

    @Test
    void aSupersededSlotTakesALargerNumber() {
        World world = running(2);
        PodView pod = pod(world, 1);
        world.change(pod.name(), p -> {
            p.ended = true;
            p.phase = "Succeeded";
            p.outcome = Optional.of(new EngineOutcome("Superseded", "", "", 8));
        });
        run(world.after(5), 0).look();
        assertEquals(List.of(new CreatePod(1, 9, "q-1-1", world.wanted().name())), world.actions(CreatePod.class));
    }

    /** The pods answer with these rows to read, and these per second. */
    private static World lagging(World world, long[] lags, double[] rates) {
        for (int slot = 0; slot < lags.length; slot++) {
            PodView pod = pod(world, slot);
            EngineProgress progress = DeciderTest.progress(
                    pod.incarnation(),
                    "running",
                    slot,
                    world.status.division().text(),
                    IntStream.range(0, lags.length).boxed().toList(),
                    "9",
                    true);
            world.engines.put(
                    pod.name(),
                    new EngineView(true, world.now, withLag(progress, lags[slot]), new Rates(rates[slot], 7)));
        }
        return world;
    }

    private static EngineProgress withLag(EngineProgress progress, long lag) {
        ObjectMapper json = new ObjectMapper();
        ObjectNode fields = json.valueToTree(progress);
        fields.retain(java.util.Arrays.stream(EngineProgress.class.getRecordComponents())
                .map(java.lang.reflect.RecordComponent::getName)
                .toList());
        return json.convertValue(fields.put("lagRecords", lag), EngineProgress.class);
    }

    private static String since(World world) {
        Behind behind = world.status.slots().get(1).behind();
        return behind == null ? null : behind.since();
    }

    @Test
    void aSlotThatStaysBehindIsToldAndThenReplacedElsewhere() {
        World world = running(3).after(300);
        long[] behind = {100, 90_000, 0};
        double[] rates = {1_000, 400, 1_200};
        lagging(world, behind, rates).look();
        String since = since(world);
        assertEquals(world.now.toString(), since);
        assertEquals(List.of(), world.notices());
        lagging(world.after(29), behind, rates).look();
        assertEquals(List.of(), world.notices());
        lagging(world.after(1), behind, rates).look();
        assertEquals(List.of("Straggler"), world.notices());
        assertEquals(since, since(world));
        assertEquals("True Processing", world.condition("Ready"));
        lagging(world.after(60), behind, rates).look();
        assertEquals(List.of("StragglerReplaced"), world.notices());
        assertEquals(List.of("q-1-1"), deleted(world));
        assertEquals(
                List.of(new CreatePod(1, 2, "q-1-2", world.wanted().name(), "node-1", false)),
                world.actions(CreatePod.class));
        lagging(world.after(5), behind, rates).look();
        assertEquals(List.of(), deleted(world), "it has its time to catch up");
        lagging(world.after(91), behind, rates).look();
        assertEquals(List.of("Straggler"), world.notices(), "another time it is only told");
    }

    @Test
    void whoHasMoreInputOrIsBehindWithAllIsNoStraggler() {
        World world = running(3).after(300);
        lagging(world, new long[] {100, 90_000, 0}, new double[] {1_000, 1_500, 1_200})
                .look();
        assertNull(since(world), "it reads more than the others");
        lagging(world, new long[] {80_000, 90_000, 0}, new double[] {1_000, 400, 1_200})
                .look();
        assertNull(since(world), "another is, too");
        lagging(world, new long[] {100, 9_000, 0}, new double[] {1_000, 400, 1_200})
                .look();
        assertNull(since(world), "that is little");
        lagging(world, new long[] {100, 90_000, 0}, new double[] {1_000, 400, 1_200})
                .look();
        lagging(world.after(100), new long[] {100, 200, 0}, new double[] {1_000, 1_000, 1_200})
                .look();
        assertNull(since(world), "it has caught up");
    }

    @Test
    void whoCatchesUpOrIsJudgedTooEarlyIsNotReplaced() {
        World world = running(3).after(300);
        double[] rates = {1_000, 400, 1_200};
        lagging(world, new long[] {100, 90_000, 0}, rates).look();
        lagging(world.after(60), new long[] {100, 60_000, 0}, rates).look();
        assertEquals(world.now.toString(), since(world), "its clock begins anew");
        assertEquals(List.of(), world.notices());
        lagging(world.after(60), new long[] {100, 70_000, 0}, rates).look();
        assertEquals(List.of("Straggler"), world.notices());
        gone(world, 2);
        lagging(world.after(60), new long[] {100, 80_000}, rates).look();
        assertNull(since(world), "nobody is judged while another starts");
        assertEquals(List.of(), deleted(world));
    }
}
