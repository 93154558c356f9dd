package dev.millrace.stores;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.awaitility.Awaitility;

/** A server that speaks S3 in a process of its own, keeping objects in a directory. It takes requests of one key pair. */
public final class S3Server implements AutoCloseable {

    public static final String KEY = "millrace";
    public static final String SECRET = "change-me";
    public static final String BUCKET = "checkpoints";

    private static final Path JARS = Path.of("target/s3proxy");

    private final Path directory;
    private final String host;
    private final int port = ThreadLocalRandom.current().nextInt(20_000, 30_000);
    private Process process;

    public S3Server(Path directory, String host) throws Exception {
        this.directory = directory;
        this.host = host;
        if (!Files.isDirectory(JARS)) {
            run(
                    "./mvnw",
                    "-B",
                    "-f",
                    "src/test/s3proxy/pom.xml",
                    "dependency:copy-dependencies",
                    "-DoutputDirectory=" + JARS.toAbsolutePath() + ".part");
            Files.move(Path.of(JARS + ".part"), JARS);
        }
        Files.createDirectories(directory.resolve("objects").resolve(BUCKET));
        Files.writeString(directory.resolve("s3.properties"), """
                s3proxy.authorization=aws-v2-or-v4
                s3proxy.identity=%s
                s3proxy.credential=%s
                s3proxy.endpoint=http://%s:%d
                jclouds.provider=filesystem-nio2
                jclouds.identity=local
                jclouds.credential=local
                jclouds.filesystem.basedir=%s
                """.formatted(
                        KEY, SECRET, host, port, directory.resolve("objects").toAbsolutePath()));
        Files.writeString(directory.resolve("logback.xml"), "<configuration><root level=\"WARN\"/></configuration>");
        start();
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Path log = Path.of("target/s3proxy.log");
        int exit = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        assertEquals(0, exit, () -> "the libraries of the S3 server could not be fetched, see " + log);
    }

    public void start() throws IOException {
        Path log = directory.resolve("s3.log");
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-Dlogback.configurationFile=" + directory.resolve("logback.xml"),
                        "-cp",
                        JARS.toAbsolutePath() + "/*",
                        "org.gaul.s3proxy.Main",
                        "--properties",
                        directory.resolve("s3.properties").toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .failFast(() -> assertTrue(process.isAlive(), () -> "the S3 server ended, see " + log))
                .ignoreExceptions()
                .until(() -> {
                    try (Socket socket = new Socket()) {
                        socket.connect(new InetSocketAddress(host, port), 1_000);
                        return true;
                    }
                });
    }

    /** {@code kill -9}. */
    public void kill() {
        process.destroyForcibly();
        process.onExit().join();
    }

    public int port() {
        return port;
    }

    public String endpoint() {
        return "http://" + host + ":" + port;
    }

    /** Its objects below a prefix. */
    public S3Objects objects(String prefix) {
        return objects(prefix, Map.of("AWS_ACCESS_KEY_ID", KEY, "AWS_SECRET_ACCESS_KEY", SECRET));
    }

    S3Objects objects(String prefix, Map<String, Object> credentials) {
        return new S3Objects(new S3Objects.Config(
                BUCKET,
                prefix,
                Optional.of(URI.create(endpoint())),
                Optional.empty(),
                true,
                Optional.of(() -> credentials)));
    }

    /** The file that holds an object. */
    public List<Path> files(String ending) throws IOException {
        try (var paths = Files.walk(directory.resolve("objects"))) {
            return paths.filter(path -> path.toString().endsWith(ending)).toList();
        }
    }

    @Override
    public void close() {
        kill();
    }
}
