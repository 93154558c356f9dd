package dev.millrace.cli;

import dev.millrace.api.Places;
import dev.millrace.api.Problem;
import dev.millrace.api.ResourceReader;
import dev.millrace.api.StreamingQuery;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import dev.millrace.engine.task.QueryDefinition;
import dev.millrace.formats.Format;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import dev.millrace.plan.SourceTable;
import dev.millrace.sql.SchemaParser;
import dev.millrace.sql.SqlCompiler;
import dev.millrace.sql.SqlError;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** A resource checked as a whole and compiled: either a plan or problems, each at its place in the file. */
final class Compilation {

    private final StreamingQuery query;
    private final Places places;
    private final Path directory;
    private final List<Problem> problems = new ArrayList<>();
    private final Map<String, BoundSource> sources = new LinkedHashMap<>();
    private final Map<String, Format> sinkFormats = new LinkedHashMap<>();
    private QueryPlan plan;

    /**
     * A source with its schema.
     *
     * @param metadata by kind: the column
     */
    record BoundSource(
            StreamingQuery.Source spec,
            Schema schema,
            Map<String, Integer> metadata,
            Format format,
            SourceTable table) {}

    private Compilation(ResourceReader.Document document, Path directory) {
        this.query = document.query();
        this.places = document.places();
        this.directory = directory;
    }

    static Compilation of(ResourceReader.Document document, Path directory) {
        Compilation compilation = unplanned(document, directory);
        compilation.compile();
        return compilation;
    }

    /** A resource that was compiled before, with the plan of then. */
    static Compilation of(ResourceReader.Document document, Path directory, QueryPlan stored) {
        Compilation compilation = unplanned(document, directory);
        compilation.planned(stored);
        return compilation;
    }

    /** A resource of which only the connectors are of interest: it has no plan. */
    static Compilation unplanned(ResourceReader.Document document, Path directory) {
        Compilation compilation = new Compilation(document, directory);
        compilation.checkSources();
        compilation.checkSinks();
        compilation.checkOutputs();
        compilation.checkSettings();
        return compilation;
    }

    StreamingQuery query() {
        return query;
    }

    String name() {
        return query.metadata().name();
    }

    Path directory() {
        return directory;
    }

    Places places() {
        return places;
    }

    List<Problem> problems() {
        return problems;
    }

    QueryPlan plan() {
        return plan;
    }

    Map<String, BoundSource> sources() {
        return sources;
    }

    Format sinkFormat(String sink) {
        return sinkFormats.get(sink);
    }

    /** A topic that the query writes to, and where in the file it stands. */
    record KafkaOutput(String path, StreamingQuery.KafkaSink kafka) {}

    /** Sinks, then dead letters and late rows. */
    List<KafkaOutput> kafkaOutputs() {
        StreamingQuery.Spec spec = query.spec();
        List<KafkaOutput> outputs = new ArrayList<>();
        for (int i = 0; i < spec.sinks().size(); i++) {
            outputs.add(new KafkaOutput(
                    "spec.sinks[" + i + "].kafka", spec.sinks().get(i).kafka()));
        }
        if (spec.deadLetters() != null) {
            outputs.add(
                    new KafkaOutput("spec.deadLetters.kafka", spec.deadLetters().kafka()));
        }
        if (spec.lateRows() != null) {
            outputs.add(new KafkaOutput("spec.lateRows.kafka", spec.lateRows().kafka()));
        }
        outputs.removeIf(output -> output.kafka() == null);
        return outputs;
    }

    /**
     * The cluster that holds the query's log: that of the first sink that is a topic, else {@code spec.kafka} beside a table,
     * else that of dead letters or late rows; empty where the log is a file.
     */
    Optional<StreamingQuery.Kafka> home() {
        List<StreamingQuery.Sink> sinks = query.spec().sinks();
        boolean noTopic = sinks.stream().allMatch(sink -> sink.kafka() == null);
        boolean tables = sinks.stream().anyMatch(sink -> sink.jdbc() != null);
        if (noTopic && tables && servers(null) != null) {
            return Optional.of(new StreamingQuery.Kafka(null, null, null));
        }
        return kafkaOutputs().stream()
                .map(KafkaOutput::kafka)
                .findFirst()
                .map(to -> new StreamingQuery.Kafka(to.bootstrapServers(), to.properties(), to.propertiesFrom()));
    }

