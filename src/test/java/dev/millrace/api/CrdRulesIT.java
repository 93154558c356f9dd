package dev.millrace.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a real API server says to resources: each rule of the CRD with a document that it lets pass and one that it refuses,
 * from {@code crd-rules.yaml}. Needs {@code kubectl} and a cluster ({@code KUBECONFIG}).
 */
@Tag("cluster")
class CrdRulesIT {

    private static final YAMLMapper YAML = new YAMLMapper();
    private static final String NAMESPACE = "millrace-crd-rules";

    /** Changes to the base document, what it is changed to afterwards, and what the answer to the last of both says. */
    private record Case(String name, String base, JsonNode change, JsonNode then, String refused) {
        @Override
        public String toString() {
            return name;
        }
    }

    private record Answer(int exit, String text) {}

    @BeforeAll
    static void start() throws Exception {
        assumeTrue(
                System.getenv("KUBECONFIG") != null,
                "KUBECONFIG names no cluster: the rules of the CRD are not tested");
        kubectl(null, "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait");
        assertEquals(0, kubectl(null, "create", "namespace", NAMESPACE).exit());
        for (String plural : List.of("streamingqueries", "streamingquerysavepoints")) {
            Answer applied = kubectl(
                    Files.readString(Path.of("crds/" + plural + ".millrace.dev-v1.yml")),
                    "apply",
                    "--server-side",
                    "--force-conflicts",
                    "-f",
                    "-");
            assertEquals(0, applied.exit(), applied.text());
            String crd = "crd/" + plural + ".millrace.dev";
            Awaitility.await(crd + " is established") // where there are no conditions yet, one wait of kubectl's fails
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> kubectl(null, "wait", "--for=condition=Established", crd, "--timeout=5s")
                                    .exit()
                            == 0);
        }
    }

    @AfterAll
    static void stop() throws Exception {
        if (System.getenv("KUBECONFIG") != null) {
            kubectl(null, "delete", "namespace", NAMESPACE, "--wait=false");
        }
    }

    private static Answer kubectl(String input, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("kubectl"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (var in = process.getOutputStream()) {
            if (input != null) {
                in.write(input.getBytes(StandardCharsets.UTF_8));
            }
        }
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Answer(process.waitFor(), text);
    }

    static List<Case> cases() throws IOException {
        List<Case> cases = new ArrayList<>();
        for (JsonNode found : document().get("cases")) {
            cases.add(new Case(
                    found.get("name").asText(),
                    found.path("of").asText("base"),
                    found.get("change"),
                    found.get("then"),
                    found.path("refused").asText("")));
        }
        return cases;
    }

    private static JsonNode document() throws IOException {
        return YAML.readTree(CrdRulesIT.class.getResourceAsStream("/crd-rules.yaml"));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theApiServerAcceptsWhatItShouldAndRefusesTheRest(Case given) throws Exception {
        ObjectNode resource = document().get(given.base()).deepCopy();
        merge(resource, given.change());
        Answer answer;
        if (given.then() == null) {
            answer = apply(resource, "--dry-run=server");
        } else {
            kubectl(null, "delete", "sq,sqs", "rules", "-n", NAMESPACE, "--ignore-not-found");
            Answer first = apply(resource);
            assertEquals(0, first.exit(), first.text());
            merge(resource, given.then());
            answer = apply(resource);
        }
        assertEquals(given.refused().isEmpty(), answer.exit() == 0, answer.text());
        assertTrue(answer.text().contains(given.refused()), answer.text());
    }

    private static Answer apply(JsonNode resource, String... more) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("apply", "-n", NAMESPACE, "-f", "-"));
        arguments.addAll(List.of(more));
        return kubectl(new ObjectMapper().writeValueAsString(resource), arguments.toArray(String[]::new));
    }

    /** As a JSON merge patch (RFC 7386) does it. */
    private static void merge(ObjectNode into, JsonNode change) {
        if (change == null) {
            return;
        }
        change.properties().forEach(field -> {
            JsonNode present = into.get(field.getKey());
            if (field.getValue().isNull()) {
                into.remove(field.getKey());
            } else if (field.getValue().isObject() && present instanceof ObjectNode object) {
                merge(object, field.getValue());
            } else {
                into.set(field.getKey(), field.getValue());
            }
        });
    }

    /** What the cases show to be refused. */
    static Set<String> refusals() throws IOException {
        return cases().stream().map(Case::refused).collect(Collectors.toSet());
    }
}
