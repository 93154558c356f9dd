package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.awaitility.Awaitility;

/** A real broker in a process of its own: the one that {@code ./millrace kafka} starts. */
final class KafkaBroker implements AutoCloseable {

    static {
        Logs.quiet();
    }

    private final Path directory;
    private final int port;
    private final List<String> settings;
    private final Map<String, String> client;
    private final String host;
    private Process process;

    KafkaBroker(Path directory) throws IOException {
        this(directory, List.of(), Map.of());
    }

    /**
     * @param settings of the broker, on top of those for development; {@code @port} stands for its port, {@code @controller}
     *     for its controller's
     * @param client properties that its clients need
     */
    KafkaBroker(Path directory, List<String> settings, Map<String, String> client) throws IOException {
        this(directory, "localhost", settings, client);
    }

    /**
     * @param host the address of this machine that it listens on
     */
    KafkaBroker(Path directory, String host, List<String> settings, Map<String, String> client) throws IOException {
        this.directory = directory;
        this.host = host;
        this.port = freePorts();
        this.settings = settings;
        this.client = client;
        restart();
    }

    /** Starts it, on the same data, if it was killed. */
    void restart() throws IOException {
        List<String> command = new ArrayList<>(List.of(
                launcher(), "kafka", "--host", host, "--port", String.valueOf(port), "--data", directory.toString()));
        settings.forEach(setting -> command.addAll(List.of(
                "--set",
                setting.replace("@port", String.valueOf(port)).replace("@controller", String.valueOf(port + 1)))));
        Path log = directory.resolveSibling("broker.log");
        process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        Awaitility.await()
                .atMost(Duration.ofMinutes(3))
                .failFast(() -> assertTrue(process.isAlive(), () -> "the broker ended; it said " + text(log)))
                .ignoreExceptions()
                .until(() -> {
                    try (Admin admin = admin()) {
                        return !admin.describeCluster().nodes().get().isEmpty();
                    }
                });
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code kill -9}. */
    void kill() {
        List<ProcessHandle> all = Stream.concat(process.descendants(), Stream.of(process.toHandle()))
                .toList();
        all.forEach(ProcessHandle::destroyForcibly);
        all.forEach(handle -> handle.onExit().join());
    }

    /** Properties of its clients, as they stand in YAML. */
    String clientProperties() {
        return client.entrySet().stream()
                .map(entry -> entry.getKey() + ": '" + entry.getValue() + "'")
                .collect(Collectors.joining(", "));
    }

    private Map<String, Object> client(Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(client);
        config.put("bootstrap.servers", servers());
        config.putAll(more);
        return config;
    }

    static String launcher() {
        return Path.of(System.getProperty("millrace.launcher", "./millrace"))
                .toAbsolutePath()
                .toString();
    }

    /**
     * A free port whose next one, the controller's, is free too. They lie below those that systems give to outgoing
     * connections: among these, some client could be holding one of the two by the time the broker is there.
     */
    static int freePorts() {
        return ThreadLocalRandom.current()
                .ints(15_000, 30_000)
                .filter(port -> KafkaCommand.isFree(port) && KafkaCommand.isFree(port + 1))
                .findFirst()
                .orElseThrow();
    }

    String servers() {
        return host + ":" + port;
    }

    Admin admin() {
        return Admin.create(client(Map.of("default.api.timeout.ms", 3000, "request.timeout.ms", 2000)));
    }

    void createTopic(String name, int partitions) throws Exception {
        try (Admin admin = Admin.create(client(Map.of()))) {
            admin.createTopics(List.of(new NewTopic(name, Optional.of(partitions), Optional.empty())))
                    .all()
                    .get();
        }
    }

    /** Deletes what lies before an offset, as retention does. */
    void deleteBefore(Map<TopicPartition, Long> offsets) throws Exception {
        Map<TopicPartition, RecordsToDelete> deleted = new HashMap<>();
        offsets.forEach((partition, offset) -> deleted.put(partition, RecordsToDelete.beforeOffset(offset)));
        try (Admin admin = Admin.create(client(Map.of()))) {
            admin.deleteRecords(deleted).all().get();
        }
    }

    KafkaProducer<byte[], byte[]> producer() {
        return producer(Map.of("linger.ms", 20, "batch.size", 256 << 10));
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, Object> config) {
        return new KafkaProducer<>(client(config), new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** The sum of a topic's end offsets: grows with what is written, committed or not. */
    long written(String topic) {
        return sum(topic, KafkaConsumer::endOffsets);
    }

    /** How many records were deleted, of all partitions. */
    long trimmed(String topic) {
        return sum(topic, KafkaConsumer::beginningOffsets);
    }

    private long sum(
            String topic,
            BiFunction<KafkaConsumer<String, String>, List<TopicPartition>, Map<TopicPartition, Long>> offsets) {
        Map<String, Object> config = client(Map.of("allow.auto.create.topics", false));
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            return offsets.apply(consumer, partitions).values().stream()
                    .mapToLong(Long::longValue)
                    .sum();
        }
    }

    /** Receives each record of a topic. */
    interface Records {
        void accept(ConsumerRecord<String, String> record);
    }

    /**
     * Reads what is committed in a topic, from its beginning to its present end. Markers of a transaction are written behind
     * its commit: they are waited for, though not for ever, as a transaction that nobody ends hides what is behind it.
     */
    void read(String topic, Records records) {
        Map<String, Object> config = client(Map.of(
                "isolation.level", "read_committed", "max.poll.records", 20_000, "allow.auto.create.topics", false));
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(info -> new TopicPartition(topic, info.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long end = written(topic);
            long position = -1;
            for (int quiet = 0; quiet < 15 && position < end; quiet++) {
                consumer.poll(Duration.ofMillis(200)).forEach(records::accept);
                long now = partitions.stream().mapToLong(consumer::position).sum();
                quiet = now > position ? -1 : quiet;
                position = now;
            }
        }
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit()
                .orTimeout(20, TimeUnit.SECONDS)
                .handle((ended, timeout) -> process.destroyForcibly())
                .join();
    }
}
