package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The rights that {@code docs/security.md} lists, on a broker with an authorizer: with them a query runs, without one it says which. */
class AclIT {

    private static final String LOGIN =
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"s\"%s;";
    private static final KafkaQueries.Settings STORED =
            KafkaQueries.Settings.USUAL.more("state: {checkpoint: {interval: 1ms, store: {kafka: {}}}}");

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;

    /**
     * A right of the query's user.
     *
     * @param named what a query without it names
     */
    private record Right(
            ResourceType type, PatternType pattern, String resource, AclOperation operation, String named) {
        AclBinding binding() {
            return new AclBinding(
                    new ResourcePattern(type, resource, pattern),
                    new AccessControlEntry("User:millrace", "*", operation, AclPermissionType.ALLOW));
        }
    }

    private static Right topic(String name, AclOperation operation) {
        return new Right(ResourceType.TOPIC, PatternType.LITERAL, name, operation, name);
    }

    private static Right internal(AclOperation operation) {
        return new Right(ResourceType.TOPIC, PatternType.PREFIXED, "millrace.", operation, "millrace.acl");
    }

    static List<Right> rights() {
        return List.of(
                topic("acl-in", AclOperation.READ),
                topic("acl-out", AclOperation.WRITE),
                internal(AclOperation.CREATE),
                internal(AclOperation.READ),
                internal(AclOperation.WRITE),
                internal(AclOperation.DESCRIBE_CONFIGS),
                new Right(
                        ResourceType.TRANSACTIONAL_ID,
                        PatternType.PREFIXED,
                        "millrace.",
                        AclOperation.WRITE,
                        "ransactional"));
    }

    @BeforeAll
    static void start() throws Exception {
        String users = LOGIN.formatted("admin", " user_admin=\"s\" user_millrace=\"s\"");
        List<String> settings = List.of(
                "listeners=SASL_PLAINTEXT://localhost:@port,CONTROLLER://localhost:@controller",
                "advertised.listeners=SASL_PLAINTEXT://localhost:@port",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
                "inter.broker.listener.name=SASL_PLAINTEXT",
                "sasl.mechanism.inter.broker.protocol=PLAIN",
                "sasl.enabled.mechanisms=PLAIN",
                "listener.name.sasl_plaintext.plain.sasl.jaas.config=" + users,
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "auto.create.topics.enable=false",
                "super.users=User:admin;User:ANONYMOUS");
        Map<String, String> client = Map.of(
                "security.protocol", "SASL_PLAINTEXT",
                "sasl.mechanism", "PLAIN",
                "sasl.jaas.config", LOGIN.formatted("admin", ""));
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")), settings, client);
        broker.createTopic("acl-in", 2);
        broker.createTopic("acl-out", 2);
        new KafkaQueries(broker, directory).produce("acl-in", 0, 1_000);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    private static void allow(List<Right> rights) throws Exception {
        try (Admin admin = broker.admin()) {
            admin.deleteAcls(List.of(org.apache.kafka.common.acl.AclBindingFilter.ANY))
                    .all()
                    .get();
            admin.createAcls(rights.stream().map(Right::binding).toList()).all().get();
        }
    }

    /** As the user millrace. */
    private static String yaml(String id) {
        return new KafkaQueries(broker, directory)
                .yaml("acl", "acl-in", "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word", STORED)
                .replace("username=\"admin\"", "username=\"millrace\"")
                .replace("state: {", "state: {id: " + id + ", ");
    }

    @Test
    void theRightsSuffice() throws Exception {
        allow(rights());
        KafkaQueries queries = new KafkaQueries(broker, directory);
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        QueryRun run = queries.query(yaml("acl-all"), "all", notices, FaultPoints.NONE);
        CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
        assertEquals(QueryRun.End.COMPLETED, end.get(60, TimeUnit.SECONDS), notices::toString);
        assertTrue(run.metrics().stored().epoch() > 0, "a checkpoint is stored");
        queries.checkCounts("acl-out", 1_000);
    }

    @ParameterizedTest
    @MethodSource("rights")
    void theOneThatIsMissingIsNamed(Right missing) throws Exception {
        List<Right> others = new ArrayList<>(rights());
        others.remove(missing);
        allow(others);
        String id = "acl-" + missing.type().name().toLowerCase(java.util.Locale.ROOT) + "-"
                + missing.operation().name().toLowerCase(java.util.Locale.ROOT)
                + missing.resource().length();
        List<String> said = Collections.synchronizedList(new ArrayList<>());
        QueryRun run = new KafkaQueries(broker, directory).query(yaml(id), id, said, FaultPoints.NONE);
        CompletableFuture<Void> end = CompletableFuture.runAsync(run::run).exceptionally(e -> {
            said.add(e.getCause().getMessage());
            return null;
        });
        Awaitility.await()
                .atMost(Duration.ofSeconds(40))
                .untilAsserted(() -> assertTrue(
                        said.stream().anyMatch(text -> text.contains(missing.named()))
                                || run.metrics().checkpointFailure().contains(missing.named()),
                        () -> missing + ": " + said + run.metrics().checkpointFailure()));
        run.stop();
        end.get(60, TimeUnit.SECONDS);
    }
}
