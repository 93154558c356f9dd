package dev.millrace.cli;

import dev.millrace.api.StreamingQuery;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.console.ConsoleSink;
import dev.millrace.connectors.console.ConsoleTable;
import dev.millrace.connectors.datagen.DatagenSource;
import dev.millrace.connectors.files.FileSink;
import dev.millrace.connectors.files.FileSource;
import dev.millrace.connectors.jdbc.JdbcSink;
import dev.millrace.connectors.jdbc.JdbcTable;
import dev.millrace.connectors.lines.LineSource;
import dev.millrace.data.TimeText;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.Slot;
import dev.millrace.engine.recovery.FileProgressLog;
import dev.millrace.engine.task.MalformedPolicy;
import dev.millrace.engine.task.QueryDefinition;
import dev.millrace.engine.task.SavepointWish;
import dev.millrace.formats.Format;
import dev.millrace.kafka.KafkaCheckpointStore;
import dev.millrace.kafka.KafkaCheckpoints;
import dev.millrace.kafka.KafkaCleanUp;
import dev.millrace.kafka.KafkaExchange;
import dev.millrace.kafka.KafkaProgressLog;
import dev.millrace.kafka.KafkaSink;
import dev.millrace.kafka.KafkaSource;
import dev.millrace.kafka.KafkaTransaction;
import dev.millrace.kafka.OtherClusterSink;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SinkPlan;
import dev.millrace.state.CheckpointReader;
import dev.millrace.state.CheckpointStore;
import dev.millrace.state.SavepointOrigin;
import dev.millrace.state.StateHome;
import dev.millrace.state.rocksdb.StateDirectory;
import dev.millrace.state.rocksdb.StateMemory;
import dev.millrace.stores.DirectoryObjects;
import dev.millrace.stores.ObjectCheckpoints;
import dev.millrace.stores.Objects;
import dev.millrace.stores.S3Objects;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * Gives a compiled query its world on this machine. The home cluster is that of the first Kafka sink; with none, the progress
 * log is a file beside the state.
 */
final class Assembly {

    /** Nobody looks at the beans and the telemetry of each client, and registering them holds up a start. */
    private static final Map<String, Object> CLIENT_DEFAULTS =
            Map.of("metric.reporters", "", "enable.metrics.push", "false");

    /** How long files of checkpoints stay that none needs: a restore may still read them. */
    private static final Duration GRACE = Duration.ofMinutes(2);

    private final Compilation query;
    private final Place place;
    private final Secrets secrets;
    private final KafkaTransaction.Patience patience = new KafkaTransaction.Patience();
    private final Map<String, KafkaTransaction.Patience> patienceElsewhere = new ConcurrentHashMap<>();

    private volatile Division division;
    private volatile String divisionProblem;

    Assembly(Compilation query, Place place) {
        this.query = query;
        this.place = place;
        this.secrets = new Secrets(query.directory(), place.secrets());
        this.division = new Division(0, place.slot().count());
    }

    /**
     * Where a query runs.
     *
     * @param state the directory of its state
     * @param stateMemory for RocksDB, which other places may share
     * @param secrets the directory where a cluster mounts secrets, each in a directory of its name; empty where there is no
     *     cluster
     * @param table draws console sinks on a terminal; null for plain lines
     * @param slot which part of the query runs here
     * @param division the file that says into how many slots the query is to be divided; empty where the slot says it
     * @param wishes the file that says which savepoints are to be there; empty where nobody asks for any
     */
    record Place(
            Path state,
            int threads,
            StateMemory stateMemory,
            Optional<Path> secrets,
            PrintStream out,
            ConsoleTable table,
            Slot slot,
            Optional<Path> wishes,
            Optional<Path> division,
            History history) {

        private static final long USUAL_MEMORY = 256L << 20;

        /** This machine. */
        static Place local(Path state, int threads, PrintStream out, ConsoleTable table) {
            return local(state, threads, out, table, Slot.ONLY, Optional.empty());
        }

        /** A slot on this machine. */
        static Place local(
                Path state, int threads, PrintStream out, ConsoleTable table, Slot slot, Optional<Path> division) {
            return new Place(
                    state,
                    threads,
                    new StateMemory(USUAL_MEMORY),
                    Optional.empty(),
                    out,
                    table,
                    slot,
                    Optional.empty(),
                    division,
                    History.NONE);
        }

        /** A pod. */
        static Place pod(
                Path state,
                int threads,
                StateMemory stateMemory,
                Path secrets,
                Slot slot,
                Optional<Path> wishes,
                Optional<Path> division,
                History history) {
            return new Place(
                    state,
                    threads,
                    stateMemory,
                    Optional.of(secrets),
                    System.out,
                    null,
                    slot,
                    wishes,
                    division,
                    history);
        }

        boolean cluster() {
            return secrets.isPresent();
        }
    }

