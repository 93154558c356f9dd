package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.cli.SlotProcess.Logged;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.ProgressRecord.ReleasedKeyGroup;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How long a hand-over takes, by the state of the query: {@code ./mvnw verify -Dskip.unit.tests=true -Dit.test=RescaleTimesIT
 * -Drescale.megabytes=100,1000} prints a line for each size. Half of the state moves from one process to a second one while
 * rows come.
 */
@EnabledIfSystemProperty(named = "rescale.megabytes", matches = ".+")
class RescaleTimesIT {

    private static final int KEY_BYTES = 200;
    private static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: moved}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: k STRING NOT NULL
                  format: {json: {}}
                  kafka: {topic: events}
              query: SELECT k, COUNT(*) AS n FROM events GROUP BY k HAVING COUNT(*) > 5
              sinks:
                - {name: out, outputMode: update, format: {json: {}}, kafka: {topic: counts}}
              trigger: {commitInterval: 100ms}
            """;

    @TempDir
    private Path directory;

    private KafkaBroker broker;
    private volatile boolean feeding = true;

    static Stream<Integer> megabytes() {
        return Arrays.stream(System.getProperty("rescale.megabytes", "").split(","))
                .filter(size -> !size.isEmpty())
                .map(Integer::parseInt);
    }

    @ParameterizedTest
    @MethodSource("megabytes")
    void halfOfTheStateMoves(int megabytes) throws Exception {
        List<Process> processes = new ArrayList<>();
        try (KafkaBroker running = new KafkaBroker(Files.createDirectories(directory.resolve("kafka")))) {
            broker = running;
            broker.createTopic("events", 4);
            broker.createTopic("counts", 1);
            int keys = (int) ((long) megabytes * 1_000_000 / KEY_BYTES);
            send(0, keys, 0);
            Path file = directory.resolve("query.yaml");
            Files.writeString(file, QUERY.replace("@servers", broker.servers()));
            processes.add(start(file, 0));
            Awaitility.await().atMost(Duration.ofMinutes(8)).ignoreExceptions().until(() -> rows(log(0)) >= keys);
            Thread feeder = new Thread(() -> send(0, keys, 1));
            feeder.start();
            TimeUnit.SECONDS.sleep(5);
            long wish = System.currentTimeMillis();
            Files.writeString(directory.resolve("division"), "1/2");
            processes.add(start(file, 1));
            Awaitility.await()
                    .atMost(Duration.ofMinutes(8))
                    .pollInterval(Duration.ofSeconds(1))
                    .ignoreExceptions()
                    .until(() -> own(log(1)) == 16);
            TimeUnit.SECONDS.sleep(2);
            feeding = false;
            feeder.join();
            report(megabytes, wish);
        } finally {
            for (Process process : processes) {
                process.destroyForcibly().waitFor();
            }
        }
    }

    private void report(int megabytes, long wish) {
        List<Logged> loser = log(0);
        List<Logged> taker = log(1);
        long end = 0;
        long pause = 0;
        for (int i = 1; i < loser.size(); i++) {
            ProgressRecord record = loser.get(i).record();
            if (record.exchange() != null && record.exchange().released() != null) {
                for (ReleasedKeyGroup group : record.exchange().released().keyGroups()) {
                    long had = loser.get(i - 1).millis();
                    long has = taker.stream()
                            .filter(logged -> logged.own().contains(group.keyGroup()))
                            .findFirst()
                            .orElseThrow()
                            .millis();
                    pause = Math.max(pause, has - had);
                    end = Math.max(end, has);
                }
            }
        }
        System.out.printf(
                Locale.ROOT,
                "RESCALE | %d MB | all moved %.1f s after the wish | a key group pauses at most %.2f s | the others at most"
                        + " %.2f s (%.2f s before) |%n",
                megabytes,
                (end - wish) / 1e3,
                pause / 1e3,
                gap(loser, wish + 1_500, end) / 1e3,
                gap(loser, wish - 4_000, wish) / 1e3);
        assertTrue(end > wish);
    }

    /** The longest time between two epochs. */
    private static long gap(List<Logged> log, long from, long to) {
        long longest = 0;
        for (int i = 1; i < log.size(); i++) {
            if (log.get(i).millis() > from && log.get(i - 1).millis() < to) {
                longest = Math.max(
                        longest,
                        log.get(i).millis() - Math.max(from, log.get(i - 1).millis()));
            }
        }
        return longest;
    }

    private static int own(List<Logged> log) {
        return log.isEmpty() ? 0 : log.get(log.size() - 1).own().size();
    }

    private static long rows(List<Logged> log) {
        return log.stream()
                .flatMap(logged -> logged.record().sources().values().stream())
                .flatMap(source -> source.partitions().stream())
                .mapToLong(ProgressRecord.PartitionProgress::rows)
                .sum();
    }

    /** Each key once, as fast as it goes; or some again, a thousand a second, until that is enough. */
    private void send(int from, int keys, int round) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int i = from; i < keys && feeding; i++) {
                int key = round == 0 ? i : (int) (i * 7_919L % keys);
                String name = String.format("%010d", key) + "x".repeat(KEY_BYTES - 10);
                byte[] row = ("{\"k\":\"" + name + "\"}").getBytes(StandardCharsets.UTF_8);
                producer.send(new ProducerRecord<>("events", i % 4, null, row));
                if (round > 0 && i % 50 == 0) {
                    TimeUnit.MILLISECONDS.sleep(50);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Process start(Path file, int slot) throws IOException {
        return SlotProcess.start(
                file,
                slot,
                directory.resolve("division"),
                directory.resolve("state-" + slot),
                directory.resolve("slot-" + slot + ".log"));
    }

    private List<Logged> log(int slot) {
        return SlotProcess.log(broker, "moved", slot);
    }
}
