package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.engine.Slot;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.state.rocksdb.StateMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A broker that speaks TLS and asks who one is: client properties in the resource, secrets in a file. */
class SecuredBrokerIT {

    private static final String COUNTS = "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word";

    @TempDir
    private static Path directory;

    private static SecuredBroker secured;
    private static KafkaBroker broker;
    private static Path store;

    @BeforeAll
    static void start() throws Exception {
        secured = new SecuredBroker(directory);
        broker = secured.broker();
        store = secured.store();
    }

    @AfterAll
    static void stop() {
        secured.close();
    }

    /** The query's YAML with a part of its properties in a file. */
    private static String yaml(String name, String password) throws Exception {
        Path secrets = directory.resolve(name + ".properties");
        Files.writeString(
                secrets,
                "sasl.jaas.config=" + SecuredBroker.login("millrace", password) + "\nssl.truststore.password=secret\n");
        String properties = "security.protocol: SASL_SSL, sasl.mechanism: PLAIN, ssl.truststore.type: PKCS12,"
                + " ssl.truststore.location: '" + store + "'";
        return new KafkaQueries(broker, directory)
                .yaml(name, "events", COUNTS, USUAL)
                .replace(
                        "properties: {" + broker.clientProperties() + "}",
                        "properties: {" + properties + "}, propertiesFrom: [{file: " + name + ".properties}]");
    }

    @Test
    void secretsComeFromAFile() throws Exception {
        KafkaQueries queries = new KafkaQueries(broker, directory);
        broker.createTopic("events", 2);
        broker.createTopic("secure-out", 2);
        queries.produce("events", 0, 1_000);
        assertEquals(
                QueryRun.End.COMPLETED,
                queries.query(yaml("secure", "m"), "secure").run());
        queries.checkCounts("secure-out", 1_000);
    }

    /** K20: as a cluster mounts a Secret and changes it. */
    @Test
    void anotherSecretIsTakenUpWithoutAStart() throws Exception {
        KafkaQueries queries = new KafkaQueries(broker, directory);
        broker.createTopic("rotated-in", 2);
        broker.createTopic("rotated-out", 2);
        queries.produce("rotated-in", 0, 1_000);
        Path secret = Files.createDirectories(directory.resolve("secrets/kafka-credentials"));
        Files.writeString(
                secret.resolve("client.properties"),
                "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.type=PKCS12\nssl.truststore.location="
                        + store + "\nssl.truststore.password=secret\n");
        Files.writeString(secret.resolve("sasl.jaas.config"), SecuredBroker.login("millrace", "m"));
        String yaml = queries.yaml("rotated", "rotated-in", COUNTS, USUAL.endless())
                .replace(
                        "properties: {" + broker.clientProperties() + "}",
                        "propertiesFrom: [{secretRef: {name: kafka-credentials}}]");
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        Compilation query = Compilation.of(
                dev.millrace.api.ResourceReader.read("test.yaml", yaml)
                        .documents()
                        .get(0),
                directory);
        Assembly.Place place = Assembly.Place.pod(
                directory.resolve("rotated"),
                1,
                new StateMemory(64 << 20),
                directory.resolve("secrets"),
                Slot.ONLY,
                Optional.empty(),
                Optional.empty(),
                Assembly.History.NONE);
        QueryRun run = new QueryRun(new Assembly(query, place).definition(), notices::add);
        CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> run.metrics().rowsIn.sum() == 1_000);
        Files.writeString(secret.resolve("sasl.jaas.config"), SecuredBroker.login("next", "n"));
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> notices.stream().anyMatch(notice -> notice.contains("the credentials have changed")));
        queries.produce("rotated-in", 1_000, 2_000);
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> run.metrics().rowsIn.sum() == 2_000);
        run.stop();
        assertEquals(QueryRun.End.STOPPED, end.get(60, TimeUnit.SECONDS));
        queries.checkCounts("rotated-out", 2_000);
    }

    @Test
    void aWrongPasswordIsSaidAndWaitedOut() throws Exception {
        List<String> notices = Collections.synchronizedList(new ArrayList<>());
        QueryRun run = new KafkaQueries(broker, directory)
                .query(yaml("refused", "wrong"), "refused", notices, FaultPoints.NONE);
        CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> !notices.isEmpty());
        assertTrue(notices.get(0).contains("Authentication failed"), notices::toString);
        run.stop();
        assertEquals(QueryRun.End.STOPPED, end.get(60, TimeUnit.SECONDS));
    }
}
