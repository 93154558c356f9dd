package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;

/**
 * An API server in memory, as far as the reconcilers use one: objects with resource versions and generations, a status of its
 * own, selectors, finalizers, merge patches, and server-side apply by one manager. It validates nothing, and runs nothing:
 * pods stay pending. What it adds to a real one is faults at a chosen request, and that it takes no deletion by force.
 */
final class ApiServer implements AutoCloseable {

    static {
        System.setProperty("sun.net.httpserver.nodelay", "true"); // or an answer takes 40 ms
    }

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    private final Clock clock;
    private final HttpServer server;
    private final Map<String, ObjectNode> objects = new TreeMap<>();
    private final List<Request> writes = new ArrayList<>();
    private long version;
    private Fault fault = Fault.NONE;

    /**
     * A request.
     *
     * @param collection the last word of its path: {@code pods}
     * @param name of the object; empty where the server takes it from the body
     * @param part of the object: {@code status}, or empty for all of it
     */
    record Request(String method, String collection, String name, String part) {
        boolean isWrite() {
            return !method.equals("GET");
        }

        @Override
        public String toString() {
            return method + " " + collection + (part.isEmpty() ? "" : "/" + part);
        }
    }

    /** What is done to a request: an answer in place of the server's, or 0 for none. */
    interface Fault {
        Fault NONE = new Fault() {};

        default int before(Request request) {
            return 0;
        }

        default int after(Request request) {
            return 0;
        }
    }

    /** An answer that is an error. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        private final int code;

        Refused(int code, String message) {
            super(message);
            this.code = code;
        }
    }

    ApiServer(Clock clock) throws IOException {
        this.clock = clock;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::handle);
        server.start();
    }

    /** One that does not try again by itself. */
    KubernetesClient client() {
        Config config = new ConfigBuilder(Config.empty())
                .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                .withRequestRetryBackoffLimit(0)
                .build();
        return new KubernetesClientBuilder().withConfig(config).build();
    }

    synchronized void setFault(Fault next) {
        fault = next;
    }

    /** The requests since the last call that were to change something, events apart. */
    synchronized List<Request> takeWrites() {
        List<Request> taken = writes.stream()
                .filter(write -> !write.collection().equals("events"))
                .toList();
        writes.clear();
        return taken;
    }

    synchronized List<JsonNode> objects(Predicate<JsonNode> wanted) {
        return objects.values().stream()
                .<JsonNode>map(ObjectNode::deepCopy)
                .filter(wanted)
                .toList();
    }

