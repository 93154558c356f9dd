package dev.millrace.cli;

import dev.millrace.api.StreamingQuery;
import dev.millrace.connectors.Sink;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.console.ConsoleSink;
import dev.millrace.connectors.console.ConsoleTable;
import dev.millrace.connectors.datagen.DatagenSource;
import dev.millrace.connectors.files.FileSink;
import dev.millrace.connectors.files.FileSource;
import dev.millrace.connectors.lines.LineSource;
import dev.millrace.data.TimeText;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.recovery.FileProgressLog;
import dev.millrace.engine.task.MalformedPolicy;
import dev.millrace.engine.task.QueryDefinition;
import dev.millrace.formats.Format;
import dev.millrace.kafka.KafkaProgressLog;
import dev.millrace.kafka.KafkaSink;
import dev.millrace.kafka.KafkaSource;
import dev.millrace.kafka.KafkaTransaction;
import dev.millrace.plan.PlanNode;
import dev.millrace.state.rocksdb.StateDirectory;
import java.io.IOException;
import java.io.PrintStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.regex.Pattern;

/**
 * Gives a compiled query its world on this machine. The home cluster is that of the Kafka sinks; with none, the progress log
 * is a file beside the state.
 */
final class Assembly {

    private static final long STATE_MEMORY = 256L << 20;

    private final Compilation query;
    private final Path stateDirectory;
    private final int threads;
    private final PrintStream out;
    private final ConsoleTable table;
    private final KafkaTransaction.Patience patience = new KafkaTransaction.Patience();

    /**
     * @param table draws console sinks on a terminal; null for plain lines
     */
    Assembly(Compilation query, Path stateDirectory, int threads, PrintStream out, ConsoleTable table) {
        this.query = query;
        this.stateDirectory = stateDirectory;
        this.threads = threads;
        this.out = out;
        this.table = table;
    }

    /** Milliseconds of a time's text, or null. */
    static Long timestamp(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        long micros = TimeText.parseMicros(bytes, 0, bytes.length);
        return micros == TimeText.INVALID ? null : Math.floorDiv(micros, 1000L);
    }

    QueryDefinition definition() {
        StreamingQuery.Spec spec = query.query().spec();
        Map<String, QueryDefinition.SourceBinding> bindings = new LinkedHashMap<>();
        query.sources().forEach((name, source) -> bindings.put(name, binding(source.spec())));
        StreamingQuery.Checkpoint checkpoint =
                spec.state() == null ? null : spec.state().checkpoint();
        int retained = checkpoint == null || checkpoint.retained() == null ? 3 : checkpoint.retained();
        return new QueryDefinition(
                query.name(),
                query.plan(),
                bindings,
                this::world,
                new StateDirectory(stateDirectory, STATE_MEMORY, retained),
                settings(spec, checkpoint));
    }

    private QueryDefinition.Settings settings(StreamingQuery.Spec spec, StreamingQuery.Checkpoint checkpoint) {
        QueryDefinition.Settings defaults = QueryDefinition.Settings.defaults();
        StreamingQuery.Trigger trigger = spec.trigger();
        boolean now = trigger != null && Boolean.TRUE.equals(trigger.availableNow());
        return new QueryDefinition.Settings(
                threads,
                trigger == null || trigger.commitInterval() == null
                        ? defaults.commitIntervalMillis()
                        : Math.max(1, trigger.commitInterval().millis()),
                trigger == null || trigger.interval() == null
                        ? 0
                        : trigger.interval().millis(),
                now,
                checkpoint == null || checkpoint.interval() == null
                        ? defaults.checkpointIntervalMillis()
                        : checkpoint.interval().millis(),
                defaults.epochRows());
    }

