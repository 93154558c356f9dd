package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.Verdict;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.SavepointResource;
import dev.millrace.operator.reconcile.ApiServer.Request;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.resources.Version;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is made of what the API server shows. */
class ObserverTest {

    private static final Instant NOW = Instant.parse("2030-01-01T00:10:00Z");
    private static final Instant BEFORE = Instant.parse("2030-01-01T00:00:00Z");
    private static final String CORE = "/api/v1/namespaces/shop/";
    private static final String SQL = "SELECT line FROM lines";

    private final ObjectMapper yaml = new ObjectMapper(new YAMLFactory());
    private final TakeOvers takeOvers = new TakeOvers();
    private final Verdicts verdicts = new Verdicts(query -> {});
    private final Engines engines = new Engines(Clock.systemUTC(), query -> {});
    private ApiServer server;
    private KubernetesClient client;
    private Observer observer;
    private String uid;

    @BeforeEach
    void start() throws Exception {
        Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
        server = new ApiServer(clock);
        client = server.client();
        observer = new Observer(client, verdicts, engines, takeOvers, "image:operator", clock);
        uid = make("/apis/millrace.dev/v1alpha1/namespaces/shop/streamingqueries", """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: q, namespace: shop, finalizers: [millrace.dev/clean-up]}
                spec:
                  sources: [{name: lines, datagen: {kind: words}}]
                  query: %s
                  sinks: [{name: out, outputMode: append, console: {}}]
                """.formatted(SQL))
                .at("/metadata/uid")
                .asText();
    }

    @AfterEach
    void stop() {
        engines.close();
        verdicts.close();
        client.close();
        server.close();
    }

    private ObjectNode make(String collection, String text) throws Exception {
        return server.create(collection, (ObjectNode) yaml.readTree(text));
    }

    private QueryResource query() {
        return client.resources(QueryResource.class)
                .inNamespace("shop")
                .withName("q")
                .get();
    }

    private Observed observe() {
        return observer.observe(query());
    }

    /** What every object of the query has. */
    private String metadata(String name, String more) {
        return "{name: " + name + ", namespace: shop" + more
                + ", labels: {millrace.dev/query: q, app.kubernetes.io/component: engine, millrace.dev/incarnation: \"1\"}"
                + ", ownerReferences: [{apiVersion: v1, kind: StreamingQuery, name: q, uid: " + uid + "}]}";
    }

    /** A pod on the node. */
    private void pod(String metadata, String status) throws Exception {
        make(
                CORE + "pods",
                "{kind: Pod, metadata: " + metadata("q-0-1", metadata) + ", spec: {nodeName: node-1, volumes:"
                        + " [{name: state, persistentVolumeClaim: {claimName: q-0-1}}]}, status: {" + status + "}}");
    }

    private void node(String ready) throws Exception {
        make("/api/v1/nodes", """
                kind: Node
                metadata: {name: node-1}
                status:
                  conditions:
                  - {type: MemoryPressure, status: "False", lastTransitionTime: "2020-01-01T00:00:00Z"}
                  - {type: Ready, status: "%s", lastTransitionTime: "%s"}
                """.formatted(ready, BEFORE));
    }

    @Test
    void aNodeThatIsReadyIsNotLost() throws Exception {
        pod("", "");
        node("True");
        assertEquals(Map.of(), observe().unreachable());
    }

    @Test
    void aNodeIsLostSinceItsLastSignOfLife() throws Exception {
        pod("", "");
        node("Unknown");
        assertEquals(Map.of("node-1", BEFORE), observe().unreachable());
        make(
                "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
                "{kind: Lease, metadata: {name: node-1, namespace: kube-node-lease},"
                        + " spec: {renewTime: \"2029-12-31T23:59:20.000000Z\"}}");
        assertEquals(Map.of("node-1", BEFORE.minusSeconds(40)), observe().unreachable());
    }

    @Test
    void aNodeThatIsGoneIsLost() throws Exception {
        pod("", "");
        assertEquals(Map.of("node-1", Instant.EPOCH), observe().unreachable());
    }

    @Test
    void aPodThatKubernetesFindsReadyNeedsNoNodesWord() throws Exception {
        pod("", "conditions: [{type: Ready, status: \"True\"}]");
        node("Unknown");
        assertEquals(Map.of(), observe().unreachable());
    }

    @Test
    void withoutTheRightToReadNodesAnEvictionTells() throws Exception {
        server.setFault(new ApiServer.Fault() {
            @Override
            public int before(Request request) {
                return request.collection().equals("nodes") ? 403 : 0;
            }
        });
        pod("", "");
        assertEquals(Map.of(), observe().unreachable());
        client.pods().inNamespace("shop").withName("q-0-1").delete();
        pod(", finalizers: [none], deletionTimestamp: \"" + BEFORE + "\"", "");
        assertEquals(Map.of("node-1", BEFORE), observe().unreachable());
    }

    @Test
    void aPodHasEndedWhenItsContainersHave() throws Exception {
        pod(", finalizers: [none], deletionTimestamp: \"" + BEFORE + "\"", "");
        PodView pod = observe().pods().get(0);
        assertEquals(List.of(true, false), List.of(pod.deleting(), pod.ended()), "it may write still");
        server.status(CORE + "pods/q-0-1", "phase", "Failed");
        assertEquals(true, observe().pods().get(0).ended());
        server.status(CORE + "pods/q-0-1", "phase", "Succeeded");
        assertEquals(true, observe().pods().get(0).ended());
    }

