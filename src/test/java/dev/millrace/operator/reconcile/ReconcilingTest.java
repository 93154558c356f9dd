package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.ApiServer.Request;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Observe, decide and apply against an API server that fails where it hurts: whatever request fails, before or after it has
 * taken effect, looks that follow lead to the same objects; and when they are there, to no request that changes anything.
 */
class ReconcilingTest {

    private static final String QUERIES = "/apis/millrace.dev/v1alpha1/namespaces/shop/streamingqueries";

    private static final String PODS = "/api/v1/namespaces/shop/pods/";

    private static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: @name, namespace: shop}
            spec:
              sources: [{name: lines, datagen: {kind: words, rowsPerSecond: 1}}]
              query: SELECT line, COUNT(*) AS n FROM lines GROUP BY line
              kafka: {bootstrapServers: "kafka:9092"}
              sinks: [{name: out, outputMode: update, format: {json: {}}, kafka: {topic: lines}}]
            """;

    /** Looks that write nothing until there is rest: longer than a pod that failed is waited for. */
    private static final int CALM = 10;

    private static final TestClock clock = new TestClock();
    private static ApiServer server;
    private static KubernetesClient client;
    private static QueryReconciler reconciler;
    private static int queries;

    private final ObjectMapper yaml = new ObjectMapper(new YAMLFactory());

    @BeforeAll
    static void start() throws Exception {
        server = new ApiServer(clock);
        client = server.client();
        reconciler = new QueryReconciler(client, "millrace:test", Optional.empty(), clock);
    }

    @AfterAll
    static void stop() {
        reconciler.close();
        client.close();
        server.close();
    }

    private String apply() throws Exception {
        String name = "words" + queries++;
        server.setFault(ApiServer.Fault.NONE);
        server.create(QUERIES, (ObjectNode) yaml.readTree(QUERY.replace("@name", name)));
        return name;
    }

    /** One look, as the framework takes it. */
    private static void look(String name) {
        QueryResource cached = new QueryResource();
        cached.setMetadata(
                new ObjectMetaBuilder().withName(name).withNamespace("shop").build());
        reconciler.look(cached);
    }

    /** Looks once a second until there is rest; returns how many writes it took. */
    private static int settle(String name) {
        server.takeWrites();
        AtomicInteger writes = new AtomicInteger();
        AtomicInteger calm = new AtomicInteger();
        Awaitility.await(name + " comes to rest")
                .atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(2))
                .until(() -> {
                    clock.tick();
                    server.end(name + "-clean-up");
                    boolean failed = fails(name);
                    List<Request> written = server.takeWrites();
                    writes.addAndGet(written.size());
                    calm.set(failed || !written.isEmpty() || compiles(name) ? 0 : calm.get() + 1);
                    return calm.get() == CALM;
                });
        return writes.get();
    }

    private static boolean fails(String name) {
        try {
            look(name);
            return false;
        } catch (KubernetesClientException e) {
            return true;
        }
    }

    /** Whether the compiler is being waited for. */
    private static boolean compiles(String name) {
        return query(name)
                .filter(query -> query.at("/metadata/deletionTimestamp").isMissingNode())
                .filter(query -> query.at("/status/conditions").toString().contains("\"Compiling\""))
                .isPresent();
    }

    private static Optional<JsonNode> query(String name) {
        return server
                .objects(object -> object.path("kind").asText().equals("StreamingQuery")
                        && object.at("/metadata/name").asText().equals(name))
                .stream()
                .findFirst();
    }

    private static JsonNode must(String name) {
        return query(name).orElseThrow();
    }

    /** What is there of the query, by kind and name, without what is chance in names. */
    private static List<String> children(String name) {
        return server
                .objects(object -> !object.path("kind").asText().equals("StreamingQuery")
                        && !object.path("kind").asText().equals("Event")
                        && object.at("/metadata/name").asText().matches(name + "(-.*)?"))
                .stream()
                .map(object -> object.path("kind").asText() + " "
                        + object.at("/metadata/name")
                                .asText()
                                .replace(name, "words")
                                .replaceAll("-[0-9a-f]{8,}", "-<hash>")
                                .replaceAll("-0-[0-9]+", "-0-<n>"))
                .sorted()
                .toList();
    }

    private static Optional<JsonNode> condition(String name, String type) {
        for (JsonNode condition : must(name).at("/status/conditions")) {
            if (condition.path("type").asText().equals(type)) {
                return Optional.of(condition);
            }
        }
        return Optional.empty();
    }

    @Test
    void aQueryGetsItsObjectsAndThenNothingIsWritten() throws Exception {
        String name = apply();
        settle(name);
        assertEquals(
                List.of(
                        "ConfigMap words-<hash>",
                        "NetworkPolicy words",
                        "PersistentVolumeClaim words-0-<n>",
                        "Pod words-0-<n>",
                        "PodDisruptionBudget words",
                        "Service words",
                        "ServiceAccount words"),
                children(name));
        assertEquals(1, must(name).at("/status/observedGeneration").asLong());
        for (int i = 0; i < 5; i++) {
            look(name);
        }
        assertEquals(List.of(), server.takeWrites());
    }

    @ParameterizedTest
    @ValueSource(strings = {"before", "after"})
    void whateverWriteFailsTheSameObjectsComeOfIt(String when) throws Exception {
        settle(apply()); // the compiler answers at once from now on
        String undisturbed = apply();
        int writes = settle(undisturbed);
        List<String> wanted = children(undisturbed);
        for (int number = 0; number < writes; number++) {
            String name = apply();
            FailingWrite fault = new FailingWrite(number, when.equals("before"));
            server.setFault(fault);
            settle(name);
            assertNotNull(fault.failed());
            assertEquals(wanted, children(name), () -> fault.failed() + " failed " + when + " its effect");
            assertEquals(1, must(name).at("/status/observedGeneration").asLong());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"before", "after"})
    void whateverWriteFailsAQueryThatIsDeletedGoes(String when) throws Exception {
        String undisturbed = apply();
        settle(undisturbed);
        delete(undisturbed);
        int writes = settle(undisturbed);
        assertTrue(query(undisturbed).isEmpty());
        for (int number = 0; number < writes; number++) {
            String name = apply();
            settle(name);
            delete(name);
            FailingWrite fault = new FailingWrite(number, when.equals("before"));
            server.setFault(fault);
            settle(name);
            assertNotNull(fault.failed());
            assertTrue(query(name).isEmpty(), () -> fault.failed() + " failed, and it stays: " + must(name));
            assertTrue(
                    children(name).stream().noneMatch(child -> child.contains("clean-up")), "what cleaned up is gone");
        }
    }

    @Test
    void aDeletionWhileTheOperatorIsAwayIsPerformedWhenItIsBack() throws Exception {
        String name = apply();
        settle(name);
        delete(name);
        clock.pass(Duration.ofMinutes(10));
        reconciler.close();
        reconciler = new QueryReconciler(client, "millrace:test", Optional.empty(), clock);
        settle(name);
        assertTrue(query(name).isEmpty());
        assertEquals(
                List.of(),
                server.objects(object -> object.path("reason").asText().equals("LeftBehind")
                        && object.toString().contains('"' + name + '"')));
    }

    private static void delete(String name) {
        client.resources(QueryResource.class).inNamespace("shop").withName(name).delete();
    }

    /** The n-th request that is to change something fails. */
    private static final class FailingWrite implements ApiServer.Fault {
        private final boolean before;
        private int left;
        private Request failed;

        FailingWrite(int number, boolean before) {
            this.left = number;
            this.before = before;
        }

        Request failed() {
            return failed;
        }

        private int fail(Request request) {
            if (!request.isWrite() || request.collection().equals("events") || left-- != 0) {
                return 0;
            }
            failed = request;
            return 500;
        }

        @Override
        public int before(Request request) {
            return before ? fail(request) : 0;
        }

        @Override
        public int after(Request request) {
            return before ? 0 : fail(request);
        }
    }

    /** JOSDK's own status patch would take the edit away from the next look. */
    @Test
    void anEditWhileTheStatusIsWrittenIsSeen() throws Exception {
        String name = apply();
        settle(name);
        for (int generation = 3; generation <= 13; generation += 2) { // two edits a round
            int seconds = 100 + generation;
            client.resources(QueryResource.class)
                    .inNamespace("shop")
                    .withName(name)
                    .patch("{\"spec\":{\"nodeLossTimeout\":\"" + seconds + "s\"}}");
            server.setFault(new EditBeforeStatus(name, seconds + 1));
            settle(name);
            assertEquals(generation, must(name).at("/metadata/generation").asLong());
            assertEquals(generation, must(name).at("/status/observedGeneration").asLong());
        }
        assertEquals(
                List.of("Pod words-0-<n>"),
                children(name).stream()
                        .filter(child -> child.startsWith("Pod "))
                        .toList());
    }

    /** Somebody edits the spec once, just before the status arrives. */
    private static final class EditBeforeStatus implements ApiServer.Fault {
        private final String name;
        private final int seconds;
        private boolean edited;

        EditBeforeStatus(String name, int seconds) {
            this.name = name;
            this.seconds = seconds;
        }

        @Override
        public int before(Request request) {
            if (!edited && request.part().equals("status")) {
                edited = true;
                server.edit(QUERIES + "/" + name, "nodeLossTimeout", seconds + "s");
            }
            return 0;
        }
    }

    /** K2: an operator that dies in between gives no number twice. */
    @Test
    void anIncarnationIsWrittenBeforeItsPodIsMade() throws Exception {
        String name = apply();
        List<Long> written = new ArrayList<>();
        server.setFault(new ApiServer.Fault() {
            @Override
            public int before(Request request) {
                if (isNewPod(request)) {
                    written.add(must(name).at("/status/slots/0/incarnation").asLong());
                }
                return 0;
            }
        });
        settle(name);
        assertEquals(List.of(1L), written);
    }

    private static boolean isNewPod(Request request) {
        return request.method().equals("POST") && request.collection().equals("pods");
    }

    @Test
    void aPodThatChangedMeanwhileIsLookedAtAgain() throws Exception {
        String name = apply();
        settle(name);
        JsonNode pod = podOf(name);
        String key = PODS + pod.at("/metadata/name").asText();
        server.edit(QUERIES + "/" + name, "suspend", "true");
        AtomicInteger answered = new AtomicInteger();
        server.setFault(new ApiServer.Fault() {
            @Override
            public int before(Request request) {
                if (request.method().equals("DELETE") && answered.getAndIncrement() == 0) {
                    server.edit(key, "touched", "meanwhile");
                }
                return 0;
            }
        });
        look(name);
        assertEquals(pod.at("/metadata/uid"), podOf(name).at("/metadata/uid"));
        settle(name);
        assertEquals(2, answered.get());
    }

    private static JsonNode podOf(String name) {
        return server.objects(object -> object.path("kind").asText().equals("Pod")
                        && object.at("/metadata/name").asText().startsWith(name + "-0-"))
                .get(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Service", "ServiceAccount", "NetworkPolicy"})
    void whatIsThereUnderTheNameOfTheQueryIsLeftAlone(String kind) throws Exception {
        String name = "words" + queries++;
        server.setFault(ApiServer.Fault.NONE);
        String path = (kind.equals("NetworkPolicy") ? "/apis/networking.k8s.io/v1" : "/api/v1") + "/namespaces/shop/"
                + (kind.equals("NetworkPolicy") ? "networkpolicies" : kind.toLowerCase(Locale.ROOT) + "s");
        // Of an earlier query of that name.
        server.create(
                path, (ObjectNode) yaml.readTree("""
                kind: @kind
                metadata: {name: @name, namespace: shop, ownerReferences: [{kind: StreamingQuery, name: @name, uid: other}]}
                """.replace("@kind", kind).replace("@name", name)));
        server.create(QUERIES, (ObjectNode) yaml.readTree(QUERY.replace("@name", name)));
        awaitReason(name, "NameTaken");
        assertEquals(
                List.of(kind + " words"),
                children(name).stream()
                        .filter(child -> child.startsWith(kind + " "))
                        .toList());
        assertTrue(children(name).stream().noneMatch(child -> child.startsWith("Pod ")));
    }

    private static void awaitReason(String name, String reason) {
        Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> {
            clock.tick();
            look(name);
            return condition(name, "Ready")
                    .filter(ready -> ready.path("reason").asText().equals(reason))
                    .isPresent();
        });
    }

    @Test
    void aLabelMakesNothingTheQuerys() throws Exception {
        String name = apply();
        String labels = "{millrace.dev/query: " + name + ", millrace.dev/incarnation: \"0\", "
                + "app.kubernetes.io/component: engine, app.kubernetes.io/managed-by: millrace}";
        String metadata = "{name: @own, namespace: shop, labels: " + labels + "}";
        server.create("/api/v1/namespaces/shop/pods", (ObjectNode)
                yaml.readTree("{kind: Pod, metadata: " + metadata.replace("@own", "mine") + ", spec: {volumes: []}}"));
        server.create("/api/v1/namespaces/shop/configmaps", (ObjectNode)
                yaml.readTree("{kind: ConfigMap, metadata: " + metadata.replace("@own", "mine") + ", data: {a: b}}"));
        server.create("/api/v1/namespaces/shop/persistentvolumeclaims", (ObjectNode)
                yaml.readTree("{kind: PersistentVolumeClaim, metadata: " + metadata.replace("@own", name + "-0-1")
                        + ", spec: {resources: {requests: {storage: 1Gi}}}}"));
        settle(name);
        assertEquals(
                name + "-0-2",
                podOf(name).at("/metadata/name").asText(),
                "the volume of the first number is another's");
        assertTrue(podOf(name).at("/spec/volumes").toString().contains("\"claimName\":\"" + name + "-0-2\""));
        server.edit(QUERIES + "/" + name, "suspend", "true");
        settle(name);
        assertEquals(
                List.of("ConfigMap mine", "Pod mine"),
                server.objects(object -> object.at("/metadata/name").asText().equals("mine")).stream()
                        .map(object -> object.path("kind").asText() + " mine")
                        .sorted()
                        .toList());
        client.pods().inNamespace("shop").withName("mine").delete();
        client.configMaps().inNamespace("shop").withName("mine").delete();
    }

    @Test
    void anOutageIsNoRefusal() throws Exception {
        String name = apply();
        server.setFault(new ApiServer.Fault() {
            @Override
            public int before(Request request) {
                return isNewPod(request) ? 500 : 0;
            }
        });
        Awaitility.await().atMost(Duration.ofMinutes(1)).until(() -> {
            clock.tick();
            return fails(name);
        });
        assertTrue(!must(name).at("/status/conditions").toString().contains("NotAccepted"));
        server.setFault(ApiServer.Fault.NONE);
        settle(name);
        assertTrue(children(name).contains("Pod words-0-<n>"));
    }

    @Test
    void aTemplateThatIsNoneOfAPodIsTold() throws Exception {
        String name = "words" + queries++;
        server.setFault(ApiServer.Fault.NONE);
        ObjectNode query = (ObjectNode) yaml.readTree(QUERY.replace("@name", name));
        query.withObject("/spec/template").putArray("tolerations").addObject().put("tolerationSeconds", "soon");
        server.create(QUERIES, query);
        awaitReason(name, "NotAccepted");
        assertTrue(condition(name, "Ready").orElseThrow().toString().contains("spec.template"));
    }

    @Test
    void oneMoreThanMayBeReplacedAtOnceWaitsItsTurn() throws Exception {
        List<String> names = new ArrayList<>();
        for (int i = 0; i <= TakeOvers.AT_ONCE; i++) {
            names.add(apply());
            settle(names.get(i));
        }
        for (String name : names) {
            server.edit(PODS + podOf(name).at("/metadata/name").asText(), "nodeName", "node-that-is-gone");
        }
        names.forEach(ReconcilingTest::look);
        assertEquals(
                List.of(names.get(TakeOvers.AT_ONCE)),
                names.stream()
                        .filter(name -> condition(name, "Ready")
                                .orElseThrow()
                                .path("reason")
                                .asText()
                                .equals("NodeLost"))
                        .toList());
    }

    @Test
    void theTimeOfTheSpecIsThePods() throws Exception {
        String name = "words" + queries++;
        server.setFault(ApiServer.Fault.NONE);
        ObjectNode query = (ObjectNode) yaml.readTree(QUERY.replace("@name", name));
        query.withObject("/spec").put("nodeLossTimeout", "17s");
        server.create(QUERIES, query);
        settle(name);
        List<Integer> seconds = new ArrayList<>();
        podOf(name)
                .at("/spec/tolerations")
                .forEach(each -> seconds.add(each.path("tolerationSeconds").asInt()));
        assertEquals(List.of(17, 17), seconds);
    }

    @Test
    void whatCleansUpOutlivesItsQuery() throws Exception {
        String name = apply();
        settle(name);
        delete(name);
        List<JsonNode> made = new ArrayList<>();
        server.setFault(new ApiServer.Fault() {
            @Override
            public int after(Request request) {
                made.addAll(server.objects(
                        object -> object.at("/metadata/name").asText().equals(name + "-clean-up")));
                return 0;
            }
        });
        settle(name);
        assertEquals(
                Set.of("ConfigMap", "Pod"),
                made.stream().map(object -> object.path("kind").asText()).collect(Collectors.toSet()));
        assertTrue(made.stream()
                .allMatch(object -> object.at("/metadata/ownerReferences").isEmpty()));
        assertTrue(children(name).stream().noneMatch(child -> child.contains("clean-up")));
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 403, 422})
    void aPodThatIsRefusedIsTold(int code) throws Exception {
        String name = apply();
        server.setFault(new ApiServer.Fault() {
            @Override
            public int before(Request request) {
                return isNewPod(request) ? code : 0;
            }
        });
        awaitReason(name, "NotAccepted");
        JsonNode ready = condition(name, "Ready").orElseThrow();
        assertEquals("NotAccepted", ready.path("reason").asText());
        assertTrue(ready.path("message").asText().contains("Pod " + name + "-0-"), ready.toString());
        server.setFault(ApiServer.Fault.NONE);
        settle(name);
        assertTrue(children(name).contains("Pod words-0-<n>"));
    }

    @Test
    void sqlThatIsNoneMakesNoObjects() throws Exception {
        String name = "words" + queries++;
        server.setFault(ApiServer.Fault.NONE);
        server.create(QUERIES, (ObjectNode)
                yaml.readTree(QUERY.replace("@name", name).replace("line, COUNT(*)", "lime, COUNT(*)")));
        settle(name);
        assertEquals(List.of(), children(name));
        JsonNode stalled = condition(name, "Stalled").orElseThrow();
        assertEquals("True", stalled.path("status").asText(), stalled.toString());
        assertTrue(stalled.path("message").asText().contains("lime"), stalled.toString());
    }
}