    /** Whether a topic is in the cluster that holds the log, whose transactions then have its records. */
    boolean isHome(StreamingQuery.KafkaSink topic) {
        return home().filter(
                        home -> Objects.equals(servers(home.bootstrapServers()), servers(topic.bootstrapServers())))
                .isPresent();
    }

    /** The servers of a connector: its own, or those of the query. */
    String servers(String own) {
        return own != null || query.spec().kafka() == null
                ? own
                : query.spec().kafka().bootstrapServers();
    }

    /** Where the user wants checkpoints to be kept, beside the volume. */
    Optional<StreamingQuery.Store> store() {
        return Optional.ofNullable(query.spec().state())
                .map(StreamingQuery.State::checkpoint)
                .map(StreamingQuery.Checkpoint::store);
    }

    private void checkStore(StreamingQuery.Store store) {
        String path = "spec.state.checkpoint.store";
        exactlyOne(path, "the checkpoint store", "kafka, s3, directory", store.kafka(), store.s3(), store.directory());
        if (home().isEmpty()) {
            add(
                    path,
                    "StoreWithoutLog",
                    "without an output in Kafka the log of epochs is beside the state and is lost with it, so that a stored"
                            + " checkpoint could not be gone on from exactly; add a Kafka sink, or remove the store");
        }
        String endpoint = store.s3() == null ? null : store.s3().endpoint();
        if (endpoint != null && !endpoint.matches("https?://[^/\\s?#]+/?")) {
            add(
                    path + ".s3.endpoint",
                    "WrongValue",
                    "'" + endpoint + "' is not the URL of a server, such as https://storage.example.com:9000");
        }
    }

    private void add(String path, String code, String message) {
        problems.add(places.problem(path, code, message));
    }

    private void checkSources() {
        Set<String> names = new HashSet<>();
        List<StreamingQuery.Source> list = query.spec().sources();
        for (int i = 0; i < list.size(); i++) {
            StreamingQuery.Source source = list.get(i);
            String path = "spec.sources[" + i + "]";
            if (source == null) {
                add(path, "WrongType", "a source is empty; give it a name");
            } else if (!names.add(source.name().toLowerCase(java.util.Locale.ROOT))) {
                add(path + ".name", "DuplicateSource", "two sources are named '" + source.name() + "'; rename one");
            } else {
                checkSource(source, path);
            }
        }
    }

    private void checkSource(StreamingQuery.Source source, String path) {
        int before = problems.size();
        exactlyOne(
                path,
                "source '" + source.name() + "'",
                "kafka, files, jdbc, datagen, lines",
                source.kafka(),
                source.files(),
                source.jdbc(),
                source.datagen(),
                source.lines());
        if (source.primaryKey() != null) {
            add(
                    path + ".primaryKey",
                    "NotSupported",
                    "sources that change (primaryKey) are not supported yet; remove it");
        }
        if (source.fixed() != null && source.fixed().refresh() != null) {
            add(
                    path + ".static.refresh",
                    "NotSupported",
                    "refreshing a static table is not supported yet; use static: {}, which reads it once");
        }
        Schema schema = schemaOf(source, path);
        if (problems.size() > before || schema == null) {
            return;
        }
        Map<String, Integer> metadata = new LinkedHashMap<>();
        Schema whole = withMetadata(source, schema, metadata, path);
        Format format = source.datagen() != null || source.jdbc() != null
                ? null
                : format(source.format(), path, source.lines() != null);
        if (format != null && format.refusal(schema) != null) {
            add(path + ".format", "FormatMismatch", "source '" + source.name() + "': " + format.refusal(schema));
        }
        if (source.jdbc() != null) {
            checkJdbc(source.jdbc(), source.format(), path);
            if (source.fixed() == null) {
                add(
                        path,
                        "NotSupported",
                        "source '" + source.name() + "': a table of a database is read once, at the first start: add"
                                + " static: {}");
            }
        }
        if (source.kafka() != null) {
            checkKafkaSource(source.kafka(), path + ".kafka", source.name());
        }
        if (source.datagen() != null) {
            String problem = Generators.problem(source.datagen(), whole);
            if (problem != null) {
                add(path + ".datagen", "WrongValue", problem);
            }
        }
        if (source.onMalformed() == StreamingQuery.OnMalformed.deadLetter
                && query.spec().deadLetters() == null) {
            add(
                    path + ".onMalformed",
                    "DeadLettersMissing",
                    "onMalformed: deadLetter needs a place for dead letters; add spec.deadLetters");
        }
        Optional<SourceTable.EventTime> time = eventTime(source, whole, path);
        SourceTable table = new SourceTable(source.name(), whole, time, source.fixed() != null, source.lines() == null);
        sources.put(source.name(), new BoundSource(source, whole, metadata, format, table));
    }

