package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.api.Verdict;
import java.util.List;
import org.junit.jupiter.api.Test;

class WarningsTest {

    private static List<Verdict.Finding> warnings(String more) {
        return CompileCommand.verdict("""
                {"apiVersion": "millrace.dev/v1alpha1", "kind": "StreamingQuery", "metadata": {"name": "q"}, "spec": {
                 "sources": [{"name": "lines", "datagen": {"kind": "words", "rowsPerSecond": 1}}],
                 "query": "SELECT line FROM lines",
                 "sinks": [{"name": "out", "outputMode": "append", "console": {}}]%s}}""".formatted(more)).warnings();
    }

    @Test
    void aNumberOfPodsThatCountsForNothingIsTold() {
        assertEquals(List.of(), warnings(""));
        assertEquals(List.of(), warnings(", \"replicas\": 2, \"scaling\": {\"mode\": \"Manual\"}"));
        for (String more : List.of("", ", \"scaling\": {\"mode\": \"Recommend\"}")) {
            Verdict.Finding told = warnings(", \"replicas\": 2" + more).get(0);
            assertEquals("ReplicasIgnored spec.replicas", told.code() + " " + told.field());
        }
    }
}
