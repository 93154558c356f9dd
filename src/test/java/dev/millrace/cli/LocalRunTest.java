package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.ResourceReader;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.task.FaultPoints;
import dev.millrace.engine.task.QueryRun;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Queries over directories, without Kafka: bad rows, late rows, files that come, and damage to what is kept on disk. */
class LocalRunTest {

    @TempDir
    private Path directory;

    private final List<String> notices = new ArrayList<>();

    @BeforeEach
    void makeInput() throws IOException {
        Files.createDirectory(directory.resolve("in"));
    }

    private void input(String name, String... lines) throws IOException {
        Path file = directory.resolve("in").resolve(name);
        byte[] bytes = (String.join("\n", lines) + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8);
        try (OutputStream out = name.endsWith(".gz")
                ? new GZIPOutputStream(Files.newOutputStream(file))
                : Files.newOutputStream(file)) {
            out.write(bytes);
        }
        Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis() - 10_000));
    }

    private String yaml(String sql, String mode, String more) {
        return """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: local}
                spec:
                  sources:
                    - name: events
                      schema: k STRING, v INT, ts TIMESTAMP(3)
                      watermark: {column: ts, delay: 5s}
                      format: {json: {}}
                      files: {path: in}
                      onMalformed: @policy
                  query: @sql
                  sinks:
                    - {name: out, outputMode: @mode, format: {json: {}}, files: {path: out}}
                  @more
                  trigger: {availableNow: true, commitInterval: 20ms}
                """.replace("@sql", sql)
                .replace("@mode", mode)
                .replace("@policy", more.contains("deadLetters") ? "deadLetter" : more.equals("skip") ? "skip" : "fail")
                .replace("@more", more.equals("skip") ? "" : more);
    }

    private QueryRun query(String yaml, FaultPoints faults) {
        ResourceReader.Result read = ResourceReader.read("test.yaml", yaml);
        assertEquals(List.of(), read.problems());
        Compilation compilation = Compilation.of(read.documents().get(0), directory);
        assertEquals(List.of(), compilation.problems());
        Assembly assembly =
                new Assembly(compilation, Assembly.Place.local(directory.resolve("state"), 1, System.out, null));
        return new QueryRun(assembly.definition(), notices::add, faults);
    }

    private QueryRun run(String yaml) {
        QueryRun run = query(yaml, FaultPoints.NONE);
        assertEquals(QueryRun.End.COMPLETED, run.run());
        return run;
    }

    private List<String> output(String name) throws IOException {
        List<String> lines = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory.resolve(name))) {
            for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                lines.addAll(Files.readAllLines(file));
            }
        }
        return lines;
    }

    private static String row(String k, int v, int second) {
        return String.format(
                "{\"k\":\"%s\",\"v\":%d,\"ts\":\"2024-01-01T00:%02d:%02dZ\"}", k, v, second / 60, second % 60);
    }

    @Test
    void filesThatComeLaterAreReadOnce() throws IOException {
        String yaml = yaml("SELECT k, v FROM events WHERE v <> 3", "append", "");
        input("a.json", row("a", 1, 0), row("b", 3, 1));
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\",\"v\":1}"), output("out"));
        input("b.json.gz", row("c", 4, 2), row("d", 5, 3));
        Files.writeString(directory.resolve("in/.hidden"), "not json");
        Files.writeString(directory.resolve("in/growing.tmp"), "not json");
        run(yaml);
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\",\"v\":1}", "{\"k\":\"c\",\"v\":4}", "{\"k\":\"d\",\"v\":5}"), output("out"));
    }

    @Test
    void aMalformedRowStopsTheQueryAndNamesItsPlace() throws IOException {
        input("a.json", row("a", 1, 0), "{\"k\":\"a\",\"v\":\"x\"}");
        QueryException e = assertThrows(QueryException.class, () -> run(yaml("SELECT k, v FROM events", "append", "")));
        assertEquals("MalformedRow", e.code());
        assertTrue(e.getMessage().contains("a.json line offset 2"), e::getMessage);
        assertTrue(e.getMessage().contains("\"v\":\"x\""), e::getMessage);
        assertEquals(List.of(), output("out"));
    }

    @Test
    void skippedRowsAreCounted() throws IOException {
        input("a.json", row("a", 1, 0), "nonsense", row("b", 0, 1), row("c", 2, 1));
        QueryRun run = run(yaml("SELECT k, 10 / v AS q FROM events", "append", "skip"));
        assertEquals(List.of("{\"k\":\"a\",\"q\":10}", "{\"k\":\"c\",\"q\":5}"), output("out"));
        assertEquals(2, run.metrics().rowsMalformed.sum());
    }

    @Test
    void deadLettersCarryBytesPositionAndReason() throws IOException {
        input("a.json", "nonsense", row("b", 0, 1), row("c", 2, 1));
        run(yaml("SELECT k, 10 / v AS q FROM events", "append", "deadLetters: {files: {path: dead}}"));
        assertEquals(List.of("{\"k\":\"c\",\"q\":5}"), output("out"));
        List<String> letters = output("dead");
        assertEquals(2, letters.size());
        assertTrue(
                letters.get(0).contains("\"offset\":1") && letters.get(0).contains("\"text\":\"nonsense\""),
                letters::toString);
        assertTrue(
                letters.get(1).contains("DIVISION_BY_ZERO") && letters.get(1).contains("\"offset\":2"),
                letters::toString);
    }

    @Test
    void anErrorThatIsNotReadIsNone() throws IOException {
        input("a.json", row("a", 0, 0), row("a", 5, 1));
        run(yaml(
                "SELECT k, SUM(10 / v) FILTER (WHERE v <> 0) AS s, COUNT(*) AS n FROM events GROUP BY k",
                "complete",
                ""));
        assertEquals(List.of("{\"k\":\"a\",\"s\":2,\"n\":2}"), output("out"));
    }

    @Test
    void anErrorInAConditionIsOneOfItsRow() throws IOException {
        input("a.json", row("a", 0, 0), row("b", 5, 1), row("c", 20, 2));
        QueryRun run = run(yaml("SELECT k FROM events WHERE 10 / v > 1", "append", "skip"));
        assertEquals(List.of("{\"k\":\"b\"}"), output("out"));
        assertEquals(1, run.metrics().rowsMalformed.sum());
    }

    /** S7: a group, and a match in a table, is of a key that is there. */
    @Test
    void anErrorInAKeyIsOneOfItsRow() throws IOException {
        input("a.json", row("a", 0, 0), row("a", 5, 1), row("b", 5, 1));
        QueryRun run = run(yaml("SELECT 10 / v AS q, COUNT(*) AS n FROM events GROUP BY 10 / v", "complete", "skip"));
        assertEquals(List.of("{\"q\":2,\"n\":2}"), output("out"));
        assertEquals(1, run.metrics().rowsMalformed.sum());
    }

    @Test
    void lateRowsAreDecidedByTheInputAlone() throws IOException {
        input(
                "a.json",
                row("a", 1, 10),
                row("a", 2, 20),
                row("a", 3, 15),
                row("late", 4, 14),
                row("a", 5, 40),
                row("late", 6, 34),
                row("a", 7, 35));
        QueryRun run = run(yaml(
                "SELECT k, window_end, SUM(v) AS s FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end",
                "append",
                "lateRows: {files: {path: late}}"));
        assertEquals(2, run.metrics().rowsLate.sum());
        assertEquals(
                2,
                output("late").stream()
                        .filter(line -> line.contains("\\\"k\\\":\\\"late\\\""))
                        .count());
        assertEquals(
                List.of(
                        "{\"k\":\"a\",\"window_end\":\"2024-01-01T00:00:20.000Z\",\"s\":4}",
                        "{\"k\":\"a\",\"window_end\":\"2024-01-01T00:00:30.000Z\",\"s\":2}"),
                output("out").stream().sorted().toList());
    }

    /** S2: a window closes when every source has passed it. */
    @Test
    void theSlowestSourceHoldsTheWindows() throws IOException {
        String yaml = yaml(
                        "WITH u AS (SELECT ts FROM events UNION ALL SELECT ts FROM others) SELECT window_end, COUNT(*) AS n"
                                + " FROM TABLE(TUMBLE(TABLE u, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end",
                        "append",
                        "")
                .replace(
                        "  query:",
                        "    - {name: others, schema: ts TIMESTAMP(3), watermark: {column: ts, delay: 5s}, format: {json: {}},"
                                + " files: {path: others}}\n  query:");
        Files.createDirectory(directory.resolve("others"));
        input("a.json", row("a", 1, 11), row("a", 1, 100));
        input("../others/a.json", row("b", 1, 12));
        run(yaml);
        input("../others/b.json", row("b", 1, 18), row("b", 1, 27));
        run(yaml);
        assertEquals(List.of("{\"window_end\":\"2024-01-01T00:00:20.000Z\",\"n\":3}"), output("out"));
    }

    @Test
    void noRowIsLateWhereNothingUsesTheWatermark() throws IOException {
        input("a.json", row("a", 1, 50), row("a", 2, 0));
        QueryRun run = run(yaml("SELECT k, COUNT(*) AS n FROM events GROUP BY k", "complete", ""));
        assertEquals(0, run.metrics().rowsLate.sum());
        assertEquals(List.of("{\"k\":\"a\",\"n\":2}"), output("out"));
    }

    @Test
    void aTornEndOfTheLogIsCutOff() throws IOException {
        String yaml = yaml("SELECT k, COUNT(*) AS n FROM events GROUP BY k", "complete", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        Files.write(directory.resolve("state/progress.log"), new byte[] {0, 0, 1, 0, 5, 5}, StandardOpenOption.APPEND);
        input("b.json", row("a", 1, 1));
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\",\"n\":2}"), output("out"));
    }

    @Test
    void aDamagedLogIsNotGuessedAt() throws IOException {
        String yaml = yaml("SELECT k, COUNT(*) AS n FROM events GROUP BY k", "complete", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        delete(directory.resolve("state/db"));
        delete(directory.resolve("state/checkpoints"));
        Path log = directory.resolve("state/progress.log");
        byte[] bytes = Files.readAllBytes(log);
        bytes[40] ^= 1;
        Files.write(log, bytes);
        assertEquals(
                "StateLost", assertThrows(QueryException.class, () -> run(yaml)).code());
        assertEquals(List.of("{\"k\":\"a\",\"n\":1}"), output("out"));
    }

    private static void delete(Path tree) throws IOException {
        try (Stream<Path> paths = Files.walk(tree)) {
            for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"truncated", "gone", "flipped"})
    void damagedStateIsRestoredOrComputedAgain(String damage) throws IOException {
        String yaml = yaml("SELECT k, COUNT(*) AS n, MAX(v) AS m FROM events GROUP BY k", "complete", "");
        input("a.json", row("a", 1, 0), row("b", 2, 0));
        run(yaml);
        Path db = directory.resolve("state/db");
        if (damage.equals("gone")) {
            delete(db);
            delete(directory.resolve("state/checkpoints"));
        } else {
            try (Stream<Path> files = Files.list(db)) {
                for (Path file : files.filter(f ->
                                f.toString().endsWith(".sst") || f.toString().contains("MANIFEST"))
                        .toList()) {
                    byte[] bytes = Files.readAllBytes(file);
                    if (damage.equals("truncated")) {
                        Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
                    } else {
                        bytes[bytes.length / 2] ^= 0x55;
                        Files.write(file, bytes);
                    }
                }
            }
        }
        input("b.json", row("a", 7, 1));
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\",\"n\":2,\"m\":7}", "{\"k\":\"b\",\"n\":1,\"m\":2}"), output("out"));
        assertFalse(notices.isEmpty());
    }

    @Test
    void aFileThatChangedAfterItWasTakenUpIsNoticed() throws IOException {
        String yaml = yaml("SELECT k, COUNT(*) AS n FROM events GROUP BY k", "complete", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        delete(directory.resolve("state/db"));
        delete(directory.resolve("state/checkpoints"));
        input("a.json", row("a", 1, 0), row("a", 1, 0));
        assertEquals(
                "SourceDataLost",
                assertThrows(QueryException.class, () -> run(yaml)).code());
    }

    private String joined(String query) {
        return """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: joined}
                spec:
                  sources:
                    - {name: events, schema: "k STRING, v INT", format: {json: {}}, files: {path: in}}
                    - {name: names, schema: "k STRING, d INT, name STRING", static: {}, format: {csv: {}}, files: {path: names.csv}}
                  query: @query
                  sinks:
                    - {name: out, outputMode: append, format: {json: {}}, files: {path: out}}
                  trigger: {availableNow: true}
                """.replace("@query", query);
    }

    /** P5: what the file says later is not what the rows met. */
    @Test
    void aStaticTableKeepsTheRowsOfItsFirstReading() throws IOException {
        String yaml = joined("SELECT e.v, n.name FROM events e JOIN names n ON n.k = e.k");
        Files.writeString(directory.resolve("names.csv"), "a,1,first\n");
        input("a.json", row("a", 1, 0));
        run(yaml);
        Files.writeString(directory.resolve("names.csv"), "a,1,second\n");
        input("b.json", row("a", 2, 0));
        run(yaml);
        delete(directory.resolve("state/db"));
        delete(directory.resolve("state/checkpoints"));
        input("c.json", row("a", 3, 0));
        run(yaml);
        assertEquals(
                List.of("{\"v\":1,\"name\":\"first\"}", "{\"v\":2,\"name\":\"first\"}", "{\"v\":3,\"name\":\"first\"}"),
                output("out"));
    }

    @Test
    void aKeyOfAStaticTableThatCannotBeComputedStops() throws IOException {
        Files.writeString(directory.resolve("names.csv"), "a,0,first\n");
        input("a.json", row("a", 1, 0));
        String yaml =
                joined("SELECT e.v, n.name FROM events e JOIN (SELECT 10 / d AS q, name FROM names) n ON n.q = e.v");
        QueryException e = assertThrows(QueryException.class, () -> run(yaml));
        assertEquals("StaticTableFailed", e.code());
        assertTrue(e.getMessage().contains("division by zero"), e::getMessage);
    }

    @Test
    void aRowWhoseJoinKeyCannotBeComputedStops() throws IOException {
        Files.writeString(directory.resolve("names.csv"), "a,5,first\n");
        input("a.json", row("a", 2, 0), row("b", 0, 0));
        String yaml = joined("SELECT e.v, n.name FROM events e LEFT JOIN names n ON n.d = 10 / e.v");
        assertEquals(
                "MalformedRow",
                assertThrows(QueryException.class, () -> run(yaml)).code());
        assertEquals(List.of(), output("out"));
    }

    /** S7: an error in the condition is one of its pair: that pair is reported, and is neither joined nor absent. */
    @Test
    void aPairWhoseConditionCannotBeComputedIsReportedAndNotJoined() throws IOException {
        Files.writeString(directory.resolve("names.csv"), "a,2,bad\nb,2,bad\nb,1,good\n");
        input("a.json", row("a", 2, 0), row("b", 2, 0), row("c", 2, 0), row("a", 1, 0));
        String yaml = joined(
                        "SELECT e.k, e.v, n.name FROM events e @kind JOIN names n ON n.k = e.k AND 10 / (e.v - n.d) > 0")
                .replace("files: {path: in}}", "files: {path: in}, onMalformed: deadLetter}")
                .replace("  trigger:", "  deadLetters: {files: {path: dead}}\n  trigger:");
        for (String kind : List.of("INNER", "LEFT")) {
            run(yaml.replace("@kind", kind)
                    .replace("path: out", "path: " + kind)
                    .replace("path: dead", "path: " + kind + "-dead"));
            List<String> rows = new ArrayList<>(List.of("{\"k\":\"b\",\"v\":2,\"name\":\"good\"}"));
            if (kind.equals("LEFT")) {
                rows.add("{\"k\":\"c\",\"v\":2,\"name\":null}");
                rows.add("{\"k\":\"a\",\"v\":1,\"name\":null}");
            }
            assertEquals(rows, output(kind));
            List<String> letters = output(kind + "-dead");
            assertEquals(2, letters.size(), letters::toString);
            for (int i = 0; i < letters.size(); i++) {
                String letter = letters.get(i);
                assertTrue(letter.contains("\"code\":\"DIVISION_BY_ZERO\""), letter);
                assertTrue(letter.contains("\"operator\":\"join\""), letter);
                assertTrue(letter.contains("\"offset\":" + (i + 1)), letter);
                assertTrue(letter.contains("bad"), letter);
            }
            delete(directory.resolve("state"));
        }
    }

    /** S12: only = drops NULLs. */
    @Test
    void aJoinOnIsNotDistinctFromFindsNull() throws IOException {
        Files.writeString(directory.resolve("names.csv"), ",1,none\na,2,some\n");
        input("a.json", row("a", 1, 0), "{\"k\":null,\"v\":2}");
        run(joined("SELECT e.v, n.name FROM events e JOIN names n ON n.k IS NOT DISTINCT FROM e.k"));
        assertEquals(List.of("{\"v\":1,\"name\":\"some\"}", "{\"v\":2,\"name\":\"none\"}"), output("out"));
    }

    /** S12: one equality everywhere. */
    @Test
    void equalDoublesAreOneGroup() throws IOException {
        input(
                "a.json",
                row("-0.0", 1, 0),
                row("0", 1, 0),
                row("0", -1, 0),
                row("NaN", 1, 0),
                row("NaN", 1, 0),
                row("Infinity", 1, 0));
        run(yaml(
                "SELECT d, COUNT(*) AS n, MAX(d) AS m FROM (SELECT CAST(k AS DOUBLE) * v AS d FROM events) GROUP BY d",
                "complete",
                ""));
        assertEquals(
                List.of(
                        "{\"d\":\"Infinity\",\"n\":1,\"m\":\"Infinity\"}",
                        "{\"d\":\"NaN\",\"n\":2,\"m\":\"NaN\"}",
                        "{\"d\":0.0,\"n\":3,\"m\":0.0}"),
                output("out").stream().sorted().toList());
    }

    @Test
    void aTableLargerThanItsDeclaredLimitStopsTheQuery() throws IOException {
        String yaml = yaml("SELECT k, v FROM events", "complete, maxRows: 2", "");
        input("a.json", row("a", 1, 0), row("a", 1, 0));
        run(yaml);
        input("b.json", row("b", 1, 0));
        assertEquals(
                "ResultTooLarge",
                assertThrows(QueryException.class, () -> run(yaml)).code());
        assertEquals(2, output("out").size());
    }

    /** S15: also a table without rows takes the place of the last one; one that has not changed is not written. */
    @Test
    void aTableThatBecomesEmptyIsWritten() throws IOException {
        String yaml = yaml("SELECT k FROM events GROUP BY k HAVING COUNT(*) = 1", "complete", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\"}"), output("out"));
        Path result = directory.resolve("out/result.json");
        FileTime old = FileTime.fromMillis(1_000_000);
        Files.setLastModifiedTime(result, old);
        input("b.json", row("b", 1, 0), row("b", 1, 0));
        run(yaml);
        assertEquals(old, Files.getLastModifiedTime(result));
        input("c.json", row("a", 1, 0));
        run(yaml);
        assertEquals(List.of(), output("out"));
    }

    /** S7: accumulators are wider than results; only what an epoch ends with can overflow, and it can be taken back. */
    @Test
    void onlyTheSumAtTheEndOfAnEpochOverflows() throws IOException {
        String sql = "SELECT SUM(w) AS s FROM (SELECT k, MAX(v) * 4611686018427387904 AS w FROM events GROUP BY k)";
        String yaml = yaml(sql, "complete", "");
        input("a.json", row("a", 1, 0), row("b", 1, 0), row("c", -1, 0));
        run(yaml);
        assertEquals(List.of("{\"s\":4611686018427387904}"), output("out"));
        input("b.json", row("c", 0, 1));
        assertEquals(
                "MalformedRow",
                assertThrows(QueryException.class, () -> run(yaml)).code());
        assertEquals(List.of("{\"s\":4611686018427387904}"), output("out"));
    }

    @Test
    void anAverageOfDecimalsIsRoundedHalfUp() throws IOException {
        String[] rows = new String[64];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = row(i % 2 == 0 ? "a" : "b", i == 0 ? 1 : i == 1 ? -1 : 0, 0);
        }
        input("a.json", rows);
        run(yaml("SELECT k, AVG(v * 0.01) AS a FROM events GROUP BY k", "complete", ""));
        assertEquals(
                List.of("{\"k\":\"a\",\"a\":0.000313}", "{\"k\":\"b\",\"a\":-0.000313}"),
                output("out").stream().sorted().toList());
    }

    /** S7, S14: only a sum of finite values that is too large is an error; infinities and NaN are values, and have sums. */
    @Test
    void aSumOfDoublesOverflowsOrIsInfinite() throws IOException {
        String sql =
                "SELECT MIN(v) AS g, SUM(CAST(k AS DOUBLE)) AS s, AVG(CAST(k AS DOUBLE)) AS a FROM events GROUP BY v";
        input(
                "a.json",
                row("1.5e308", 1, 0),
                row("1.5e308", 1, 0),
                row("-1.5e308", 1, 0),
                row("1.5e308", 2, 0),
                row("Infinity", 2, 0),
                row("-Infinity", 3, 0),
                row("Infinity", 3, 0),
                row("1", 4, 0),
                row("NaN", 4, 0),
                row("-Infinity", 5, 0));
        run(yaml(sql, "complete", ""));
        assertEquals(
                List.of(
                        "{\"g\":1,\"s\":1.5E308,\"a\":5.0E307}",
                        "{\"g\":2,\"s\":\"Infinity\",\"a\":\"Infinity\"}",
                        "{\"g\":3,\"s\":\"NaN\",\"a\":\"NaN\"}",
                        "{\"g\":4,\"s\":\"NaN\",\"a\":\"NaN\"}",
                        "{\"g\":5,\"s\":\"-Infinity\",\"a\":\"-Infinity\"}"),
                output("out").stream().sorted().toList());
        input("b.json", row("1.5e308", 1, 1));
        QueryException e = assertThrows(QueryException.class, () -> run(yaml(sql, "complete", "")));
        assertEquals("MalformedRow", e.code());
        assertTrue(e.getMessage().contains("[1, OVERFLOW, 7.5E307]"), e::getMessage);
    }

    /** A generator is a function of the row's number: a crash, and other epochs, change no row. */
    @ParameterizedTest
    @ValueSource(strings = {"words", "adEvents", "nexmark", "columns"})
    void generatedRowsAreTheSameAfterACrash(String kind) throws IOException {
        String columns = "x BIGINT, s STRING, t TIMESTAMP(3), d DOUBLE";
        String generator = kind.equals("columns")
                ? "columns: {x: {uniform: {min: 1, max: 9}}, s: {textLength: 5}, t: {time: {step: 1s, jitter: 5s}},"
                        + " d: {uniform: {min: 0, max: 1}, nullShare: 0.5}}"
                : "kind: " + kind;
        String yaml = """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: generated}
                spec:
                  sources:
                    - {name: made, @schema datagen: {rows: 30000, partitions: 3, seed: 7, @generator}}
                  query: SELECT * FROM made
                  sinks:
                    - {name: out, outputMode: append, format: {json: {}}, files: {path: @out}}
                  trigger: {availableNow: true, commitInterval: 1ms}
                """.replace("@schema", kind.equals("columns") ? "schema: \"" + columns + "\"," : "")
                .replace("@generator", generator);
        run(yaml.replace("@out", "whole"));
        int[] steps = new int[1];
        int[] crashes = {4};
        FaultPoints faults = step -> {
            if (++steps[0] % 4 == 0 && --crashes[0] >= 0) {
                throw new dev.millrace.connectors.ConnectorException("Crash", "at " + step + crashes[0], null, true);
            }
        };
        delete(directory.resolve("state"));
        query(yaml.replace("@out", "parts"), faults).run();
        assertTrue(crashes[0] <= 0, "too few epochs to crash in: " + steps[0]);
        List<String> whole = output("whole").stream().sorted().toList();
        assertEquals(30_000, whole.size());
        assertEquals(whole, output("parts").stream().sorted().toList());
    }

    @Test
    void zstandardFilesAreUnpacked() throws IOException {
        Path file = directory.resolve("in").resolve("a.json.zst");
        try (OutputStream out = new com.github.luben.zstd.ZstdOutputStream(Files.newOutputStream(file))) {
            out.write((row("a", 1, 0) + "\n" + row("b", 2, 0)).getBytes(java.nio.charset.StandardCharsets.UTF_8));
        }
        Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis() - 10_000));
        run(yaml("SELECT k FROM events", "append", ""));
        assertEquals(List.of("{\"k\":\"a\"}", "{\"k\":\"b\"}"), output("out"));
    }

    @Test
    void filesMayBeTakenAwayButNotTheirDirectory() throws IOException {
        String yaml = yaml("SELECT k FROM events", "append", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\"}"), output("out"));
        delete(directory.resolve("out").resolve("part-000000000001-0.json"));
        run(yaml);
        input("b.json", row("b", 1, 0));
        run(yaml);
        assertEquals(List.of("{\"k\":\"b\"}"), output("out"));
        delete(directory.resolve("out"));
        assertEquals(
                "SinkDataLost",
                assertThrows(QueryException.class, () -> run(yaml)).code());
    }

    /** Its epochs begin at one again: those that the directory has would be taken for written. */
    @Test
    void aQueryWhoseStateIsLostDoesNotWriteWhereItHasWritten() throws IOException {
        String yaml = yaml("SELECT k FROM events", "append", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        delete(directory.resolve("state"));
        input("b.json", row("b", 1, 0));
        QueryException refused = assertThrows(QueryException.class, () -> run(yaml));
        assertEquals("SinkDataLost", refused.code());
        assertTrue(
                refused.getMessage().contains("holds epoch 1 of the query, which is at epoch 1: its state was lost"),
                refused.getMessage());
        assertEquals(List.of("{\"k\":\"a\"}"), output("out"));
        delete(directory.resolve("out"));
        run(yaml);
        assertEquals(List.of("{\"k\":\"a\"}", "{\"k\":\"b\"}"), output("out"));
    }

    @Test
    void aDirectoryIsTheOutputOfOneQuery() throws IOException {
        String yaml = yaml("SELECT k FROM events", "append", "");
        input("a.json", row("a", 1, 0));
        run(yaml);
        Files.delete(directory.resolve("out/.staging/query")); // one that was written before there were such
        input("b.json", row("b", 1, 0));
        run(yaml);
        delete(directory.resolve("state"));
        QueryException refused =
                assertThrows(QueryException.class, () -> run(yaml.replace("name: local", "name: other")));
        assertEquals("SinkDataLost", refused.code());
        assertTrue(
                refused.getMessage().contains("is the output of a query with the state local, and this one's is other"),
                refused.getMessage());
        assertEquals(List.of("{\"k\":\"a\"}", "{\"k\":\"b\"}"), output("out"));
    }
}