    private void exactlyOne(String path, String what, String choices, Object... connectors) {
        long given = Stream.of(connectors).filter(Objects::nonNull).count();
        if (given != 1) {
            add(
                    path,
                    given == 0 ? "ConnectorMissing" : "ConnectorAmbiguous",
                    what + (given == 0 ? " has no connector" : " has more than one connector")
                            + "; give it exactly one of " + choices);
        }
    }

    private Schema schemaOf(StreamingQuery.Source source, String path) {
        if (source.schema() == null) {
            Optional<Schema> generated = Generators.schema(source.datagen());
            if (generated.isEmpty()) {
                add(path, "MissingField", "the field 'schema' is missing in source '" + source.name() + "'; add it");
            }
            return generated.orElse(null);
        }
        if (source.datagen() != null && Generators.schema(source.datagen()).isPresent()) {
            add(path + ".schema", "NotNeeded", "this generator has its own schema; remove the field");
            return null;
        }
        try {
            return SchemaParser.parse(source.schema());
        } catch (SchemaParser.SchemaException e) {
            problems.add(places.problemIn(
                    path + ".schema", e.position().line(), e.position().column(), "SchemaInvalid", e.getMessage()));
            return null;
        }
    }

    private Schema withMetadata(
            StreamingQuery.Source source, Schema schema, Map<String, Integer> metadata, String path) {
        if (source.kafka() == null || source.kafka().metadata() == null) {
            return schema;
        }
        StreamingQuery.KafkaMetadata wanted = source.kafka().metadata();
        List<Field> fields = new ArrayList<>(schema.fields());
        DataType header = new DataType.Row(
                List.of(new Field("name", DataType.STRING, false), new Field("value", DataType.BINARY, true)));
        addMetadata("key", wanted.key(), DataType.BINARY, fields, metadata, path);
        addMetadata("headers", wanted.headers(), new DataType.Array(header), fields, metadata, path);
        addMetadata("partition", wanted.partition(), DataType.INT, fields, metadata, path);
        addMetadata("offset", wanted.offset(), DataType.BIGINT, fields, metadata, path);
        addMetadata("timestamp", wanted.timestamp(), DataType.TIMESTAMP_MILLIS, fields, metadata, path);
        return new Schema(fields);
    }

    private void addMetadata(
            String kind, String name, DataType type, List<Field> fields, Map<String, Integer> metadata, String path) {
        if (name == null) {
            return;
        }
        if (fields.stream().anyMatch(f -> f.name().equalsIgnoreCase(name))) {
            add(
                    path + ".kafka.metadata." + kind,
                    "DuplicateColumn",
                    "the table has a column '" + name + "' already; choose another name");
            return;
        }
        metadata.put(kind, fields.size());
        fields.add(new Field(name, type, kind.equals("key")));
    }

    private void checkKafkaSource(StreamingQuery.KafkaSource kafka, String path, String name) {
        exactlyOne(
                path,
                "source '" + name + "'",
                "topic, topics, topicPattern",
                kafka.topic(),
                kafka.topics(),
                kafka.topicPattern());
        checkServers(kafka.bootstrapServers(), path);
        if (kafka.topicPattern() != null) {
            try {
                java.util.regex.Pattern.compile(kafka.topicPattern());
            } catch (java.util.regex.PatternSyntaxException e) {
                add(
                        path + ".topicPattern",
                        "WrongValue",
                        "the pattern is not a regular expression: " + e.getDescription());
            }
        }
        StreamingQuery.StartingOffsets starting = kafka.startingOffsets();
        if (starting != null && starting.timestamp() != null && Assembly.timestamp(starting.timestamp()) == null) {
            add(
                    path + ".startingOffsets.timestamp",
                    "WrongValue",
                    "'" + starting.timestamp() + "' is not a time such as 2024-05-01T12:00:00Z");
        }
        if (starting != null && starting.partitions() != null) {
            for (String partition : starting.partitions().keySet()) {
                if (!partition.matches("\\d{1,9}")) {
                    add(
                            path + ".startingOffsets.partitions",
                            "WrongValue",
                            "'" + partition + "' is not a partition's number");
                }
            }
        }
    }

