package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.StreamingQuery;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Hash;
import dev.millrace.data.RowEncoder;
import dev.millrace.data.Schema;
import dev.millrace.engine.Division;
import dev.millrace.operator.scaling.ScalingHistory;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Queries of several pods. Whatever is done to them, what is committed is what one pod would have written. */
class OperatorScalingIT extends OperatorCluster {

    /** On the nodes: a test that ends makes some for a pod that is to find none. */
    private static final String ROOM = "room";

    /** In the namespace, of the query. */
    private List<String> names(String kind, String query) {
        return cluster.kubectl("get", kind, "-l", "millrace.dev/query=" + query, "-o", "name")
                .lines()
                .sorted()
                .toList();
    }

    private Running divided(String name, int replicas) throws Exception {
        return divided(name, replicas, document -> document);
    }

    private Running divided(String name, int replicas, UnaryOperator<String> more) throws Exception {
        return divided(name, replicas, more, 2, id -> null);
    }

    private Running divided(
            String name, int replicas, UnaryOperator<String> more, int partitions, IntFunction<Integer> place)
            throws Exception {
        String scaling = "replicas: " + replicas + "\n  scaling: {mode: Manual, ";
        UnaryOperator<String> change = document -> more.apply(document.replace("scaling: {", scaling)
                .replace("cpu: \"1\"", "cpu: 600m")); // two have room on one node
        Running query = new Running(name, change, partitions, place);
        awaitSlots(name, replicas);
        return query;
    }

    private void scale(String query, int replicas) {
        Instant from = Instant.now();
        cluster.kubectl("scale", "sq/" + query, "--replicas=" + replicas);
        awaitSlots(query, replicas);
        System.out.println(query + " has " + replicas + " slots after "
                + Duration.between(from, Instant.now()).toMillis() + " ms");
    }

    /** Waits until all slots run and each has what is its own. */
    private JsonNode awaitSlots(String query, int replicas) {
        return Cluster.await(
                () -> cluster.get("sq", query),
                seen -> seen.at("/status/phase").asText().equals("Running")
                        && seen.at("/status/readyReplicas").asInt() == replicas
                        && seen.at("/status/replicas").asInt() == replicas
                        && seen.at("/status/observedGeneration").asLong()
                                == seen.at("/metadata/generation").asLong(),
                Duration.ofSeconds(150),
                query + " runs in " + replicas + " slots");
    }

    private JsonNode slot(String query, int slot) {
        return cluster.status(query).path("slots").path(slot);
    }

    @Test
    void aQueryGrowsAndShrinksWhileRowsCome() throws Exception {
        try (Running query = divided("grows", 1)) {
            query.awaitCommit();
            cluster.kubectl("scale", "sq/grows", "--replicas=2");
            cluster.kubectl("scale", "sq/grows", "--replicas=1"); // before, or after, anybody has heard of it
            awaitOnly("grows");
            scale("grows", 3);
            assertEquals(3, names("pods", "grows").size());
            assertEquals(
                    Set.of("node-1", "node-2"),
                    new TreeSet<>(List.of(
                            slot("grows", 0).path("node").asText(),
                            slot("grows", 1).path("node").asText(),
                            slot("grows", 2).path("node").asText())),
                    "pods go to different nodes");
            assertEquals(
                    2, cluster.get("pdb", "grows").at("/spec/minAvailable").asInt(), "an eviction takes one at a time");
            Cluster.engine(slot("grows", 1).path("pod").asText()).destroyForcibly();
            cluster.kubectl("delete", "pod", slot("grows", 2).path("pod").asText(), "--force", "--grace-period=0");
            cluster.await("grows", "Ready", "False", null, Duration.ofSeconds(60));
            awaitSlots("grows", 3);
            query.awaitCommit();
            scale("grows", 2);
            String pod = slot("grows", 1).path("pod").asText();
            cluster.kubectl("scale", "sq/grows", "--replicas=1");
            cluster.kubectl("delete", "pod", pod, "--force", "--grace-period=0"); // before it has handed over, or not
            awaitSlots("grows", 1);
            awaitOnly("grows");
            query.awaitCommit();
            scale("grows", 2);
            query.finish();
            String id = cluster.status("grows").path("stateId").asText();
            cluster.kubectl("delete", "sq", "grows", "--timeout=120s");
            assertEquals(List.of(), topicsOf(id), "those of all slots, and the exchange");
        }
    }

