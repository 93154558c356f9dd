package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.data.Watermark;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Each golden query gives the expected result in each legal output mode, whatever the number of threads, the size of batches
 * and epochs, the dealing of rows to partitions, and the crashes on the way. The expected rows are checked against a batch
 * engine by {@link GoldenOracleTest}.
 */
class GoldenQueriesTest {

    static final Path GOLDEN = Path.of("src/test/resources/golden");

    @TempDir
    private Path temporary;

    static List<Path> queries() throws IOException {
        try (Stream<Path> paths = Files.list(GOLDEN)) {
            return paths.filter(path -> Files.exists(path.resolve("query.yaml")))
                    .sorted()
                    .toList();
        }
    }

    @TestFactory
    List<DynamicTest> goldenQueries() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        long seed = System.nanoTime();
        for (Path directory : queries()) {
            for (GoldenRun.Variation variation : List.of(
                    new GoldenRun.Variation(1, 4096, 1, 0, seed),
                    new GoldenRun.Variation(1, 7, 2, 4, seed + 1),
                    new GoldenRun.Variation(4, 64, 3, 4, seed + 2),
                    new GoldenRun.Variation(4, 4096, 5, 2, seed + 3),
                    new GoldenRun.Variation(2, 1, 2, 3, seed + 4))) {
                String name = directory.getFileName() + " " + variation;
                tests.add(DynamicTest.dynamicTest(name, () -> check(directory, variation)));
            }
        }
        return tests;
    }

    private void check(Path directory, GoldenRun.Variation variation) throws IOException {
        Path state = Files.createTempDirectory(temporary, "state");
        GoldenRun run = new GoldenRun(directory, variation, state);
        run.run();
        assertTrue(run.steps() > 0);
        Map<String, Long> expected = expected(directory);
        boolean comparable = Stream.of(OutputMode.APPEND, OutputMode.COMPLETE)
                .allMatch(mode -> run.held().values().stream()
                        .anyMatch(sink -> sink.plan().mode() == mode));
        assertTrue(!comparable || run.appendChecks() > 0);
        for (GoldenRun.Held sink : run.held().values()) {
            if (sink.plan().mode() == OutputMode.APPEND) {
                checkAppend(sink, expected);
            } else {
                assertEquals(
                        expected, sink.rows(), () -> "in mode " + sink.plan().mode());
            }
        }
    }

    /** All rows of a growing result; of a held one those that are closed, which are some of the rows and never others. */
    private static void checkAppend(GoldenRun.Held sink, Map<String, Long> expected) {
        Optional<PlanNode.Hold> hold = holdIn(sink.plan().root());
        Map<String, Long> rows = sink.rows();
        if (hold.isEmpty()) {
            assertEquals(expected, rows, "in mode append");
            return;
        }
        rows.forEach((row, count) -> assertTrue(
                expected.getOrDefault(row, 0L) >= count, () -> "append wrote " + row + ", which is not in the result"));
        assertTrue(
                rows.size() * 2 >= expected.size(),
                () -> "most rows are closed, but append wrote only " + rows.size() + " of " + expected.size());
    }

    private static Optional<PlanNode.Hold> holdIn(PlanNode node) {
        if (node instanceof PlanNode.Hold hold) {
            assertTrue(hold.waterline().at(Watermark.END) == Watermark.END || hold.column() >= 0);
            return Optional.of(hold);
        }
        return node.inputs().stream()
                .map(GoldenQueriesTest::holdIn)
                .flatMap(Optional::stream)
                .findFirst();
    }

    static Map<String, Long> expected(Path directory) throws IOException {
        Map<String, Long> rows = new TreeMap<>();
        for (String line : Files.readAllLines(directory.resolve("expected.json"))) {
            rows.merge(line, 1L, Long::sum);
        }
        return rows;
    }
}