    private void checkServers(String own, String path) {
        if (own == null && (query.spec().kafka() == null || query.spec().kafka().bootstrapServers() == null)) {
            add(path, "MissingField", "no Kafka cluster is named; add bootstrapServers here or in spec.kafka");
        }
    }

    private Format format(StreamingQuery.Format format, String path, boolean textByDefault) {
        if (format == null) {
            if (textByDefault) {
                return new Format.Text();
            }
            add(path, "MissingField", "the field 'format' is missing; add one of json, csv, text");
            return null;
        }
        exactlyOne(path + ".format", "the format", "json, csv, text", format.json(), format.csv(), format.text());
        if (format.json() != null) {
            StreamingQuery.JsonTimestamp style = format.json().timestamp();
            return new Format.Json(
                    style == null
                            ? Format.TimestampStyle.ISO8601
                            : switch (style) {
                                case iso8601 -> Format.TimestampStyle.ISO8601;
                                case epochMillis -> Format.TimestampStyle.EPOCH_MILLIS;
                                case epochSeconds -> Format.TimestampStyle.EPOCH_SECONDS;
                                case epochMicros -> Format.TimestampStyle.EPOCH_MICROS;
                            });
        }
        if (format.csv() != null) {
            String delimiter =
                    format.csv().delimiter() == null ? "," : format.csv().delimiter();
            if (delimiter.length() != 1) {
                add(path + ".format.csv.delimiter", "WrongValue", "the delimiter is one character");
                return null;
            }
            return new Format.Csv(Boolean.TRUE.equals(format.csv().header()), delimiter.charAt(0));
        }
        return format.text() != null ? new Format.Text() : null;
    }

    private Optional<SourceTable.EventTime> eventTime(StreamingQuery.Source source, Schema schema, String path) {
        if (source.watermark() == null) {
            return Optional.empty();
        }
        String name = source.watermark().column();
        int column = -1;
        for (int i = 0; i < schema.size(); i++) {
            if (schema.field(i).name().equalsIgnoreCase(name)) {
                column = i;
            }
        }
        if (column < 0) {
            String nearest = dev.millrace.api.Nearest.of(name, schema.names());
            add(
                    path + ".watermark.column",
                    "ColumnNotFound",
                    "source '" + source.name() + "' has no column '" + name + "'"
                            + (nearest == null ? "" : "; did you mean '" + nearest + "'?"));
            return Optional.empty();
        }
        if (schema.type(column).kind() != DataType.Kind.TIMESTAMP) {
            add(
                    path + ".watermark.column",
                    "WrongType",
                    "the watermark column '" + name + "' is of type " + schema.type(column)
                            + "; it must be a TIMESTAMP");
            return Optional.empty();
        }
        long delay = source.watermark().delay() == null
                ? 0
                : source.watermark().delay().millis();
        return Optional.of(new SourceTable.EventTime(column, delay));
    }

    private void checkSinks() {
        Set<String> names = new HashSet<>(Set.of(QueryDefinition.DEAD_LETTERS, QueryDefinition.LATE_ROWS));
        List<StreamingQuery.Sink> list = query.spec().sinks();
        if (list.isEmpty()) {
            add("spec.sinks", "MissingField", "the query has no sink; add one");
        }
        for (int i = 0; i < list.size(); i++) {
            StreamingQuery.Sink sink = list.get(i);
            String path = "spec.sinks[" + i + "]";
            if (!names.add(sink.name())) {
                add(path + ".name", "DuplicateSink", "two sinks are named '" + sink.name() + "'; rename one");
                continue;
            }
            exactlyOne(
                    path,
                    "sink '" + sink.name() + "'",
                    "kafka, files, jdbc, console",
                    sink.kafka(),
                    sink.files(),
                    sink.jdbc(),
                    sink.console());
            if (sink.onRefused() != null) {
                checkRefused(sink, path);
            }
            if (sink.jdbc() != null) {
                checkJdbc(sink.jdbc(), sink.format(), path);
            }
            if (sink.kafka() != null) {
                checkServers(sink.kafka().bootstrapServers(), path + ".kafka");
            }
            if (sink.files() != null && sink.outputMode() == StreamingQuery.OutputMode.update) {
                add(
                        path + ".outputMode",
                        "OutputModeNotPossible",
                        "files cannot be updated in place; use append or complete");
            }
            if (sink.kafka() != null || sink.files() != null) {
                Format format = format(sink.format(), path, false);
                if (format != null) {
                    sinkFormats.put(sink.name(), format);
                }
            }
        }
    }