    /** Waits until slot 0 alone is left. */
    private void awaitOnly(String query) {
        awaitSlots(query, 1);
        Cluster.await(
                () -> names("pods,pvc", query),
                left -> left.equals(List.of("persistentvolumeclaim/" + query + "-0-1", "pod/" + query + "-0-1")),
                Duration.ofSeconds(90),
                "the others are gone, with their volumes");
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    @ResourceLock(value = ROOM, mode = ResourceAccessMode.READ)
    void aQueryThatIsMadeAgainWithLessPodsTakesOverWhatTheOthersHad() throws Exception {
        UnaryOperator<String> kept =
                document -> document.replace("state: {", "state: {id: kept, deletionPolicy: Retain, ");
        try (Running query = divided("kept", 2, kept)) {
            query.awaitCommit();
            cluster.kubectl("delete", "sq", "kept", "--timeout=120s");
            cluster.apply(query.document().replace("replicas: 2", "replicas: 1"));
            cluster.awaitStatus(
                    "kept",
                    status -> status.at("/slots/1/incarnation").asInt() >= 1,
                    Duration.ofSeconds(150), // pods of before go when the garbage collector comes to them
                    "slot 1 comes to hand over");
            awaitSlots("kept", 1);
            query.finish();
        }
    }

    @Test
    void aNewVersionGoesFromPodToPodAndAFailedOneIsTakenBack() throws Exception {
        try (Running query = divided("rolls", 2)) {
            query.awaitCommit();
            cluster.apply(query.document().replace("upgrade: {", "engine: {image: \"nowhere/none:1\"}\n  upgrade: {"));
            cluster.await("rolls", "Stalled", "True", "RolledBack", Duration.ofSeconds(90));
            awaitSlots("rolls", 2);
            assertEquals(1, slot("rolls", 1).path("incarnation").asInt(), "it was not touched");
            cluster.apply(query.document().replace("memory: 700Mi", "memory: 720Mi"));
            Cluster.await(
                    () -> slot("rolls", 1).path("incarnation").asInt(),
                    incarnation -> incarnation == 2,
                    Duration.ofSeconds(90),
                    "slot 1 follows");
            awaitSlots("rolls", 2);
            for (String pod : names("pods", "rolls")) {
                assertEquals(
                        "720Mi",
                        cluster.get("pod", pod.substring("pod/".length()))
                                .at("/spec/containers/0/resources/limits/memory")
                                .asText());
            }
            cluster.kubectl("patch", "sq", "rolls", "--type=merge", "-p", "{\"spec\":{\"suspend\":true}}");
            Cluster.await(() -> names("pods", "rolls"), List::isEmpty, Duration.ofSeconds(90), "no pods");
            cluster.kubectl("patch", "sq", "rolls", "--type=merge", "-p", "{\"spec\":{\"suspend\":false}}");
            awaitSlots("rolls", 2);
            query.finish();
        }
    }

    /** Rows whose slot has not got the static table from the savepoint would find no partner, and be missing. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    @ResourceLock(value = ROOM, mode = ResourceAccessMode.READ)
    void aDividedQueryGoesBackToASavepointOfWhenItWasOne() throws Exception {
        String table = "sources:\n    - {name: ones, schema: k BIGINT NOT NULL, static: {},"
                + " datagen: {rows: 1, columns: {k: {sequence: {start: 1}}}}}\n";
        UnaryOperator<String> joined = document -> document.replace("sources:\n", table)
                .replace("FROM events", "FROM events JOIN ones ON ones.k = events.id - events.id + 1");
        try (Running query = divided("parted", 1, joined)) {
            query.awaitCommit();
            cluster.apply(savepoint("parted-whole", "parted", "WithResource"));
            awaitSavepoint("parted-whole");
            scale("parted", 2);
            query.awaitCommit();
            cluster.apply(savepoint("parted-two", "parted", "WithResource"));
            Cluster.await(
                    () -> Cluster.condition(cluster.get("sqs", "parted-two").path("status"), "Stalled")
                            .path("reason")
                            .asText(),
                    "NotSupportedInSlots"::equals,
                    Duration.ofSeconds(60),
                    "why it is not taken");
            scale("parted", 1);
            awaitSavepoint("parted-two"); // it is one again
            scale("parted", 2);
            query.awaitCommit();
            goBack("parted", "parted-whole", 1);
            awaitSlots("parted", 2);
            query.awaitCommit();
            query.finishBehindSavepoint();
        }
    }

    @Test
    void aStandbyTakesOver() throws Exception {
        UnaryOperator<String> standby = document -> document.replace("scaling: {", "scaling: {standby: 1, ");
        try (Running query = divided("stands", 1, standby)) {
            for (int i = 0; i < RecoveryTimes.repeats(); i++) {
                awaitStandby("stands");
                Cluster.engine(cluster.pod("stands")).destroyForcibly();
                times.add("JVM killed (kill -9), with a standby", query.awaitNextClaim());
                awaitStandby("stands");
                cluster.kubectl("delete", "pod", cluster.pod("stands"), "--wait=false");
                times.add("pod deleted, with a standby", query.awaitNextClaim());
            }
            awaitStandby("stands");
            cluster.kubectl("patch", "sq", "stands", "--type=merge", "-p", "{\"spec\":{\"scaling\":{\"standby\":0}}}");
            String pod = "pod/" + cluster.pod("stands");
            Cluster.await(
                    () -> names("pods,pvc", "stands"),
                    left -> left.size() == 2 && left.contains(pod),
                    Duration.ofSeconds(90),
                    "the standby goes, with its volume");
            query.finish();
        }
    }

    /** Waits until a standby has all, on another node. */
    private void awaitStandby(String query) {
        awaitSlots(query, 1);
        cluster.await(query, "StandbyReady", "True", null, Duration.ofSeconds(90));
        JsonNode slot = slot(query, 0);
        if (slot.path("incarnation").asInt() > 1) {
            assertEquals("Standby", slot.at("/restore/source").asText());
        }
        assertTrue(!slot.path("node").equals(slot.at("/standby/node")), slot::toString);
    }

    /** Its neighbours have left it a thirtieth of what it was promised. */
    @Test
    void aPodThatIsTooSlowIsReplacedOnAnotherNodeWhileAnotherQueryGetsWhatItsLoadNeeds() throws Exception {
        try (Running query = divided("slow", 2)) {
            query.awaitCheckpoint();
            query.rate(20_000);
            String node = slot("slow", 1).path("node").asText();
            cluster.resize("slow-1-1", "cpu", "20m");
            Instant from = Instant.now();
            whatCannotBeDividedSaysWhy();
            follow(2, false);
            Cluster.await(
                    () -> cluster.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}"),
                    reasons -> reasons.contains("StragglerReplaced"),
                    Duration.ofSeconds(400), // who says nothing for ten seconds is not judged
                    "it is replaced");
            awaitSlots("slow", 2);
            System.out.println("a pod with a thirtieth of its CPU was replaced after "
                    + Duration.between(from, Instant.now()).toMillis() + " ms");
            assertEquals(2, slot("slow", 1).path("incarnation").asInt());
            assertTrue(!node.equals(slot("slow", 1).path("node").asText()), "elsewhere");
            assertEquals(1, slot("slow", 0).path("incarnation").asInt());
            query.finish();
        }
    }

