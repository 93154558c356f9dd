package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.Problem;
import dev.millrace.api.ResourceReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each mistake in a file is told with its line and column, its code, and what to do; all of them at once. */
class ProblemsOfResourcesTest {

    private static final String GOOD = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: q}
            spec:
              sources:
                - name: clicks
                  schema: page STRING, ts TIMESTAMP(3)
                  watermark: {column: ts, delay: 5s}
                  format: {json: {}}
                  files: {path: in}
              query: |
                SELECT page, COUNT(*) AS n
                FROM clicks
                GROUP BY page
              sinks:
                - {name: out, outputMode: update, console: {}}
            """;

    private static List<String> problems(String yaml) {
        ResourceReader.Result read = ResourceReader.read("q.yaml", yaml);
        List<Problem> problems = new ArrayList<>(read.problems());
        read.documents()
                .forEach(d -> problems.addAll(Compilation.of(d, Path.of(".")).problems()));
        return problems.stream()
                .sorted()
                .map(p -> p.line() + ":" + p.column() + " " + p.code())
                .toList();
    }

    private static void check(String from, String to, String... expected) {
        assertTrue(GOOD.contains(from), from);
        assertEquals(List.of(expected), problems(GOOD.replace(from, to)), to);
    }

    @Test
    void goodIsGood() {
        assertEquals(List.of(), problems(GOOD));
    }

    @Test
    void fieldsAndTypes() {
        check("watermark: {column", "watermerk: {column", "8:7 UnknownField");
        check("delay: 5s", "delay: 5 parsecs", "8:38 WrongValue");
        String exclusion =
                "  scaling: {exclusions: [{schedule: '0 %s * * *', duration: 1h, timeZone: %s}]}\n  query: |";
        check("  query: |", exclusion.formatted("9", "Europe/Berlin"));
        check("  query: |", exclusion.formatted("25", "UTC"), "11:37 WrongValue");
        check("  query: |", exclusion.formatted("9", "Berlin"), "11:74 WrongValue");
        check("  query: |", exclusion.replace("* * *", "30 2 *").formatted("9", "UTC"), "11:37 WrongValue"); // never
        String copies = "  state: {topics: {replicationFactor: %d, minInsyncReplicas: %d}}\n  query: |";
        check("  query: |", copies.formatted(3, 3));
        check("  query: |", copies.formatted(2, 3), "11:61 WrongValue"); // nothing could be committed
        check("  query: |", copies.formatted(0, 0), "11:39 WrongValue", "11:61 WrongValue");
        check("outputMode: update", "outputMode: replace", "16:31 WrongType");
        check("  query: |", "  querry: |", "11:3 UnknownField");
        check("  query: |", "  sentence: |", "5:3 MissingField", "11:3 UnknownField");
        check("kind: StreamingQuery", "kind: StreamingJob", "1:1 UnknownKind");
        check("metadata: {name: q}", "metadata: {name: q", "4:5 YamlSyntax");
    }

    @Test
    void sourcesAndSinks() {
        check(
                "- name: clicks\n",
                "- name: clicks\n      schema: x INT\n      format: {json: {}}\n      files: {path: b}\n    - name: clicks\n",
                "10:13 DuplicateSource");
        check("files: {path: in}", "onMalformed: fail", "6:7 ConnectorMissing");
        check("page STRING, ts TIMESTAMP(3)", "page STRNG, ts TIMESTAMP(3)", "7:20 SchemaInvalid");
        check("{column: ts", "{column: tss", "8:27 ColumnNotFound");
        check("FROM clicks\n", "FROM clicks, other\n", "13:18 TableNotFound");
        check(
                "files: {path: in}\n",
                "files: {path: in}\n    - name: unused\n      schema: x INT\n      format: {json: {}}\n      files: {path: b}\n",
                "11:13 UnusedSource");
        check("path: in}", "path: in}\n      onMalformed: deadLetter", "11:20 DeadLettersMissing");
        check("console: {}", "onRefused: skip, console: {}", "16:50 NotSupported");
        check(
                "console: {}",
                "onRefused: deadLetter, jdbc: {url: 'jdbc:postgresql://h/d', table: t}",
                "16:50 DeadLettersMissing");
        check("files: {path: in}", "lines: {stdin: true}");
        check("console: {}", "format: {json: {}}, files: {path: o}", "16:31 OutputModeNotPossible");
    }

    @Test
    void outputsMayBeInSeveralClusters() {
        String sink = "format: {json: {}}, kafka: {bootstrapServers: 'a:1', topic: o}";
        check("console: {}", sink);
        check("console: {}}", sink + "}\n  lateRows: {kafka: {bootstrapServers: 'b:1', topic: l}}");
        check("console: {}}", sink + "}\n  deadLetters: {kafka: {bootstrapServers: 'b:1', topic: l}}");
        check("console: {}}", sink + "}\n    - {name: second, outputMode: update, " + sink.replace("a:1", "b:1") + "}");
    }

    /** Where there are dead letters too, which may be elsewhere. */
    @Test
    void besideATableTheLogIsInTheClusterOfTheQuery() {
        String table = "jdbc: {url: 'jdbc:postgresql://db/x', table: t}}\n  kafka: {bootstrapServers: 'a:1'}";
        String dead = "\n  deadLetters: {kafka: {bootstrapServers: 'b:1', topic: l}}";
        ResourceReader.Result read = ResourceReader.read("q.yaml", GOOD.replace("console: {}}", table + dead));
        Compilation query = Compilation.of(read.documents().get(0), Path.of("."));
        assertEquals(List.of(), query.problems());
        assertEquals("a:1", query.servers(query.home().orElseThrow().bootstrapServers()));
    }

    @Test
    void theQueryItself() {
        check("COUNT(*) AS n", "COUNT(*)", "12:18 UnnamedColumn");
        check("COUNT(*) AS n", "COUNTS(page) AS n", "12:18 SqlInvalid");
        check("GROUP BY page", "GROUP BY page ORDER BY page", "14:19 SqlNotSupported");
        check("GROUP BY page", "GROUPED BY page", "14:13 SqlSyntax");
        check("outputMode: update", "outputMode: append", "14:14 OutputModeNotPossible");
    }

    @Test
    void severalAtOnce() {
        assertEquals(
                List.of("7:20 SchemaInvalid", "16:7 ConnectorMissing"),
                problems(GOOD.replace("page STRING", "page STRNG").replace(", console: {}", "")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"k8s-examples", "src/bench/workloads"})
    void whatIsShippedIsValid(String directory) throws IOException {
        try (Stream<Path> files = Files.list(Path.of(directory))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".yaml")).toList()) {
                assertEquals(List.of(), problems(Files.readString(file)), file.toString());
            }
        }
    }
}
