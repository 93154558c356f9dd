package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A broker that speaks TLS and asks who one is. Users: {@code millrace} with the password {@code m}, {@code next} with
 * {@code n}.
 */
final class SecuredBroker implements AutoCloseable {

    private final Path store;
    private final String certificate;
    private final int port;
    private final KafkaBroker broker;

    /** One for this machine alone. */
    SecuredBroker(Path directory) throws Exception {
        this(directory, "localhost:@port", "localhost");
    }

    /**
     * @param advertised host and port by which clients reach its secured listener; {@code @port} stands for the one it has
     * @param host the address that it listens on; where it is advertised by another name, the test itself uses a second
     *     listener, without any of this
     */
    SecuredBroker(Path directory, String advertised, String host) throws Exception {
        store = directory.resolve("store.p12");
        String name = advertised.substring(0, advertised.indexOf(':'));
        keytool(
                "-genkeypair -alias broker -keyalg RSA -storetype PKCS12 -keypass secret",
                "-dname CN=" + name + " -ext san=dns:" + name);
        certificate = keytool("-exportcert -rfc -alias broker", "");
        boolean plain = !name.equals(host);
        port = plain ? KafkaBroker.freePorts() : 0;
        String users = login("admin", "a").replace(";", " user_admin=\"a\" user_millrace=\"m\" user_next=\"n\";");
        List<String> settings = new ArrayList<>(List.of(
                "sasl.mechanism.inter.broker.protocol=PLAIN",
                "sasl.enabled.mechanisms=PLAIN",
                "listener.name.sasl_ssl.plain.sasl.jaas.config=" + users,
                "ssl.keystore.location=" + store,
                "ssl.keystore.password=secret",
                "ssl.keystore.type=PKCS12",
                "ssl.truststore.location=" + store,
                "ssl.truststore.password=secret",
                "ssl.truststore.type=PKCS12"));
        if (plain) {
            settings.addAll(List.of(
                    "listeners=PLAINTEXT://" + host + ":@port,SASL_SSL://" + host + ":" + port
                            + ",CONTROLLER://localhost:@controller",
                    "advertised.listeners=PLAINTEXT://" + host + ":@port,SASL_SSL://" + advertised,
                    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
                    "inter.broker.listener.name=PLAINTEXT"));
        } else {
            settings.addAll(List.of(
                    "listeners=SASL_SSL://" + host + ":@port,CONTROLLER://localhost:@controller",
                    "advertised.listeners=SASL_SSL://" + advertised,
                    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
                    "inter.broker.listener.name=SASL_SSL"));
        }
        broker = new KafkaBroker(
                Files.createDirectory(directory.resolve("kafka")), host, settings, plain ? Map.of() : client());
    }

    private Map<String, String> client() {
        return Map.of(
                "security.protocol", "SASL_SSL",
                "sasl.mechanism", "PLAIN",
                "sasl.jaas.config", login("millrace", "m"),
                "ssl.truststore.location", store.toString(),
                "ssl.truststore.password", "secret",
                "ssl.truststore.type", "PKCS12");
    }

    private String keytool(String arguments, String more) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
        command.addAll(List.of(arguments.split(" ")));
        command.addAll(List.of("-keystore", store.toString(), "-storepass", "secret"));
        if (!more.isEmpty()) {
            command.addAll(List.of(more.split(" ")));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), said);
        return said;
    }

    /** The property {@code sasl.jaas.config} of a user. */
    static String login(String user, String password) {
        return "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";"
                .formatted(user, password);
    }

    KafkaBroker broker() {
        return broker;
    }

    /** The port of its secured listener, where that is not the broker's own. */
    int port() {
        return port;
    }

    /** Its certificate and the key of it, PKCS12, with the password {@code secret}. */
    Path store() {
        return store;
    }

    /** Its certificate as PEM, which is its own authority. */
    String certificate() {
        return certificate.substring(certificate.indexOf("-----BEGIN"));
    }

    @Override
    public void close() {
        broker.close();
    }
}
