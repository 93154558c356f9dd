package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.stores.S3Server;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What users do with queries. */
class OperatorIT extends OperatorCluster {

    @Test
    void theWordCountRunsAsItStands() throws Exception {
        cluster.apply(Files.readString(Path.of("k8s-examples/wordcount.yaml")));
        cluster.awaitReady("wordcount", START);
        String table = cluster.kubectl("get", "sq");
        assertTrue(table.matches("(?s).*wordcount +True +Running +1 .*"), table);
        String pod = cluster.pod("wordcount");
        Cluster.await(
                () -> cluster.kubectl("logs", pod),
                log -> log.contains("upsert {\"word\":"),
                Duration.ofSeconds(20),
                "rows in the pod's log");
        JsonNode status = cluster.status("wordcount");
        assertEquals(
                "OnlyOnVolume",
                Cluster.condition(status, "Durable").path("reason").asText());
        cluster.await("wordcount", "Ready", "True", "Completed", Duration.ofSeconds(90));
        cluster.kubectl("delete", "sq", "wordcount", "--timeout=60s");
    }

    @Test
    void podsThatDieComeBack() throws Exception {
        try (Running query = new Running("pods")) {
            for (int i = 0; i < Math.max(2, RecoveryTimes.repeats()); i++) {
                query.awaitCommit();
                assertTrue(
                        Cluster.maps(Cluster.engine(cluster.pod("pods")), "millrace.jsa"),
                        "its classes come from the image's archive");
                cluster.kubectl("delete", "pod", cluster.pod("pods"), "--force", "--grace-period=0");
                times.add("pod deleted by force", query.awaitNextClaim());
                Cluster.engine(cluster.pod("pods")).destroyForcibly();
                times.add("JVM killed (kill -9)", query.awaitNextClaim());
            }
            query.awaitCommit();
            cluster.kubectl("delete", "pod", cluster.pod("pods"));
            query.awaitCommit();
            query.finish();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aLostVolumeIsRestoredFromTheStore() throws Exception {
        try (Running query = new Running("volumes")) {
            query.awaitCheckpoint();
            for (int i = 0; i < Math.max(2, RecoveryTimes.repeats()); i++) {
                query.awaitCommit();
                loseVolume("volumes");
                times.add("volume and pod deleted", query.awaitNextClaim());
                awaitRestored("volumes");
            }
            query.finish();
        }
    }

    @Test
    void wrongSqlOverARunningQueryLeavesItRunning() throws Exception {
        try (Running query = new Running("wrong")) {
            long incarnation = query.incarnation();
            cluster.apply(query.document().replace("COUNT(*) AS n", "COUNT(*) AS n, wrod"));
            JsonNode status = cluster.await("wrong", "Stalled", "True", null, Duration.ofSeconds(30));
            JsonNode stalled = Cluster.condition(status, "Stalled");
            assertTrue(stalled.path("message").asText().contains("spec.query:1:"), stalled.toString());
            assertEquals(
                    "True", Cluster.condition(status, "Ready").path("status").asText());
            assertEquals(
                    "False",
                    Cluster.condition(status, "UpToDate").path("status").asText());
            assertEquals(2, status.path("observedGeneration").asLong());
            query.awaitCommit();
            cluster.apply(query.document());
            cluster.await("wrong", "Stalled", "False", null, Duration.ofSeconds(30));
            cluster.apply(query.document().replace("COUNT(*) AS n", "COUNT(DISTINCT id) AS n"));
            cluster.await("wrong", "Stalled", "True", "NeedsRebuild", Duration.ofSeconds(30));
            query.awaitCommit();
            cluster.apply(query.document());
            cluster.await("wrong", "Stalled", "False", null, Duration.ofSeconds(30));
            assertEquals(incarnation, query.incarnation(), "no pod was touched");
            query.finish();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aSavepointIsTakenGoneBackToAndOutlivesItsQuery() throws Exception {
        try (Running query = new Running("saved")) {
            query.awaitCommit();
            cluster.apply(savepoint("saved-before", "saved", "Keep"));
            JsonNode taken = awaitSavepoint("saved-before");
            long epoch = taken.path("epoch").asLong();
            String former = cluster.status("saved").path("stateId").asText();
            assertTrue(taken.path("location").asText().contains("millrace." + former + "-checkpoint"));
            String table = cluster.kubectl("get", "sqs", "saved-before");
            assertTrue(table.matches("(?s).*saved-before +saved +Completed +" + epoch + " .*"), table);
            query.awaitCommit();
            query.awaitCommit();
            goBack("saved", "saved-before", 1);
            JsonNode status = cluster.status("saved");
            assertEquals("saved-before", status.at("/restoredFrom/savepoint").asText());
            assertEquals(epoch, query.firstRecord().path("epoch").asLong(), "the log begins at the savepoint");
            assertTrue(query.firstRecord().hasNonNull("continues"));
            assertEquals(List.of(former), strings(status.path("formerStateIds")));
            query.awaitCommit();
            cluster.apply(savepoint("saved-after", "saved", "WithResource"));
            awaitSavepoint("saved-after");
            String id = cluster.status("saved").path("stateId").asText();
            assertEquals(Set.of("saved-after"), savepoints(id));
            cluster.kubectl("delete", "sqs", "saved-after", "--timeout=60s");
            assertEquals(Set.of(), savepoints(id), "the pod dropped it");
            query.finishBehindSavepoint();
            cluster.kubectl("delete", "sq", "saved", "--timeout=120s");
            assertEquals(List.of("millrace." + former + "-checkpoint"), topicsOf(former), "what holds the savepoint");
            assertEquals(
                    List.of(),
                    topicsOf(id).stream().filter(topic -> topic.contains(id)).toList());
            cluster.apply(
                    query.document().replace("upgrade: {", "upgrade: {restore: {from: saved-before, nonce: 1}, "));
            cluster.awaitReady("saved", START);
            assertEquals(
                    "Savepoint",
                    cluster.status("saved").at("/slots/0/restore/source").asText());
            query.finishAgain();
            cluster.kubectl(
                    "patch", "sqs", "saved-before", "--type=merge", "-p", "{\"spec\":{\"dispose\":\"WithResource\"}}");
            Cluster.await(
                    () -> cluster.get("sqs", "saved-before")
                            .at("/metadata/finalizers")
                            .size(),
                    finalizers -> finalizers == 1,
                    Duration.ofSeconds(20),
                    "its end was decided");
            cluster.kubectl("delete", "sqs", "saved-before", "--timeout=200s");
            assertEquals(List.of(), topicsOf(former), "a pod of its own took it away");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aRestoreThatTheSourceNoLongerHasIsTakenBack() throws Exception {
        try (Running query = new Running("older")) {
            query.awaitCommit();
            cluster.apply(savepoint("older-before", "older", "WithResource"));
            awaitSavepoint("older-before");
            String former = cluster.status("older").path("stateId").asText();
            query.awaitCommit();
            query.forgetWhatWasRead();
            wishRestore("older", "older-before", 1);
            JsonNode status = cluster.await("older", "Stalled", "True", "RestoreFailed", START);
            assertTrue(
                    Cluster.condition(status, "Stalled")
                            .path("message")
                            .asText()
                            .contains("SourceDataLost"),
                    status.toString());
            cluster.awaitReady("older", START);
            assertEquals(former, cluster.status("older").path("stateId").asText());
            assertEquals(Optional.of("RestoreFailed"), reason("older", "Stalled"));
            query.finish();
            cluster.kubectl("delete", "sqs", "older-before", "--timeout=200s");
            cluster.kubectl("delete", "sq", "older", "--timeout=120s");
            assertEquals(List.of(), topicsOf(former), "the log of the restore goes too");
        }
    }

    /** The savepoints in the topic of checkpoints of a state id. */
    private Set<String> savepoints(String id) {
        Set<String> found = new TreeSet<>();
        broker.read("millrace." + id + "-checkpoint", record -> {
            if (record.partition() == 0 && record.key().startsWith("savepoint/")) {
                String name = record.key().substring("savepoint/".length());
                if (record.value() == null) {
                    found.remove(name);
                } else {
                    found.add(name);
                }
            }
        });
        return found;
    }

    private static List<String> strings(JsonNode array) {
        List<String> strings = new ArrayList<>();
        array.forEach(node -> strings.add(node.asText()));
        return strings;
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void suspendAndResume() throws Exception {
        try (Running query = new Running("pause")) {
            query.awaitCommit();
            cluster.kubectl("patch", "sq", "pause", "--type=merge", "-p", "{\"spec\":{\"suspend\":true}}");
            JsonNode status = Cluster.await(
                    () -> cluster.status("pause"),
                    seen -> seen.path("phase").asText().equals("Suspended")
                            && Cluster.condition(seen, "Reconciling")
                                    .path("status")
                                    .asText()
                                    .equals("False"),
                    Duration.ofSeconds(60),
                    "suspended");
            assertTrue(Cluster.condition(status, "Ready").isMissingNode(), "kstatus takes it for current");
            Cluster.await(
                    () -> cluster.kubectl("get", "pods", "-l", "millrace.dev/query=pause", "-o", "name"),
                    String::isEmpty,
                    Duration.ofSeconds(20),
                    "no pod is left");
            cluster.kubectl("patch", "sq", "pause", "--type=merge", "-p", "{\"spec\":{\"suspend\":false}}");
            query.awaitCommit();
            query.finish();
        }
    }

    @Test
    void anImageThatDoesNotRunIsTakenBack() throws Exception {
        try (Running query = new Running("image")) {
            query.awaitCommit();
            cluster.kubectl(
                    "patch",
                    "sq",
                    "image",
                    "--type=merge",
                    "-p",
                    "{\"spec\":{\"engine\":{\"image\":\"nowhere/none:1\"}}}");
            cluster.await("image", "Ready", "False", "ImageNotPulled", Duration.ofSeconds(60));
            cluster.await("image", "Stalled", "True", "RolledBack", Duration.ofSeconds(60));
            cluster.awaitReady("image", START);
            query.awaitCommit();
            assertEquals(Optional.of("RolledBack"), reason("image", "UpToDate"));
            query.finish();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void deletionTakesTheTopicsAway() throws Exception {
        try (Running query = new Running("gone")) {
            query.awaitCheckpoint();
            String id = cluster.status("gone").path("stateId").asText();
            assertEquals(3, topicsOf(id).size(), "progress, journal, checkpoint");
            cluster.kubectl("delete", "sq", "gone", "--cascade=foreground", "--timeout=200s"); // as Argo CD does
            Cluster.await(() -> topicsOf(id), List::isEmpty, Duration.ofSeconds(20), "no topics are left");
            Cluster.await(
                    () -> cluster.kubectl(
                            "get", "pods,pvc,configmaps,services", "-l", "millrace.dev/query=gone", "-o", "name"),
                    String::isEmpty,
                    Duration.ofMinutes(5),
                    "nothing is left in the namespace");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void deletionEndsThoughKafkaIsGone() throws Exception {
        KafkaBroker other = new KafkaBroker(
                Files.createTempDirectory("kafka").resolve("kafka"),
                System.getenv("MILLRACE_HOST"),
                List.of(),
                Map.of());
        try {
            other.createTopic("away-in", 1);
            other.createTopic("away-out", 1);
            cluster.apply(QUERY.replace("@name", "away").replace("@servers", other.servers()));
            cluster.awaitReady("away", START);
        } finally {
            other.kill();
        }
        // An epoch or checkpoint that is just being committed is given two minutes by the client.
        cluster.await("away", "Ready", "False", "Waiting", Duration.ofSeconds(150));
        Instant from = Instant.now();
        cluster.kubectl("delete", "sq", "away", "--wait=false");
        Cluster.await(
                () -> cluster.get("sq", "away").isMissingNode(), gone -> gone, Duration.ofSeconds(280), "away is gone");
        System.out.println("deleted without Kafka after "
                + Duration.between(from, Instant.now()).toSeconds() + " s");
        String events = cluster.kubectl("get", "events", "--field-selector", "involvedObject.name=away");
        assertTrue(events.contains("LeftBehind"), events);
    }

    @Test
    void noEditOfASpecIsMissed() throws Exception {
        try (Running query = new Running("edits");
                KubernetesClient client = new KubernetesClientBuilder().build()) {
            String uid = uid("edits");
            for (int i = 0; i < 200; i += 25) {
                List<CompletableFuture<Void>> edits = new ArrayList<>();
                for (int thread = 0; thread < 5; thread++) {
                    int first = 101 + i + thread * 5;
                    edits.add(CompletableFuture.runAsync(() -> edit(client, "edits", first, first + 5)));
                }
                edits.forEach(CompletableFuture::join);
                Cluster.await(
                        () -> cluster.get("sq", "edits"),
                        seen -> seen.at("/metadata/generation").asLong()
                                == seen.at("/status/observedGeneration").asLong(),
                        Duration.ofSeconds(30),
                        "the last generation is observed");
            }
            assertEquals(
                    201, cluster.get("sq", "edits").at("/metadata/generation").asLong());
            assertEquals(uid, uid("edits"), "the pod does not depend on it");
            query.finish();
        }
    }

    private void edit(KubernetesClient client, String query, int from, int to) {
        for (int seconds = from; seconds < to; seconds++) {
            client.genericKubernetesResources("millrace.dev/v1alpha1", "StreamingQuery")
                    .inNamespace(cluster.namespace())
                    .withName(query)
                    .patch(
                            PatchContext.of(PatchType.JSON_MERGE),
                            "{\"spec\":{\"nodeLossTimeout\":\"" + seconds + "s\"}}");
        }
    }

    /** The broker of the examples: kafka:9092. */
    private void outsideServices() {
        String host = System.getenv("MILLRACE_HOST");
        String port = broker.servers().substring(broker.servers().lastIndexOf(':') + 1);
        cluster.apply(outside("kafka", 9092, host, Integer.parseInt(port)));
    }

    @ParameterizedTest
    @CsvSource({
        "-f, ad-events.yaml, ad-events, ''",
        "-f, nexmark-windows.yaml, nexmark-windows, ''",
        "-k, static-join, static-join, ''",
        "-f, dead-letters.yaml, orders dead-letters, orders-bad",
        "-k, gitops/staging, clicks-staging, ''"
    })
    void everyExampleRuns(String how, String path, String queries, String written) throws Exception {
        outsideServices();
        start(how, path, queries.split(" "));
        Thread.sleep(6_000);
        end(how, path, queries.split(" "));
        assertTrue(written.isEmpty() || broker.written(written) > 0, "something is written to " + written);
    }

    @Test
    void theExampleWithASavepointRuns() throws Exception {
        outsideServices();
        start("-f", "kafka-wordcount.yaml", "lines", "kafka-wordcount");
        cluster.kubectl("apply", "-f", "k8s-examples/savepoint");
        awaitSavepoint("words");
        cluster.kubectl("delete", "-f", "k8s-examples/savepoint", "--timeout=120s");
        end("-f", "kafka-wordcount.yaml", "lines", "kafka-wordcount");
        assertTrue(broker.written("word-counts") > 0, "words are counted");
    }

    @Test
    void theExampleWithABucketRuns() throws Exception {
        outsideServices();
        checkpointsInABucket(System.getenv("MILLRACE_HOST"));
    }

    /** Pods die while rows come; the user of the database needs a password. */
    @Test
    void theExampleWithATableOfADatabaseRuns(@TempDir Path directory) throws Exception {
        outsideServices();
        String host = System.getenv("MILLRACE_HOST");
        Path rules = Files.writeString(
                directory.resolve("hba"),
                "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all all scram-sha-256\n");
        try (EmbeddedPostgres postgres = EmbeddedPostgres.builder()
                .setServerConfig("listen_addresses", "localhost," + host)
                .setServerConfig("hba_file", rules.toString())
                .start()) {
            sql(
                    postgres.getPostgresDatabase(),
                    "CREATE USER shop PASSWORD 'change-me'",
                    "CREATE DATABASE shop OWNER shop");
            DataSource shop = postgres.getDatabase("postgres", "shop");
            sql(
                    shop,
                    "CREATE TABLE region_totals (region TEXT PRIMARY KEY, orders BIGINT, total BIGINT)",
                    "ALTER TABLE region_totals OWNER TO shop",
                    "GRANT CREATE ON SCHEMA public TO shop");
            cluster.apply(outside("postgres", 5432, host, postgres.getPort()));
            cluster.apply(Files.readString(Path.of("k8s-examples/postgres-table/secret.yaml")));
            cluster.apply(Files.readString(Path.of("k8s-examples/postgres-table/query.yaml"))
                    .replace("rowsPerSecond: 1000", "rowsPerSecond: 1000\n        rows: 30000"));
            cluster.awaitReady("postgres-table", START);
            cluster.kubectl("delete", "pod", cluster.pod("postgres-table"), "--force", "--grace-period=0");
            cluster.awaitReady("postgres-table", START);
            Cluster.engine(cluster.pod("postgres-table")).destroyForcibly();
            cluster.await("postgres-table", "Ready", "True", "Completed", Duration.ofSeconds(120));
            assertEquals("30000|449985000", sql(shop, "SELECT SUM(orders) || '|' || SUM(total) FROM region_totals"));
            assertEquals("1", sql(shop, "SELECT COUNT(*) FROM millrace_epochs"));
            cluster.kubectl("delete", "sq", "postgres-table", "--timeout=120s");
            assertEquals(
                    "0",
                    sql(shop, "SELECT COUNT(*) FROM millrace_epochs"),
                    "nothing of the query is left but its table");
            cluster.kubectl("delete", "secret", "shop-database");
        }
    }

    /** Performs all; gives the first value of the last. */
    private static String sql(DataSource database, String... statements) throws SQLException {
        String value = null;
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                if (statement.execute(sql)) {
                    statement.getResultSet().next();
                    value = statement.getResultSet().getString(1);
                }
            }
        }
        return value;
    }

    @Test
    void theOtherExamplesAreAccepted() {
        cluster.kubectl("apply", "-k", "k8s-examples/gitops/production", "--dry-run=server");
        cluster.kubectl("apply", "-f", "k8s-examples/kafka/broker.yaml", "--dry-run=server");
        cluster.kubectl("apply", "-f", "k8s-examples/page-views.yaml", "--dry-run=server");
    }

    /** TLS with an authority of one's own and a login, as the comments of the example say; then another password. */
    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void theExampleWithASecuredBrokerRuns(@TempDir Path directory) throws Exception {
        String host = System.getenv("MILLRACE_HOST");
        cluster.kubectl("apply", "-f", "k8s-examples/secured-kafka");
        JsonNode status = cluster.await("secured", "Ready", "False", "Waiting", START);
        assertTrue(
                Cluster.condition(status, "Ready").path("message").asText().contains("kafka-secured"),
                status.toString());
        try (SecuredBroker secured = new SecuredBroker(directory, "kafka-secured:9093", host)) {
            cluster.apply(outside("kafka-secured", 9093, host, secured.port()));
            cluster.apply(secret(secured, "millrace", "m"));
            cluster.awaitReady("secured", START);
            awaitMore(secured);
            cluster.apply(secret(secured, "next", "n"));
            String pod = cluster.pod("secured");
            Cluster.await(
                    () -> cluster.kubectl("logs", pod),
                    log -> log.contains("the credentials have changed"),
                    Duration.ofMinutes(3),
                    "the new password is taken up");
            awaitMore(secured);
            assertEquals(pod, cluster.pod("secured"), "without another pod");
            cluster.kubectl("delete", "-f", "k8s-examples/secured-kafka/query.yaml", "--timeout=120s");
            cluster.kubectl("delete", "-f", "k8s-examples/secured-kafka/secret.yaml");
            assertEquals(
                    List.of(), topicsOf(secured.broker(), status.path("stateId").asText()));
        }
    }

    private static void awaitMore(SecuredBroker secured) {
        long before = secured.broker().written("secured");
        Cluster.await(
                () -> secured.broker().written("secured"),
                now -> now > before + 200,
                Duration.ofSeconds(60),
                "rows in the secured topic");
    }

    private static String secret(SecuredBroker secured, String user, String password) {
        return """
                apiVersion: v1
                kind: Secret
                metadata: {name: kafka-credentials}
                stringData:
                  security.protocol: SASL_SSL
                  sasl.mechanism: PLAIN
                  sasl.jaas.config: @login
                  ssl.truststore.type: PEM
                  ssl.truststore.certificates: |
                @certificate
                """.replace("@login", SecuredBroker.login(user, password))
                .replace("@certificate", secured.certificate().indent(4).stripTrailing());
    }

    @Test
    void whatBelongsToOthersIsLeftAlone() throws Exception {
        cluster.kubectl("create", "serviceaccount", "taken");
        cluster.apply(
                Files.readString(Path.of("k8s-examples/wordcount.yaml")).replace("name: wordcount", "name: taken"));
        JsonNode status = cluster.await("taken", "Ready", "False", "NameTaken", Duration.ofSeconds(60));
        assertTrue(
                Cluster.condition(status, "Ready").path("message").asText().contains("ServiceAccount taken"),
                status.toString());
        assertTrue(cluster.get("serviceaccount", "taken")
                .at("/metadata/ownerReferences")
                .isMissingNode());
        cluster.kubectl("delete", "serviceaccount", "taken");
        cluster.awaitReady("taken", START);
        cluster.kubectl("delete", "sq", "taken", "--timeout=60s");
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aPodThatIsNotAcceptedIsToldAndARestartIsAnAnnotation() throws Exception {
        try (Running query = new Running("wishes")) {
            query.awaitCommit();
            cluster.kubectl("annotate", "sq", "wishes", "millrace.dev/restart=1");
            query.awaitNextClaim();
            cluster.awaitReady("wishes", START);
            cluster.kubectl(
                    "patch",
                    "sq",
                    "wishes",
                    "--type=merge",
                    "-p",
                    "{\"spec\":{\"template\":{\"tolerations\":[{\"operator\":\"Never\"}]}}}");
            cluster.await("wishes", "Ready", "False", "NotAccepted", Duration.ofSeconds(60));
            cluster.await("wishes", "Stalled", "True", "RolledBack", Duration.ofSeconds(90));
            cluster.awaitReady("wishes", START);
            query.finish();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void volumesGrowWhereTheStorageClassCan() throws Exception {
        String larger = "{\"spec\":{\"state\":{\"volume\":{\"size\":\"2Gi\"}}}}";
        try (Running query = new Running("grows")) {
            String claim = cluster.status("grows").at("/slots/0/claim").asText();
            String pod = uid("grows");
            cluster.kubectl("patch", "sq", "grows", "--type=merge", "-p", larger);
            Cluster.await(
                    () -> cluster.kubectl("get", "events", "--field-selector", "involvedObject.name=grows"),
                    events -> events.contains("VolumeNotGrown"),
                    Duration.ofSeconds(60),
                    "an event says that the storage class cannot");
            String can = "{\"allowVolumeExpansion\":";
            Cluster.must("kubectl", "patch", "storageclass", "local", "-p", can + "true}");
            try {
                cluster.kubectl("annotate", "sq", "grows", "look=again");
                Cluster.await(
                        () -> cluster.kubectl("get", "pvc", claim, "-o", "jsonpath={.spec.resources.requests.storage}"),
                        "2Gi"::equals,
                        Duration.ofSeconds(60),
                        "more is asked for");
            } finally {
                Cluster.must("kubectl", "patch", "storageclass", "local", "-p", can + "false}");
            }
            assertEquals(pod, uid("grows"), "the pod does not depend on it");
            query.finish();
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aVolumeThatIsNotBoundIsTold() {
        cluster.apply("""
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: unbound}
                spec:
                  sources: [{name: lines, datagen: {kind: words, rowsPerSecond: 1}}]
                  query: SELECT line FROM lines
                  sinks: [{name: out, outputMode: append, console: {}}]
                  state: {volume: {size: 1Gi, storageClassName: nowhere}}
                """);
        JsonNode status = cluster.await("unbound", "Ready", "False", "VolumeNotBound", START);
        assertTrue(
                Cluster.condition(status, "Ready").path("message").asText().contains("storage class nowhere"),
                status.toString());
        cluster.kubectl("delete", "sq", "unbound", "--timeout=60s");
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void theVersionOfAQueryHoldsItsPlan() throws Exception {
        try (Running query = new Running("planned")) {
            JsonNode status = cluster.status("planned");
            String config = status.at("/current/config").asText();
            JsonNode plan = read(cluster.kubectl("get", "configmap", config, "-o", "jsonpath={.data.plan\\.json}"));
            assertEquals(status.at("/current/planId").asText(), plan.path("id").asText());
            cluster.kubectl(
                    "patch",
                    "sq",
                    "planned",
                    "--type=merge",
                    "-p",
                    "{\"spec\":{\"trigger\":{\"commitInterval\":\"150ms\"}}}");
            query.awaitNextClaim();
            String next = cluster.status("planned").at("/current/config").asText();
            assertTrue(!next.equals(config), "another version");
            assertEquals(plan, read(cluster.kubectl("get", "configmap", next, "-o", "jsonpath={.data.plan\\.json}")));
            query.finish();
        }
    }

    private void loseVolume(String query) {
        String claim = cluster.status(query).at("/slots/0/claim").asText();
        cluster.kubectl("delete", "pvc", claim, "--wait=false");
        cluster.kubectl("delete", "pod", cluster.pod(query), "--force", "--grace-period=0");
    }

    private void awaitRestored(String query) {
        cluster.awaitReady(query, START);
        Cluster.await(
                () -> cluster.status(query).path("slots").path(0),
                slot -> slot.at("/restore/source").asText().equals("Checkpoint"),
                Duration.ofSeconds(20),
                "restored from a checkpoint");
    }

    private Optional<String> reason(String query, String type) {
        JsonNode reason = Cluster.condition(cluster.status(query), type).path("reason");
        return reason.isMissingNode() ? Optional.empty() : Optional.of(reason.asText());
    }

    /** The server is the one of the examples: http://s3:9000. */
    private void checkpointsInABucket(String host) throws Exception {
        try (S3Server s3 = new S3Server(Files.createTempDirectory("s3"), host)) {
            cluster.apply(outside("s3", 9000, host, s3.port()));
            cluster.kubectl("apply", "-f", "k8s-examples/s3-checkpoints");
            Cluster.await(
                    () -> cluster.status("s3-checkpoints").path("checkpoint").path("epoch"),
                    epoch -> !epoch.isMissingNode(),
                    START,
                    "a checkpoint is stored");
            String id = cluster.status("s3-checkpoints").path("stateId").asText();
            assertTrue(s3.objects("millrace/" + id + "/").list("files/").size() > 1);
            loseVolume("s3-checkpoints");
            awaitRestored("s3-checkpoints");
            // First the query: what it leaves is taken away with the keys of the Secret.
            cluster.kubectl("delete", "-f", "k8s-examples/s3-checkpoints/query.yaml", "--timeout=120s");
            cluster.kubectl("delete", "-f", "k8s-examples/s3-checkpoints/secret.yaml");
            assertEquals(List.of(), s3.objects("millrace/").list(""), "nothing is left in the bucket");
        }
    }

    /** A service that leads to a port of this machine. */
    private static String outside(String name, int port, String host, int target) {
        return """
                apiVersion: v1
                kind: Service
                metadata: {name: @name}
                spec: {ports: [{name: port, port: @port, targetPort: @target}]}
                ---
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata: {name: @name, labels: {kubernetes.io/service-name: @name}}
                addressType: IPv4
                endpoints: [{addresses: ["@host"]}]
                ports: [{name: port, port: @target}]
                """.replace("@name", name)
                .replace("@port", String.valueOf(port))
                .replace("@target", String.valueOf(target))
                .replace("@host", host);
    }

    /** Applies an example, and waits until its queries process rows. */
    private void start(String how, String path, String... queries) {
        cluster.kubectl("apply", how, "k8s-examples/" + path);
        for (String query : queries) {
            cluster.awaitReady(query, START);
        }
    }

    /** Deletes an example whose queries must still process rows. */
    private void end(String how, String path, String... queries) {
        for (String query : queries) {
            JsonNode status = cluster.status(query);
            assertEquals(
                    "True", Cluster.condition(status, "Ready").path("status").asText(), status.toString());
        }
        cluster.kubectl("delete", how, "k8s-examples/" + path, "--timeout=120s");
    }
}