    /**
     * What the query was before.
     *
     * @param formerIds state ids that it had
     * @param savepoint that its state began from
     */
    record History(List<String> formerIds, Optional<SavepointName> savepoint) {
        static final History NONE = new History(List.of(), Optional.empty());
    }

    /**
     * A savepoint.
     *
     * @param stateId of the query when it was taken
     */
    record SavepointName(String stateId, String name) {

        /** From {@code id/name}. */
        static SavepointName of(String text) {
            int cut = text.indexOf('/');
            return new SavepointName(text.substring(0, cut), text.substring(cut + 1));
        }
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
        return new QueryDefinition(
                query.name(),
                query.plan(),
                bindings,
                this::world,
                new StateDirectory(
                        place.state(),
                        place.stateMemory(),
                        storesElsewhere() ? 1 : retained(),
                        this::storedCheckpoints,
                        () -> place.history().savepoint().map(this::origin)),
                this::wishes,
                place.slot(),
                this::division,
                Clock.SYSTEM,
                settings(spec, checkpoint));
    }

    private int retained() {
        StreamingQuery.State state = query.query().spec().state();
        return state == null || state.checkpoint() == null || state.checkpoint().retained() == null
                ? 3
                : state.checkpoint().retained();
    }

    /** Whether checkpoints go further than the volume: on a cluster of machines always, else on demand. */
    private boolean storesElsewhere() {
        return (place.cluster() || query.store().isPresent()) && query.home().isPresent();
    }

    private Optional<CheckpointReader> storedCheckpoints() {
        return storesElsewhere() ? Optional.of(storedCheckpoints(stateId(query.query()))) : Optional.empty();
    }

    private CheckpointReader storedCheckpoints(String id) {
        return objectCheckpoints(id)
                .<CheckpointReader>map(found -> found)
                .orElseGet(() -> new KafkaCheckpoints(homeProperties(), names(id)));
    }

    private SavepointOrigin origin(SavepointName savepoint) {
        if (!storesElsewhere()) {
            throw new StateHome.SavepointUnusableException(
                    "a savepoint lies in the query's checkpoint store, and a query that writes nothing to Kafka has none");
        }
        return new SavepointOrigin(savepoint.name(), storedCheckpoints(savepoint.stateId()));
    }

    /** What the file says; while it says nothing that can be read, what it said before. */
    private Division division() {
        try {
            if (place.division().isPresent() && Files.exists(place.division().get())) {
                division = division.later(
                        Division.parse(Files.readString(place.division().get())));
            }
        } catch (IOException | IllegalArgumentException e) {
            String problem = place.division().get() + ": " + e.getMessage();
            if (!problem.equals(divisionProblem)) {
                System.err.println("query '" + query.name() + "': " + problem + "; it goes on as it was divided");
            }
            divisionProblem = problem;
        }
        return division;
    }

