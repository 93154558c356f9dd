package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.StreamingQuerySavepoint;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.SavepointResource;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeleteCleanUp;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.GrowClaim;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.Promote;
import dev.millrace.operator.reconcile.Decision.ResizePod;
import dev.millrace.operator.reconcile.Decision.SetBudget;
import dev.millrace.operator.reconcile.Decision.SetFinalizer;
import dev.millrace.operator.reconcile.Decision.TellDivision;
import dev.millrace.operator.resources.Names;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Actions meet the API server as it has become since it was looked at. */
class ApplierTest {

    private static final String CORE = "/api/v1/namespaces/shop/";
    private static final String OURS = "/apis/millrace.dev/v1alpha1/namespaces/shop/";
    private static final ObjectMapper JSON = new ObjectMapper();

    private ApiServer server;
    private KubernetesClient client;

    @BeforeEach
    void start() throws Exception {
        server = new ApiServer(Clock.systemUTC());
        client = server.client();
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    private void make(String collection, String kind, String name) throws Exception {
        server.create(collection, (ObjectNode) JSON.readTree(
                "{\"kind\": \"" + kind + "\", \"metadata\": {\"name\": \"" + name + "\", \"namespace\": \"shop\"}}"));
    }

    private JsonNode there(String kind) {
        return server.objects(object -> object.path("kind").asText().equals(kind)).stream()
                .findFirst()
                .orElse(JSON.missingNode());
    }

    private String version(String kind) {
        return there(kind).at("/metadata/resourceVersion").asText();
    }

    private QueryResource query() throws Exception {
        String query = "{\"apiVersion\": \"millrace.dev/v1alpha1\", \"kind\": \"StreamingQuery\","
                + " \"metadata\": {\"name\": \"q\", \"namespace\": \"shop\", \"finalizers\": [\"of/another\"]}, \"spec\": {}}";
        server.create(OURS + "streamingqueries", (ObjectNode) JSON.readTree(query));
        return client.resources(QueryResource.class)
                .inNamespace("shop")
                .withName("q")
                .get();
    }

    private List<Notice> apply(QueryResource query, Action action) {
        Observed seen = new DeciderTest.World(DeciderTest.KAFKA).observe();
        return new Applier(client, Optional.empty())
                .apply(query, seen, new Decision(seen.status(), List.of(action), List.of(), Optional.empty()));
    }

    private static void conflicts(Executable action) {
        assertEquals(409, assertThrows(KubernetesClientException.class, action).getCode());
    }

    @Test
    void onlyWhatWasSeenIsDeleted() throws Exception {
        QueryResource query = query();
        make(CORE + "pods", "Pod", "q");
        make(CORE + "persistentvolumeclaims", "PersistentVolumeClaim", "q");
        conflicts(() -> apply(query, new DeletePod("q", "0")));
        conflicts(() -> apply(query, new DeleteClaim("q", "0")));
        conflicts(() -> apply(query, new GrowClaim("q", "0", "2Gi")));
        apply(query, new GrowClaim("q", version("PersistentVolumeClaim"), "2Gi"));
        assertEquals(
                "2Gi",
                there("PersistentVolumeClaim")
                        .at("/spec/resources/requests/storage")
                        .asText());
        apply(query, new DeletePod("q", version("Pod")));
        apply(query, new DeleteClaim("q", version("PersistentVolumeClaim")));
        assertEquals(true, there("Pod").isMissingNode());
        assertEquals(true, there("PersistentVolumeClaim").isMissingNode());
    }

    @Test
    void onlyWhatWasSeenIsWritten() throws Exception {
        QueryResource query = query();
        Writer writer = new Writer(client);
        server.edit(OURS + "streamingqueries/q", "suspend", "true");
        conflicts(() -> writer.status(query, query.getSpec()));
        conflicts(() -> writer.finalizer(query, true));
        assertEquals(true, there("StreamingQuery").at("/status").isMissingNode());
    }

    @Test
    void aPodIsToldItsDivisionAsItWasSeen() throws Exception {
        QueryResource query = query();
        make(CORE + "pods", "Pod", "q");
        conflicts(() -> apply(query, new TellDivision("q", "0", "3/2")));
        apply(query, new TellDivision("q", version("Pod"), "3/2"));
        assertEquals(
                "3/2",
                there("Pod").at("/metadata/annotations").path(Names.DIVISION).asText());
    }

    @Test
    void aStandbyIsPromotedAsItWasSeen() throws Exception {
        QueryResource query = query();
        make(CORE + "pods", "Pod", "q");
        conflicts(() -> apply(query, new Promote("q", "0", 7)));
        apply(query, new Promote("q", version("Pod"), 7));
        JsonNode metadata = there("Pod").path("metadata");
        assertEquals("7", metadata.path("annotations").path(Names.ACTIVE).asText());
        assertEquals(Names.ENGINE, metadata.path("labels").path(Names.COMPONENT).asText());
    }

    /** The query runs without it. */
    @Test
    void aStandbyThatIsRefusedIsToldAndStopsNothing() throws Exception {
        QueryResource query = query();
        make(CORE + "pods", "Pod", "q-0-2"); // another's
        String wanted =
                new DeciderTest.World(DeciderTest.KAFKA).observe().wanted().name();
        assertEquals(
                List.of("StandbyRefused"),
                apply(query, new CreatePod(0, 2, "q-0-2", wanted, null, true)).stream()
                        .map(Notice::reason)
                        .toList());
        assertThrows(
                Applier.RefusedException.class, () -> apply(query, new CreatePod(0, 2, "q-0-2", wanted, null, false)));
    }

    @Test
    void aPodGetsOtherAmountsAndSaysWhichOnes() throws Exception {
        QueryResource query = query();
        make(CORE + "pods", "Pod", "q");
        server.takeWrites();
        assertEquals(List.of(), apply(query, new ResizePod("q", "1500m", "2048Mi", "1500m since then")));
        assertEquals(
                List.of("PATCH pods/resize", "PATCH pods"),
                server.takeWrites().stream().map(Object::toString).toList(),
                "the note is not made before the change");
        JsonNode pod = there("Pod");
        assertEquals(
                "1500m since then",
                pod.at("/metadata/annotations").path(Names.GIVEN).asText());
        JsonNode resources = pod.at("/spec/containers/0/resources");
        assertEquals("1500m", resources.at("/requests/cpu").asText());
        assertEquals("2048Mi", resources.at("/requests/memory").asText());
        assertEquals(resources.path("requests"), resources.path("limits"), "as the quality of service may not change");
    }

    /** A quota, or a policy: the pod goes on with what it has, and the autoscaler reads why. */
    @Test
    void cpuThatIsRefusedIsNotedOnThePod() throws Exception {
        QueryResource query = query();
        make(CORE + "pods", "Pod", "q");
        server.setFault(new ApiServer.Fault() {
            @Override
            public int before(ApiServer.Request request) {
                return request.part().equals("resize") ? 403 : 0;
            }
        });
        assertEquals(
                List.of("ResizeRefused"),
                apply(query, new ResizePod("q", "1500m", "2048Mi", "1500m since then")).stream()
                        .map(Notice::reason)
                        .toList());
        JsonNode annotations = there("Pod").at("/metadata/annotations");
        assertTrue(annotations.path(Names.GIVEN_REFUSED).asText().startsWith("1500m since then: "));
        assertTrue(annotations.path(Names.GIVEN).isMissingNode());
        server.setFault(ApiServer.Fault.NONE);
        apply(query, new ResizePod("q", "1500m", "2048Mi", "1500m since later"));
        assertTrue(there("Pod")
                .at("/metadata/annotations")
                .path(Names.GIVEN_REFUSED)
                .isMissingNode());
    }

    /** Pods run without it. */
    @Test
    void aBudgetThatIsAnothersIsToldAndStopsNothing() throws Exception {
        QueryResource query = query();
        assertEquals(List.of(), apply(query, new SetBudget(1)));
        apply(query, new SetBudget(2));
        assertEquals(2, there("PodDisruptionBudget").at("/spec/minAvailable").asInt());
        client.policy()
                .v1()
                .podDisruptionBudget()
                .inNamespace("shop")
                .withName("q")
                .delete();
        make("/apis/policy/v1/namespaces/shop/poddisruptionbudgets", "PodDisruptionBudget", "q");
        assertEquals(
                List.of("BudgetNotSet"),
                apply(query, new SetBudget(1)).stream().map(Notice::reason).toList());
    }

    @Test
    void theFinalizersOfOthersStay() throws Exception {
        QueryResource query = query();
        apply(query, new SetFinalizer(true));
        assertEquals(
                "[\"of/another\",\"" + Names.FINALIZER + "\"]",
                there("StreamingQuery").at("/metadata/finalizers").toString());
        QueryResource now = client.resources(QueryResource.class)
                .inNamespace("shop")
                .withName("q")
                .get();
        apply(now, new SetFinalizer(false));
        assertEquals(
                "[\"of/another\"]",
                there("StreamingQuery").at("/metadata/finalizers").toString());
    }

    @Test
    void aPodIsToldItsWishesAsItWasSeen() throws Exception {
        SavepointResource savepoint = new SavepointResource();
        savepoint.setMetadata(
                new ObjectMetaBuilder().withName("before").withNamespace("shop").build());
        make(CORE + "pods", "Pod", "q");
        conflicts(() -> apply(savepoint, new SavepointDecision.Wish("q", "0", "take before u1")));
        apply(savepoint, new SavepointDecision.Wish("q", version("Pod"), "take before u1"));
        assertEquals(
                "take before u1",
                there("Pod").at("/metadata/annotations").path(Names.SAVEPOINTS).asText());
    }

    private void apply(SavepointResource savepoint, SavepointDecision.Action action) {
        ObservedSavepoint seen = new ObservedSavepoint(
                new ObservedSavepoint.Identity("before", "u1", 1, Optional.empty(), true, false),
                new StreamingQuerySavepoint.Spec("q", null),
                StreamingQuerySavepoint.Status.NONE,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Instant.EPOCH);
        new SavepointApplier(client, Optional.empty())
                .apply(
                        savepoint,
                        seen,
                        new SavepointDecision(seen.status(), List.of(action), List.of(), Optional.empty()));
    }

    /** K10: after a resize the API server refuses its template. */
    @Test
    void aPodThatIsThereIsNotAppliedAgain() throws Exception {
        QueryResource query = query();
        String owner = "{\"kind\": \"StreamingQuery\", \"name\": \"q\", \"uid\": \""
                + query.getMetadata().getUid() + "\"}";
        server.create(CORE + "pods", (ObjectNode)
                JSON.readTree("{\"kind\": \"Pod\", \"metadata\": {\"name\": \"q-0-2\", \"namespace\": \"shop\","
                        + " \"ownerReferences\": [" + owner + "]}}"));
        server.takeWrites();
        String wanted =
                new DeciderTest.World(DeciderTest.KAFKA).observe().wanted().name();
        apply(query, new CreatePod(0, 2, "q-0-1", wanted));
        assertEquals("[POST pods]", server.takeWrites().toString());
    }

    @Test
    void aPodIsMadeOfItsOwnVersionOrNotAtAll() throws Exception {
        QueryResource query = query();
        assertThrows(IllegalStateException.class, () -> apply(query, new CreatePod(0, 2, "q-0-1", "q-gone")));
        assertEquals(true, there("Pod").isMissingNode());
    }

    /** An operator that died between the two goes on. */
    @Test
    void aCleanUpThatIsHalfThereIsMadeWhole() throws Exception {
        QueryResource query = query();
        make(CORE + "configmaps", "ConfigMap", "q-clean-up");
        Decision.CreateCleanUp cleanUp = new Decision.CreateCleanUp(
                new DeciderTest.World(DeciderTest.KAFKA).observe().wanted());
        apply(query, cleanUp);
        assertEquals("q-clean-up", there("Pod").at("/metadata/name").asText());
        apply(query, cleanUp);
    }

    @Test
    void whatIsCalledLikeTheCleanUpButIsNotOursStays() throws Exception {
        make(CORE + "pods", "Pod", "q-clean-up");
        make(CORE + "configmaps", "ConfigMap", "q-clean-up");
        apply(query(), new DeleteCleanUp());
        assertEquals("q-clean-up", there("Pod").at("/metadata/name").asText());
        assertEquals("q-clean-up", there("ConfigMap").at("/metadata/name").asText());
    }
}
