package dev.millrace.operator.resources;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a query's pods run: the document for the engine, the plan of its SQL and the settings of the pod. It is kept in a
 * ConfigMap that is never changed and named by document and settings, so that an earlier version can be gone back to exactly.
 *
 * @param document the resource, as JSON, without what only the operator reads
 * @param plan as the engine reads it; empty where it is not known (yet), and the engine compiles the SQL itself
 * @param undivided why it can run in one slot only; null where it can be divided
 */
public record Version(String name, String document, Pod pod, String plan, String undivided) {

    /** What a ConfigMap calls the parts. */
    public static final String DOCUMENT_KEY = "query.yaml";

    public static final String POD_KEY = "pod.json";

    public static final String PLAN_KEY = "plan.json";

    private static final String UNDIVIDED_KEY = "undivided";

    /** What of the spec, of a source and of a sink decides on the plan; the rest is about connectors. */
    private static final List<String> SOURCE_MEANING =
            List.of("name", "schema", "primaryKey", "watermark", "static", "datagen", "lines");

    private static final List<String> SINK_MEANING = List.of("name", "outputMode", "maxRows");

    /** Of a pod where the spec does not say. */
    public static final String DEFAULT_CPU = "1";

    public static final String DEFAULT_MEMORY = "1Gi";

    static final ObjectMapper MAPPER = JsonMapper.builder()
            .configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, true)
            .build();

    private static final List<String> OPERATORS_OWN =
            List.of("scaling", "replicas", "template", "suspend", "upgrade", "nodeLossTimeout", "engine");

    /**
     * @param template as in the spec, or null
     * @param secrets names of the secrets that are mounted
     * @param restart the value of the annotation that asks for a restart
     * @param formerIds state ids that the query had before; null for none
     * @param savepoint that the state began from, {@code <state id>/<name>}; null for none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Pod(
            String image,
            String cpu,
            String memory,
            JsonNode template,
            List<String> secrets,
            String restart,
            List<String> formerIds,
            String savepoint) {}

    /**
     * What a query calls its state, and where that comes from.
     *
     * @param formerIds state ids that the query had before
     * @param savepoint that the state began from, {@code <state id>/<name>}; null for none
     */
    public record Origin(String stateId, List<String> formerIds, String savepoint) {}

    /** The version that a resource asks for. */
    public static Version of(
            String query, String namespace, JsonNode spec, Origin origin, String image, String restart) {
        ObjectNode engineSpec = spec.deepCopy();
        engineSpec.remove(OPERATORS_OWN);
        ObjectNode state = engineSpec.withObject("/state");
        state.remove(List.of("volume", "deletionPolicy"));
        state.put("id", origin.stateId());
        ObjectNode document = MAPPER.createObjectNode();
        document.put("apiVersion", "millrace.dev/v1alpha1").put("kind", "StreamingQuery");
        document.putObject("metadata").put("name", query).put("namespace", namespace);
        document.set("spec", engineSpec);
        JsonNode least = spec.at("/scaling/resources/min");
        Pod pod = new Pod(
                image,
                least.path("cpu").asText(DEFAULT_CPU),
                least.path("memory").asText(DEFAULT_MEMORY),
                spec.get("template"),
                List.copyOf(secrets(spec)),
                restart,
                origin.formerIds().isEmpty() ? null : List.copyOf(origin.formerIds()),
                origin.savepoint());
        String text = write(document);
        return new Version(query + "-" + hash(text + write(pod)), text, pod, "", null);
    }

    /** From a ConfigMap's data. */
    public static Version read(String name, Map<String, String> data) {
        try {
            Pod pod = MAPPER.readValue(data.get(POD_KEY), Pod.class);
            return new Version(name, data.get(DOCUMENT_KEY), pod, data.getOrDefault(PLAN_KEY, ""), undivided(data));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the ConfigMap " + name + " holds no version", e);
        }
    }

    private static String undivided(Map<String, String> data) {
        String said = data.getOrDefault(
                UNDIVIDED_KEY,
                "its version was made by an earlier operator; the annotation millrace.dev/restart makes it anew");
        return said.isEmpty() ? null : said;
    }

    /** State ids that the query had before. */
    public List<String> formerIds() {
        return pod.formerIds() == null ? List.of() : pod.formerIds();
    }

    /** The savepoint that the state began from, {@code <state id>/<name>}. */
    public Optional<String> savepoint() {
        return Optional.ofNullable(pod.savepoint());
    }

    /** The spec in the document. */
    public JsonNode spec() {
        try {
            return MAPPER.readTree(document).path("spec");
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the version " + name + " holds no document", e);
        }
    }

    /** For a ConfigMap. */
    public Map<String, String> data() {
        Map<String, String> data = new HashMap<>(Map.of(DOCUMENT_KEY, document, POD_KEY, write(pod)));
        if (!plan.isEmpty()) {
            data.put(PLAN_KEY, plan);
        }
        data.put(UNDIVIDED_KEY, undivided == null ? "" : undivided);
        return data;
    }

    /** With what compiling it has given. */
    public Version compiled(String stored, String alone) {
        return new Version(name, document, pod, stored, alone);
    }

    /** The same under another name. */
    public Version named(String other) {
        return new Version(other, document, pod, plan, undivided);
    }

    /** Whether both ask for the same table: one has the plan of the other, whatever compiler either met. */
    public boolean meansTheSame(Version other) {
        return meaning(spec()).equals(meaning(other.spec()));
    }

    /** Whether both keep checkpoints, and savepoints, in the same place; of clusters only the topics' names are looked at. */
    public boolean sameStore(Version other) {
        return store(spec()).equals(store(other.spec()));
    }

    private static List<String> store(JsonNode spec) {
        JsonNode store = spec.at("/state/checkpoint/store");
        String place = store.isMissingNode() || store.has("kafka") ? "" : store.toString();
        return List.of(place, spec.at("/state/topics/prefix").asText());
    }

    private static JsonNode meaning(JsonNode spec) {
        ObjectNode meaning = MAPPER.createObjectNode();
        meaning.set("query", spec.path("query"));
        meaning.set("keyGroups", spec.at("/state/keyGroups"));
        ArrayNode sources = meaning.putArray("sources");
        for (JsonNode source : spec.path("sources")) {
            ObjectNode kept = source.<ObjectNode>deepCopy().retain(SOURCE_MEANING);
            sources.add(kept.set("metadata", source.at("/kafka/metadata")));
        }
        ArrayNode sinks = meaning.putArray("sinks");
        spec.path("sinks").forEach(sink -> sinks.add(sink.<ObjectNode>deepCopy().retain(SINK_MEANING)));
        return meaning;
    }

    private static Set<String> secrets(JsonNode spec) {
        Set<String> names = new TreeSet<>();
        for (String field : List.of("propertiesFrom", "credentialsFrom")) {
            for (JsonNode reference : spec.findValues(field)) {
                reference
                        .findValues("secretRef")
                        .forEach(secret -> names.add(secret.path("name").asText()));
            }
        }
        return names;
    }

    private static String write(Object value) {
        try {
            return MAPPER.writeValueAsString(
                    value instanceof JsonNode node ? MAPPER.treeToValue(node, Object.class) : value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String hash(String text) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 5);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