    /** All words of which many different values are counted are in one slot at first. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    @ResourceLock(value = ROOM, mode = ResourceAccessMode.READ)
    void aSlotThatHasMoreToDoGivesKeyGroupsAway() throws Exception {
        String busy = wordsOfSlot(1, 2).stream().map(word -> "'" + word + "'").collect(Collectors.joining(", "));
        String values = IntStream.of(7_919, 7_927, 7_933)
                .mapToObj(prime ->
                        "COUNT(DISTINCT CASE WHEN word IN (" + busy + ") THEN MOD(id, " + prime + ") ELSE -1 END) > 0")
                .collect(Collectors.joining(" AND "));
        try (Running query = divided(
                "evens",
                2,
                document -> document.replace("GROUP BY word", "GROUP BY word HAVING " + values)
                        .replace("cpu: 600m", "cpu: 300m"))) {
            query.rate(20_000);
            assertTrue(awaitBalance("evens").path("keyGroups").asInt() > 0);
            JsonNode after = cluster.awaitStatus(
                            "evens",
                            status -> status.path("balance").has("after"),
                            Duration.ofSeconds(300),
                            "what came of it is known")
                    .path("balance");
            System.out.println("evens: " + after);
            double before = after.path("before").asDouble();
            assertTrue(before - after.path("after").asDouble()
                    > (before - after.path("expected").asDouble()) / 2);
            query.rate(100);
            query.finish();
        }
    }

    /** Nearly all rows are in partitions that one slot reads at first; the other has more words. */
    @Test
    void aSlotThatHasMoreToReadGivesPartitionsAway() throws Exception {
        Division arithmetic = new Division(0, 2);
        Map<Boolean, List<Integer>> ofFirst = IntStream.range(0, 6)
                .boxed()
                .collect(Collectors.partitioningBy(p -> arithmetic.partitionOwner("events", "leans-in-" + p) == 0));
        assertEquals(3, ofFirst.get(true).size());
        try (Running query = divided(
                "leans",
                2,
                document -> works(document, 300),
                6,
                id -> ofFirst.get(id % 20 > 0).get(id / 20 % 3))) {
            query.rate(60_000);
            assertTrue(awaitBalance("leans").path("partitions").asInt() > 0);
            query.finish();
        }
    }

