package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.engine.Division;
import dev.millrace.engine.ProgressRecord.PartitionProgress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a row costs in one process, and in three: {@code ./mvnw verify -Dskip.unit.tests=true -Dit.test=SlotCostsIT
 * -Dslots.rows=4000000} prints the CPU seconds of all processes per million rows, once as many have made them warm; and less what
 * they take by themselves while hardly any rows come, as on a machine where they wait for CPU that is much of it.
 */
@EnabledIfSystemProperty(named = "slots.rows", matches = "\\d+")
class SlotCostsIT {

    private static final int PARTITIONS = 6;
    private static final int WORDS = 10_000;

    private static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: costs}
            spec:
              kafka: {bootstrapServers: "@servers"}
              sources:
                - name: events
                  schema: id BIGINT NOT NULL, word STRING NOT NULL
                  format: {json: {}}
                  kafka: {topic: events}
              query: @sql
              sinks:
                - {name: out, outputMode: update, format: {json: {}}, kafka: {topic: counts}}
              trigger: {commitInterval: 200ms}
            """;

    @TempDir
    private Path directory;

    private final int rows = Integer.getInteger("slots.rows");

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT word, COUNT(*) AS n, SUM(id) AS total FROM events GROUP BY word",
                "SELECT id, COUNT(*) AS n FROM events GROUP BY id"
            })
    void aRow(String sql) throws Exception {
        Cost one = cost(sql, 1);
        Cost three = cost(sql, 3);
        System.out.printf(
                Locale.ROOT,
                "COSTS | %s | one process %.2f | three %.2f CPU s per million rows | %.2f times | less %.2f and %.2f CPUs that"
                        + " they take without them: %.2f and %.2f | %.2f times |%n",
                sql,
                one.all(),
                three.all(),
                three.all() / one.all(),
                one.base(),
                three.base(),
                one.ofRows(),
                three.ofRows(),
                three.ofRows() / one.ofRows());
    }

    /**
     * Of all processes.
     *
     * @param all CPU seconds per million rows
     * @param seconds that a million rows took
     * @param base CPUs that are used while a few rows a second come
     */
    private record Cost(double all, double seconds, double base) {
        double ofRows() {
            return all - base * seconds;
        }
    }

    private Cost cost(String sql, int slots) throws Exception {
        Path place = Files.createDirectory(directory.resolve("slots-" + slots));
        List<Process> processes = new ArrayList<>();
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(place.resolve("kafka")))) {
            broker.createTopic("events", PARTITIONS);
            broker.createTopic("counts", 1);
            Path file = Files.writeString(
                    place.resolve("query.yaml"),
                    QUERY.replace("@servers", broker.servers()).replace("@sql", sql));
            Path division =
                    Files.writeString(place.resolve("division"), new Division(slots == 1 ? 0 : 1, slots).toString());
            for (int slot = 0; slot < slots; slot++) {
                processes.add(start(place, file, division, slot));
            }
            awaitDivided(broker, slots);
            process(broker, slots, 0);
            Duration before = cpu(processes);
            long start = System.nanoTime();
            process(broker, slots, rows);
            double seconds = (System.nanoTime() - start) / 1e3 / rows;
            return new Cost(cpu(processes).minus(before).toNanos() / 1e3 / rows, seconds, base(broker, processes));
        } finally {
            for (Process process : processes) {
                process.destroyForcibly().waitFor();
            }
        }
    }

    private static Process start(Path place, Path file, Path division, int slot) throws IOException {
        return SlotProcess.start(
                file, slot, division, place.resolve("state-" + slot), place.resolve("slot-" + slot + ".log"));
    }

    private static void awaitDivided(KafkaBroker broker, int slots) {
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .ignoreExceptions()
                .until(() -> slots == 1
                        || IntStream.range(0, slots).allMatch(slot -> {
                            List<SlotProcess.Logged> log = SlotProcess.log(broker, "costs", slot);
                            return !log.get(log.size() - 1).own().isEmpty();
                        }));
    }

    /** Sends rows, and waits until all are committed. */
    private void process(KafkaBroker broker, int slots, int from) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int id = from; id < from + rows; id++) {
                String row = "{\"id\":" + id + ",\"word\":\"w" + id * 31L % WORDS + "\"}";
                producer.send(new ProducerRecord<>(
                        "events", id / 100 % PARTITIONS, null, row.getBytes(StandardCharsets.UTF_8)));
            }
        }
        Awaitility.await()
                .atMost(Duration.ofMinutes(5))
                .pollInterval(Duration.ofSeconds(1))
                .ignoreExceptions() // the log may not be there yet
                .untilAsserted(() -> assertEquals(
                        from + rows,
                        IntStream.range(0, slots)
                                .mapToLong(slot -> read(SlotProcess.log(broker, "costs", slot)))
                                .sum()));
    }

    /** A few rows in each epoch, so that there is one. */
    private static double base(KafkaBroker broker, List<Process> processes) throws InterruptedException {
        Duration before = cpu(processes);
        long start = System.nanoTime();
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            for (int i = 0; i < 200; i++) {
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    String row = "{\"id\":" + -i + ",\"word\":\"w" + i + "\"}";
                    producer.send(
                            new ProducerRecord<>("events", partition, null, row.getBytes(StandardCharsets.UTF_8)));
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
        return cpu(processes).minus(before).toNanos() / (double) (System.nanoTime() - start);
    }

    private static long read(List<SlotProcess.Logged> log) {
        return log.stream()
                .flatMap(logged -> logged.record().sources().values().stream())
                .flatMap(source -> source.partitions().stream())
                .mapToLong(PartitionProgress::rows)
                .sum();
    }

    private static Duration cpu(List<Process> processes) {
        return processes.stream()
                .flatMap(process -> Stream.concat(Stream.of(process.toHandle()), process.descendants()))
                .map(handle -> handle.info().totalCpuDuration().orElseThrow())
                .reduce(Duration.ZERO, Duration::plus);
    }
}