    private static QueryDefinition.SourceBinding binding(StreamingQuery.Source source) {
        MalformedPolicy policy = source.onMalformed() == null
                ? MalformedPolicy.FAIL
                : switch (source.onMalformed()) {
                    case fail -> MalformedPolicy.FAIL;
                    case skip -> MalformedPolicy.SKIP;
                    case deadLetter -> MalformedPolicy.DEAD_LETTER;
                };
        long idle = source.watermark() == null || source.watermark().idleTimeout() == null
                ? 0
                : source.watermark().idleTimeout().millis();
        return new QueryDefinition.SourceBinding(policy, idle);
    }

    private QueryDefinition.World world() {
        Map<String, Object> home = homeProperties();
        KafkaTransaction transaction = null;
        ProgressLog log;
        if (home != null) {
            KafkaProgressLog.Names names = names();
            transaction = new KafkaTransaction(home, names.transactionalId(), patience);
            log = new KafkaProgressLog(transaction, home, names);
        } else {
            log = new FileProgressLog(stateDirectory.resolve("progress.log"));
        }
        Map<String, Source> sources = new LinkedHashMap<>();
        for (boolean fixed : new boolean[] {false, true}) {
            for (PlanNode.Scan scan : query.plan().scans(fixed)) {
                sources.put(scan.table().name(), source(scan));
            }
        }
        Map<String, Sink> sinks = new LinkedHashMap<>();
        for (StreamingQuery.Sink sink : query.query().spec().sinks()) {
            Format format = query.sinkFormat(sink.name());
            sinks.put(sink.name(), sink(sink.name(), sink.kafka(), sink.files(), format, transaction));
        }
        StreamingQuery.Spec spec = query.query().spec();
        KafkaTransaction shared = transaction;
        return new QueryDefinition.World(
                sources,
                sinks,
                Optional.ofNullable(spec.deadLetters()).map(output -> output("deadLetters", output, shared)),
                Optional.ofNullable(spec.lateRows()).map(output -> output("lateRows", output, shared)),
                log);
    }

    private KafkaProgressLog.Names names() {
        StreamingQuery.State state = query.query().spec().state();
        StreamingQuery.Topics topics = state == null ? null : state.topics();
        String prefix = topics == null || topics.prefix() == null ? "millrace." : topics.prefix();
        int replication = topics == null || topics.replicationFactor() == null ? 0 : topics.replicationFactor();
        return new KafkaProgressLog.Names(prefix, stateId(query.query()), (short) replication);
    }

    /** Names the query's state, topics and transactions. */
    static String stateId(StreamingQuery query) {
        if (query.spec().state() != null && query.spec().state().id() != null) {
            return query.spec().state().id();
        }
        String namespace = query.metadata().namespace();
        return (namespace == null ? "" : namespace + ".") + query.metadata().name();
    }

    private Sink output(String name, StreamingQuery.Output output, KafkaTransaction transaction) {
        Format format = new Format.Json(Format.TimestampStyle.ISO8601);
        return sink(name, output.kafka(), output.files(), format, transaction);
    }

    private Sink sink(
            String name,
            StreamingQuery.KafkaSink kafka,
            StreamingQuery.Files files,
            Format format,
            KafkaTransaction transaction) {
        if (kafka != null) {
            return new KafkaSink(kafka.topic(), format, transaction);
        }
        if (files != null) {
            return new FileSink(path(files.path()), format);
        }
        return new ConsoleSink(out, table);
    }

    private Path path(String text) {
        return query.directory().resolve(text);
    }

    private Source source(PlanNode.Scan scan) {
        Compilation.BoundSource bound = query.sources().get(scan.table().name());
        StreamingQuery.Source spec = bound.spec();
        boolean keepRaw = query.query().spec().deadLetters() != null
                || query.query().spec().lateRows() != null;
        if (spec.kafka() != null) {
            return kafkaSource(scan, bound, keepRaw);
        }
        if (spec.files() != null) {
            return new FileSource(
                    new FileSource.Config(
                            spec.name(),
                            path(spec.files().path()),
                            spec.files().pattern(),
                            bound.schema(),
                            scan.columns(),
                            bound.format()),
                    keepRaw);
        }
        if (spec.lines() != null) {
            return new LineSource(spec.name(), spec.lines().tcp(), bound.schema(), scan.columns(), bound.format());
        }
        StreamingQuery.Datagen datagen = spec.datagen();
        return new DatagenSource(new DatagenSource.Config(
                spec.name(),
                Generators.generator(datagen, bound.schema()),
                scan.columns(),
                datagen.rows() == null ? -1 : datagen.rows(),
                datagen.rowsPerSecond() == null ? 0 : datagen.rowsPerSecond(),
                datagen.partitions() == null ? 1 : datagen.partitions()));
    }

