package dev.millrace.cli;

import static dev.millrace.cli.KafkaQueries.Settings.USUAL;
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
    private static final String LOGIN =
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\"%s;";

    @TempDir
    private static Path directory;

    private static KafkaBroker broker;
    private static Path store;

    @BeforeAll
    static void start() throws Exception {
        store = directory.resolve("store.p12");
        Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
        Process made = new ProcessBuilder(List.of(
                        keytool.toString(),
                        "-genkeypair",
                        "-alias",
                        "broker",
                        "-keyalg",
                        "RSA",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        "secret",
                        "-keypass",
                        "secret",
                        "-dname",
                        "CN=localhost",
                        "-ext",
                        "san=dns:localhost"))
                .redirectErrorStream(true)
                .start();
        assertEquals(
                0, made.waitFor(), () -> made.inputReader().lines().toList().toString());
        String users = LOGIN.formatted("admin", "a", " user_admin=\"a\" user_millrace=\"m\" user_next=\"n\"");
        List<String> settings = List.of(
                "listeners=SASL_SSL://localhost:@port,CONTROLLER://localhost:@controller",
                "advertised.listeners=SASL_SSL://localhost:@port",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
                "inter.broker.listener.name=SASL_SSL",
                "sasl.mechanism.inter.broker.protocol=PLAIN",
                "sasl.enabled.mechanisms=PLAIN",
                "listener.name.sasl_ssl.plain.sasl.jaas.config=" + users,
                "ssl.keystore.location=" + store,
                "ssl.keystore.password=secret",
                "ssl.keystore.type=PKCS12",
                "ssl.truststore.location=" + store,
                "ssl.truststore.password=secret",
                "ssl.truststore.type=PKCS12");
        Map<String, String> client = Map.of(
                "security.protocol", "SASL_SSL",
                "sasl.mechanism", "PLAIN",
                "sasl.jaas.config", LOGIN.formatted("millrace", "m", ""),
                "ssl.truststore.location", store.toString(),
                "ssl.truststore.password", "secret",
                "ssl.truststore.type", "PKCS12");
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")), settings, client);
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    /** The query's YAML with a part of its properties in a file. */
    private static String yaml(String name, String password) throws Exception {
        Path secrets = directory.resolve(name + ".properties");
        Files.writeString(
                secrets,
                "sasl.jaas.config=" + LOGIN.formatted("millrace", password, "") + "\nssl.truststore.password=secret\n");
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
        Files.writeString(secret.resolve("sasl.jaas.config"), LOGIN.formatted("millrace", "m", ""));
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
                64 << 20,
                directory.resolve("secrets"),
                Optional.empty(),
                Assembly.History.NONE);
        QueryRun run = new QueryRun(new Assembly(query, place).definition(), notices::add);
        CompletableFuture<QueryRun.End> end = CompletableFuture.supplyAsync(run::run);
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> run.metrics().rowsIn.sum() == 1_000);
        Files.writeString(secret.resolve("sasl.jaas.config"), LOGIN.formatted("next", "n", ""));
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