    @Test
    void aVolumeThatGoesIsNotThere() throws Exception {
        String spec = ", spec: {resources: {requests: {storage: 1Gi}}}}";
        make(
                CORE + "persistentvolumeclaims",
                "{kind: PersistentVolumeClaim, metadata: " + metadata("q-0-1", "") + spec);
        make(
                CORE + "persistentvolumeclaims",
                "{kind: PersistentVolumeClaim, metadata: "
                        + metadata("q-0-2", ", finalizers: [none], deletionTimestamp: \"" + BEFORE + "\"") + spec);
        assertEquals(
                List.of("q-0-1"),
                observe().claims().stream().map(Observed.ClaimView::name).toList());
    }

    @Test
    void aNamespaceThatEndsIsSeen() throws Exception {
        server.create("/api/v1/namespaces", (ObjectNode) yaml.readTree("{kind: Namespace, metadata: {name: shop}}"));
        client.resources(QueryResource.class).inNamespace("shop").withName("q").delete();
        assertEquals(false, observe().identity().namespaceTerminating());
        client.namespaces().withName("shop").delete();
        server.create("/api/v1/namespaces", (ObjectNode)
                yaml.readTree("{kind: Namespace, metadata: {name: shop, finalizers: [kubernetes],"
                        + " deletionTimestamp: \"" + BEFORE + "\"}}"));
        assertEquals(true, observe().identity().namespaceTerminating());
    }

    @Test
    void takeOversOfOtherQueriesAreSeen() {
        takeOvers.begin(NOW.minusSeconds(10), 1);
        assertEquals(1, observe().recentTakeOvers());
    }

    @Test
    void theImageOfTheFirstStartStays() {
        assertEquals("image:operator", observe().wanted().pod().image());
        server.status("/apis/millrace.dev/v1alpha1/namespaces/shop/streamingqueries/q", "image", "image:first");
        assertEquals("image:first", observe().wanted().pod().image());
        QueryResource query = query();
        ((ObjectNode) query.getSpec()).withObject("/engine").put("image", "image:spec");
        assertEquals("image:spec", observer.observe(query).wanted().pod().image());
    }

    private Verdict verdict(QueryResource query) {
        return Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .until(() -> observer.observe(query).verdict(), Optional::isPresent)
                .orElseThrow();
    }

    @Test
    void aPlanIsKeptAsLongAsItIsOfTheSameStateAndMeaning() throws Exception {
        Version running = observe().wanted().compiled("{}", null);
        ObjectNode config = yaml.createObjectNode();
        config.put("kind", "ConfigMap");
        config.set("metadata", yaml.readTree(metadata(running.name(), "")));
        config.set("data", yaml.valueToTree(running.data()));
        server.create(CORE + "configmaps", config);
        QueryResource query = query();
        query.setStatus(status(running.name(), uid));
        assertEquals(
                "plan-a",
                observer.observe(query).verdict().orElseThrow().planId(),
                "it runs, and is not compiled again");
        ((ObjectNode) query.getSpec()).withObject("/engine").put("image", "image:2");
        assertEquals("plan-a", verdict(query).planId());
        assertEquals("{}", verdict(query).plan());
        query.setStatus(status(running.name(), "another"));
        ((ObjectNode) query.getSpec())
                .withObject("/upgrade/restore")
                .put("from", "none")
                .put("nonce", 3);
        assertEquals(false, verdict(query).planId().equals("plan-a"), "another state may have another plan");
        ((ObjectNode) query.getSpec()).remove("upgrade");
        query.setStatus(status(running.name(), uid));
        ((ObjectNode) query.getSpec()).put("query", "SELECT line AS word FROM lines");
        assertEquals(false, verdict(query).planId().equals("plan-a"), "it means something else");
        ((ObjectNode) query.getSpec()).put("query", SQL).withObject("/trigger").put("interval", "never");
        assertEquals(false, verdict(query).accepted());
    }

    private static StreamingQueryStatus status(String config, String stateId) {
        ObjectNode status = new ObjectMapper().createObjectNode();
        status.put("stateId", stateId);
        status.putObject("current").put("config", config).put("planId", "plan-a");
        return new ObjectMapper().convertValue(status, StreamingQueryStatus.class);
    }

    /** A pod of the user's that has succeeded must not pass for the one that took topics away. */
    @Test
    void whatIsCalledLikeTheCleanUpButIsNotOursIsNotTakenForIt() throws Exception {
        make("/apis/millrace.dev/v1alpha1/namespaces/shop/streamingquerysavepoints", """
                {apiVersion: millrace.dev/v1alpha1, kind: StreamingQuerySavepoint,
                 metadata: {name: s, namespace: shop}, spec: {query: q, dispose: WithResource}}
                """);
        String queryLabel = "millrace.dev/query: q";
        String ours = queryLabel + ", app.kubernetes.io/managed-by: millrace";
        for (String name : List.of("q-clean-up", "s-savepoint-clean-up")) {
            make(CORE + "pods", succeeded(name, queryLabel));
        }
        assertEquals(Optional.empty(), observe().cleanUp());
        assertEquals(Optional.empty(), savepoint().cleanUp());
        for (String name : List.of("q-clean-up", "s-savepoint-clean-up")) {
            client.pods().inNamespace("shop").withName(name).delete();
            make(CORE + "pods", succeeded(name, ours));
        }
        assertEquals(true, observe().cleanUp().isPresent());
        assertEquals(true, savepoint().cleanUp().isPresent());
    }

    private static String succeeded(String name, String labels) {
        return "{kind: Pod, metadata: {name: " + name + ", namespace: shop, labels: {" + labels
                + "}}, status: {phase: Succeeded}}";
    }

    private ObservedSavepoint savepoint() {
        return new SavepointObserver(client, engines, Clock.fixed(NOW, ZoneOffset.UTC))
                .observe(client.resources(SavepointResource.class)
                        .inNamespace("shop")
                        .withName("s")
                        .get());
    }
}