    private void checkRefused(StreamingQuery.Sink sink, String path) {
        if (sink.jdbc() == null) {
            add(
                    path + ".onRefused",
                    "NotSupported",
                    "sink '" + sink.name() + "': only a table of a database refuses rows; remove it");
        } else if (sink.onRefused() == StreamingQuery.OnMalformed.deadLetter
                && query.spec().deadLetters() == null) {
            add(
                    path + ".onRefused",
                    "DeadLettersMissing",
                    "onRefused: deadLetter needs a place for dead letters; add spec.deadLetters");
        }
    }

    private void checkJdbc(StreamingQuery.JdbcTable table, StreamingQuery.Format format, String path) {
        if (!table.url().startsWith("jdbc:postgresql:") || table.url().contains("password=")) {
            add(
                    path + ".jdbc.url",
                    "WrongValue",
                    "give jdbc:postgresql://host:port/database, without a password: that belongs into propertiesFrom");
        }
        if (format != null) {
            add(path + ".format", "FormatMismatch", "a table has columns, and no format; remove it");
        }
    }

    private void checkOutputs() {
        checkOutput(query.spec().deadLetters(), "spec.deadLetters");
        checkOutput(query.spec().lateRows(), "spec.lateRows");
    }

    private void checkOutput(StreamingQuery.Output output, String path) {
        if (output == null) {
            return;
        }
        exactlyOne(path, path.substring(5), "kafka, files, console", output.kafka(), output.files(), output.console());
        if (output.kafka() != null) {
            checkServers(output.kafka().bootstrapServers(), path + ".kafka");
        }
    }

    private void checkSettings() {
        StreamingQuery.Spec spec = query.spec();
        boolean replayable =
                sources.values().stream().allMatch(source -> source.table().replayable());
        boolean claimsExactness = spec.sinks().stream().anyMatch(sink -> sink.console() == null);
        if (!replayable && claimsExactness) {
            for (int i = 0; i < spec.sources().size(); i++) {
                if (spec.sources().get(i).lines() != null) {
                    add(
                            "spec.sources[" + i + "].lines",
                            "NotReplayable",
                            "lines cannot be read again after a failure, so no sink but the console can be exact; use files"
                                    + " or kafka");
                }
            }
        }
        if (spec.state() != null
                && spec.state().ttl() != null
                && spec.state().ttl().millis() > 0) {
            add("spec.state.ttl", "NotSupported", "dropping state by age is not supported yet; remove ttl");
        }
        if (spec.state() != null && spec.state().keyGroups() != null) {
            int keyGroups = spec.state().keyGroups();
            if (keyGroups < 1 || keyGroups > 32_768) {
                add("spec.state.keyGroups", "WrongValue", "keyGroups is between 1 and 32768");
            }
        }
        if (spec.state() != null && spec.state().topics() != null) {
            checkCopies(spec.state().topics());
        }
        if (spec.state() != null
                && spec.state().checkpoint() != null
                && spec.state().checkpoint().retained() != null
                && spec.state().checkpoint().retained() < 1) {
            add("spec.state.checkpoint.retained", "WrongValue", "at least one checkpoint is kept");
        }
        store().ifPresent(this::checkStore);
        if (spec.onDataLoss() != null && "continue".equals(spec.onDataLoss().policy())) {
            add("spec.onDataLoss.policy", "NotSupported", "going on after lost data is not supported yet; use fail");
        }
        boolean endless =
                spec.trigger() != null && Boolean.TRUE.equals(spec.trigger().availableNow());
        for (int i = 0; endless && i < spec.sources().size(); i++) {
            StreamingQuery.Datagen datagen = spec.sources().get(i).datagen();
            if (datagen != null && datagen.rows() == null) {
                add(
                        "spec.sources[" + i + "].datagen",
                        "NeverEnds",
                        "a generator without an end has always more available; give it rows: n");
            }
        }
    }

    private void checkCopies(StreamingQuery.Topics topics) {
        Integer replication = topics.replicationFactor();
        Integer inSync = topics.minInsyncReplicas();
        if (replication != null && (replication < 1 || replication > Short.MAX_VALUE)) {
            add("spec.state.topics.replicationFactor", "WrongValue", "replicationFactor is between 1 and 32767");
        }
        if (inSync != null && inSync < 1) {
            add("spec.state.topics.minInsyncReplicas", "WrongValue", "minInsyncReplicas is at least 1");
        }
        if (inSync != null && replication != null && inSync > replication) {
            add(
                    "spec.state.topics.minInsyncReplicas",
                    "WrongValue",
                    "minInsyncReplicas is above replicationFactor: nothing could ever be committed");
        }
    }