    /** Waits until something has moved; nothing was started again for it. */
    private JsonNode awaitBalance(String query) {
        Instant from = Instant.now();
        JsonNode moved = cluster.awaitStatus(
                query,
                status -> status.has("balance")
                        && status.at("/conditions").toString().contains("AsWanted"),
                Duration.ofSeconds(300),
                "something goes to the other slot");
        System.out.println(query + ": " + moved.path("balance") + ", " + moved.path("division") + " after "
                + Duration.between(from, Instant.now()).toMillis() + " ms");
        assertEquals(1, slot(query, 1).path("incarnation").asInt());
        return moved.path("balance");
    }

    private static List<String> wordsOfSlot(int slot, int slots) {
        int[] owners = new Division(0, slots).keyGroupOwners(StreamingQuery.DEFAULT_KEY_GROUPS);
        Batch batch = new Batch(Schema.of(new Field("word", DataType.STRING, false)));
        for (int i = 0; i < WORDS; i++) {
            ((BytesVector) batch.column(0)).set(batch.append(1), "w" + i);
        }
        RowEncoder encoder = new RowEncoder(new int[] {0});
        encoder.encode(batch);
        return IntStream.range(0, WORDS)
                .filter(i -> owners[Hash.keyGroup(encoder.hash(i), owners.length)] == slot)
                .mapToObj(i -> "w" + i)
                .toList();
    }

    @Test
    @ResourceLock(ROOM)
    void aPodWhoseNodeIsFullGetsWhatItNeedsOnAnotherOne() throws Exception {
        UnaryOperator<String> heavy = document -> autoscaled(document, 1_200)
                .replace("replicas: {min: 1, max: 2}", "replicas: {min: 1, max: 1}")
                .replace("max: {cpu: 500m}", "max: {cpu: 600m}");
        try (Running query = new Running("moves", heavy)) {
            query.awaitCheckpoint();
            String node = slot("moves", 0).path("node").asText();
            fill(node);
            query.rate(16_000);
            awaitScaling("moves", scaling -> scaling.has("lastDecision"), 150);
            query.rate(100);
            Instant from = Instant.now();
            Cluster.await(
                    () -> slot("moves", 0),
                    slot -> slot.path("incarnation").asInt() == 2 && slot.has("restore"),
                    Duration.ofSeconds(120),
                    "it goes to another node");
            System.out.println("a pod whose node was full was replaced after "
                    + Duration.between(from, Instant.now()).toMillis()
                    + " ms, 30 s of which its node had to find room");
            awaitScaling("moves", scaling -> scaling.has("settledAt"), 60);
            assertTrue(!slot("moves", 0).path("node").asText().equals(node));
            assertEquals("Standby", slot("moves", 0).at("/restore/source").asText());
            JsonNode pod = cluster.get("pod", "moves-0-2");
            assertTrue(limit(pod) > 300, pod.at("/spec/containers/0/resources").toString());
            Cluster.await(
                    () -> names("pods,pvc", "moves"),
                    left -> left.equals(List.of("persistentvolumeclaim/moves-0-2", "pod/moves-0-2")),
                    Duration.ofSeconds(60),
                    "the one before is gone, with its volume");
            query.finish();
        } finally {
            cluster.tryKubectl("delete", "pod", "filler", "--force", "--grace-period=0");
        }
    }

