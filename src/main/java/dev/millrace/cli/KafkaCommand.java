package dev.millrace.cli;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;

/** {@code millrace kafka}: a broker of one node in a process of its own, from jars that the launcher has fetched. */
@CommandLine.Command(
        name = "kafka",
        description = "Starts a development broker (KRaft, one node) on localhost; Ctrl-C stops it.",
        mixinStandardHelpOptions = true)
final class KafkaCommand implements Callable<Integer> {

    /** A process that was asked to end, by SIGINT or SIGTERM. */
    private static final Set<Integer> ORDERED = Set.of(128 + 2, 128 + 15);

    @CommandLine.Option(names = "--port", defaultValue = "9092")
    private int port;

    @CommandLine.Option(
            names = "--host",
            defaultValue = "localhost",
            description = "the address that it listens on and tells its clients")
    private String host;

    @CommandLine.Option(names = "--data", defaultValue = ".millrace/kafka", description = "directory of its data")
    private Path data;

    @CommandLine.Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "a broker setting on top of the development ones; may be repeated")
    private List<String> settings = List.of();

    @Override
    public Integer call() throws IOException, InterruptedException {
        String jars = System.getProperty("millrace.kafka.jars");
        if (jars == null || !Files.isDirectory(Path.of(jars))) {
            System.err.println("millrace: the broker's jars are missing; start it by the launcher: ./millrace kafka");
            return Main.USAGE;
        }
        for (int taken : List.of(port, port + 1)) {
            if (!isFree(taken)) {
                System.err.println("millrace: port " + taken + " of localhost is taken; a broker started with --port N"
                        + " listens on N, and its controller on N + 1");
                return Main.FAILED;
            }
        }
        Files.createDirectories(data);
        Path properties = data.resolve("server.properties");
        Path logs = data.resolve("log").toAbsolutePath();
        Files.write(properties, allSettings(logs));
        if (!Files.exists(logs.resolve("meta.properties"))) {
            int formatted = java(
                            jars,
                            "64m",
                            "kafka.tools.StorageTool",
                            "format",
                            "--standalone",
                            "-t",
                            clusterId(),
                            "-c",
                            properties.toString())
                    .waitFor();
            if (formatted != 0) {
                System.err.println("millrace: the broker's directory " + data + " cannot be formatted");
                return Main.FAILED;
            }
        }
        Process broker = java(jars, "512m", "kafka.Kafka", properties.toString());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            broker.destroy();
            try {
                broker.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        System.out.println("Kafka listens on " + host + ":" + port + ", data in " + data);
        int ended = broker.waitFor();
        if (ended != 0 && !ORDERED.contains(ended)) {
            System.err.println("millrace: the broker ended with status " + ended + "; see " + log());
        }
        return ended;
    }

    /** Whether a process may listen on the port now. */
    static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port)) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }

    private Path log() {
        return data.resolve("broker.out");
    }

    private static String clusterId() {
        return "millrace" + "-development"; // 22 characters, as Kafka's ids have
    }

    private List<String> allSettings(Path logs) {
        return Stream.concat(developmentSettings(logs).stream(), settings.stream())
                .toList();
    }

    private List<String> developmentSettings(Path logs) {
        return List.of(
                "process.roles=broker,controller",
                "node.id=1",
                "controller.quorum.bootstrap.servers=localhost:" + (port + 1),
                "controller.listener.names=CONTROLLER",
                "listeners=PLAINTEXT://" + host + ":" + port + ",CONTROLLER://localhost:" + (port + 1),
                "advertised.listeners=PLAINTEXT://" + host + ":" + port,
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "log.dirs=" + logs,
                "num.partitions=4",
                "offsets.topic.replication.factor=1",
                "offsets.topic.num.partitions=2",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "transaction.state.log.num.partitions=2",
                "share.coordinator.state.topic.replication.factor=1",
                "share.coordinator.state.topic.min.isr=1",
                "group.initial.rebalance.delay.ms=0",
                "log.cleaner.dedupe.buffer.size=33554432");
    }

    private Process java(String jars, String heap, String... command) throws IOException {
        List<String> line = new ArrayList<>();
        line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        line.addAll(List.of("-Xmx" + heap, "-XX:+UseSerialGC", "-Dlog4j2.level=ERROR", "-cp", jars + "/*"));
        line.addAll(List.of(command));
        return new ProcessBuilder(line)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()))
                .start();
    }
}