    private void compile() {
        if (!problems.isEmpty() && sources.size() < query.spec().sources().size()) {
            return;
        }
        int keyGroups = query.spec().state() == null || query.spec().state().keyGroups() == null
                ? StreamingQuery.DEFAULT_KEY_GROUPS
                : query.spec().state().keyGroups();
        List<SqlCompiler.SinkRequest> requests = query.spec().sinks().stream()
                .map(sink -> new SqlCompiler.SinkRequest(
                        sink.name(),
                        OutputMode.valueOf(sink.outputMode().name().toUpperCase(java.util.Locale.ROOT)),
                        sink.maxRows() == null ? 0 : sink.maxRows()))
                .toList();
        List<SourceTable> tables =
                sources.values().stream().map(BoundSource::table).toList();
        SqlCompiler.Result result =
                new SqlCompiler(tables, keyGroups).compile(query.spec().query(), requests);
        for (SqlError error : result.errors()) {
            problems.add(places.problemIn(
                    "spec.query", error.position().line(), error.position().column(), error.code(), error.message()));
        }
        result.plan().ifPresent(this::planned);
    }

    private void planned(QueryPlan found) {
        plan = found;
        checkUnused(found);
        checkSinkFormats(found);
        checkTables(found);
    }

    private void checkUnused(QueryPlan found) {
        Set<String> used = new HashSet<>();
        Stream.concat(found.scans(false).stream(), found.scans(true).stream())
                .map(PlanNode.Scan::table)
                .forEach(table -> used.add(table.name()));
        for (int i = 0; i < query.spec().sources().size(); i++) {
            String name = query.spec().sources().get(i).name();
            if (!used.contains(name)) {
                add(
                        "spec.sources[" + i + "].name",
                        "UnusedSource",
                        "the query does not name the source '" + name + "'; remove the source or use it");
            }
        }
    }

    private void checkTables(QueryPlan found) {
        for (int i = 0; i < query.spec().sinks().size(); i++) {
            SinkPlan plan = found.sinks().get(i);
            if (query.spec().sinks().get(i).jdbc() == null) {
                continue;
            }
            boolean grows = found.properties().get(plan.root()).appendOnly();
            if (plan.mode() == OutputMode.UPDATE && !plan.keyed() && !grows) {
                add(
                        "spec.sinks[" + i + "].outputMode",
                        "OutputModeNotPossible",
                        "sink '" + plan.name()
                                + "': the result has no unique key to find a table's rows by; use complete,"
                                + " or group by what tells rows apart");
            }
            for (int j = 0; j < i; j++) {
                StreamingQuery.JdbcTable earlier = query.spec().sinks().get(j).jdbc();
                StreamingQuery.JdbcTable own = query.spec().sinks().get(i).jdbc();
                if (earlier != null
                        && earlier.url().equals(own.url())
                        && earlier.table().equals(own.table())) {
                    add(
                            "spec.sinks[" + i + "].jdbc",
                            "SameTable",
                            "sink '" + plan.name() + "': another sink writes this table, and each would wait for the"
                                    + " other; give each a table of its own");
                }
            }
            for (Field field : plan.root().schema().fields()) {
                if (field.type().kind() == DataType.Kind.ARRAY || field.type().kind() == DataType.Kind.ROW) {
                    add(
                            "spec.sinks[" + i + "].jdbc",
                            "FormatMismatch",
                            "sink '" + plan.name() + "': a table has no column for " + field.name() + " of type "
                                    + field.type() + "; take it apart in the query");
                }
            }
        }
    }

    private void checkSinkFormats(QueryPlan found) {
        Map<String, Integer> indexes = new HashMap<>();
        for (int i = 0; i < query.spec().sinks().size(); i++) {
            indexes.put(query.spec().sinks().get(i).name(), i);
        }
        sinkFormats.forEach((name, format) -> {
            String refusal = format.refusal(found.root().schema());
            if (refusal != null) {
                add(
                        "spec.sinks[" + indexes.get(name) + "].format",
                        "FormatMismatch",
                        "sink '" + name + "': " + refusal);
            }
        });
    }
}