    /** Takes the CPU of a node that no pod has asked for; the container need not run for that. */
    private void fill(String node) {
        JsonNode pods = read(Cluster.must(
                "kubectl", "get", "pods", "-A", "--field-selector", "spec.nodeName=" + node, "-o", "json"));
        int free = milli(cluster.get("node", node).at("/status/allocatable/cpu"));
        for (JsonNode pod : pods.path("items")) {
            for (JsonNode container : pod.at("/spec/containers")) {
                free -= milli(container.at("/resources/requests/cpu"));
            }
        }
        cluster.apply("""
                apiVersion: v1
                kind: Pod
                metadata: {name: filler}
                spec:
                  nodeSelector: {kubernetes.io/hostname: "@node"}
                  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
                  containers:
                    - name: none
                      image: nowhere/none:1
                      imagePullPolicy: Never
                      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
                      resources: {requests: {cpu: @freem}}
                """.replace("@node", node).replace("@free", String.valueOf(free - 10)));
        Cluster.await(
                () -> cluster.get("pod", "filler").at("/spec/nodeName").asText(),
                node::equals,
                Duration.ofSeconds(30),
                "the node is full");
    }

    /** With {@code -Dautoscaling.write=true}: up and down again, and the time line goes into the documentation. */
    @Test
    void aQueryFollowsItsLoadUpAndDown() throws Exception {
        assumeTrue(
                Boolean.getBoolean("autoscaling.write"),
                "it takes twelve minutes; the way up is tried beside another test");
        follow(1, true);
    }

    /** With {@code -Dautoscaling.write=true}: rows need state that lies on disk more and more, until there is memory for it. */
    @Test
    void aQueryWhoseStateOutgrowsItsMemoryIsGivenMore() throws Exception {
        assumeTrue(Boolean.getBoolean("autoscaling.write"), "it takes some minutes, all of the machine");
        try (Running query = new Running("outgrows", OperatorScalingIT::withState)) {
            ScalingTimeline timeline = new ScalingTimeline(cluster, "outgrows", query::sent);
            query.rate(20_000);
            String uid = uid("outgrows");
            JsonNode given = awaitScaling(
                    "outgrows",
                    scaling -> scaling.at("/lastDecision/remedy").asText().equals("Memory")
                            && scaling.at("/lastDecision").has("outcome"),
                    600);
            JsonNode decision = given.path("lastDecision");
            assertEquals("State", decision.path("bottleneck").asText(), decision.toPrettyString());
            assertTrue(!decision.path("outcome").asText().contains("of no use"), decision.toPrettyString());
            Thread.sleep(60_000);
            JsonNode pod = sameProcess("outgrows-0-1", uid);
            assertEquals(
                    given.path("memory").asText(),
                    pod.at("/status/containerStatuses/0/resources/limits/memory")
                            .asText());
            query.rate(100);
            query.finish();
            timeline.stop();
            System.out.println(cluster.status("outgrows").at("/scaling").toPrettyString());
            timeline.write(Path.of("docs/autoscaling-memory.svg"));
        }
    }

    /** Each row looks for one of three million texts, after which its word is known; what comes out is what would without. */
    private static String withState(String document) {
        String text = IntStream.range(0, 9)
                .mapToObj(i ->
                        "CAST(MOD(id * 7919, 3000000) * " + (2_999_999_999_987L - i * 123_456_789L) + " AS VARCHAR)")
                .collect(Collectors.joining(" || ")); // which does not compress well
        return document.replace("GROUP BY word", "GROUP BY word HAVING COUNT(DISTINCT " + text + ") > 0")
                .replace("interval: 3s", "interval: 10m")
                .replace(
                        "scaling: {resources: {min: {cpu: \"1\", memory: 700Mi}}}",
                        "scaling: {mode: Auto, resources: {min: {cpu: \"1\", memory: 550Mi}, max: {memory: 1500Mi}}}");
    }

