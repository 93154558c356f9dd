package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.api.Problem;
import dev.millrace.api.ResourceReader;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class WarningsTest {

    private static List<Problem> warnings(String more) {
        ResourceReader.Result read = ResourceReader.read("query.yaml", """
                apiVersion: millrace.dev/v1alpha1
                kind: StreamingQuery
                metadata: {name: q}
                spec:
                  sources: [{name: lines, datagen: {kind: words, rowsPerSecond: 1}}]
                  query: SELECT line FROM lines
                  sinks: [{name: out, outputMode: append, console: {}}]
                """ + more);
        assertEquals(List.of(), read.problems());
        return Warnings.of(Compilation.of(read.documents().get(0), Path.of("/")));
    }

    @Test
    void aNumberOfPodsThatCountsForNothingIsTold() {
        assertEquals(List.of(), warnings(""));
        assertEquals(List.of(), warnings("  replicas: 2\n  scaling: {mode: Manual}\n"));
        for (String more : List.of("", "  scaling: {mode: Recommend}\n")) {
            Problem told = warnings("  replicas: 2\n" + more).get(0);
            assertEquals("ReplicasIgnored spec.replicas 8", told.code() + " " + told.field() + " " + told.line());
        }
    }
}
