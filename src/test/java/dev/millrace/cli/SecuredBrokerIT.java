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
        String users = LOGIN.formatted("admin", "a", " user_admin=\"a\" user_millrace=\"m\"");
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