    private Source kafkaSource(PlanNode.Scan scan, Compilation.BoundSource bound, boolean keepRaw) {
        StreamingQuery.KafkaSource kafka = bound.spec().kafka();
        List<String> topics = new ArrayList<>();
        if (kafka.topic() != null) {
            topics.add(kafka.topic());
        }
        if (kafka.topics() != null) {
            topics.addAll(kafka.topics());
        }
        return new KafkaSource(new KafkaSource.Config(
                bound.spec().name(),
                topics,
                Optional.ofNullable(kafka.topicPattern()).map(Pattern::compile),
                properties(kafka.bootstrapServers(), kafka.properties(), kafka.propertiesFrom()),
                starting(kafka.startingOffsets()),
                bound.schema(),
                bound.metadata(),
                scan.columns(),
                bound.format(),
                keepRaw));
    }

    private static KafkaSource.Starting starting(StreamingQuery.StartingOffsets offsets) {
        if (offsets == null) {
            return new KafkaSource.Starting("earliest", 0, Map.of());
        }
        if (offsets.timestamp() != null) {
            return new KafkaSource.Starting("timestamp", timestamp(offsets.timestamp()), Map.of());
        }
        if (offsets.partitions() != null) {
            Map<Integer, Long> partitions = new HashMap<>();
            offsets.partitions().forEach((number, offset) -> partitions.put(Integer.valueOf(number), offset));
            return new KafkaSource.Starting("partitions", 0, partitions);
        }
        return new KafkaSource.Starting(offsets.position(), 0, Map.of());
    }

    /** How clients reach the home cluster; null where the query writes to none. */
    private Map<String, Object> homeProperties() {
        return query.kafkaOutputs().stream()
                .findFirst()
                .map(Compilation.KafkaOutput::kafka)
                .map(home -> properties(home.bootstrapServers(), home.properties(), home.propertiesFrom()))
                .orElse(null);
    }

    private Map<String, Object> properties(
            String servers, Map<String, String> own, List<StreamingQuery.PropertiesFrom> from) {
        Map<String, Object> properties = new HashMap<>();
        StreamingQuery.Kafka common = query.query().spec().kafka();
        if (common != null) {
            load(common.propertiesFrom(), properties);
            putAll(common.properties(), properties);
        }
        load(from, properties);
        putAll(own, properties);
        properties.put("bootstrap.servers", query.servers(servers));
        return properties;
    }

    private static void putAll(Map<String, String> from, Map<String, Object> to) {
        if (from != null) {
            to.putAll(from);
        }
    }

    private void load(List<StreamingQuery.PropertiesFrom> files, Map<String, Object> into) {
        if (files == null) {
            return;
        }
        for (StreamingQuery.PropertiesFrom from : files) {
            if (from.file() == null) {
                throw new QueryException(
                        "SecretNotAvailable",
                        "propertiesFrom.secretRef is for a cluster; on this machine use propertiesFrom: [{file: path}]");
            }
            Properties loaded = new Properties();
            try (Reader reader = Files.newBufferedReader(path(from.file()), StandardCharsets.UTF_8)) {
                loaded.load(reader);
            } catch (IOException e) {
                throw new QueryException(
                        "SecretKeyMissing", "the properties file " + path(from.file()) + " cannot be read", e);
            }
            loaded.forEach((key, value) -> into.put((String) key, value));
        }
    }
}
