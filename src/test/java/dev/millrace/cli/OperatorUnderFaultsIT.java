package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * What is done to nodes, the control plane and the operator itself, and at the end what only the number of queries does. Nodes are frozen and cut by {@code MILLRACE_CLUSTER}, the command that runs the test cluster, where it is given.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class OperatorUnderFaultsIT extends OperatorCluster {

    @Test
    void aFrozenNodeTakesOnlyItsOwnSlotsWithItAndDoesNoHarmWhenItComesBack() throws Exception {
        assumeNodes();
        UnaryOperator<String> two =
                document -> document.replace("scaling: {", "replicas: 2\n  scaling: {mode: Manual, ")
                        .replace("cpu: \"1\"", "cpu: 600m"); // two have room on one node
        try (Running query = new Running("frozen", two)) {
            query.awaitCheckpoint();
            for (int i = 0; i < RecoveryTimes.repeats(); i++) {
                awaitBoth("frozen");
                query.awaitCommit();
                String node = node("frozen");
                JsonNode other = cluster.status("frozen").at("/slots/1");
                boolean alone = !node.equals(other.path("node").asText());
                assertTrue(i > 0 || alone, "slots are spread over nodes");
                Instant frozen = Instant.now();
                nodes("freeze", node);
                try {
                    times.add("node frozen", query.awaitNextClaim());
                    cluster.awaitReady("frozen", START);
                    assertTrue(!node("frozen").equals(node), "the slot runs elsewhere");
                    JsonNode slots = cluster.status("frozen").path("slots");
                    assertEquals("Checkpoint", slots.at("/0/restore/source").asText());
                    assertTrue(!alone || other.path("pod").equals(slots.at("/1/pod")), "the other one was not touched");
                    if (i == 0) { // a while, in which the frozen pod could do harm when it comes back
                        Thread.sleep(Duration.between(Instant.now(), frozen.plusSeconds(60))
                                .toMillis());
                    }
                } finally {
                    nodes("thaw", node);
                }
                query.awaitCommit();
                Cluster.await(
                        () -> cluster.kubectl("get", "pods", "-l", "millrace.dev/query=frozen", "-o", "name"),
                        pods -> pods.lines().count() == 2 && pods.contains("pod/" + cluster.pod("frozen")),
                        Duration.ofSeconds(90),
                        "the pod of the frozen node goes");
            }
            query.awaitCommit();
            query.finish();
        }
    }

    private void awaitBoth(String query) {
        Cluster.await(
                () -> cluster.status(query),
                status -> status.path("phase").asText().equals("Running")
                        && status.path("readyReplicas").asInt() == 2,
                Duration.ofSeconds(150),
                "both slots run");
    }

    @Test
    void aSlotOfANodeThatIsCutOffRunsInThePodOfAnotherWhileThereIsNoRoomForItsOwn() throws Exception {
        assumeNodes();
        UnaryOperator<String> two =
                document -> document.replace("scaling: {", "replicas: 2\n  scaling: {mode: Manual, ");
        try (Running query = new Running("cut", two)) {
            query.awaitCheckpoint();
            for (int i = 0; i < RecoveryTimes.repeats(); i++) {
                awaitBoth("cut");
                query.awaitCommit();
                String node = node("cut");
                nodes("cut", node);
                try {
                    times.add("node cut off, no room elsewhere", query.awaitNextClaim());
                    cluster.awaitReady("cut", START);
                    JsonNode slots = cluster.status("cut").path("slots");
                    assertTrue(slots.at("/0/hosted").asBoolean(), slots::toString);
                    assertEquals(slots.at("/1/pod"), slots.at("/0/pod"));
                    query.awaitCommit();
                    Thread.sleep(i == 0 ? 5_000 : 1_000);
                } finally {
                    nodes("heal", node);
                }
                query.awaitCommit();
                Cluster.await(
                        () -> cluster.status("cut").at("/slots/0"),
                        slot -> !slot.path("hosted").asBoolean()
                                && slot.at("/restore/source").asText().equals("Standby"),
                        Duration.ofSeconds(120),
                        "the slot has a pod of its own again, on the node that is back");
                cluster.awaitReady("cut", START);
            }
            query.finish();
        }
    }

    @Test
    void anOperatorThatDiesInTheMiddleOfAnUpgradeGoesOnWithIt() throws Exception {
        try (Running query = new Running("upgrade")) {
            query.awaitCommit();
            long incarnation = query.incarnation();
            cluster.apply(query.document().replace("memory: 700Mi", "memory: 800Mi"));
            Cluster.await(
                    () -> cluster.status("upgrade").path("phase").asText(),
                    "Upgrading"::equals,
                    Duration.ofSeconds(30),
                    "the upgrade begins");
            system.kubectl("delete", "pod", "--all", "--force", "--grace-period=0");
            query.awaitNextClaim();
            cluster.awaitReady("upgrade", START);
            assertTrue(query.incarnation() > incarnation, "another pod");
            assertEquals(
                    "pod/" + cluster.pod("upgrade"),
                    cluster.kubectl("get", "pods", "-l", "millrace.dev/query=upgrade", "-o", "name")
                            .strip());
            assertEquals(
                    "800Mi",
                    cluster.get("pod", cluster.pod("upgrade"))
                            .at("/spec/containers/0/resources/limits/memory")
                            .asText());
            query.finish();
        }
    }

    @Test
    void anOperatorThatStartsAnewTouchesNoPod() throws Exception {
        try (Running query = new Running("steady")) {
            query.awaitCommit();
            String uid = uid("steady");
            install(List.of("replicaCount=2", "podAnnotations.upgrade=u" + System.nanoTime() % 1_000));
            system.kubectl("rollout", "status", "deployment/millrace", "--timeout=60s");
            cluster.kubectl("annotate", "sq", "steady", "touched=yes");
            query.awaitCommit();
            assertEquals(uid, uid("steady"));
            String leader = Cluster.await(
                    () -> system.get("lease", "millrace-operator")
                            .at("/spec/holderIdentity")
                            .asText(),
                    holder -> !system.get("pod", holder).isMissingNode(),
                    Duration.ofSeconds(60),
                    "one of the new replicas leads");
            system.kubectl("delete", "pod", leader, "--force", "--grace-period=0");
            cluster.kubectl("delete", "pod", cluster.pod("steady"), "--force", "--grace-period=0");
            query.awaitNextClaim();
            assertTrue(!uid("steady").equals(uid), "the other replica has taken over");
            install(List.of());
            query.finish();
        }
    }

    @Test
    void anApiServerThatIsAwayChangesNothing() throws Exception {
        assumeNodes();
        try (Running query = new Running("api")) {
            query.awaitCommit();
            String uid = uid("api");
            nodes("freeze", "control-plane");
            try {
                Thread.sleep(30_000);
                query.awaitCommit();
                Thread.sleep(30_000);
            } finally {
                Cluster.must(System.getenv("MILLRACE_CLUSTER"), "thaw", "control-plane");
            }
            Cluster.await(() -> uid("api"), uid::equals, Duration.ofSeconds(60), "the pod is still the same");
            query.awaitCommit();
            cluster.kubectl("delete", "pod", cluster.pod("api"), "--force", "--grace-period=0");
            query.awaitNextClaim();
            query.finish();
        }
    }

    @Test
    void anOperatorOfOneNamespaceNeedsOnlyRoles() throws Exception {
        install(List.of("watchNamespaces={" + cluster.namespace() + "}", "rbac.nodes=false", "rbac.aggregate=false"));
        try (Running query = new Running("scoped")) {
            query.awaitCommit();
            cluster.kubectl("delete", "pod", cluster.pod("scoped"), "--force", "--grace-period=0");
            query.awaitNextClaim();
            query.finish();
            String roles = Cluster.must("kubectl", "get", "clusterroles", "-o", "name");
            assertTrue(!roles.contains("millrace"), roles);
        } finally {
            install(List.of());
        }
    }

    /** Five hundred with {@code -Dmany.queries=500}, which takes two minutes more. */
    @Test
    @Order(Integer.MAX_VALUE) // the cluster's garbage collector is busy for minutes with what it leaves
    void manyQueriesCostNothingAtRest() throws Exception {
        int many = Integer.getInteger("many.queries", 20);
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < many; i++) {
            all.append("""
                    ---
                    apiVersion: millrace.dev/v1alpha1
                    kind: StreamingQuery
                    metadata: {name: many-@i, labels: {many: "yes"}}
                    spec:
                      sources: [{name: lines, datagen: {kind: words, rowsPerSecond: 1}}]
                      query: SELECT line FROM lines WHERE CHAR_LENGTH(line) > @i
                      sinks: [{name: out, outputMode: append, console: {}}]
                      template: {labels: {many: "yes"}, nodeSelector: {there-is: no-such-node}}
                    """.replace("@i", String.valueOf(i)));
        }
        Instant from = Instant.now();
        cluster.apply(all.toString());
        System.out.println(many + " queries applied within "
                + Duration.between(from, Instant.now()).toSeconds() + " s");
        try {
            Cluster.awaitCalmly(() -> count("pods", "-o", "name"), pods -> pods == many, "all queries have their pods");
            System.out.println(many + " queries reconciled "
                    + Duration.between(from, Instant.now()).toSeconds() + " s after the first was applied");
            Cluster.awaitCalmly(
                    () -> count(
                            "sq",
                            "-o",
                            "jsonpath={range .items[*]}{.status.conditions[?(@.type=='Ready')].reason}{'\\n'}{end}"),
                    found -> found == many,
                    "all are unschedulable, and say so");
            Thread.sleep(45_000);
            Map<String, Double> before = operatorMetrics();
            String versions = versions();
            Thread.sleep(60_000);
            Map<String, Double> after = operatorMetrics();
            double reconciles =
                    after.get("millrace_operator_reconciles_total") - before.get("millrace_operator_reconciles_total");
            System.out.println("at rest with " + many + " queries: " + reconciles + " reconciles a minute, "
                    + after.get("millrace_operator_reconciles_missed_total") + " missed so far, heap used "
                    + Math.round(after.get("jvm_memory_used_bytes") / 1e6) + " MB, CPU "
                    + (after.get("process_cpu_time_ns_total") - before.get("process_cpu_time_ns_total")) / 60e9);
            assertEquals(versions, versions(), "nothing was written");
            assertTrue(reconciles < 10, "reconciles without a change: " + reconciles);
        } finally {
            cluster.kubectl("delete", "sq", "-l", "many=yes", "--wait=false");
        }
    }

    private String node(String query) {
        return cluster.status(query).at("/slots/0/node").asText();
    }

    /** Lines of what kubectl says of the many, −1 where it says nothing in time. */
    private long count(String kind, String... how) {
        List<String> command = new ArrayList<>(List.of("get", kind, "-l", "many=yes"));
        command.addAll(List.of(how));
        Cluster.Answer answer = cluster.tryKubectl(command.toArray(String[]::new));
        return answer.exit() != 0
                ? -1
                : answer.text()
                        .lines()
                        .filter(line -> line.startsWith("pod/") || line.equals("Unschedulable"))
                        .count();
    }

    private String versions() {
        return cluster.kubectl("get", "sq", "-l", "many=yes", "-o", "jsonpath={.items[*].metadata.resourceVersion}");
    }

    /** Sums over the labels of each metric. */
    private Map<String, Double> operatorMetrics() {
        String pod = system.kubectl(
                "get",
                "pods",
                "-l",
                "app.kubernetes.io/component=operator",
                "-o",
                "jsonpath={.items[0].metadata.name}");
        String text =
                system.kubectl("get", "--raw", "/api/v1/namespaces/" + SYSTEM + "/pods/" + pod + ":8080/proxy/metrics");
        Map<String, Double> sums = new HashMap<>();
        text.lines().filter(line -> !line.startsWith("#")).forEach(line -> {
            int cut = line.lastIndexOf(' ');
            String name = line.substring(0, cut).replaceAll("\\{.*", "");
            sums.merge(name, Double.valueOf(line.substring(cut + 1)), Double::sum);
        });
        return sums;
    }
}
