package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.operator.QueryResource;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class VerdictsTest {

    private static QueryResource query(String uid, String sql) {
        QueryResource query = new QueryResource();
        query.setMetadata(new ObjectMetaBuilder().withName(uid).withUid(uid).build());
        try {
            query.setSpec(new ObjectMapper().readTree("""
                    {"sources": [{"name": "lines", "datagen": {"kind": "words"}}], "query": "%s",
                     "sinks": [{"name": "out", "outputMode": "append", "console": {}}]}
                    """.formatted(sql)));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
        return query;
    }

    @Test
    void aQueryThatIsTooLongIsNotCompiled() {
        try (Verdicts verdicts = new Verdicts(query -> {})) {
            String sql = "SELECT line FROM lines".replace(" FROM", " ".repeat(65_536) + "FROM");
            assertEquals(
                    "PlanTooLarge",
                    verdicts.of(query("a", sql)).orElseThrow().problems().get(0).code());
        }
    }

    @Test
    void twoAreCompiledAtATimeAndEachOnce() {
        List<String> told = new CopyOnWriteArrayList<>();
        Set<ProcessHandle> before =
                new HashSet<>(ProcessHandle.current().children().toList());
        Set<Long> children = new HashSet<>();
        try (Verdicts verdicts =
                new Verdicts(query -> told.add(query.getMetadata().getUid()))) {
            List<QueryResource> queries = List.of(
                    query("a", "SELECT line FROM lines"),
                    query("b", "SELECT line FROM lines"),
                    query("c", "SELECT line AS c FROM lines"),
                    query("d", "SELECT line AS d FROM lines"),
                    query("e", "SELECT line AS e FROM lines"));
            queries.forEach(verdicts::of);
            queries.forEach(verdicts::of);
            Awaitility.await()
                    .atMost(Duration.ofMinutes(2))
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> {
                        ProcessHandle.current()
                                .children()
                                .filter(child -> !before.contains(child))
                                .forEach(child -> children.add(child.pid()));
                        return told.size() == 5;
                    });
            assertTrue(children.size() <= 2, children.size() + " compilers");
            assertEquals(Set.of("a", "b", "c", "d", "e"), Set.copyOf(told), "each query is told of its own");
            assertTrue(queries.stream().allMatch(query -> verdicts.of(query).isPresent()));
        }
    }
}
