package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.api.ResourceReader;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Queries over a topic of numbered words, run in this process against a real broker. */
final class KafkaQueries {

    static final int WORDS = 100;

    private final KafkaBroker broker;
    private final Path directory;

    KafkaQueries(KafkaBroker broker, Path directory) {
        this.broker = broker;
        this.directory = directory;
    }

    /** Writes rows {@code from} (inclusive) to {@code to} (exclusive), dealt to the topic's partitions in turn. */
    void produce(String topic, int from, int to) {
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            int partitions = producer.partitionsFor(topic).size();
            for (int id = from; id < to; id++) {
                producer.send(new ProducerRecord<>(topic, id % partitions, null, row(id)));
            }
        }
    }

    static byte[] row(int id) {
        return ("{\"id\":" + id + ",\"word\":\"w" + id % WORDS + "\"}").getBytes(StandardCharsets.UTF_8);
    }

    /** How a query differs from the usual one. */
    record Settings(String source, String mode, String more, String trigger) {
        static final Settings USUAL = new Settings("", "update", "", "commitInterval: 1ms, availableNow: true");

        Settings source(String fields) {
            return new Settings(fields, mode, more, trigger);
        }

        Settings mode(String outputMode) {
            return new Settings(source, outputMode, more, trigger);
        }

        /** With these fields of the spec. */
        Settings more(String fields) {
            return new Settings(source, mode, fields, trigger);
        }

        Settings endless() {
            return new Settings(source, mode, more, "commitInterval: 50ms");
        }
    }

    String yaml(String name, String topic, String sql, Settings settings) {
        return """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: @name}
                spec:
                  kafka: {bootstrapServers: "@servers", properties: {@properties}}
                  sources:
                    - name: events
                      schema: id BIGINT, word STRING
                      format: {json: {}}
                      kafka: {@topic, properties: {max.poll.records: "100"}@source}
                  query: @sql
                  sinks:
                    - {name: out, outputMode: @mode, format: {json: {}}, kafka: {topic: @name-out}}
                  trigger: {@trigger}
                  @more
                """.replace("@name", name)
                .replace("@servers", broker.servers())
                .replace("@properties", broker.clientProperties())
                .replace("@topic", topic.contains(":") ? topic : "topic: " + topic)
                .replace("@source", settings.source().isEmpty() ? "" : ", " + settings.source())
                .replace("@sql", sql)
                .replace("@mode", settings.mode())
                .replace("@trigger", settings.trigger())
                .replace("@more", settings.more());
    }

    /** A query whose state is kept under a name in the directory. */
    QueryRun query(String yaml, String state, List<String> notices, FaultPoints faults) {
        ResourceReader.Result read = ResourceReader.read("test.yaml", yaml);
        assertEquals(List.of(), read.problems());
        Compilation compilation = Compilation.of(read.documents().get(0), directory);
        assertEquals(List.of(), compilation.problems());
        Assembly assembly =
                new Assembly(compilation, Assembly.Place.local(directory.resolve(state), 1, System.out, null));
        return new QueryRun(assembly.definition(), notices::add, faults);
    }

    QueryRun query(String yaml, String state) {
        return query(yaml, state, Collections.synchronizedList(new ArrayList<>()), FaultPoints.NONE);
    }

    /** Checks that a topic folds to the counts of words (and their sums of ids) of the rows up to {@code rows}. */
    void checkCounts(String topic, int rows) {
        Map<String, String> found = new HashMap<>();
        broker.read(topic, record -> found.put(record.key(), record.value()));
        Map<String, String> expected = new HashMap<>();
        for (int w = 0; w < WORDS; w++) {
            long n = (rows - w + WORDS - 1) / WORDS;
            long total = n * w + WORDS * (n * (n - 1) / 2);
            expected.put(
                    "{\"word\":\"w" + w + "\"}", "{\"word\":\"w" + w + "\",\"n\":" + n + ",\"total\":" + total + "}");
        }
        assertEquals(expected, found);
    }

    /** The values of a topic, sorted. */
    List<String> values(String topic) {
        List<String> values = new ArrayList<>();
        broker.read(topic, record -> values.add(record.value()));
        Collections.sort(values);
        return values;
    }

    /** Rows {@code from} to {@code to} as a query that passes ids on writes them, sorted. */
    static List<String> ids(int from, int to) {
        List<String> ids = new ArrayList<>();
        for (int id = from; id < to; id++) {
            ids.add("{\"id\":" + id + "}");
        }
        Collections.sort(ids);
        return ids;
    }
}
