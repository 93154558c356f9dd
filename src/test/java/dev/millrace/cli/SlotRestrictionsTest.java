package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.api.ResourceReader;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SlotRestrictionsTest {

    private static final String QUERY = """
            apiVersion: millrace.dev/v1alpha1
            kind: StreamingQuery
            metadata: {name: q}
            spec:
              kafka: {bootstrapServers: "nowhere:1"}
              sources:
                - {name: events, schema: "k STRING NOT NULL, j STRING NOT NULL, v INT NOT NULL", format: {json: {}}, kafka: {topic: events}}
                @names
              query: |
                @sql
              sinks: [{name: out, outputMode: @mode, format: {json: {}}, kafka: {topic: out}}]
            """;

    private static final String NAMES =
            "- {name: names, schema: 'k STRING NOT NULL, name STRING NOT NULL', static: {}, format: {json: {}}, kafka: {topic: names}}";

    /** By field and code. */
    private static List<String> found(String sql, String mode, String more) {
        ResourceReader.Result read = ResourceReader.read(
                "query.yaml",
                QUERY.replace("@names", sql.contains("names") ? NAMES : "")
                                .replace("@sql", sql)
                                .replace("@mode", mode)
                        + more);
        assertEquals(List.of(), read.problems());
        Compilation compilation = Compilation.of(read.documents().get(0), Path.of("/"));
        assertEquals(List.of(), compilation.problems());
        return SlotRestrictions.of(compilation).stream()
                .map(problem -> problem.field() + " " + problem.code())
                .toList();
    }

    /** All rows of a key come from one slot, in order. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT k, COUNT(*) AS n FROM events GROUP BY k",
                "SELECT COUNT(*) AS n, j, k FROM events GROUP BY k, j",
                "SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) WHERE n > 3",
                "SELECT DISTINCT k FROM events",
                "SELECT n, COUNT(*) AS m FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) GROUP BY n"
            })
    void whereTheKeyIsTheLastGroup(String sql) {
        assertEquals(List.of(), found(sql, "update", ""));
    }

    /** Equal rows are counted before they are written: the row is the last group then. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k)",
                "SELECT UPPER(k) AS k, COUNT(*) AS n FROM events GROUP BY k",
                "SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k)"
                        + " UNION ALL SELECT j AS k, COUNT(*) AS n FROM events GROUP BY j",
                "SELECT m.name, c.n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) c JOIN names m ON m.k = c.k"
            })
    void whereRowsHaveNoKey(String sql) {
        assertEquals(List.of(), found(sql, "update", ""));
    }

    @Test
    void slotsDoNotWaitForEachOther() {
        String sql = "SELECT k, v FROM events";
        assertEquals(
                List.of("spec.trigger.availableNow NotSupportedInSlots"),
                found(sql, "append", "  trigger: {availableNow: true}\n"));
        assertEquals(
                List.of("spec.trigger.interval NotSupportedInSlots"),
                found(sql, "append", "  trigger: {interval: 1m}\n"));
    }
}
