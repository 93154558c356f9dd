package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQuerySavepoint.Dispose;
import dev.millrace.api.StreamingQuerySavepoint.Spec;
import dev.millrace.api.StreamingQuerySavepoint.Status;
import dev.millrace.operator.reconcile.Observed.CleanUp;
import dev.millrace.operator.reconcile.ObservedSavepoint.QueryPod;
import dev.millrace.operator.reconcile.ObservedSavepoint.QueryView;
import dev.millrace.operator.reconcile.SavepointDecision.Action;
import dev.millrace.operator.reconcile.SavepointDecision.CreateCleanUp;
import dev.millrace.operator.reconcile.SavepointDecision.DeleteCleanUp;
import dev.millrace.operator.reconcile.SavepointDecision.KeepDocument;
import dev.millrace.operator.reconcile.SavepointDecision.SetFinalizer;
import dev.millrace.operator.reconcile.SavepointDecision.Wish;
import dev.millrace.operator.resources.Version;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SavepointDeciderTest {

    private static final Version VERSION = new Version("q-1", "{\"spec\": {}}", null, "", null);

    /** A savepoint and what it meets. */
    static final class World {
        private Spec spec;
        Status status = Status.NONE;
        private Optional<QueryView> query = Optional.empty();
        private Optional<Version> document = Optional.empty();
        private Optional<CleanUp> cleanUp = Optional.empty();
        private Optional<Instant> deleted = Optional.empty();
        private boolean finalizer;
        private boolean terminating;
        private Instant now = Instant.parse("2026-03-01T10:00:00Z");
        private SavepointDecision decision;

        World(Dispose dispose) {
            spec = new Spec("q", dispose);
        }

        World look() {
            ObservedSavepoint seen = new ObservedSavepoint(
                    new ObservedSavepoint.Identity("before", "u1", 1, deleted, finalizer, terminating),
                    spec,
                    status,
                    query,
                    document,
                    cleanUp,
                    now);
            decision = SavepointDecider.decide(seen);
            assertEquals(decision, SavepointDecider.decide(seen), "a pure function");
            status = decision.status();
            for (Action action : decision.actions()) {
                if (action instanceof SetFinalizer set) {
                    finalizer = set.present();
                } else if (action instanceof KeepDocument keep) {
                    document = Optional.of(keep.version());
                }
            }
            return this;
        }

        World after(int seconds) {
            now = now.plusSeconds(seconds);
            return this;
        }

        World delete() {
            deleted = Optional.of(now);
            return this;
        }

        /** The query as it is while its pod says this. */
        World runs(String wishes, String wanted, String fulfilled) {
            query = Optional.of(new QueryView(
                    true,
                    true,
                    false,
                    "uid",
                    "plan-a",
                    Optional.of(VERSION),
                    Optional.of(new QueryPod("q-0-1", "9", wishes, wanted, Optional.of(progress(fulfilled, null))))));
            return this;
        }

        World fails(String failure) {
            query = Optional.of(new QueryView(
                    true,
                    true,
                    false,
                    "uid",
                    "plan-a",
                    Optional.of(VERSION),
                    Optional.of(new QueryPod("q-0-1", "9", "", "", Optional.of(progress(null, failure))))));
            return this;
        }

        World isDivided(String part) {
            query = Optional.of(new QueryView(
                    true,
                    true,
                    false,
                    "uid",
                    "plan-a",
                    Optional.of(VERSION),
                    Optional.of(new QueryPod(
                            "q-0-1",
                            "9",
                            "",
                            "",
                            Optional.of(parsed("{\"query\": \"q\", \"phase\": \"running\", " + part + "}"))))));
            return this;
        }

        World standsStill(boolean wanted) {
            query = Optional.of(
                    new QueryView(wanted, true, false, "uid", "plan-a", Optional.of(VERSION), Optional.empty()));
            return this;
        }

        World withoutStore() {
            query = Optional.of(
                    new QueryView(true, false, false, "uid", "plan-a", Optional.of(VERSION), Optional.empty()));
            return this;
        }

        World isGone() {
            query = Optional.empty();
            return this;
        }

        private static EngineProgress progress(String fulfilled, String failure) {
            String savepoints = fulfilled == null
                    ? "null"
                    : "[{\"wish\": \"" + fulfilled + "\""
                            + (fulfilled.startsWith("take")
                                    ? ", \"epoch\": 41, \"bytes\": 1000, \"place\": \"topic t\","
                                            + " \"time\": \"2026-03-01T10:00:05Z\""
                                    : "")
                            + "}]";
            String json = "{\"query\": \"q\", \"phase\": \"running\", \"savepoints\": " + savepoints
                    + (failure == null ? "" : ", \"checkpointFailure\": \"" + failure + "\"") + "}";
            return parsed(json);
        }

        private static EngineProgress parsed(String json) {
            try {
                return new ObjectMapper().readValue(json, EngineProgress.class);
            } catch (JsonProcessingException e) {
                throw new IllegalArgumentException(e);
            }
        }

        World taken() {
            return runs("", "take before u1", null)
                    .look()
                    .runs("take before u1", "take before u1", "take before u1")
                    .look();
        }

        String condition(String type) {
            return Conditions.find(status.conditions(), type)
                    .map(condition -> condition.status() + " " + condition.reason())
                    .orElse("");
        }

        List<Class<?>> actions() {
            return decision.actions().stream().<Class<?>>map(Object::getClass).toList();
        }

        List<String> notices() {
            return decision.notices().stream().map(Decision.Notice::reason).toList();
        }
    }

    @Test
    void itIsTakenOnceByThePodThatRuns() {
        World world = new World(null).runs("", "take before u1", null).look();
        assertEquals("Taking", world.status.phase());
        assertEquals("uid", world.status.stateId());
        assertEquals(List.of(SetFinalizer.class, KeepDocument.class, Wish.class), world.actions());
        assertEquals(
                new Wish("q-0-1", "9", "take before u1"),
                world.decision.actions().get(2));
        world.runs("take before u1", "take before u1", null).look();
        assertEquals(List.of(KeepDocument.class), world.actions(), "the pod knows");
        assertEquals("True Taking", world.condition("Reconciling"));
        world.runs("take before u1", "take before u1", "take before u1").look();
        assertEquals("Completed", world.status.phase());
        assertEquals("True Completed", world.condition("Ready"));
        assertEquals(41, world.status.epoch());
        assertEquals(1000, world.status.bytes());
        assertEquals("plan-a", world.status.planId());
        assertEquals("topic t", world.status.location());
        assertEquals("2026-03-01T10:00:05Z", world.status.time());
        assertEquals(List.of("SavepointTaken"), world.notices());
        assertEquals(Optional.empty(), world.decision.recheck());
        Status before = world.status;
        assertEquals(before, world.isGone().look().status, "what becomes of its query is nothing to it");
        assertEquals(List.of(), world.decision.actions());
    }

    @Test
    void aKeptOneNeedsNoFinalizerOnceItIsThere() {
        World world = new World(Dispose.KEEP).taken();
        assertEquals(false, world.finalizer);
        world.spec = new Spec("q", Dispose.WITH_RESOURCE);
        world.look();
        assertEquals(true, world.finalizer, "its end may be decided later");
        assertEquals(true, new World(Dispose.WITH_RESOURCE).taken().finalizer);
    }

    @Test
    void whatAnotherSavepointOfTheNameWasToldIsNoAnswer() {
        World world =
                new World(null).runs("", "take before u1", "take before u0").look();
        assertEquals("Taking", world.look().status.phase());
    }

    @Test
    void whatItWaitsForIsSaid() {
        World world = new World(null).look();
        assertEquals("Pending", world.status.phase());
        assertEquals("False QueryNotFound", world.condition("Ready"));
        world.standsStill(false).look();
        assertEquals("False QueryNotRunning", world.condition("Ready"));
        assertEquals(Optional.of(Duration.ofSeconds(15)), world.decision.recheck());
        assertEquals(List.of(), world.decision.actions());
        world.fails("the bucket is away").look();
        assertEquals("False NotStored", world.condition("Ready"));
        world.withoutStore().look();
        assertEquals("True NoStore", world.condition("Stalled"));
    }

    @Test
    void aPodDropsIt() {
        World world = new World(Dispose.WITH_RESOURCE).taken().delete();
        world.runs("", "drop before u1", null).look();
        assertEquals("Disposing", world.status.phase());
        assertEquals(41, world.status.epoch());
        assertEquals(List.of(Wish.class), world.actions());
        world.runs("drop before u1", "drop before u1", "drop before u1").look();
        assertEquals(List.of(DeleteCleanUp.class, SetFinalizer.class), world.actions());
        assertEquals(List.of(), world.notices());
        assertEquals(List.of(), world.look().decision.actions());
    }

    @Test
    void aPodOfItsOwnTakesItAwayWhereNoneRuns() {
        World world = new World(Dispose.WITH_RESOURCE).taken().isGone().delete().look();
        assertEquals(List.of(CreateCleanUp.class), world.actions());
        assertEquals("uid", ((CreateCleanUp) world.decision.actions().get(0)).stateId());
        world.cleanUp = Optional.of(new CleanUp("Running", ""));
        assertEquals(List.of(), world.after(100).look().decision.actions());
        world.cleanUp = Optional.of(new CleanUp("Succeeded", ""));
        assertEquals(
                List.of(DeleteCleanUp.class, SetFinalizer.class), world.look().actions());
        assertEquals(List.of(), world.notices());
    }

    @Test
    void aQueryThatComesBackHasTimeForIt() {
        World world = new World(Dispose.WITH_RESOURCE)
                .taken()
                .standsStill(true)
                .delete()
                .look();
        assertEquals(List.of(), world.decision.actions());
        assertEquals(List.of(CreateCleanUp.class), world.after(61).look().actions());
        World suspended = new World(Dispose.WITH_RESOURCE)
                .taken()
                .standsStill(false)
                .delete()
                .look();
        assertEquals(List.of(CreateCleanUp.class), suspended.actions());
    }

    @Test
    void theFinalizerAlwaysEnds() {
        World failed =
                new World(Dispose.WITH_RESOURCE).taken().isGone().delete().look();
        failed.cleanUp = Optional.of(new CleanUp("Failed", "no route to the broker"));
        failed.look();
        assertEquals(List.of("LeftBehind"), failed.notices());
        assertTrue(failed.decision.notices().get(0).message().contains("no route to the broker"));
        assertEquals(false, failed.finalizer);
        World silent = new World(Dispose.WITH_RESOURCE)
                .taken()
                .runs("", "drop before u1", null)
                .delete();
        assertEquals(true, silent.look().after(239).look().finalizer);
        assertEquals(List.of(Wish.class), silent.actions(), "no other pod beside the one that runs");
        assertEquals(false, silent.after(1).look().finalizer);
        assertEquals(List.of("LeftBehind"), silent.notices());
        World alone = new World(Dispose.WITH_RESOURCE).taken().isGone().delete();
        alone.document = Optional.empty();
        assertEquals(false, alone.look().finalizer, "nothing says how to reach the store");
        World ending = new World(Dispose.WITH_RESOURCE).taken().delete();
        ending.terminating = true;
        assertEquals(false, ending.look().finalizer);
    }

    @Test
    void oneThatWasNotCompletedIsGivenUpAndAKeptOneIsNot() {
        World begun =
                new World(Dispose.KEEP).runs("", "take before u1", null).look().delete();
        begun.runs("take before u1", "drop before u1", null).look();
        assertEquals(List.of(Wish.class), begun.actions());
        World kept = new World(Dispose.KEEP).taken().delete().look();
        assertEquals(List.of(), kept.decision.actions());
        World never = new World(Dispose.WITH_RESOURCE).look().delete().look();
        assertEquals(List.of(), never.decision.actions());
    }

    @Test
    void aQueryThatWentOverToAnotherStateDoesNotCompleteIt() {
        World world = new World(null).runs("", "take before u1", null).look();
        QueryView view = world.query.orElseThrow();
        world.query = Optional.of(new QueryView(true, true, false, "uid-7", "plan-a", view.version(), view.pod()));
        world.look();
        assertEquals("True StateLeft", world.condition("Stalled"));
        world.runs("", "", "drop before u1");
        world.query = Optional.of(new QueryView(
                true,
                true,
                false,
                "uid-7",
                "plan-a",
                view.version(),
                world.query.orElseThrow().pod()));
        world.delete().look();
        assertEquals(List.of(CreateCleanUp.class), world.actions(), "what the other state's pod says is no answer");
    }

    @Test
    void aQueryThatWentOverToAnotherStoreDoesNotCompleteIt() {
        World world = new World(null).runs("", "take before u1", null).look();
        world.document = Optional.of(
                new Version("q-0", "{\"spec\": {\"state\": {\"topics\": {\"prefix\": \"other\"}}}}", null, "", null));
        world.look();
        assertEquals("True StateLeft", world.condition("Stalled"));
    }

    @Test
    void aQueryThatBeginsFromItIsWaitedFor() {
        World world = new World(Dispose.WITH_RESOURCE).taken().delete();
        world.query =
                Optional.of(new QueryView(true, true, true, "uid-7", "plan-a", Optional.of(VERSION), Optional.empty()));
        assertEquals(List.of(), world.look().decision.actions());
        world.query = Optional.of(
                new QueryView(true, true, false, "uid-7", "plan-a", Optional.of(VERSION), Optional.empty()));
        assertEquals(List.of(CreateCleanUp.class), world.look().actions());
    }

    @Test
    void aPodThatWaitsIsToldToo() {
        World world = new World(null).runs("", "take before u1", null).look().delete();
        world.query = Optional.of(new QueryView(
                true,
                true,
                false,
                "uid",
                "plan-a",
                Optional.of(VERSION),
                Optional.of(new QueryPod("q-0-1", "9", "take before u1", "drop before u1", Optional.empty()))));
        assertEquals(List.of(Wish.class), world.look().actions());
        assertEquals(
                List.of(Wish.class, CreateCleanUp.class), world.after(61).look().actions());
    }

    @Test
    void whatSeveralPodsKnowIsOfSeveralMoments() {
        for (String part : List.of(
                "\"division\": \"3/2\"",
                "\"division\": \"4/1\", \"members\": [0, 1], \"settled\": true",
                "\"division\": \"4/1\", \"members\": [0], \"settled\": false")) {
            World world = new World(Dispose.KEEP).isDivided(part).look();
            assertEquals("True NotSupportedInSlots", world.condition("Stalled"), part);
            assertEquals(List.of(), world.actions());
        }
        World whole = new World(Dispose.KEEP)
                .isDivided("\"division\": \"4/1\", \"members\": [0], \"settled\": true")
                .look()
                .look();
        assertEquals("False", whole.condition("Stalled").split(" ")[0]);
        assertFalse(whole.actions().isEmpty());
    }
}