    /**
     * A pod is given CPU while it runs, then there are more of them; what is written stays exact.
     *
     * @param times how much more than 5 µs of CPU a row costs, and how many fewer come
     * @param all whether less is waited for
     */
    private void follow(int times, boolean all) throws Exception {
        try (Running query = new Running("follows", document -> autoscaled(document, all ? 160 : 300 * times))) {
            ScalingTimeline timeline = new ScalingTimeline(cluster, "follows", query::sent);
            query.rate(10_000 / times);
            String uid = uid("follows");
            awaitScaling(
                    "follows",
                    scaling -> scaling.has("settledAt") && scaling.path("pods").asInt() == 1,
                    60);
            Thread.sleep(all ? 60_000 : 0);
            if (all) {
                query.rate(65_000 / times);
            } else {
                moreUntilItIsGivenSome(query, 10_000 / times);
            }
            JsonNode first = awaitScaling(
                    "follows",
                    scaling -> scaling.at("/lastDecision/remedy").asText().equals("Cpu") && scaling.has("settledAt"),
                    120);
            assertEquals(1, names("pods", "follows").size());
            Thread.sleep(all ? 120_000 : 0);
            double rowsPerCore = 1e6
                    / first.at("/lastDecision/inputs/cpuSecondsPerMillionRows").asDouble();
            query.rate(all ? 100_000 / times : (int) (0.55 * rowsPerCore)); // one pod gets half a core
            awaitScaling("follows", scaling -> scaling.path("pods").asInt() == 2 && scaling.has("settledAt"), 240);
            JsonNode pod = sameProcess("follows-0-1", uid);
            assertTrue(
                    limit(pod) > 300,
                    pod.at("/status/containerStatuses/0/resources").toString());
            assertEquals(2, names("pods", "follows").size());
            if (all) {
                Thread.sleep(180_000);
                query.rate(20_000);
                awaitScaling("follows", scaling -> scaling.path("pods").asInt() == 1 && scaling.has("settledAt"), 900);
                Thread.sleep(60_000);
                sameProcess("follows-0-1", uid);
            }
            query.rate(100);
            whyCanBeAsked();
            query.finish();
            timeline.stop();
            System.out.println(cluster.status("follows").at("/scaling").toPrettyString());
            if (all) {
                timeline.write(Path.of("docs/autoscaling-cluster.svg"));
            }
        }
    }

    /** What the operator has recorded is decided again. */
    private void whyCanBeAsked() {
        String pod = system.kubectl("get", "pods", "-l", "app.kubernetes.io/component=operator", "-o", "name")
                .trim();
        String path = "/api/v1/namespaces/" + SYSTEM + "/pods/" + pod.substring("pod/".length())
                + ":8080/proxy/scaling/" + cluster.namespace() + "/follows";
        String why = ExplainScalingCommand.text(ScalingHistory.ofJson(system.kubectl("get", "--raw", path)), false);
        System.out.println(why);
        assertTrue(why.contains("1 pod of 300m CPU and 1200Mi → 1 pod of "), why);
        assertTrue(why.contains(" → 2 pods of "), why);
        assertTrue(!why.contains("the operator said"), why);
    }

    /** Step by step, as what a row costs depends on the machine: what one pod cannot do is not to be met at once. */
    private void moreUntilItIsGivenSome(Running query, int first) throws InterruptedException {
        double rate = first;
        JsonNode before = cluster.progress("follows-0-1").path("usage");
        for (int i = 0; !scaling("follows").has("lastDecision"); i++) {
            Thread.sleep(12_000);
            JsonNode now = cluster.progress("follows-0-1").path("usage");
            double cores = difference(before, now, "cpuNanos") / difference(before, now, "nanos");
            rate *= cores < 0.13 ? 1.4 : 1.15; // of the 300m that it has, more than two thirds are to be used
            query.rate((int) rate);
            before = now;
            assertTrue(i < 25, "it is given nothing");
        }
    }

    private static double difference(JsonNode before, JsonNode now, String counter) {
        return now.path(counter).asDouble() - before.path(counter).asDouble();
    }

