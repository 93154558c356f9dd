package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millrace.api.ResourceReader;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.Slot;
import dev.millrace.engine.recovery.FileProgressLog;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.MalformedPolicy;
import dev.millrace.engine.task.QueryDefinition;
import dev.millrace.engine.task.QueryRun;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.SinkPlan;
import dev.millrace.state.rocksdb.StateDirectory;
import dev.millrace.state.rocksdb.StateMemory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A replay proves itself (P16): the same input gives the same rows, other input behind the same positions is noticed. */
class ReplayTest {

    private static final String YAML = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: replayed}
            spec:
              sources:
                - {name: events, schema: "k STRING, v INT", format: {json: {}}, files: {path: in}}
              query: SELECT k, SUM(v) AS s FROM events GROUP BY k
              sinks:
                - {name: out, outputMode: complete, format: {json: {}}, files: {path: out}}
            """;

    @TempDir
    private Path directory;

    private String yaml = YAML;
    private Runnable beforeAStart = () -> {};
    private Runnable whenRequired = () -> {};

    private QueryRun query(FaultPoints faults, String... rows) {
        Compilation compilation =
                Compilation.of(ResourceReader.read("q.yaml", yaml).documents().get(0), directory);
        assertEquals(List.of(), compilation.problems());
        PlanNode.Scan scan = compilation.plan().scans(false).get(0);
        List<byte[]> records =
                Stream.of(rows).map(row -> row.getBytes(StandardCharsets.UTF_8)).toList();
        SinkPlan sink = compilation.plan().sinks().get(0);
        RecordsSource source =
                new RecordsSource(scan, compilation.sources().get("events").format(), records, 1, 100);
        source.whenRequired(whenRequired);
        GoldenRun.Held held = new GoldenRun.Held(sink, -1);
        Supplier<QueryDefinition.World> world = () -> {
            beforeAStart.run();
            return new QueryDefinition.World(
                    Map.of("events", source),
                    Map.of("out", held),
                    Optional.empty(),
                    Optional.empty(),
                    new FileProgressLog(directory.resolve("log")),
                    Optional.empty(),
                    Optional.empty(),
                    () -> false,
                    incarnation -> {});
        };
        QueryDefinition definition = new QueryDefinition(
                "replayed",
                compilation.plan(),
                Map.of("events", new QueryDefinition.SourceBinding(MalformedPolicy.SKIP, 0)),
                world,
                new StateDirectory(
                        directory.resolve("state"), new StateMemory(16 << 20), 2, Optional::empty, Optional::empty),
                List::of,
                Slot.ONLY,
                () -> Division.ONE,
                Clock.SYSTEM,
                new QueryDefinition.Settings(1, 50, 0, true, 3_600_000, 3, 1_000, 1 << 20));
        return new QueryRun(definition, notice -> {}, faults);
    }

    private void crashBehindTheCommit() {
        FaultPoints crash = step -> {
            if (step == FaultPoints.Step.AFTER_COMMIT) {
                throw new GoldenRun.Crash(step);
            }
        };
        assertThrows(
                GoldenRun.Crash.class,
                () -> query(crash, "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":2}")
                        .run());
    }

    @Test
    void theSameInputIsReplayed() {
        crashBehindTheCommit();
        QueryRun again = query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":2}");
        assertEquals(QueryRun.End.COMPLETED, again.run());
        assertEquals(1, again.metrics().replayedEpochs.sum());
    }

    @Test
    void otherRowsBehindTheSamePositionsAreNoticed() {
        crashBehindTheCommit();
        QueryRun again = query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":3}");
        assertEquals(
                "ReplayDiverged", assertThrows(QueryException.class, again::run).code());
    }

    @Test
    void equalRowsDoNotHideEachOther() {
        yaml = YAML.replace("SELECT k, SUM(v) AS s FROM events GROUP BY k", "SELECT CHAR_LENGTH(k) AS n FROM events")
                .replace("outputMode: complete", "outputMode: complete, maxRows: 9");
        crashBehindTheCommit();
        QueryRun again = query(FaultPoints.NONE, "{\"k\":\"aa\",\"v\":1}", "{\"k\":\"bb\",\"v\":2}");
        assertEquals(
                "ReplayDiverged", assertThrows(QueryException.class, again::run).code());
    }

    @Test
    void aRowThatCannotBeReadAnyMoreIsNoticed() {
        crashBehindTheCommit();
        QueryRun again = query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}", "not a row any more");
        assertEquals(
                "ReplayDiverged", assertThrows(QueryException.class, again::run).code());
    }

    /** Whoever asks while the input is looked for must not take the run for one that works. */
    @Test
    void aRunWhoseInputIsGoneWasNeverRunning() {
        crashBehindTheCommit();
        List<String> phases = new ArrayList<>();
        QueryRun[] run = new QueryRun[1];
        whenRequired = () -> {
            phases.add(run[0].metrics().figures().phase());
            throw new ConnectorException("SourceDataLost", "the records are gone", null, false);
        };
        run[0] = query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":2}");
        assertEquals(
                "SourceDataLost",
                assertThrows(QueryException.class, run[0]::run).code());
        assertEquals(List.of("replaying"), phases);
    }

    private List<ProgressRecord> records(UnaryOperator<ProgressRecord> more) {
        try (FileProgressLog log = new FileProgressLog(directory.resolve("log"))) {
            List<ProgressRecord> records = new ArrayList<>();
            log.open(-1, entry -> records.add(entry.record()));
            ProgressRecord another = more.apply(records.get(records.size() - 1));
            if (another != null) {
                log.begin();
                log.commit(another, List.of());
            }
            return records;
        }
    }

    /** P1: a start says in the log that it has taken over, before it computes. */
    @Test
    void eachStartClaimsWithTheNextIncarnation() {
        query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}").run();
        query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":2}")
                .run();
        query(FaultPoints.NONE, "{\"k\":\"a\",\"v\":1}", "{\"k\":\"b\",\"v\":2}")
                .run();
        assertEquals(
                List.of("1 claims 0", "1 computed 1", "2 claims 1", "2 computed 2", "3 claims 2"),
                records(last -> null).stream()
                        .map(record ->
                                record.incarnation() + (record.claim() ? " claims " : " computed ") + record.epoch())
                        .toList());
    }

    /** P1: the log tells who owns the query; a process that comes back behind another one's claim stops. */
    @Test
    void aRunThatFindsAGreaterIncarnationInTheLogStops() {
        int[] starts = new int[1];
        beforeAStart = () -> {
            if (++starts[0] == 2) {
                records(last -> last.claimedBy(7));
            }
        };
        FaultPoints outage = step -> {
            if (step == FaultPoints.Step.AFTER_STATE_WRITE) {
                throw new ConnectorException("KafkaUnavailable", "an outage", null, true);
            }
        };
        String row = "{\"k\":\"a\",\"v\":1}";
        assertEquals(QueryRun.End.SUPERSEDED, query(outage, row).run());
        assertEquals(2, starts[0]);
        assertEquals(QueryRun.End.COMPLETED, query(FaultPoints.NONE, row).run());
        List<ProgressRecord> records = records(last -> null);
        assertEquals(8, records.get(records.size() - 1).incarnation());
    }

    /** P2, P7: the log is the truth about one history only. */
    @ParameterizedTest
    @CsvSource({
        "plan, 1, PlanChanged",
        "lineage, 1, StateLost",
        "lineage, 0, StateLost",
        "epoch, 2, StateLost",
        "epoch, -1, StateLost",
        "build, 1, BuildChanged"
    })
    void aRecordThatDoesNotContinueTheHistoryStops(String other, int epochsOn, String code) {
        String row = "{\"k\":\"a\",\"v\":1}";
        query(FaultPoints.NONE, row).run();
        try (FileProgressLog log = new FileProgressLog(directory.resolve("log"))) {
            List<ProgressRecord> records = new ArrayList<>();
            log.open(-1, entry -> records.add(entry.record()));
            ProgressRecord last = records.get(records.size() - 1);
            log.begin();
            log.commit(
                    new ProgressRecord(
                            last.format(),
                            other.equals("lineage") ? "another" : last.lineage(),
                            other.equals("plan") ? "another" : last.plan(),
                            last.incarnation(),
                            false,
                            last.epoch() + epochsOn,
                            last.timeMillis(),
                            last.watermark(),
                            last.sources(),
                            Map.of(),
                            last.prepared(),
                            other.equals("build") ? "another" : last.build(),
                            null,
                            null,
                            null),
                    List.of());
        }
        QueryException e = assertThrows(QueryException.class, query(FaultPoints.NONE, row)::run);
        assertEquals(code, e.code(), e::getMessage);
    }
}
