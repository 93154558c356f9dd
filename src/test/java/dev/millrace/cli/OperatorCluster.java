package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * The chart on a real cluster with the built image, and a real broker beside it. Rows stream in all the time; whatever is
 * done, what is committed at the end is what one uninterrupted run would have written. Needs {@code KUBECONFIG}, {@code
 * MILLRACE_IMAGE} (an image that the nodes have) and {@code MILLRACE_HOST} (an address of this machine that pods reach).
 */
@Tag("cluster")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OperatorCluster {

    static final int WORDS = 50;
    static final Duration START = Duration.ofSeconds(90);
    static final String SYSTEM = "millrace-system";

    static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: "@name"}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: id BIGINT NOT NULL, word STRING NOT NULL
                  format: {json: {}}
                  kafka: {topic: "@name-in"}
              query: SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word
              sinks:
                - {name: out, outputMode: update, format: {json: {}}, kafka: {topic: "@name-out"}}
              trigger: {commitInterval: 100ms}
              state: {checkpoint: {interval: 3s}, volume: {size: 1Gi}}
              scaling: {resources: {min: {cpu: "1", memory: 700Mi}}}
              upgrade: {progressTimeout: 20s}
            """;

    final ObjectMapper json = new ObjectMapper();
    final Cluster cluster = new Cluster("millrace-it");
    final Cluster system = new Cluster(SYSTEM);
    final String image = System.getenv("MILLRACE_IMAGE");

    static final RecoveryTimes times = new RecoveryTimes();
    KafkaBroker broker;

    @BeforeAll
    void install(@TempDir Path directory) throws Exception {
        String host = System.getenv("MILLRACE_HOST");
        assumeTrue(
                System.getenv("KUBECONFIG") != null && image != null && host != null,
                "KUBECONFIG, MILLRACE_IMAGE and MILLRACE_HOST do not name a cluster: the operator is not tested");
        for (String namespace : List.of(SYSTEM, cluster.namespace())) {
            clear(namespace);
            Cluster.must("kubectl", "create", "namespace", namespace);
            Cluster.must("kubectl", "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted");
        }
        broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")), host, List.of(), Map.of());
        Cluster.run(
                "",
                "kubectl",
                "delete",
                "crd",
                "streamingqueries.millrace.dev",
                "streamingquerysavepoints.millrace.dev",
                "--ignore-not-found");
        install(List.of());
    }

    /** Removes a namespace that a run cut short has left: with its operator gone, nobody would take the finalizers off. */
    private static void clear(String namespace) {
        for (String kind : List.of("streamingqueries", "streamingquerysavepoints")) {
            Cluster.Answer left =
                    Cluster.run("", "kubectl", "get", kind + ".millrace.dev", "-n", namespace, "-o", "name");
            List<String> resources = left.exit() == 0 ? left.text().lines().toList() : List.of();
            for (String resource : resources) {
                String none = "{\"metadata\":{\"finalizers\":null}}";
                Cluster.run("", "kubectl", "patch", resource, "-n", namespace, "--type=merge", "-p", none);
            }
        }
        Cluster.run("", "kubectl", "delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s");
    }

    /** Installs or upgrades the chart as a user does. */
    void install(List<String> settings) {
        List<String> command = new ArrayList<>(List.of(
                "helm",
                "upgrade",
                "--install",
                "millrace",
                "helm/millrace",
                "-n",
                SYSTEM,
                "--wait",
                "--timeout",
                "120s"));
        int cut = image.lastIndexOf(':');
        command.addAll(List.of("--set", "image.repository=" + image.substring(0, cut)));
        command.addAll(List.of("--set", "image.tag=" + image.substring(cut + 1)));
        settings.forEach(setting -> command.addAll(List.of("--set", setting)));
        Cluster.must(command.toArray(String[]::new));
    }

    @AfterAll
    void remove() throws IOException {
        times.write();
        if (broker != null) {
            Cluster.run("", "kubectl", "delete", "namespace", cluster.namespace(), "--timeout=120s");
            Cluster.run("", "helm", "uninstall", "millrace", "-n", SYSTEM, "--wait");
            Cluster.run("", "kubectl", "delete", "namespace", SYSTEM, "--wait=false");
            broker.close();
        }
    }

    /** A query with its rows: they come all the time until {@link #finish}. */
    final class Running implements AutoCloseable {
        private final String name;
        private final AtomicInteger sent = new AtomicInteger();
        private final Thread feeder;
        private final UnaryOperator<String> change;
        private final IntFunction<Integer> place;
        private volatile boolean enough;
        private volatile int rate = 900;

        Running(String name) throws Exception {
            this(name, document -> document);
        }

        /**
         * @param change of the document
         */
        Running(String name, UnaryOperator<String> change) throws Exception {
            this(name, change, 2, id -> null);
        }

        /**
         * @param partitions of its topic
         * @param place of a row, by its id; null for wherever
         */
        Running(String name, UnaryOperator<String> change, int partitions, IntFunction<Integer> place)
                throws Exception {
            this.name = name;
            this.change = change;
            this.place = place;
            broker.createTopic(name + "-in", partitions);
            broker.createTopic(name + "-out", 2);
            feeder = new Thread(this::feed, "feeder of " + name);
            feeder.start();
            cluster.apply(document());
            cluster.awaitReady(name, START);
        }

        String document() {
            return change.apply(QUERY.replace("@name", name).replace("@servers", broker.servers()));
        }

        private void feed() {
            try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
                double due = 0;
                long before = System.nanoTime();
                while (!enough) {
                    long now = System.nanoTime();
                    due = Math.min(rate, due + rate * ((now - before) / 1e9)); // what it could not send it does not owe
                    before = now;
                    for (; due >= 1; due--) {
                        int id = sent.getAndIncrement();
                        String row = "{\"id\":" + id + ",\"word\":\"" + word(id) + "\"}";
                        byte[] value = row.getBytes(StandardCharsets.UTF_8);
                        producer.send(new ProducerRecord<>(name + "-in", place.apply(id), null, value));
                    }
                    Thread.sleep(20);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /** So many rows a second from now on. */
        void rate(int rows) {
            rate = rows;
        }

        int sent() {
            return sent.get();
        }

        private static String word(int id) {
            return "w" + id * 31 % WORDS;
        }

        /** Waits until an epoch is committed behind what is there now; returns how long it took. */
        Duration awaitCommit() {
            Instant from = Instant.now();
            long written = broker.written(name + "-out");
            Cluster.await(
                    () -> broker.written(name + "-out"),
                    now -> now > written + 2,
                    Duration.ofSeconds(150),
                    "another epoch of " + name);
            return Duration.between(from, Instant.now());
        }

        /** Its first stored checkpoint. One broker is no durable log, and the condition says so. */
        void awaitCheckpoint() {
            cluster.await(name, "Durable", "False", "WeakLog", START);
            Cluster.await(
                    () -> cluster.status(name),
                    status -> status.at("/checkpoint/epoch").asLong(-1) >= 0,
                    Duration.ofSeconds(60),
                    "a checkpoint of " + name);
        }

        /** Waits for the first epoch of the next claim of the query's log; returns how long it took. */
        Duration awaitNextClaim() {
            Instant from = Instant.now();
            long before = claims()[0];
            Cluster.await(
                    this::claims,
                    now -> now[0] > before && now[1] > 0,
                    Duration.ofSeconds(150),
                    "an epoch behind the next claim of " + name);
            return Duration.between(from, Instant.now());
        }

        /** How many claims the log holds, and how many epochs behind the last. */
        private long[] claims() {
            long[] found = new long[2];
            String id = cluster.status(name).path("stateId").asText();
            broker.read("millrace." + id + "-progress", record -> {
                if (read(record.value()).path("claim").asBoolean()) {
                    found[0]++;
                    found[1] = 0;
                } else {
                    found[1]++;
                }
            });
            return found;
        }

        /** The first record of the query's log. */
        JsonNode firstRecord() {
            List<JsonNode> records = new ArrayList<>();
            String id = cluster.status(name).path("stateId").asText();
            broker.read(
                    "millrace." + id + "-progress", record -> records.add(OperatorCluster.this.read(record.value())));
            return records.get(0);
        }

        /** Deletes the records that committed epochs have read. */
        void forgetWhatWasRead() throws Exception {
            Map<TopicPartition, Long> read = new HashMap<>();
            String id = cluster.status(name).path("stateId").asText();
            broker.read("millrace." + id + "-progress", record -> {
                for (JsonNode partition :
                        OperatorCluster.this.read(record.value()).at("/sources/events/partitions")) {
                    String topic = partition.path("partition").asText();
                    int number = Integer.parseInt(topic.substring(topic.lastIndexOf('-') + 1));
                    read.put(
                            new TopicPartition(name + "-in", number),
                            partition.path("offset").asLong());
                }
            });
            broker.deleteBefore(read);
        }

        /** As {@link #finish}, where what came behind a savepoint was written again, together with what came since. */
        void finishBehindSavepoint() throws Exception {
            finish(twice -> {});
        }

        /** As {@link #finish}, where a savepoint was gone back to when the input had ended: the same rows come again. */
        void finishAgain() throws Exception {
            finish(twice -> assertTrue(!twice.isEmpty(), "the last rows were written again"));
        }

        /** Ends the input and checks all that was committed. */
        void finish() throws Exception {
            finish(twice -> assertEquals(List.of(), twice, "an epoch was written twice"));
        }

        private void finish(Consumer<List<String>> written) throws Exception {
            enough = true;
            feeder.join();
            int rows = sent.get();
            Map<String, long[]> wanted = new HashMap<>();
            for (int id = 0; id < rows; id++) {
                long[] counts = wanted.computeIfAbsent(word(id), word -> new long[2]);
                counts[0]++;
                counts[1] += id;
            }
            Cluster.await(this::committed, counted -> counted == rows, Duration.ofSeconds(150), "all rows of " + name);
            Map<String, long[]> last = new HashMap<>();
            List<String> twice = new ArrayList<>();
            broker.read(name + "-out", record -> {
                JsonNode row = read(record.value());
                long n = row.path("n").asLong();
                long[] before = last.put(
                        row.path("word").asText(),
                        new long[] {n, row.path("total").asLong()});
                if (before != null && before[0] >= n) {
                    twice.add(record.value() + " behind a count of " + before[0]);
                }
            });
            written.accept(twice);
            wanted.forEach((word, counts) -> {
                assertEquals(counts[0], last.get(word)[0], word);
                assertEquals(counts[1], last.get(word)[1], word);
            });
            assertEquals(wanted.size(), last.size());
        }

        private long committed() {
            Map<String, Long> last = new HashMap<>();
            broker.read(name + "-out", record -> {
                JsonNode row = read(record.value());
                last.put(row.path("word").asText(), row.path("n").asLong());
            });
            return last.values().stream().mapToLong(Long::longValue).sum();
        }

        long incarnation() {
            return cluster.status(name)
                    .path("slots")
                    .path(0)
                    .path("incarnation")
                    .asLong();
        }

        @Override
        public void close() {
            enough = true;
            cluster.tryKubectl("delete", "streamingquery", name, "--wait=false");
        }
    }

    static String savepoint(String name, String query, String dispose) {
        return "{apiVersion: millrace.dev/v1alpha1, kind: StreamingQuerySavepoint, metadata: {name: " + name
                + "}, spec: {query: " + query + ", dispose: " + dispose + "}}";
    }

    JsonNode awaitSavepoint(String name) {
        Instant from = Instant.now();
        JsonNode status = Cluster.await(
                () -> cluster.get("sqs", name).path("status"),
                seen -> seen.path("phase").asText().equals("Completed"),
                START,
                name + " is completed");
        System.out.println("savepoint taken within "
                + Duration.between(from, Instant.now()).toMillis() + " ms");
        return status;
    }

    void wishRestore(String query, String savepoint, int nonce) {
        cluster.kubectl(
                "patch",
                "sq",
                query,
                "--type=merge",
                "-p",
                "{\"spec\":{\"upgrade\":{\"restore\":{\"from\":\"" + savepoint + "\",\"nonce\":" + nonce + "}}}}");
    }

    void goBack(String query, String savepoint, int nonce) {
        wishRestore(query, savepoint, nonce);
        Cluster.await(
                () -> cluster.status(query),
                status -> status.path("restoreNonce").asInt() == nonce
                        && status.at("/slots/0/restore/source").asText().equals("Savepoint"),
                START,
                query + " is back at " + savepoint);
    }

    static void assumeNodes() {
        assumeTrue(System.getenv("MILLRACE_CLUSTER") != null, "MILLRACE_CLUSTER names no command that freezes nodes");
    }

    static void nodes(String command, String node) {
        Cluster.must(System.getenv("MILLRACE_CLUSTER"), command, node);
        if (command.equals("thaw") || command.equals("heal")) {
            Cluster.must("kubectl", "wait", "--for=condition=Ready", "node/" + node, "--timeout=90s");
        }
    }

    List<String> topicsOf(String id) {
        return topicsOf(broker, id);
    }

    static List<String> topicsOf(KafkaBroker broker, String id) {
        try (org.apache.kafka.clients.admin.Admin admin = broker.admin()) {
            return admin.listTopics().names().get().stream()
                    .filter(topic -> topic.contains(id))
                    .toList();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    JsonNode read(String text) {
        try {
            return json.readTree(text);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    String uid(String query) {
        return cluster.get("pod", cluster.pod(query)).at("/metadata/uid").asText();
    }
}