    /** The first pod, which was never made anew, nor its engine started again. */
    private JsonNode sameProcess(String name, String uid) {
        JsonNode pod = cluster.get("pod", name);
        assertEquals(uid, pod.at("/metadata/uid").asText(), "the same pod");
        assertEquals(0, pod.at("/status/containerStatuses/0/restartCount").asInt(), "and the same process");
        return pod;
    }

    /**
     * Rows that cost more than reading them does, within bounds that they soon meet.
     *
     * @param letters of each of the texts that a row is turned into; 300 cost 4 µs of CPU or more, as the machine is
     */
    /** Rows cost more. */
    private static String works(String document, int letters) {
        String work = IntStream.range(0, 12)
                .mapToObj(i -> "CHAR_LENGTH(UPPER(word || '" + "abcdefghij".repeat(letters / 10) + i + "')) > 0")
                .collect(Collectors.joining(" AND "));
        return document.replace("FROM events GROUP", "FROM events WHERE " + work + " GROUP");
    }

    private static String autoscaled(String document, int letters) {
        return works(document, letters)
                .replace(
                        "scaling: {resources: {min: {cpu: \"1\", memory: 700Mi}}}",
                        "scaling: {mode: Auto, replicas: {min: 1, max: 2}, resources: {min: {cpu: 300m, memory: 1200Mi}, max: {cpu: 500m}}}");
    }

    private JsonNode scaling(String query) {
        return cluster.status(query).at("/scaling");
    }

    private JsonNode awaitScaling(String query, Predicate<JsonNode> wanted, int seconds) {
        return Cluster.await(() -> scaling(query), wanted::test, Duration.ofSeconds(seconds), "scaling of " + query);
    }

    private static int limit(JsonNode pod) {
        return milli(pod.at("/status/containerStatuses/0/resources/limits/cpu"));
    }

    private static int milli(JsonNode amount) {
        String cpu = amount.asText("0");
        return cpu.endsWith("m") ? Integer.parseInt(cpu.substring(0, cpu.length() - 1)) : 1000 * Integer.parseInt(cpu);
    }

    /** Beside a query whose pods are being judged for minutes, as is {@link #follow}. */
    private void whatCannotBeDividedSaysWhy() {
        cluster.apply("""
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: alone}
                spec:
                  sources: [{name: lines, datagen: {kind: words, rowsPerSecond: 10}}]
                  query: SELECT line FROM lines
                  sinks: [{name: out, outputMode: append, console: {}}]
                  scaling: {mode: Manual, resources: {min: {cpu: 500m, memory: 600Mi}}}
                  replicas: 2
                """);
        cluster.awaitReady("alone", START);
        JsonNode status = cluster.await("alone", "Scalable", "False", "NotSupportedInSlots", Duration.ofSeconds(30));
        String message = Cluster.condition(status, "Scalable").path("message").asText();
        assertTrue(message.contains("spec.sources[0]") && message.contains("spec.sinks[0]"), message);
        assertEquals(1, status.path("replicas").asInt());
        moreMemoryBecomesCache("alone-0-1");
        List<String> left = new ArrayList<>(names("pods", "alone"));
        assertEquals(List.of("pod/alone-0-1"), left);
        cluster.kubectl("delete", "sq", "alone", "--timeout=60s");
    }

    /** Whoever gives it to the pod. */
    private void moreMemoryBecomesCache(String pod) {
        JsonNode before = cluster.progress(pod);
        long wanted = 800L << 20;
        cluster.resize(pod, "memory", "800Mi");
        JsonNode after = Cluster.await(
                () -> cluster.progress(pod),
                progress -> progress.path("memoryBytes").asLong() == wanted,
                Duration.ofSeconds(60),
                "it plans with more");
        long given = wanted - before.path("memoryBytes").asLong();
        String state = "/usage/stateMemoryBytes";
        assertEquals(0.75 * given, after.at(state).asLong() - before.at(state).asLong(), 1);
        assertEquals(before.at("/usage/heapBytes"), after.at("/usage/heapBytes"));
        assertTrue(
                after.at("/usage/rowsRead").asLong()
                        >= before.at("/usage/rowsRead").asLong(),
                "the same process");
    }
}