    private void handle(HttpExchange exchange) throws IOException {
        int code = 200;
        JsonNode answer;
        try {
            answer = answer(exchange);
        } catch (Refused e) {
            code = e.code;
            answer = MAPPER.createObjectNode()
                    .put("kind", "Status")
                    .put("apiVersion", "v1")
                    .put("status", "Failure")
                    .put("message", e.getMessage())
                    .put("code", code);
        }
        byte[] body = MAPPER.writeValueAsBytes(answer);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(code, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private synchronized JsonNode answer(HttpExchange exchange) throws IOException, Refused {
        String path = exchange.getRequestURI().getPath();
        if (path.equals("/api/v1")) {
            ObjectNode kinds =
                    MAPPER.createObjectNode().put("kind", "APIResourceList").put("groupVersion", "v1");
            kinds.putArray("resources").addObject().put("name", "pods/resize").put("kind", "Pod");
            return kinds;
        }
        List<String> words = Arrays.asList(path.split("/"));
        int at = words.indexOf("namespaces") + 2;
        if (at < 2 || words.size() <= at) {
            at = words.get(1).equals("api") ? 3 : 4; // of the cluster
        }
        if (words.size() <= at) {
            throw new Refused(404, path + " is not here");
        }
        String collection = String.join("/", words.subList(0, at + 1));
        String name = words.size() > at + 1 ? words.get(at + 1) : "";
        String part = words.size() > at + 2 ? words.get(at + 2) : "";
        Request request = new Request(exchange.getRequestMethod(), words.get(at), name, part);
        byte[] body = exchange.getRequestBody().readAllBytes();
        if (request.isWrite()) {
            writes.add(request);
        }
        failed(fault.before(request), request);
        JsonNode answer = answer(exchange, request, collection, body.length == 0 ? null : YAML.readTree(body));
        failed(fault.after(request), request);
        return answer;
    }

    private static void failed(int code, Request request) throws Refused {
        if (code != 0) {
            throw new Refused(code, request + " fails as the test wants");
        }
    }

    private JsonNode answer(HttpExchange exchange, Request request, String collection, JsonNode body) throws Refused {
        String key = collection + "/" + request.name();
        return switch (request.method()) {
            case "GET" -> request.name().isEmpty() ? list(exchange, collection) : found(key);
            case "POST" -> create(collection, (ObjectNode) body);
            case "DELETE" -> delete(key, body);
            case "PATCH" ->
                patch(
                        key,
                        request.part(),
                        (ObjectNode) body,
                        exchange.getRequestHeaders().getFirst("Content-Type").contains("apply-patch"));
            default -> throw new Refused(405, request.method());
        };
    }

    private ObjectNode found(String key) throws Refused {
        ObjectNode object = objects.get(key);
        if (object == null) {
            throw new Refused(404, key + " not found");
        }
        return object;
    }

    private JsonNode list(HttpExchange exchange, String collection) {
        ObjectNode list = MAPPER.createObjectNode().put("kind", "List").put("apiVersion", "v1");
        list.putObject("metadata").put("resourceVersion", String.valueOf(version));
        ArrayNode items = list.putArray("items");
        String query = exchange.getRequestURI().getRawQuery();
        String selector = query == null
                ? ""
                : Arrays.stream(query.split("&"))
                        .filter(part -> part.startsWith("labelSelector="))
                        .map(part ->
                                URLDecoder.decode(part.substring("labelSelector=".length()), StandardCharsets.UTF_8))
                        .findFirst()
                        .orElse("");
        objects.forEach((key, object) -> {
            if (key.startsWith(collection + "/") && matches(object, selector)) {
                items.add(object);
            }
        });
        return list;
    }

    private static boolean matches(ObjectNode object, String selector) {
        return Arrays.stream(selector.split(","))
                .filter(term -> !term.isEmpty())
                .map(term -> term.split("="))
                .allMatch(term -> term[term.length - 1].equals(
                        object.path("metadata").path("labels").path(term[0]).asText()));
    }

    /** As the server does with what a user applies. */
    synchronized ObjectNode create(String collection, ObjectNode object) throws Refused {
        String key = collection + "/" + object.at("/metadata/name").asText();
        if (objects.containsKey(key)) {
            throw new Refused(409, key + " already exists");
        }
        object.withObject("/metadata")
                .put("uid", UUID.randomUUID().toString())
                .put("creationTimestamp", clock.instant().toString())
                .put("generation", 1);
        if (key.contains("/pods/")) {
            object.withObject("/status").put("phase", "Pending");
        }
        return store(key, object);
    }

    /** Lets a pod succeed, if it is there. */
    synchronized void end(String pod) {
        objects.forEach((key, object) -> {
            if (key.endsWith("/pods/" + pod)) {
                object.withObject("/status").put("phase", "Succeeded");
            }
        });
    }

    /** Another user's edit of a field of the spec; to be called by a fault. */
    synchronized void edit(String key, String field, String value) {
        ObjectNode after = objects.get(key).deepCopy();
        after.withObject("/spec").put(field, value);
        after.withObject("/metadata")
                .put("generation", after.at("/metadata/generation").asLong() + 1);
        store(key, after);
    }

    /** Sets a field of the status of an object. */
    synchronized void status(String key, String field, String value) {
        ObjectNode after = objects.get(key).deepCopy();
        after.withObject("/status").put(field, value);
        store(key, after);
    }

    private ObjectNode store(String key, ObjectNode object) {
        object.withObject("/metadata").put("resourceVersion", String.valueOf(++version));
        boolean gone = object.at("/metadata").has("deletionTimestamp")
                && object.at("/metadata/finalizers").isEmpty();
        if (gone) {
            objects.remove(key);
        } else {
            objects.put(key, object);
        }
        return object;
    }

    private ObjectNode delete(String key, JsonNode options) throws Refused {
        ObjectNode object = found(key).deepCopy();
        if (options != null) {
            unchanged(object, options.at("/preconditions/resourceVersion"));
            if (options.path("gracePeriodSeconds").asInt(1) == 0) {
                throw new Refused(405, "by force, while its containers may run");
            }
        }
        object.withObject("/metadata").put("deletionTimestamp", clock.instant().toString());
        return store(key, object);
    }

    private static void unchanged(ObjectNode object, JsonNode wanted) throws Refused {
        if (wanted.isTextual() && !wanted.equals(object.at("/metadata/resourceVersion"))) {
            throw new Refused(409, "the object has been modified");
        }
    }

    private ObjectNode patch(String key, String part, ObjectNode patch, boolean apply) throws Refused {
        ObjectNode before = found(key);
        unchanged(before, patch.at("/metadata/resourceVersion"));
        ObjectNode after = before.deepCopy();
        if (part.equals("status")) {
            JsonNode status = patch.path("status");
            after.set("status", apply ? status : merged(after.path("status"), status));
        } else {
            patch.remove("status");
            merged(after, patch);
        }
        if (after.equals(before)) {
            return before;
        }
        if (!after.path("spec").equals(before.path("spec"))) {
            after.withObject("/metadata")
                    .put("generation", before.at("/metadata/generation").asLong() + 1);
        }
        return store(key, after);
    }

    /** RFC 7386. */
    private static JsonNode merged(JsonNode target, JsonNode patch) {
        if (!(patch instanceof ObjectNode fields)) {
            return patch;
        }
        ObjectNode result = target instanceof ObjectNode object ? object : MAPPER.createObjectNode();
        fields.properties().forEach(field -> {
            if (field.getValue().isNull()) {
                result.remove(field.getKey());
            } else {
                result.set(field.getKey(), merged(result.path(field.getKey()), field.getValue()));
            }
        });
        return result;
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
