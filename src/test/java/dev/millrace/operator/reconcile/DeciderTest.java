package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.GuestSlot;
import dev.millrace.api.Size;
import dev.millrace.api.StreamingQuerySavepoint;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.RestoredFrom;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreateCleanUp;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeleteConfig;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.GrowClaim;
import dev.millrace.operator.reconcile.Decision.SetBudget;
import dev.millrace.operator.reconcile.Decision.SetFinalizer;
import dev.millrace.operator.reconcile.Decision.TellDivision;
import dev.millrace.operator.reconcile.Decision.TellGuests;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.reconcile.Observed.CleanUp;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Rates;
import dev.millrace.operator.reconcile.Observed.SavepointView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.resources.Version;
import dev.millrace.operator.scaling.Allocation;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The policy as a table: what is seen, and what follows. A small world stands in for the API server between two looks. */
class DeciderTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Instant START = Instant.parse("2026-03-01T10:00:00Z");
    private static final String OTHER_IMAGE = "\"engine\": {\"image\": \"image:2\"}";
    static final String KAFKA = """
            {"query": "SELECT 1", "sources": [], "sinks": [{"name": "out", "kafka": {"topic": "t"}}]}""";
    private static final String CONSOLE = """
            {"query": "SELECT 1", "sources": [], "sinks": [{"name": "out", "console": {}}]}""";

    /** What the API server and the pods would show. */
    static final class World {
        ObjectNode spec;
        StreamingQueryStatus status = StreamingQueryStatus.NONE;
        Optional<Verdict> verdict = Optional.of(accepted("plan-a"));
        final List<PodView> pods = new ArrayList<>();
        final List<ClaimView> claims = new ArrayList<>();
        final Map<String, Version> versions = new HashMap<>();
        final Map<String, EngineView> engines = new HashMap<>();
        final Map<String, Instant> unreachable = new HashMap<>();
        final Map<String, StreamingQuerySavepoint.Status> savepoints = new HashMap<>();
        Optional<Version> keptForSavepoint = Optional.empty();
        boolean savepointDeleting;
        int recentTakeOvers;
        final List<dev.millrace.operator.scaling.Sample> samples = new ArrayList<>();
        boolean resizes;
        int mostMilli = Integer.MAX_VALUE;
        long mostMemory = Long.MAX_VALUE;
        Optional<Observed.Trouble> noRoom =
                Optional.of(new Observed.Trouble("Deferred", "Node didn't have enough CPU"));
        Optional<Integer> budget = Optional.empty();
        Optional<CleanUp> cleanUp = Optional.empty();
        Optional<Instant> deleted = Optional.empty();
        boolean finalizer = true;
        boolean paused;
        boolean namespaceTerminating;
        long generation = 1;
        Instant now = START;
        List<Action> last = List.of();
        Decision decision;

        World(String spec) {
            this.spec = parse(spec);
        }

        static ObjectNode parse(String text) {
            try {
                return (ObjectNode) JSON.readTree(text);
            } catch (JsonProcessingException e) {
                throw new IllegalArgumentException(e);
            }
        }

        private String stateId() {
            return VersionChoice.stateId(spec, "uid", status);
        }

        private Optional<SavepointView> savepoint() {
            return VersionChoice.wantedSavepoint(spec, status)
                    .map(name -> new SavepointView(name, savepoints.get(name), savepointDeleting, keptForSavepoint));
        }

        private Optional<RestoredFrom> origin() {
            return VersionChoice.origin(
                    spec,
                    status,
                    savepoint()
                            .filter(view ->
                                    view.status() != null && view.status().completed())
                            .map(view ->
                                    new RestoredFrom(view.name(), view.status().stateId())));
        }

        Version wanted() {
            return Version.of(
                    "q",
                    "ns",
                    spec,
                    new Version.Origin(
                            stateId(),
                            VersionChoice.formerStateIds(stateId(), status),
                            origin().map(from -> from.stateId() + "/" + from.savepoint())
                                    .orElse(null)),
                    spec.at("/engine/image").asText("image:1"),
                    null);
        }

        Observed observe() {
            return new Observed(
                    new Observed.Identity(
                            "ns", "q", "uid", generation, deleted, finalizer, paused, namespaceTerminating),
                    spec,
                    status,
                    verdict,
                    verdict.map(found -> wanted().compiled(found.plan(), found.undivided()))
                            .orElse(wanted()),
                    stateId(),
                    origin(),
                    savepoint(),
                    List.copyOf(pods),
                    List.copyOf(claims),
                    Map.copyOf(versions),
                    budget,
                    cleanUp,
                    Map.copyOf(engines),
                    Map.copyOf(unreachable),
                    recentTakeOvers,
                    List.copyOf(samples),
                    resizes,
                    now);
        }

        /** Looks once, and does what was decided, but for what takes time: pods that are to end are only marked. */
        World look() {
            Observed seen = observe();
            decision = Decider.decide(seen);
            assertEquals(decision, Decider.decide(seen), "a pure function");
            assertFalse(
                    decision.recheck().filter(Duration::isNegative).isPresent(), "again at once, and again, and again");
            status = decision.status();
            last = decision.actions();
            last.forEach(this::apply);
            return this;
        }

        private void apply(Action action) {
            if (action instanceof CreatePod pod) {
                pods.add(pod(pod));
            } else if (action instanceof CreateClaim claim) {
                claims.add(new ClaimView(claim.name(), "1", claim.slot(), 10L << 30));
            } else if (action instanceof DeleteClaim claim) {
                claims.removeIf(c -> c.name().equals(claim.name()));
            } else if (action instanceof DeleteConfig config) {
                versions.remove(config.name());
            } else if (action instanceof Decision.EnsureChildren ensure && ensure.version() != null) {
                versions.put(ensure.version().name(), ensure.version());
            } else if (action instanceof SetFinalizer set) {
                finalizer = set.present();
            } else if (action instanceof CreateCleanUp) {
                cleanUp = Optional.of(new CleanUp("Pending", ""));
            } else if (action instanceof SetBudget set) {
                budget = Optional.of(set.minAvailable());
            } else if (action instanceof Decision.Promote standby) {
                change(standby.pod(), p -> p.standby = false);
            } else if (action instanceof TellDivision told) {
                change(told.pod(), p -> p.division = told.division());
            } else if (action instanceof TellGuests told) {
                change(told.pod(), p -> p.guests = GuestSlot.parse(told.guests()));
            } else if (action instanceof Decision.ResizePod pod) {
                int milli = Size.ofText(pod.cpu()).thousandths();
                long memory = Size.ofText(pod.memory()).value();
                boolean fits = milli <= mostMilli && memory <= mostMemory;
                change(
                        pod.pod(),
                        p -> p.given = new Observed.Given(
                                pod.wish(),
                                Math.min(milli, mostMilli),
                                Math.min(memory, mostMemory),
                                p.given.planned(),
                                fits ? Optional.empty() : noRoom,
                                Optional.empty()));
            } else if (action instanceof Decision.PlanMemory plan) {
                change(
                        plan.pod(),
                        p -> p.given = new Observed.Given(
                                p.given.asked(),
                                p.given.milli(),
                                p.given.memory(),
                                plan.bytes(),
                                p.given.refused(),
                                p.given.notTaken()));
            } else if (action instanceof DeletePod pod) {
                change(pod.name(), p -> {
                    p.deleting = true;
                    p.ended = false;
                });
            }
        }

        private PodView pod(CreatePod pod) {
            return new PodView(
                    "q-" + pod.slot() + "-" + pod.incarnation(),
                    "1",
                    pod.slot(),
                    pod.incarnation(),
                    pod.version(),
                    decision.division(),
                    pod.claim(),
                    pod.standby(),
                    "node-1",
                    "Running",
                    false,
                    false,
                    false,
                    now,
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    List.of(),
                    null,
                    given(decision.given()));
        }

        private static Observed.Given given(Optional<Allocation> asked) {
            return new Observed.Given(
                    asked.map(given -> given.cpu() + " " + given.memoryText()).orElse(null),
                    asked.map(Allocation::milliCpu).orElse(1000),
                    asked.map(Allocation::memory).orElse(1L << 30),
                    -1,
                    Optional.empty(),
                    Optional.empty());
        }

        void change(String name, Consumer<PodChange> what) {
            pods.replaceAll(pod -> pod.name().equals(name) ? PodChange.of(pod, what) : pod);
        }

        World after(int seconds) {
            now = now.plusSeconds(seconds);
            return this;
        }

        PodView live() {
            return pods.get(pods.size() - 1);
        }

        /** The last pod answers. */
        World answers(String phase) {
            PodView pod = live();
            engines.put(pod.name(), new EngineView(true, now, progress(pod.incarnation(), phase), new Rates(1234, 77)));
            return this;
        }

        /** The first pod runs, and says this of its checkpoints and log. */
        World says(Long checkpoint, String failure, String weakness) {
            EngineProgress progress = new EngineProgress(
                    "q",
                    "plan-a",
                    1,
                    "running",
                    1,
                    0,
                    0,
                    0L,
                    0.0,
                    0,
                    0,
                    "New",
                    0.1,
                    checkpoint,
                    checkpoint,
                    0.1,
                    null,
                    failure,
                    null,
                    weakness,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null,
                    null);
            engines.put("q-0-1", new EngineView(true, now, progress, null));
            return this;
        }

        /** The first pod runs on a volume of so many gibibytes, of which so many percent are free. */
        World volume(long gibibytes, long free) {
            return says("volumeBytes", gibibytes << 30).says("volumeFree", (gibibytes << 30) * free / 100);
        }

        /** The first pod runs, and says what it has said, but for this figure. */
        World says(String field, long figure) {
            ObjectNode progress = JSON.valueToTree(engines.get("q-0-1").progress());
            progress.remove("running");
            progress.remove("volumeShort");
            progress.put(field, figure);
            engines.put(
                    "q-0-1",
                    new EngineView(true, now, JSON.convertValue(progress, EngineProgress.class), new Rates(1, 1)));
            return this;
        }

        List<String> notices() {
            return decision.notices().stream().map(Decision.Notice::reason).toList();
        }

        World silent() {
            EngineView before = engines.get(live().name());
            engines.put(live().name(), new EngineView(false, before.lastAnswer(), before.progress(), null));
            return this;
        }

        World gone() {
            pods.remove(live());
            return this;
        }

        World ended(String end, String code, long incarnation) {
            return ended(end, code, incarnation, null);
        }

        World ended(String end, String code, long incarnation, Long epoch) {
            change(live().name(), p -> {
                p.ended = true;
                p.phase = "Succeeded";
                p.outcome = Optional.of(new EngineOutcome(end, code, "because", incarnation, epoch));
            });
            return this;
        }

        /** As far as Kubernetes shows it. */
        World shown(String phase, boolean ready) {
            change(live().name(), p -> {
                p.phase = phase;
                p.ready = ready;
            });
            return this;
        }

        /** The API server does not take the pod that was just decided. */
        World refused(String reason, String message) {
            gone();
            decision = Decider.refused(observe(), decision, reason, message);
            status = decision.status();
            return this;
        }

        World trouble(String reason) {
            change(live().name(), p -> p.trouble = Optional.of(new Trouble(reason, "for a reason")));
            return this;
        }

        World spec(String text) {
            spec = parse(text);
            generation++;
            return this;
        }

        World verdict(Verdict next) {
            verdict = Optional.of(next);
            return this;
        }

        String condition(String type) {
            return Conditions.find(status.conditions(), type)
                    .map(condition -> condition.status() + " " + condition.reason())
                    .orElse("-");
        }

        <T extends Action> List<T> actions(Class<T> type) {
            return last.stream().filter(type::isInstance).map(type::cast).toList();
        }

        long incarnation() {
            return status.slots().get(0).incarnation();
        }

        static World running(String spec) {
            World world = new World(spec);
            world.look().after(5).answers("running").look();
            assertEquals("True Processing", world.condition("Ready"));
            return world;
        }
    }

    static Verdict accepted(String plan) {
        return new Verdict(List.of(), plan, Map.of("out", "update"), List.of(), "", null);
    }

    static EngineProgress progress(long incarnation, String phase) {
        return progress(incarnation, phase, null, null, null, null, null);
    }

    static EngineProgress progress(
            long incarnation,
            String phase,
            Integer slot,
            String division,
            List<Integer> members,
            String keyGroups,
            Boolean settled) {
        return new EngineProgress(
                "q",
                "plan-a",
                incarnation,
                phase,
                7,
                1000,
                10,
                42L,
                0.5,
                0,
                0,
                "Volume",
                1.23,
                6L,
                4096L,
                0.42,
                "2026-03-01T10:00:04Z",
                null,
                null,
                null,
                null,
                null,
                null,
                phase.equals("waiting") ? "the broker is away" : null,
                slot,
                division,
                members,
                keyGroups,
                settled,
                0L,
                null,
                null,
                null,
                null,
                null,
                null,
                true,
                null,
                null);
    }

    /** With a time in which a new version must make progress. */
    private static String timed(String time) {
        return with(KAFKA, "\"upgrade\": {\"progressTimeout\": \"" + time + "\"}");
    }

    static String with(String spec, String more) {
        return spec.substring(0, spec.lastIndexOf('}')) + ", " + more + "}";
    }

    @Test
    void fromTheFirstSecondTheStatusSpeaksOfThisGeneration() {
        World world = new World(KAFKA);
        world.verdict = Optional.empty();
        world.look();
        assertEquals(1, world.status.observedGeneration());
        assertEquals("True Compiling", world.condition("Reconciling"));
        assertEquals("False Compiling", world.condition("Ready"));
        assertEquals("Pending", world.status.phase());
        assertEquals(List.of(), world.actions(CreatePod.class));
    }

    @Test
    void anIncarnationIsInTheStatusThatIsWrittenBeforeItsPodIsMade() {
        World world = new World(KAFKA).look();
        assertEquals(1, world.incarnation());
        assertEquals(List.of(new CreatePod(0, 1, "q-0-1", world.wanted().name())), world.actions(CreatePod.class));
        assertEquals("q-0-1", world.status.slots().get(0).pod());
        assertEquals(List.of(new CreateClaim("q-0-1", 0)), world.actions(CreateClaim.class));
        assertEquals("uid", world.status.stateId());
        assertEquals(List.of(), world.look().actions(CreatePod.class), "once");
    }

    /** An operator that dies in between does not come back to what stands behind the pod. */
    @Test
    void whatAPodNeedsIsThereBeforeIt() {
        World world = new World(KAFKA);
        world.finalizer = false;
        world.look();
        assertEquals(
                List.of(
                        SetFinalizer.class,
                        Decision.EnsureChildren.class,
                        CreateClaim.class,
                        CreatePod.class,
                        SetBudget.class),
                world.last.stream().map(Action::getClass).toList());
    }

    @Test
    void onlyItsOwnEngineSpeaksForAPod() {
        World world = new World(KAFKA).look();
        world.engines.put("q-0-1", new EngineView(true, world.now, progress(9, "running"), new Rates(1, 1)));
        assertEquals("False Starting", world.after(5).look().condition("Ready"), "its address was another's before");
        assertEquals(null, world.status.lastGood());
    }

    @Test
    void whatIsComputedAgainIsNoProgress() {
        World world = World.running(timed("20s"));
        String good = world.status.lastGood();
        world.spec(with(timed("20s"), OTHER_IMAGE)).look().gone().look();
        assertEquals("False Starting", world.answers("starting").look().condition("Ready"));
        assertEquals("False Restoring", world.answers("replaying").look().condition("Ready"));
        assertEquals(0, world.status.readyReplicas());
        assertEquals(good, world.status.lastGood());
        world.after(300).answers("replaying").look();
        assertEquals("False AsWanted", world.condition("Stalled"), "it comes forward");
    }

    @Test
    void theStateIsCalledAsTheSpecSays() {
        World world = World.running(with(KAFKA, "\"state\": {\"id\": \"orders\"}"));
        assertEquals("orders", world.status.stateId());
        world.spec(with(
                        KAFKA,
                        "\"state\": {\"id\": \"orders\"}, \"upgrade\": {\"restore\":"
                                + " {\"from\": \"none\", \"nonce\": 3, \"acknowledgeStateLoss\": true}}"))
                .look();
        assertEquals("orders-3", world.status.stateId());
    }

    @Test
    void runningIsReadyAndWhatNothingNeedsGoes() {
        World world = new World(KAFKA);
        world.claims.add(new ClaimView("q-0-0", "1", 0, 10L << 30));
        world.versions.put("q-old", new Version("q-old", "{}", world.wanted().pod(), "", null));
        world.look();
        assertEquals(List.of(), world.actions(DeleteClaim.class), "not before there is a checkpoint");
        world.after(5).answers("running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("False AsWanted", world.condition("Reconciling"));
        assertEquals("True Stored", world.condition("Durable"));
        assertEquals("Running", world.status.phase());
        assertEquals(1, world.status.readyReplicas());
        assertEquals(List.of(new DeleteClaim("q-0-0", "1")), world.actions(DeleteClaim.class));
        assertEquals(List.of(new DeleteConfig("q-old")), world.actions(DeleteConfig.class));
        assertEquals(List.of(), world.look().last, "nothing is left to do");
    }

    private static String volume(String fields) {
        return with(KAFKA, "\"state\": {\"volume\": {" + fields + "}}");
    }

    @Test
    void aVolumeThatIsNearlyFullGrowsToItsLimit() {
        World world = World.running(volume("\"size\": \"10Gi\", \"autoGrow\": {\"limit\": \"20Gi\"}"));
        assertEquals(List.of(), world.volume(10, 21).look().actions(GrowClaim.class));
        assertEquals(
                List.of(new GrowClaim("q-0-1", "1", "15360Mi")),
                world.volume(10, 19).look().actions(GrowClaim.class));
        world.claims.set(0, new ClaimView("q-0-1", "2", 0, 15L << 30));
        assertEquals(List.of(), world.volume(10, 19).look().actions(GrowClaim.class), "it has not grown yet");
        assertEquals(
                List.of(new GrowClaim("q-0-1", "2", "20Gi")),
                world.volume(15, 10).look().actions(GrowClaim.class));
        world.claims.set(0, new ClaimView("q-0-1", "3", 0, 20L << 30));
        assertEquals(List.of(), world.volume(20, 1).look().actions(GrowClaim.class));
        assertTrue(world.notices().contains("VolumeAlmostFull"));
        assertEquals("True Processing", world.condition("Ready"));
    }

    private static World large(String more, long free) {
        World world = World.running(volume("\"size\": \"100Gi\"" + more));
        world.claims.set(0, new ClaimView("q-0-1", "1", 0, 100L << 30));
        world.volume(100, free).look();
        return world;
    }

    /** So much is used more every ten minutes, of 100 GiB. */
    private static World fills(World world, int times, double gibibytes) {
        double used = (100 - world.engines.get("q-0-1").progress().volumeFree() / (double) (1L << 30));
        for (int i = 1; i <= times; i++) {
            world.after(600);
            long free = (long) ((100 - used - i * gibibytes) * (1L << 30));
            world.says("volumeBytes", 100L << 30).says("volumeFree", free).look();
        }
        return world;
    }

    @Test
    void aVolumeThatWillBeFullGrowsBefore() {
        World world = large(", \"autoGrow\": {\"limit\": \"300Gi\"}", 90);
        fills(world, 2, 0.5);
        assertNull(world.status.volumes().get(0).fullIn(), "files come and go by the minute");
        fills(world, 2, 0.5);
        assertEquals("29 hours", world.status.volumes().get(0).fullIn());
        assertEquals(List.of(), world.actions(GrowClaim.class));
        fills(world, 25, 1.5);
        assertEquals("6 hours", world.status.volumes().get(0).fullIn());
        assertEquals(
                List.of(),
                world.actions(GrowClaim.class),
                world.status.volumes().toString());
        fills(world, 2, 1.5);
        assertEquals("6 hours", world.status.volumes().get(0).fullIn());
        GrowClaim grows = world.actions(GrowClaim.class).get(0);
        double day = world.status.volumes().get(0).growthPerDay() / (double) (1L << 30);
        assertTrue(day > 170 && day < 216, day + " GiB a day, as there was less at first");
        assertEquals("204800Mi", grows.size(), "twice as much at most, as it never shrinks");
        fills(world, 150, 0);
        assertTrue(
                world.status.volumes().get(0).fullIn().endsWith("days"),
                world.status.volumes().toString());
    }

    @Test
    void aVolumeThatMayNotGrowIsToldADayBefore() {
        World world = large("", 49);
        fills(world, 4, 0.5);
        assertTrue(
                world.notices().contains("VolumeFullSoon"),
                world.status.volumes().toString());
        World calm = large("", 49);
        fills(calm, 4, 0.2);
        assertEquals("40 hours", calm.status.volumes().get(0).fullIn());
        assertFalse(calm.notices().contains("VolumeFullSoon"));
        fills(calm, 4, -0.5);
        assertNull(calm.status.volumes().get(0).fullIn());
    }

    @Test
    void aVolumeOfAnUnknownDiskDoesNotGrow() {
        World world = World.running(volume("\"size\": \"10Gi\", \"autoGrow\": {\"limit\": \"20Gi\"}"));
        assertEquals(List.of(), world.volume(500, 1).look().actions(GrowClaim.class), "a directory of a large disk");
        World fixed = World.running(volume("\"size\": \"10Gi\""));
        assertEquals(List.of(), fixed.volume(10, 1).look().actions(GrowClaim.class));
        assertTrue(fixed.notices().contains("VolumeAlmostFull"));
    }

    @Test
    void aLargerSizeInTheSpecIsAskedFor() {
        World world = World.running(volume("\"size\": \"12Gi\""));
        assertEquals(List.of(new GrowClaim("q-0-1", "1", "12Gi")), world.look().actions(GrowClaim.class));
        World smaller = World.running(volume("\"size\": \"5Gi\""));
        assertEquals(List.of(), smaller.look().actions(GrowClaim.class), "volumes do not shrink");
    }

    @Test
    void figuresAreRoundedAndTakenOnceAMinute() {
        World world = World.running(KAFKA);
        assertEquals(42L, world.status.lag().records());
        assertEquals(1200.0, world.status.throughput().in());
        StreamingQueryStatus before = world.status;
        EngineProgress more = new EngineProgress(
                "q",
                "plan-a",
                1,
                "running",
                99,
                5000,
                10,
                977L,
                0.5,
                3,
                0,
                "Volume",
                1.23,
                60L,
                9999L,
                0.42,
                "2026-03-01T10:00:24Z",
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                new EngineProgress.FurthestBehind("events", "events-3", 612, 7.123),
                List.of(new EngineProgress.HotKeyGroup(7, 0.6123)),
                null,
                null,
                null,
                null,
                null,
                null);
        world.after(20);
        world.engines.put("q-0-1", new EngineView(true, world.now, more, new Rates(1, 2)));
        assertEquals(before, world.look().status);
        world.after(41).look();
        assertEquals(980L, world.status.lag().records());
        assertEquals(
                new StreamingQueryStatus.FurthestBehind("events", "events-3", 610L, 7.1),
                world.status.lag().furthestBehind());
        assertEquals(3, world.status.lateRows());
        assertEquals(List.of(new StreamingQueryStatus.HotKeyGroup(7, 0, 0.61)), world.status.hotKeyGroups());
        assertTrue(world.notices().contains("HotKeyGroup"));
        assertEquals("60", world.status.checkpoint().id());
        assertEquals(0.42, world.status.checkpoint().seconds());
    }

    @Test
    void aSlotThatWindowsWaitForIsNamed() throws Exception {
        World world = World.running(KAFKA);
        EngineProgress waits = new ObjectMapper()
                .readValue(
                        "{\"query\":\"q\",\"plan\":\"plan-a\",\"incarnation\":1,\"phase\":\"running\",\"epoch\":8,"
                                + "\"windowsWaitFor\":1}",
                        EngineProgress.class);
        world.engines.put("q-0-1", new EngineView(true, world.now, waits, new Rates(1, 2)));
        world.look();
        String ready = Conditions.find(world.status.conditions(), Conditions.READY)
                .orElseThrow()
                .message();
        assertTrue(ready.startsWith("rows are being processed; no window closes before slot 1 announces"), ready);
    }

    /** Neither the mode nor the number makes another version, for which the compiler would be asked. */
    @Test
    void aNumberOfPodsThatCountsForNothingIsAWarningAsLongAsItIsThere() {
        World world = World.running(with(KAFKA, "\"replicas\": 1, \"scaling\": {\"mode\": \"Manual\"}"));
        assertEquals(List.of(), world.status.warnings());
        world.spec(with(KAFKA, "\"replicas\": 1, \"scaling\": {\"mode\": \"Auto\"}"))
                .look();
        assertEquals("ReplicasIgnored", world.status.warnings().get(0).code());
        world.look();
        assertEquals(1, world.status.warnings().size());
        world.spec(KAFKA).look();
        assertEquals(List.of(), world.status.warnings());
    }

    @Test
    void figuresThatStandStillAreNotWritten() {
        World world = World.running(KAFKA);
        StreamingQueryStatus before = world.status;
        assertEquals(before, world.after(61).answers("running").look().status);
        assertEquals(before, world.after(61).answers("running").look().status);
    }

    @Test
    void figuresComeWithAnotherChange() {
        World world = World.running(KAFKA);
        world.after(1).says("lagRecords", 500).look();
        assertEquals(42L, world.status.lag().records());
        world.spec(with(KAFKA, "\"replicas\": 3, \"scaling\": {\"mode\": \"Manual\"}"))
                .look();
        assertEquals(500L, world.status.lag().records());
    }

    @Test
    void theFirstCheckpointIsToldAtOnce() {
        World world = new World(KAFKA).look().after(5).says(null, null, null).look();
        assertEquals(null, world.status.checkpoint());
        world.after(1).says(9L, null, null).look();
        assertEquals(9L, world.status.checkpoint().epoch());
        world.after(1).says("checkpointEpoch", 12).look();
        assertEquals(9L, world.status.checkpoint().epoch(), "those that follow are figures");
        World weak =
                new World(KAFKA).look().after(5).says(null, null, "one replica").look();
        weak.after(1).says(9L, null, "one replica").look();
        assertEquals(9L, weak.status.checkpoint().epoch(), "though no condition changes with it");
    }

    @Test
    void listsOfAStatusAreBounded() {
        List<Verdict.Finding> many = IntStream.range(0, 50)
                .mapToObj(i -> new Verdict.Finding("Code" + i, "spec.query", "no"))
                .toList();
        World world = new World(KAFKA)
                .verdict(new Verdict(List.of(), "plan-a", Map.of(), many, "", null))
                .look();
        assertEquals(20, world.status.warnings().size());
        World refused = new World(KAFKA).verdict(Verdict.refused(many)).look();
        String text = Conditions.find(refused.status.conditions(), "Stalled")
                .orElseThrow()
                .message();
        assertTrue(text.contains("Code4") && !text.contains("Code5"), text);
    }

    @Test
    void aPodThatIsGoneIsFollowedByTheNextOnTheSameVolume() {
        World world = World.running(KAFKA);
        world.gone().look();
        assertEquals(2, world.incarnation());
        assertEquals(List.of(new CreatePod(0, 2, "q-0-1", world.wanted().name())), world.actions(CreatePod.class));
    }

    @Test
    void aVolumeIsNotUsedTwiceAtOnce() {
        World world = World.running(KAFKA);
        PodView old = world.live();
        world.gone().look();
        assertEquals(2, world.incarnation());
        world.gone();
        world.pods.add(PodChange.of(old, p -> p.deleting = true));
        world.look();
        assertEquals(List.of(), world.actions(CreatePod.class));
        assertEquals("False VolumeInUse", world.condition("Ready"));
    }

    @Test
    void aPodThatIsBeingDeletedIsWaitedFor() {
        World world = World.running(KAFKA);
        world.change("q-0-1", p -> p.deleting = true);
        world.silent().after(60).look();
        assertEquals(List.of(), world.last);
        assertEquals("False PodDeleted", world.condition("Ready"));
    }

    @Test
    void aVolumeThatIsGoneIsFollowedByAnother() {
        World world = World.running(KAFKA);
        world.claims.clear();
        world.gone().look();
        assertEquals(List.of(new CreateClaim("q-0-2", 0)), world.actions(CreateClaim.class));
        assertEquals("q-0-2", world.actions(CreatePod.class).get(0).claim());
    }

    @Test
    void aVolumeOfBeforeGoesWhenItsSuccessorHasACheckpoint() {
        World world = World.running(KAFKA);
        world.says(null, null, null);
        world.claims.add(new ClaimView("q-0-0", "1", 0, 10L << 30));
        assertEquals(List.of(), world.look().actions(DeleteClaim.class));
        PodView old = world.pod(new CreatePod(0, 0, "q-0-0", world.wanted().name()));
        world.pods.add(0, PodChange.of(old, p -> p.deleting = true));
        world.says(1L, null, null);
        assertEquals(List.of(), world.look().actions(DeleteClaim.class), "a pod may write to it still");
        world.pods.remove(0);
        assertEquals(List.of(new DeleteClaim("q-0-0", "1")), world.look().actions(DeleteClaim.class));

        String config = world.wanted().name() + "-old";
        world.versions.put(config, new Version(config, "{}", null, "", null));
        world.pods.add(0, world.pod(new CreatePod(0, 0, "q-0-0", config)));
        assertEquals(List.of(), world.look().actions(DeleteConfig.class), "nor what a pod may start from again");

        World console = World.running(CONSOLE);
        console.says(null, null, null);
        console.claims.add(new ClaimView("q-0-0", "1", 0, 10L << 30));
        assertEquals(1, console.look().actions(DeleteClaim.class).size(), "it never has one");
    }

    @Test
    void aFailedPodIsKeptForItsLogUntilTheNextRuns() {
        World world = World.running(KAFKA);
        world.ended("Crashed", "InternalError", 1).look();
        assertEquals(2, world.incarnation());
        assertEquals(List.of(), world.answers("replaying").look().actions(DeletePod.class));
        assertEquals(
                List.of(new DeletePod("q-0-1", "1")),
                world.answers("running").look().actions(DeletePod.class));
        assertEquals(List.of(), world.look().actions(DeletePod.class), "once");
    }

    @Test
    void incarnationsThatCommitNothingWaitFiveMinutesAtMost() {
        World world = new World(KAFKA).look();
        long[] waits = {2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
        for (int k = 0; k < 70; k++) {
            long wait = waits[Math.min(k, waits.length - 1)];
            world.gone().look();
            assertEquals(k + 1, world.incarnation());
            assertEquals(
                    Duration.ofSeconds(wait).plusMillis(50),
                    world.decision.recheck().orElseThrow());
            world.after((int) wait).look();
            assertEquals(k + 2, world.incarnation());
        }
    }

    @Test
    void anotherStateNeedNotWaitForTheFailuresOfTheOneBefore() {
        World world = new World(KAFKA).look();
        world.gone().look().after(2).look().gone().look();
        assertEquals("False BackingOff", world.condition("Ready"));
        world.spec(
                        with(
                                KAFKA,
                                "\"upgrade\": {\"restore\": {\"from\": \"none\", \"nonce\": 1, \"acknowledgeStateLoss\": true}}"))
                .look();
        assertEquals(1, world.actions(CreatePod.class).size());
    }

    @Test
    void incarnationsThatCommitNothingWaitLongerAndLonger() {
        World world = new World(KAFKA).look();
        world.gone().look();
        assertEquals("False BackingOff", world.condition("Ready"));
        assertEquals(1, world.incarnation());
        assertTrue(world.decision.recheck().orElseThrow().compareTo(Duration.ofSeconds(3)) < 0);
        world.after(2).look();
        assertEquals(2, world.incarnation());
        world.after(3).gone().look();
        assertEquals(2, world.incarnation(), "the second waits four seconds");
        world.after(1).look();
        assertEquals(3, world.incarnation());
        world.after(2).answers("running").look().gone().look();
        assertEquals(4, world.incarnation(), "one that ran is followed at once");
    }

    @Test
    void aSupersededPodSaysAboveWhichNumberTheNextMustBe() {
        World world = World.running(KAFKA);
        world.ended("Superseded", "", 7).look();
        assertEquals(8, world.incarnation());
        world.ended("Superseded", "", 3).after(2).look();
        assertEquals(9, world.incarnation(), "no number is given twice");
    }

    @Test
    void whatAnotherStartWouldMeetAgainStops() {
        World world = World.running(KAFKA);
        world.ended("Failed", "SourceDataLost", 1).look();
        assertEquals("True SourceDataLost", world.condition("Stalled"));
        assertEquals("False SourceDataLost", world.condition("Ready"));
        assertEquals("Failed", world.status.phase());
        assertEquals(List.of(), world.actions(CreatePod.class));
        world.after(600).look();
        assertEquals(1, world.incarnation());
        world.spec(with(KAFKA, "\"trigger\": {\"commitInterval\": \"1s\"}"))
                .look()
                .look();
        assertEquals(2, world.incarnation(), "another spec is another try");
    }

    @Test
    void aBoundedQueryCompletes() {
        World world = World.running(CONSOLE);
        world.ended("Completed", "", 1).look();
        assertEquals("True Completed", world.condition("Ready"));
        assertEquals("Completed", world.status.phase());
        assertEquals(List.of(), world.after(100).look().last);
    }

    @Test
    void whatTheCompilerRefusesLeavesTheRunningVersion() {
        World world = World.running(KAFKA);
        world.spec(KAFKA.replace("SELECT 1", "SELCT 1"))
                .verdict(Verdict.refused(List.of(new Verdict.Finding("SqlSyntax", "spec.query:1:1", "no"))))
                .answers("running")
                .look();
        assertEquals("True SqlSyntax", world.condition("Stalled"));
        assertEquals("False SqlSyntax", world.condition("UpToDate"));
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals(2, world.status.observedGeneration());
        assertEquals(List.of(), world.actions(DeletePod.class));
        World fresh = new World(KAFKA)
                .verdict(Verdict.refused(List.of(new Verdict.Finding("SqlSyntax", "spec.query:1:1", "no"))));
        fresh.look();
        assertEquals("Failed", fresh.status.phase());
        assertEquals("False NotStarted", fresh.condition("Ready"));
        assertEquals(List.of(), fresh.actions(CreatePod.class));
    }

    @Test
    void anotherPlanOverKeptStateIsRefusedUntilItsLossIsAcknowledged() {
        World world = World.running(KAFKA);
        String other = KAFKA.replace("SELECT 1", "SELECT 2");
        world.spec(other).verdict(accepted("plan-b")).answers("running").look();
        assertEquals("True NeedsRebuild", world.condition("Stalled"));
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("plan-a", world.status.planId());
        String restore = with(
                other,
                "\"upgrade\": {\"restore\": {\"from\": \"none\", \"nonce\": 3, \"acknowledgeStateLoss\": true}}");
        world.spec(restore).look();
        assertEquals("uid-3", world.status.stateId());
        assertEquals(3, world.status.restoreNonce());
        assertEquals("plan-b", world.status.planId());
        assertEquals("False AsWanted", world.condition("Stalled"));
        assertEquals(1, world.actions(DeletePod.class).size(), "the old version stops");
        world.gone().look();
        assertEquals("q-0-2", world.actions(CreatePod.class).get(0).claim(), "on a volume of its own");
        assertEquals(List.of("uid"), world.wanted().formerIds(), "whose writers are ended");
        world.spec(other).answers("running").look();
        assertEquals("uid-3", world.status.stateId(), "the nonce is not needed any more");
        assertEquals(List.of(), world.actions(DeletePod.class), "nor does the pod change with it");
        world.spec(restore.replace("3", "4")).look();
        assertEquals(List.of("uid", "uid-3"), world.status.formerStateIds());
    }

    private static final String BACK = with(KAFKA, "\"upgrade\": {\"restore\": {\"from\": \"before\", \"nonce\": 7}}");

    private static StreamingQuerySavepoint.Status savepoint(String phase, String plan) {
        return new StreamingQuerySavepoint.Status(1L, phase, List.of(), "there", "uid", 41L, 10L, plan, null);
    }

    @Test
    void aSavepointIsGoneBackToOncePerNonceUnderANewIdOnANewVolume() {
        World world = World.running(KAFKA);
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.spec(BACK).look();
        assertEquals("uid-7", world.status.stateId());
        assertEquals(7, world.status.restoreNonce());
        assertEquals(new RestoredFrom("before", "uid"), world.status.restoredFrom());
        assertEquals(List.of("uid"), world.status.formerStateIds());
        assertTrue(world.notices().contains("SavepointRestored"), world.notices()::toString);
        assertEquals(1, world.actions(DeletePod.class).size(), "the pod writes its last checkpoint and ends");
        world.gone().look();
        assertEquals("q-0-2", world.actions(CreatePod.class).get(0).claim());
        Version version = world.wanted();
        assertEquals(Optional.of("uid/before"), version.savepoint());
        assertEquals(List.of("uid"), version.formerIds());
        world.savepoints.clear();
        world.answers("running").look();
        assertEquals(List.of(), world.look().actions(DeletePod.class), "the savepoint is not asked for again");
        world.spec(KAFKA).look();
        assertEquals(version.name(), world.wanted().name(), "without the wish it is the same version");
        assertEquals(List.of(), world.actions(DeletePod.class));
    }

    @Test
    void whatCannotBeGoneBackToIsSaidAndTheQueryRunsOn() {
        World world = World.running(KAFKA);
        world.spec(BACK).look();
        assertEquals("True SavepointNotFound", world.condition("Stalled"));
        assertEquals("uid", world.status.stateId());
        assertEquals(List.of(), world.actions(DeletePod.class));
        assertEquals(Optional.of(Duration.ofSeconds(10)), world.decision.recheck());
        world.savepoints.put("before", savepoint("Taking", null));
        assertEquals("True SavepointNotCompleted", world.look().condition("Stalled"));
        world.savepoints.put("before", savepoint("Completed", "plan-z"));
        assertEquals("True SavepointOfOtherPlan", world.look().condition("Stalled"));
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals(null, world.status.restoreNonce());
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.savepointDeleting = true;
        assertEquals("True SavepointNotFound", world.look().condition("Stalled"), "it is about to go");
        world.savepointDeleting = false;
        world.keptForSavepoint = Optional.of(elsewhere());
        assertEquals("True SavepointInOtherStore", world.look().condition("Stalled"));
        world.keptForSavepoint = Optional.empty();
        assertEquals("False AsWanted", world.look().condition("Stalled"));
        assertEquals("uid-7", world.status.stateId());
    }

    /** A version of the query in another store. */
    private static Version elsewhere() {
        World other = new World(with(KAFKA, "\"state\": {\"topics\": {\"prefix\": \"other\"}}"));
        return other.wanted();
    }

    @Test
    void aRestoreThatFailsBeforeItWroteAnythingIsTakenBack() {
        World world = World.running(KAFKA);
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.spec(BACK).look().gone().look();
        assertEquals("uid", world.status.restore().previous().stateId());
        world.ended("Failed", "SourceDataLost", 2, 41L).look();
        assertEquals("True RestoreFailed", world.condition("Stalled"));
        assertEquals("uid", world.status.stateId());
        assertEquals(List.of("uid-7"), world.status.formerStateIds());
        world.look();
        CreatePod pod = world.actions(CreatePod.class).get(0);
        assertEquals("q-0-3", pod.claim(), "on a volume of its own, from the store");
        assertEquals(world.wanted().name(), pod.version());
        assertEquals(Optional.empty(), world.wanted().savepoint());
        assertEquals(List.of("uid-7"), world.wanted().formerIds(), "whose writers are ended");
        world.answers("running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("True RestoreFailed", world.condition("Stalled"), "as long as it is asked for");
        assertEquals("plan-a", world.status.planId());
        assertEquals("False AsWanted", world.spec(KAFKA).look().condition("Stalled"));
        assertEquals(List.of(), world.actions(DeletePod.class));
        world.spec(BACK.replace("7", "8")).look();
        assertEquals("uid-8", world.status.stateId(), "another number is another try");
        assertEquals(null, world.status.restore().failure());
    }

    @Test
    void aSavepointThatCannotBeUsedIsTakenBackThoughTheEngineKnowsNoEpoch() {
        World world = World.running(KAFKA);
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.spec(BACK)
                .look()
                .gone()
                .look()
                .ended("Failed", "SavepointUnusable", 2, -1L)
                .look();
        assertEquals("uid", world.status.stateId());
    }

    @Test
    void aRestoreThatHasWrittenOrSaysNothingIsNotTakenBack() {
        for (Long epoch : new Long[] {42L, -1L, null}) {
            World world = World.running(KAFKA);
            world.savepoints.put("before", savepoint("Completed", "plan-a"));
            world.spec(BACK)
                    .look()
                    .gone()
                    .look()
                    .ended("Failed", "MalformedRow", 2, epoch)
                    .look();
            assertEquals("True MalformedRow", world.condition("Stalled"));
            assertEquals("uid-7", world.status.stateId());
        }
        World proven = World.running(KAFKA);
        proven.savepoints.put("before", savepoint("Completed", "plan-a"));
        proven.spec(BACK).look().gone().look().answers("running").look();
        assertEquals(null, proven.status.restore());
        proven.ended("Failed", "SourceDataLost", 2, 41L).look();
        assertEquals("uid-7", proven.status.stateId());
    }

    @Test
    void aNumberIsUsedOnce() {
        World world = World.running(KAFKA);
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.spec(BACK).look().gone().look().answers("running").look();
        world.spec(BACK.replace("7", "8"))
                .look()
                .gone()
                .look()
                .answers("running")
                .look();
        assertEquals("uid-8", world.status.stateId());
        world.spec(BACK).look();
        assertEquals("True NonceUsed", world.condition("Stalled"));
        assertEquals("uid-8", world.status.stateId());
        assertEquals(List.of(), world.actions(DeletePod.class));
    }

    @Test
    void whatWritesFilesStartsFromAnotherEpochOnlyUnderOtherPaths() {
        String files = with(KAFKA, "\"deadLetters\": {\"files\": {\"path\": \"/bad\"}}");
        String back = with(files, "\"upgrade\": {\"restore\": {\"from\": \"before\", \"nonce\": 7}}");
        World world = World.running(files);
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.spec(back).look();
        assertEquals("True RestoreWithFiles", world.condition("Stalled"));
        assertEquals("uid", world.status.stateId());
        world.spec(back.replace("/bad", "/bad-again")).look();
        assertEquals("uid-7", world.status.stateId());
    }

    @Test
    void aNewQueryBeginsFromTheSavepointOfOneThatIsGone() {
        World world = new World(BACK);
        world.verdict = Optional.of(accepted("plan-a"));
        world.look();
        assertEquals("True SavepointNotFound", world.condition("Stalled"));
        assertEquals(List.of(), world.actions(CreatePod.class), "nothing starts from nothing instead");
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.look();
        assertEquals(1, world.actions(CreatePod.class).size());
        assertEquals("uid-7", world.status.stateId());
        assertEquals(new RestoredFrom("before", "uid"), world.status.restoredFrom());
        assertEquals(null, world.status.formerStateIds(), "the other query's state is not this one's to end");
    }

    @Test
    void toStartFromNothingForgetsTheSavepointToo() {
        World world = World.running(KAFKA);
        world.savepoints.put("before", savepoint("Completed", "plan-a"));
        world.spec(BACK).look().gone().look().answers("running").look();
        world.spec(
                        with(
                                KAFKA,
                                "\"upgrade\": {\"restore\": {\"from\": \"none\", \"nonce\": 8, \"acknowledgeStateLoss\": true}}"))
                .look();
        assertEquals(null, world.status.restoredFrom());
        assertEquals(Optional.empty(), world.wanted().savepoint());
        assertEquals(List.of("uid", "uid-7"), world.status.formerStateIds());
    }

    @Test
    void anUpgradeStopsThePodInOrderAndGoesOn() {
        World world = World.running(KAFKA);
        String before = world.status.lastGood();
        world.spec(with(KAFKA, OTHER_IMAGE)).look();
        assertEquals("Upgrading", world.status.phase());
        assertEquals(1, world.actions(DeletePod.class).size());
        assertEquals(List.of(), world.look().actions(DeletePod.class), "once");
        world.gone().look();
        assertEquals(
                world.wanted().name(), world.actions(CreatePod.class).get(0).version());
        assertEquals(before, world.status.lastGood(), "not good before it ran");
        assertEquals("image:1", world.status.image(), "what it is where the spec names none");
        world.after(5).answers("running").look();
        assertEquals(world.wanted().name(), world.status.lastGood());
    }

    @Test
    void aVersionThatMakesNoProgressIsTakenBackOnce() {
        World world = World.running(timed("20s"));
        String good = world.status.lastGood();
        world.spec(with(timed("20s"), OTHER_IMAGE))
                .look()
                .gone()
                .look()
                .trouble("ImageNotPulled")
                .look();
        assertEquals("False ImageNotPulled", world.condition("Ready"));
        assertEquals("False AsWanted", world.condition("Stalled"));
        world.after(21).look();
        assertEquals("True RolledBack", world.condition("Stalled"));
        assertEquals(1, world.actions(DeletePod.class).size());
        world.gone().look();
        assertEquals(good, world.actions(CreatePod.class).get(0).version());
        world.after(3).answers("running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals("False RolledBack", world.condition("UpToDate"));
        assertEquals(List.of(), world.after(100).answers("running").look().actions(DeletePod.class), "not tried again");
    }

    @Test
    void aNewOperatorDoesNotJudgeAVersionThatItHasNotAskedYet() {
        World world = World.running(timed("20s"));
        world.spec(with(timed("20s"), OTHER_IMAGE))
                .look()
                .gone()
                .look()
                .after(300)
                .look();
        assertEquals("False AsWanted", world.condition("Stalled"));
        world.engines.put(world.live().name(), new EngineView(false, world.now, null, null));
        assertEquals("False AsWanted", world.look().condition("Stalled"));
        assertEquals("True RolledBack", world.after(11).look().condition("Stalled"));
    }

    @Test
    void aVersionThatWaitsForItsBrokersIsNotJudged() {
        World world = World.running(timed("20s"));
        world.spec(with(timed("20s"), OTHER_IMAGE))
                .look()
                .gone()
                .look()
                .after(300)
                .answers("waiting")
                .look();
        assertEquals("False Waiting", world.condition("Ready"));
        assertEquals("False AsWanted", world.condition("Stalled"));
        assertTrue(!world.wanted().name().equals(world.status.lastGood()), "nor is it good yet");
    }

    @Test
    void aNewVersionThatStopsForGoodIsTakenBackAtOnce() {
        World world = World.running(KAFKA);
        world.spec(with(KAFKA, OTHER_IMAGE))
                .look()
                .gone()
                .look()
                .ended("Failed", "BuildChanged", 2)
                .look();
        assertEquals("True RolledBack", world.condition("Stalled"));
        assertEquals(1, world.actions(CreatePod.class).size());
    }

    @Test
    void aLostNodeIsLeftWhereTheStateIsStoredElsewhere() {
        World world = World.running(KAFKA);
        world.after(1).silent();
        world.unreachable.put("node-1", world.now.minusSeconds(8));
        world.after(20).look();
        assertEquals(List.of(), world.actions(CreatePod.class), "not before the time is over");
        assertTrue(world.decision.recheck().isPresent());
        world.recentTakeOvers = TakeOvers.AT_ONCE;
        world.after(10).look();
        assertEquals(List.of(), world.actions(CreatePod.class), "not while many others are replaced");
        assertEquals("False NodeLost", world.condition("Ready"));
        assertTrue(world.decision.recheck().isPresent());
        assertFalse(world.decision.takeOvers() > 0);
        world.recentTakeOvers = TakeOvers.AT_ONCE - 1;
        world.after(1).look();
        assertTrue(world.decision.takeOvers() > 0);
        assertEquals(List.of(new CreateClaim("q-0-2", 0)), world.actions(CreateClaim.class));
        assertEquals("q-0-2", world.actions(CreatePod.class).get(0).claim());
        assertEquals("q-0-1", world.actions(DeletePod.class).get(0).name(), "asked to end, not forced");
        assertTrue(world.decision.notices().stream()
                .anyMatch(notice -> notice.reason().equals("NodeLost")));
    }

    @Test
    void aLostNodeIsWaitedForWhereTheStateIsOnlyThere() {
        World world = World.running(CONSOLE);
        assertEquals("False OnlyOnVolume", world.condition("Durable"));
        world.after(1).silent();
        world.unreachable.put("node-1", world.now);
        world.after(60).look();
        assertEquals("False NodeLost", world.condition("Ready"));
        assertEquals(List.of(), world.actions(CreatePod.class));
        assertEquals(List.of(), world.actions(DeletePod.class));
        assertFalse(world.decision.takeOvers() > 0, "nobody restores anything");
        world.unreachable.clear();
        world.answers("running").look();
        assertEquals("True Processing", world.condition("Ready"));
    }

    @Test
    void theClockOfALostNodeStartsAtTheLastSignOfLife() {
        World world = World.running(with(KAFKA, "\"nodeLossTimeout\": \"40s\""));
        world.silent();
        Instant answered = world.now;
        world.unreachable.put("node-1", answered.minusSeconds(300));
        assertEquals(List.of(), world.after(39).look().actions(CreatePod.class), "the pod's answer was later");
        world.unreachable.put("node-1", answered.plusSeconds(20));
        assertEquals(List.of(), world.after(20).look().actions(CreatePod.class), "the node's sign was later");
        assertEquals(1, world.after(1).look().actions(CreatePod.class).size());

        World unset = World.running(KAFKA).silent();
        unset.unreachable.put("node-1", unset.now);
        assertEquals(List.of(), unset.after(29).look().actions(CreatePod.class));
        assertEquals(1, unset.after(1).look().actions(CreatePod.class).size());
    }

    @Test
    void aNewOperatorDoesNotStartTheClockOfALostNodeAnew() {
        World world = World.running(KAFKA);
        world.unreachable.put("node-1", world.now);
        world.engines.clear();
        world.after(10).look();
        assertEquals(List.of(), world.actions(CreatePod.class));
        assertEquals(Optional.of(Duration.ofMillis(20_050)), world.decision.recheck());
        world.after(20).engines.put("q-0-1", new EngineView(false, world.now, null, null));
        assertEquals(1, world.look().actions(CreatePod.class).size(), "it has asked since now, and nobody answered");

        World unasked = World.running(KAFKA);
        unasked.unreachable.put("node-1", unasked.now);
        unasked.engines.clear();
        assertEquals(1, unasked.after(30).look().actions(CreatePod.class).size());
    }

    @Test
    void aPodThatAnswersIsNotLost() {
        World world = World.running(KAFKA);
        world.unreachable.put("node-1", Instant.EPOCH);
        world.after(60).answers("running").look();
        assertEquals("True Processing", world.condition("Ready"));
        assertEquals(List.of(), world.actions(CreatePod.class));
        World hasty = World.running(with(KAFKA, "\"nodeLossTimeout\": \"1s\""));
        hasty.unreachable.put("node-1", Instant.EPOCH);
        assertEquals(List.of(), hasty.after(5).look().actions(CreatePod.class), "though it was asked five seconds ago");
    }

    @Test
    void aPodOfALostNodeIsDeletedOnce() {
        World world = World.running(KAFKA).silent();
        world.change("q-0-1", p -> p.deleting = true);
        world.unreachable.put("node-1", world.now);
        world.after(30).look();
        assertEquals(1, world.actions(CreatePod.class).size());
        assertEquals(List.of(), world.actions(DeletePod.class));
    }

    @Test
    void anUpgradeLeavesALostNodeOnlyWithWhatIsStoredElsewhere() {
        World world = World.running(KAFKA).silent();
        world.unreachable.put("node-1", world.now);
        world.after(60).spec(with(KAFKA, OTHER_IMAGE)).look();
        assertEquals("q-0-2", world.actions(CreatePod.class).get(0).claim());

        World console = World.running(CONSOLE).silent();
        console.unreachable.put("node-1", console.now);
        console.after(60).spec(with(CONSOLE, OTHER_IMAGE)).look();
        assertEquals(List.of(), console.actions(CreatePod.class));
        assertEquals("False VolumeInUse", console.condition("Ready"));
    }

    @Test
    void aPodThatOnlyFellSilentIsNotReplaced() {
        World world = World.running(KAFKA);
        world.after(5).silent().look();
        assertEquals("True Processing", world.condition("Ready"));
        world.after(600).look();
        assertEquals("False EngineSilent", world.condition("Ready"));
        assertEquals(0, world.status.readyReplicas());
        assertEquals(List.of(), world.actions(CreatePod.class));
        assertEquals(List.of(), world.actions(DeletePod.class));
    }

    @Test
    void aPodThatCannotGoWhereItsVolumeIsGetsAnother() {
        World world = World.running(KAFKA);
        world.gone().look().trouble("Unschedulable").after(30).look();
        assertEquals("False Unschedulable", world.condition("Ready"));
        assertEquals(List.of(), world.actions(DeletePod.class));
        world.after(31).look();
        assertEquals("q-0-3", world.actions(CreatePod.class).get(0).claim());
        assertEquals(1, world.actions(DeletePod.class).size());
        world.trouble("Unschedulable").after(300).look();
        assertEquals(List.of(), world.actions(DeletePod.class), "its volume is its own");
    }

    @Test
    void aVolumeIsNotLeftForWhatIsNoFaultOfIt() {
        World image = World.running(KAFKA);
        image.gone().look().trouble("ImageNotPulled").after(61).look();
        assertEquals(List.of(), image.actions(DeletePod.class));
    }

    @Test
    void aVolumeWithTheOnlyStateIsWaitedFor() {
        World pending = World.running(CONSOLE);
        pending.gone().look().shown("Pending", false).after(300).look();
        assertEquals(List.of(), pending.actions(DeletePod.class));
        pending.trouble("Unschedulable").after(300).look();
        assertEquals(List.of(), pending.actions(DeletePod.class));
        assertEquals("False Unschedulable", pending.condition("Ready"));
    }

    @Test
    void aContainerThatCrashedAfterALongRunNeedNotWait() {
        World world = World.running(KAFKA);
        world.silent().trouble("CrashLoop").after(10).look();
        assertEquals(List.of(), world.actions(DeletePod.class), "it ran for seconds only");
        world.after(60).look();
        assertEquals(1, world.actions(DeletePod.class).size());
        World memory = World.running(KAFKA);
        memory.silent().trouble("OutOfMemory").after(70).look();
        assertEquals(1, memory.actions(DeletePod.class).size());
        World never = new World(KAFKA).look().trouble("CrashLoop").after(70).look();
        assertEquals(List.of(), never.actions(DeletePod.class), "what never ran waits");
    }

    @Test
    void suspendingKeepsVolumeAndNumber() {
        World world = World.running(KAFKA);
        world.spec(with(KAFKA, "\"suspend\": true")).look();
        assertEquals(1, world.actions(DeletePod.class).size());
        assertEquals("True Suspending", world.condition("Reconciling"));
        world.gone().look();
        assertEquals("Suspended", world.status.phase());
        assertEquals("False Suspended", world.condition("Reconciling"));
        assertEquals("-", world.condition("Ready"), "which would read as not there yet");
        assertEquals(List.of(), world.look().last);
        world.spec(KAFKA).look();
        assertEquals(
                new CreatePod(0, 2, "q-0-1", world.wanted().name()),
                world.actions(CreatePod.class).get(0));
    }

    @Test
    void whatIsCreatedSuspendedIsCurrentAtOnce() {
        World world = new World(with(KAFKA, "\"suspend\": true")).look();
        assertEquals("Suspended", world.status.phase());
        assertEquals("False Suspended", world.condition("Reconciling"));
        assertEquals("-", world.condition("Ready"));
    }

    @Test
    void aPausedQueryIsLeftAlone() {
        World world = World.running(KAFKA);
        world.paused = true;
        world.gone().look();
        assertEquals(List.of(), world.last);
        assertEquals("False Paused", world.condition("Reconciling"));
    }

    @Test
    void theFinalizerIsThereOnlyWhereSomethingLiesOutside() {
        World console = new World(CONSOLE).look();
        assertFalse(console.finalizer);
        World retained = new World(with(KAFKA, "\"state\": {\"deletionPolicy\": \"Retain\"}")).look();
        assertFalse(retained.finalizer);
        World kafka = new World(KAFKA);
        kafka.finalizer = false;
        assertTrue(kafka.look().finalizer);
    }

    @Test
    void deletionStopsPodsCleansUpAndEnds() {
        World world = World.running(KAFKA);
        world.deleted = Optional.of(world.now);
        world.look();
        assertEquals(1, world.actions(DeletePod.class).size());
        assertEquals(List.of(), world.actions(CreateCleanUp.class), "not while pods write");
        assertEquals(List.of(), world.look().last, "once");
        world.gone().look();
        assertEquals(1, world.actions(CreateCleanUp.class).size());
        assertTrue(world.finalizer);
        assertEquals(List.of(), world.look().last, "one");
        world.cleanUp = Optional.of(new CleanUp("Succeeded", ""));
        world.look();
        assertEquals(List.of(new Decision.DeleteCleanUp(), new SetFinalizer(false)), world.last);
        assertFalse(world.finalizer);
        assertEquals(List.of(), world.decision.notices());
    }

    @Test
    void deletionGoesBeforeAPause() {
        World world = World.running(KAFKA);
        world.paused = true;
        world.deleted = Optional.of(world.now);
        world.look();
        assertEquals(1, world.actions(DeletePod.class).size());
        world.cleanUp = Optional.of(new CleanUp("Succeeded", ""));
        world.gone().look();
        assertFalse(world.finalizer);
    }

    @Test
    void whatIsToBeKeptIsNotCleanedUp() {
        String kept = with(KAFKA, "\"state\": {\"deletionPolicy\": \"Retain\"}");
        World world = World.running(kept);
        world.deleted = Optional.of(world.now);
        assertEquals(List.of(), world.look().last, "pods and volumes go with their owner");

        World late = World.running(KAFKA);
        late.spec(kept).deleted = Optional.of(late.now);
        late.look().gone().look();
        assertEquals(List.of(), late.actions(CreateCleanUp.class), "though its finalizer was there before");
        assertFalse(late.finalizer);
        assertEquals(List.of(), late.decision.notices());
    }

    @Test
    void whereNothingWasWrittenNothingIsCleanedUp() {
        World console = World.running(CONSOLE);
        console.finalizer = true;
        console.deleted = Optional.of(console.now);
        console.look().gone().look();
        assertEquals(List.of(), console.actions(CreateCleanUp.class));
        assertFalse(console.finalizer);

        World unborn = new World(KAFKA);
        unborn.verdict = Optional.empty();
        unborn.look().deleted = Optional.of(unborn.now);
        unborn.look();
        assertEquals(List.of(), unborn.actions(CreateCleanUp.class));
        assertFalse(unborn.finalizer);
        assertEquals(List.of(), unborn.decision.notices());
    }

    @Test
    void aPodThatHasEndedDoesNotHoldUpTheDeletion() {
        World world = World.running(KAFKA);
        world.ended("Completed", "", 1).look().deleted = Optional.of(world.now);
        world.look();
        assertEquals(1, world.actions(CreateCleanUp.class).size());
    }

    @Test
    void deletionEndsWhateverItsCleanUpMeets() {
        World failed = World.running(KAFKA);
        failed.deleted = Optional.of(failed.now);
        failed.gone().look();
        failed.cleanUp = Optional.of(new CleanUp("Failed", "the broker does not answer"));
        failed.look();
        assertFalse(failed.finalizer);
        assertEquals("LeftBehind", failed.decision.notices().get(0).reason());
        assertTrue(failed.decision.notices().get(0).message().contains("the broker does not answer"));

        World stuck = World.running(KAFKA);
        stuck.deleted = Optional.of(stuck.now);
        stuck.look().after(91).look();
        assertEquals(1, stuck.actions(CreateCleanUp.class).size(), "a pod that does not end is not waited for");
        stuck.after(150).look();
        assertFalse(stuck.finalizer);

        World terminating = World.running(KAFKA);
        terminating.deleted = Optional.of(terminating.now);
        terminating.namespaceTerminating = true;
        terminating.gone().look();
        assertEquals(List.of(), terminating.actions(CreateCleanUp.class));
        assertFalse(terminating.finalizer);
    }

    @Test
    void durabilityIsToldFromTheFirstMinute() {
        World world = new World(KAFKA).look();
        assertEquals("Unknown Starting", world.condition("Durable"));
        assertEquals(
                "Unknown NoCheckpointYet", world.says(null, null, null).look().condition("Durable"));
        assertEquals(
                "False CheckpointFailed", world.says(1L, "no room", null).look().condition("Durable"));
        assertEquals("False WeakLog", world.says(1L, null, "one replica").look().condition("Durable"));
        assertEquals("True Stored", world.says(1L, null, null).look().condition("Durable"));
    }

    @Test
    void aRefusedSpecDecidesNothingAboutWhatRuns() {
        Verdict refused = Verdict.refused(List.of(new Verdict.Finding("SqlSyntax", "spec.query:1:1", "no")));
        World kafka = World.running(KAFKA);
        Version running = kafka.wanted();
        kafka.spec(CONSOLE.replace("SELECT 1", "SELCT 1"))
                .verdict(refused)
                .answers("running")
                .look();
        assertTrue(kafka.finalizer, "its topics are still there");
        assertEquals("True Stored", kafka.condition("Durable"));
        kafka.deleted = Optional.of(kafka.now);
        kafka.gone().look();
        assertEquals(List.of(new CreateCleanUp(running)), kafka.actions(CreateCleanUp.class), "with what has run");

        World console = World.running(CONSOLE);
        console.spec(KAFKA.replace("SELECT 1", "SELCT 1"))
                .verdict(refused)
                .after(1)
                .silent();
        console.unreachable.put("node-1", console.now);
        console.after(60).look();
        assertEquals("False NodeLost", console.condition("Ready"), "its only state is on that node");
        assertEquals(List.of(), console.actions(CreatePod.class));
    }

    @Test
    void aNewQueryThatForgetsStartsOnce() {
        World world = new World(with(
                KAFKA,
                "\"upgrade\": {\"restore\": {\"from\": \"none\", \"nonce\": 1, \"acknowledgeStateLoss\": true}}"));
        world.look();
        assertEquals("uid-1", world.status.stateId());
        assertEquals(1, world.status.restoreNonce());
        world.after(5).answers("running").look();
        assertEquals(1, world.incarnation());
        assertEquals(List.of(), world.look().last);
    }

    @Test
    void aVersionWhosePodNeverComesToLifeIsTakenBack() {
        World world = World.running(timed("20s"));
        world.spec(with(timed("20s"), OTHER_IMAGE))
                .look()
                .gone()
                .look()
                .shown("Pending", false)
                .after(19)
                .look();
        assertEquals("False AsWanted", world.condition("Stalled"));
        assertEquals(Optional.of(Duration.ofMillis(1_050)), world.decision.recheck());
        assertEquals("True RolledBack", world.after(2).look().condition("Stalled"));
    }

    @Test
    void aVersionHasFiveMinutesWhereNothingElseIsSaid() {
        World world = World.running(KAFKA);
        world.spec(with(KAFKA, OTHER_IMAGE)).look().gone().look().trouble("ImageNotPulled");
        assertEquals("False AsWanted", world.after(299).look().condition("Stalled"));
        assertEquals("True RolledBack", world.after(1).look().condition("Stalled"));
    }

    @Test
    void aVersionThatCompletesIsGood() {
        World world = World.running(KAFKA);
        world.spec(with(KAFKA, OTHER_IMAGE)).look().gone().look();
        world.ended("Completed", "", 2).look();
        assertEquals(world.wanted().name(), world.status.lastGood());
    }

    @Test
    void aVersionThatKubernetesFindsReadyIsNotTakenBackBecauseWeCannotReachIt() {
        World world = World.running(timed("20s"));
        world.spec(with(timed("20s"), OTHER_IMAGE)).look().gone().look().shown("Running", true);
        world.engines.put(world.live().name(), new EngineView(false, world.now, null, null));
        world.after(300).look();
        assertEquals("False AsWanted", world.condition("Stalled"));
        assertEquals(world.wanted().name(), world.status.lastGood());
    }

    @Test
    void aPodThatHangsOnAnOldVolumeGetsAnother() {
        World world = World.running(KAFKA);
        world.gone().look().shown("Pending", false).after(59).look();
        assertEquals(List.of(), world.actions(DeletePod.class));
        world.after(2).look();
        assertEquals("q-0-3", world.actions(CreatePod.class).get(0).claim());
        world.shown("Pending", false).after(300).look();
        assertEquals(List.of(), world.actions(DeletePod.class), "its volume is its own");
    }

    @Test
    void aNameThatIsTakenIsToldAsLongAsItIs() {
        World world = new World(KAFKA).look().refused("NameTaken", "the Service q exists");
        assertEquals("False NameTaken", world.look().condition("Ready"), "while the next waits for its turn");
    }

    @Test
    void whatTheApiServerDoesNotTakeIsToldAndTakenBackInTheEnd() {
        World world = World.running(timed("60s"));
        String good = world.status.lastGood();
        world.spec(with(timed("60s"), OTHER_IMAGE)).look().gone().look().refused("NotAccepted", "over quota");
        assertEquals("False NotAccepted", world.condition("Ready"));
        world.look();
        assertEquals("False NotAccepted", world.condition("Ready"), "while the next waits for its turn");
        world.after(3).look().refused("NotAccepted", "over quota").after(60).look();
        assertEquals("True RolledBack", world.condition("Stalled"));
        assertEquals(good, world.actions(CreatePod.class).get(0).version());
    }
}