    private List<SavepointWish> wishes() {
        try {
            return place.wishes().isPresent() && Files.exists(place.wishes().get())
                    ? SavepointWish.read(Files.readString(place.wishes().get()))
                    : List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Optional<CheckpointStore> checkpointStore(KafkaTransaction transaction) {
        return storesElsewhere()
                ? Optional.of(objectCheckpoints(stateId(query.query()))
                        .<CheckpointStore>map(found -> found)
                        .orElseGet(() -> new KafkaCheckpointStore(homeProperties(), names(), transaction, retained())))
                : Optional.empty();
    }

    private Optional<ObjectCheckpoints> objectCheckpoints(String id) {
        return objectCheckpoints(id, place.slot().index());
    }

    private Optional<ObjectCheckpoints> objectCheckpoints(String id, int slot) {
        return query.store()
                .flatMap(store -> objects(store, id + (slot == 0 ? "" : "/slot-" + slot)))
                .map(found -> new ObjectCheckpoints(found, retained(), GRACE));
    }

    private Optional<Objects> objects(StreamingQuery.Store store, String id) {
        if (store.directory() != null) {
            return Optional.of(
                    new DirectoryObjects(path(store.directory().path()).resolve(id)));
        }
        StreamingQuery.S3Store s3 = store.s3();
        if (s3 == null) {
            return Optional.empty();
        }
        String prefix = s3.prefix() == null ? "" : s3.prefix().replaceAll("^/+|/+$", "") + "/";
        return Optional.of(new S3Objects(new S3Objects.Config(
                s3.bucket(),
                (prefix.equals("/") ? "" : prefix) + id + "/",
                Optional.ofNullable(s3.endpoint()).map(URI::create),
                Optional.ofNullable(s3.region()),
                s3.pathStyle() == null ? s3.endpoint() != null : s3.pathStyle(),
                Optional.ofNullable(s3.credentialsFrom()).map(from -> () -> secrets.read(from)))));
    }

    private QueryDefinition.Settings settings(StreamingQuery.Spec spec, StreamingQuery.Checkpoint checkpoint) {
        QueryDefinition.Settings defaults = QueryDefinition.Settings.defaults();
        StreamingQuery.Trigger trigger = spec.trigger();
        boolean now = trigger != null && Boolean.TRUE.equals(trigger.availableNow());
        return new QueryDefinition.Settings(
                place.threads(),
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
                retained(),
                defaults.epochRows(),
                defaults.handOverBytes());
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
            log = new FileProgressLog(place.state().resolve("progress.log"));
        }
        Map<String, Source> sources = new LinkedHashMap<>();
        for (boolean fixed : new boolean[] {false, true}) {
            for (PlanNode.Scan scan : query.plan().scans(fixed)) {
                sources.put(scan.table().name(), source(scan));
            }
        }
        List<Sink> made = new ArrayList<>();
        try {
            return world(home, transaction, log, sources, made);
        } catch (RuntimeException e) { // an outage is waited for: what is made anew each time must not pile up
            made.forEach(Sink::close);
            log.close();
            throw e;
        }
    }

    /**
     * @param made takes what is to be closed where there comes none about
     */
    private QueryDefinition.World world(
            Map<String, Object> home,
            KafkaTransaction transaction,
            ProgressLog log,
            Map<String, Source> sources,
            List<Sink> made) {
        StreamingQuery.Spec spec = query.query().spec();
        Map<String, Sink> sinks = new LinkedHashMap<>();
        for (StreamingQuery.Sink sink : spec.sinks()) {
            sinks.put(sink.name(), sink(sink, transaction));
            made.add(sinks.get(sink.name()));
        }
        Optional<Sink> deadLetters = Optional.ofNullable(spec.deadLetters())
                .map(output -> output(QueryDefinition.DEAD_LETTERS, output, transaction));
        deadLetters.ifPresent(made::add);
        Optional<Sink> lateRows = Optional.ofNullable(spec.lateRows())
                .map(output -> output(QueryDefinition.LATE_ROWS, output, transaction));
        lateRows.ifPresent(made::add);
        return new QueryDefinition.World(
                sources,
                sinks,
                deadLetters,
                lateRows,
                log,
                checkpointStore(transaction),
                SlotRestrictions.of(query).isEmpty()
                        ? Optional.of(new KafkaExchange(
                                transaction, home, names(), query.plan().keyGroups()))
                        : Optional.empty(),
                secrets::changed,
                this::endFormer);
    }

    /**
     * Takes away what the query has beside its results: topics in its home cluster, and checkpoints elsewhere. Savepoints stay.
     */
    void cleanUp() {
        Set<Integer> slots = new TreeSet<>(Set.of(0));
        try {
            Map<String, Object> home = homeProperties();
            for (String id : ids()) {
                if (home != null) {
                    KafkaCleanUp topics = new KafkaCleanUp(home, names(id));
                    topics.slots().forEach(slots::add);
                    topics.query();
                }
            }
        } finally {
            ids().forEach(id ->
                    slots.forEach(slot -> objectCheckpoints(id, slot).ifPresent(ObjectCheckpoints::cleanUp)));
            forgetEpochs();
        }
    }

    /** What sinks outside the log's transaction have noted. All of them are tried; the first failure is told. */
    private void forgetEpochs() {
        ConnectorException failure = null;
        List<Runnable> all = new ArrayList<>();
        for (StreamingQuery.Sink sink : query.query().spec().sinks()) {
            if (sink.jdbc() != null) {
                all.add(() -> JdbcSink.forget(sink.name(), sink.jdbc().url(), databaseProperties(sink.jdbc()), ids()));
            }
            all.add(() -> forgetEpochs(sink.name(), sink.kafka()));
        }
        all.add(() ->
                forgetEpochs(QueryDefinition.DEAD_LETTERS, query.query().spec().deadLetters()));
        all.add(() ->
                forgetEpochs(QueryDefinition.LATE_ROWS, query.query().spec().lateRows()));
        for (Runnable one : all) {
            try {
                one.run();
            } catch (ConnectorException e) {
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void forgetEpochs(String name, StreamingQuery.Output output) {
        if (output != null) {
            forgetEpochs(name, output.kafka());
        }
    }

    private void forgetEpochs(String sink, StreamingQuery.KafkaSink topic) {
        if (topic != null && !query.isHome(topic)) {
            ids().forEach(id -> new KafkaCleanUp(clusterOf(topic), names(id)).sink(sink));
        }
    }

    /** Takes a savepoint away while the query does not run. */
    void cleanUp(SavepointName savepoint) {
        Map<String, Object> home = homeProperties();
        if (home != null) {
            KafkaCleanUp cleanUp = new KafkaCleanUp(home, names(savepoint.stateId()));
            cleanUp.savepoint(savepoint.name());
            objectCheckpoints(savepoint.stateId()).ifPresent(store -> {
                store.cleanUp(savepoint.name());
                if (cleanUp
                        .isOver()) { // asked last: the clean-up of the query, beside this one, looks after its log is
                    // gone
                    store.cleanUp();
                }
            });
        }
    }

    private List<String> ids() {
        List<String> ids = new ArrayList<>(place.history().formerIds());
        ids.add(stateId(query.query()));
        return ids;
    }

    /** Slot 0 does it for all: only then does it write anything, and the others have nothing before it has begun. */
    private void endFormer(long incarnation) {
        Map<String, Object> home = homeProperties();
        if (home != null && place.slot().index() == 0) {
            for (String id : place.history().formerIds()) {
                new KafkaCleanUp(home, names(id))
                        .slots()
                        .forEach(slot ->
                                KafkaProgressLog.supersede(home, names(id).of(slot), patience, incarnation));
            }
        }
    }

    private KafkaProgressLog.Names names() {
        return names(stateId(query.query()));
    }

    private KafkaProgressLog.Names names(String id) {
        StreamingQuery.State state = query.query().spec().state();
        StreamingQuery.Topics topics = state == null ? null : state.topics();
        String prefix = topics == null || topics.prefix() == null ? "millrace." : topics.prefix();
        int replication = topics == null || topics.replicationFactor() == null ? 0 : topics.replicationFactor();
        int inSync = topics == null || topics.minInsyncReplicas() == null ? 0 : topics.minInsyncReplicas();
        return new KafkaProgressLog.Names(
                prefix, id, place.slot().index(), new KafkaProgressLog.Copies((short) replication, inSync));
    }

    /** Names the query's state, topics and transactions. */
    static String stateId(StreamingQuery query) {
        if (query.spec().state() != null && query.spec().state().id() != null) {
            return query.spec().state().id();
        }
        String namespace = query.metadata().namespace();
        return (namespace == null ? "" : namespace + ".") + query.metadata().name();
    }

    private JdbcSink.Config jdbc(StreamingQuery.Sink sink) {
        SinkPlan plan = query.plan().sinks().stream()
                .filter(candidate -> candidate.name().equals(sink.name()))
                .findFirst()
                .orElseThrow();
        return new JdbcSink.Config(
                sink.name(),
                stateId(query.query()),
                sink.jdbc().url(),
                sink.jdbc().table(),
                databaseProperties(sink.jdbc()),
                settings(query.query().spec(), null).commitIntervalMillis(),
                plan.root().schema(),
                onRefused(sink),
                plan.mode() == OutputMode.UPDATE && plan.keyed() ? plan.keys() : null);
    }

    private static JdbcSink.OnRefused onRefused(StreamingQuery.Sink sink) {
        return sink.onRefused() == null
                ? JdbcSink.OnRefused.FAIL
                : switch (sink.onRefused()) {
                    case fail -> JdbcSink.OnRefused.FAIL;
                    case skip -> JdbcSink.OnRefused.SKIP;
                    case deadLetter -> JdbcSink.OnRefused.DEAD_LETTER;
                };
    }

    private Sink sink(StreamingQuery.Sink sink, KafkaTransaction transaction) {
        return sink.jdbc() != null
                ? new JdbcSink(jdbc(sink))
                : sink(sink.name(), sink.kafka(), sink.files(), query.sinkFormat(sink.name()), transaction);
    }

    private Map<String, Object> databaseProperties(StreamingQuery.JdbcTable table) {
        Map<String, Object> properties = new HashMap<>();
        putAll(table.properties(), properties);
        secrets.load(table.propertiesFrom(), properties);
        return properties;
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
        if (kafka != null && !query.isHome(kafka)) {
            return new OtherClusterSink(
                    name,
                    kafka.topic(),
                    format,
                    clusterOf(kafka),
                    names(),
                    patienceElsewhere.computeIfAbsent(name, sink -> new KafkaTransaction.Patience()));
        }
        if (kafka != null) {
            return new KafkaSink(kafka.topic(), format, transaction);
        }
        if (files != null) {
            return new FileSink(path(files.path()), stateId(query.query()), format);
        }
        return new ConsoleSink(place.out(), place.table(), !place.cluster());
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
        if (spec.jdbc() != null) {
            return new JdbcTable(new JdbcTable.Config(
                    spec.name(),
                    spec.jdbc().url(),
                    spec.jdbc().table(),
                    databaseProperties(spec.jdbc()),
                    bound.schema(),
                    scan.columns()));
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
        return query.home()
                .map(home -> properties(home.bootstrapServers(), home.properties(), home.propertiesFrom()))
                .orElse(null);
    }

    private Map<String, Object> clusterOf(StreamingQuery.KafkaSink topic) {
        return properties(topic.bootstrapServers(), topic.properties(), topic.propertiesFrom());
    }

    private Map<String, Object> properties(
            String servers, Map<String, String> own, List<StreamingQuery.PropertiesFrom> from) {
        Map<String, Object> properties = new HashMap<>(CLIENT_DEFAULTS);
        StreamingQuery.Kafka common = query.query().spec().kafka();
        if (common != null) {
            secrets.load(common.propertiesFrom(), properties);
            putAll(common.properties(), properties);
        }
        secrets.load(from, properties);
        putAll(own, properties);
        properties.put("bootstrap.servers", query.servers(servers));
        return properties;
    }

    private static void putAll(Map<String, String> from, Map<String, Object> to) {
        if (from != null) {
            to.putAll(from);
        }
    }
}
