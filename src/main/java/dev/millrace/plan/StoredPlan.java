package dev.millrace.plan;

import com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.PropertyAccessor;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamWriteConstraints;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.annotation.JsonSerialize;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.jsontype.NamedType;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import dev.millrace.data.DataType;
import java.io.IOException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * A plan as text: JSON, one line. A query runs by the plan that it was first compiled to, also with a build whose compiler
 * would make another one of the same SQL, since its state and its log are that plan's.
 *
 * @param format of this text; a build reads its own and earlier ones
 * @param id that the plan had when it was written
 * @param sinks with a null for {@code root} where it is the plan's
 * @param properties of the nodes, as a walk of the root and then of the sinks' roots meets them
 */
public record StoredPlan(
        int format,
        String id,
        PlanNode root,
        List<SinkPlan> sinks,
        List<Properties> properties,
        boolean usesWatermark,
        int keyGroups,
        List<QueryPlan.Warning> warnings) {

    private static final int FORMAT = 1;

    /** How deep objects may lie in each other. */
    private static final int DEPTH = 2_000;

    private static final ObjectMapper MAPPER = mapper();

    /** The text is of a build that knows more, or is not one. */
    public static final class UnreadableException extends Exception {
        private static final long serialVersionUID = 1L;

        UnreadableException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /**
     * @throws UnreadableException where the plan is nested too deeply to be written
     */
    public static String write(QueryPlan plan) throws UnreadableException {
        List<Properties> properties = new ArrayList<>();
        nodes(plan.root(), plan.sinks())
                .forEach(node -> properties.add(plan.properties().get(node)));
        List<SinkPlan> sinks = plan.sinks().stream()
                .map(sink -> withRoot(sink, sink.root().equals(plan.root()) ? null : sink.root()))
                .toList();
        StoredPlan stored = new StoredPlan(
                FORMAT,
                plan.id(),
                plan.root(),
                sinks,
                properties,
                plan.usesWatermark(),
                plan.keyGroups(),
                plan.warnings());
        try {
            return MAPPER.writeValueAsString(stored);
        } catch (JsonProcessingException e) {
            throw new UnreadableException("the plan cannot be written: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * @throws UnreadableException also where this build gives the plan another id: it would not find its state again
     */
    public static QueryPlan read(String text) throws UnreadableException {
        StoredPlan stored;
        try {
            JsonNode tree = MAPPER.readTree(text);
            int format = tree.path("format").asInt();
            if (format != FORMAT) {
                throw new UnreadableException(
                        "the stored plan has format " + format + ", this build reads " + FORMAT, null);
            }
            stored = MAPPER.treeToValue(tree, StoredPlan.class);
        } catch (JsonProcessingException e) {
            throw new UnreadableException("the stored plan cannot be read: " + e.getOriginalMessage(), e);
        }
        QueryPlan plan = stored.plan();
        if (!plan.id().equals(stored.id)) {
            throw new UnreadableException(
                    "the stored plan was " + stored.id + ", this build takes it for " + plan.id(), null);
        }
        return plan;
    }

    private QueryPlan plan() {
        List<SinkPlan> whole = sinks.stream()
                .map(sink -> sink.root() == null ? withRoot(sink, root) : sink)
                .toList();
        List<PlanNode> nodes = nodes(root, whole);
        Map<PlanNode, Properties> proved = new HashMap<>();
        for (int i = 0; i < nodes.size(); i++) {
            if (properties.get(i) != null) {
                proved.put(nodes.get(i), properties.get(i));
            }
        }
        return new QueryPlan(root, proved, whole, usesWatermark, keyGroups, warnings);
    }

    private static SinkPlan withRoot(SinkPlan sink, PlanNode root) {
        return new SinkPlan(sink.name(), sink.mode(), root, sink.keyed(), sink.keys(), sink.maxRows(), sink.proof());
    }

    private static List<PlanNode> nodes(PlanNode root, List<SinkPlan> sinks) {
        List<PlanNode> nodes = new ArrayList<>();
        walk(root, nodes);
        sinks.stream().map(SinkPlan::root).filter(sink -> !sink.equals(root)).forEach(sink -> walk(sink, nodes));
        return nodes;
    }

    private static void walk(PlanNode node, List<PlanNode> into) {
        into.add(node);
        node.inputs().forEach(input -> walk(input, into));
    }

    /** The sealed types are told apart by their simple names. */
    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "is")
    private interface Named {}

    @JsonSerialize(using = LiteralWriter.class)
    @JsonDeserialize(using = LiteralReader.class)
    private interface Literally {}

    private static ObjectMapper mapper() {
        JsonMapper.Builder builder = JsonMapper.builder()
                .addModule(new Jdk8Module())
                .visibility(PropertyAccessor.GETTER, Visibility.NONE)
                .visibility(PropertyAccessor.IS_GETTER, Visibility.NONE)
                .visibility(PropertyAccessor.FIELD, Visibility.ANY)
                .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS);
        for (Class<?> sealed : List.of(PlanNode.class, Expression.class, Waterline.class, DataType.class)) {
            builder.addMixIn(sealed, Named.class);
            for (Class<?> kind : sealed.getPermittedSubclasses()) {
                builder.registerSubtypes(new NamedType(kind, kind.getSimpleName()));
            }
        }
        builder.addMixIn(Expression.Literal.class, Literally.class);
        JsonMapper mapper = builder.build();
        mapper.getFactory()
                .setStreamReadConstraints(
                        StreamReadConstraints.builder().maxNestingDepth(DEPTH).build())
                .setStreamWriteConstraints(
                        StreamWriteConstraints.builder().maxNestingDepth(DEPTH).build());
        return mapper;
    }

    /** A literal's value as text; its type says of what. */
    private static final class LiteralWriter extends JsonSerializer<Expression.Literal> {
        @Override
        public void serialize(Expression.Literal literal, JsonGenerator out, SerializerProvider provider)
                throws IOException {
            out.writeStartObject();
            out.writeStringField("is", Expression.Literal.class.getSimpleName());
            out.writeStringField("value", text(literal.value()));
            provider.defaultSerializeField("type", literal.type(), out);
            out.writeEndObject();
        }

        @Override
        public void serializeWithType(
                Expression.Literal literal,
                JsonGenerator out,
                SerializerProvider provider,
                com.fasterxml.jackson.databind.jsontype.TypeSerializer type)
                throws IOException {
            serialize(literal, out, provider);
        }

        private static String text(Object value) {
            if (!(value instanceof List<?> list)) {
                return value == null ? null : value.toString();
            }
            byte[] bytes = new byte[list.size()];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (Byte) list.get(i);
            }
            return HexFormat.of().formatHex(bytes);
        }
    }

    private static final class LiteralReader extends JsonDeserializer<Expression.Literal> {
        @Override
        public Expression.Literal deserialize(JsonParser in, DeserializationContext context) throws IOException {
            JsonNode tree = in.readValueAsTree();
            DataType type = context.readTreeAsValue(tree.path("type"), DataType.class);
            JsonNode value = tree.path("value");
            return new Expression.Literal(value.isNull() ? null : value(value.asText(), type), type);
        }

        private static Object value(String text, DataType type) {
            return switch (type.kind()) {
                case BOOLEAN -> Boolean.valueOf(text);
                case INT, BIGINT, DATE, TIMESTAMP -> Long.valueOf(text);
                case DOUBLE -> Double.valueOf(text);
                case DECIMAL -> new BigDecimal(text);
                case STRING -> text;
                case BINARY -> bytes(text);
                case ARRAY, ROW -> throw new IllegalArgumentException("a literal of type " + type);
            };
        }

        private static List<Byte> bytes(String text) {
            List<Byte> bytes = new ArrayList<>();
            for (byte b : HexFormat.of().parseHex(text)) {
                bytes.add(b);
            }
            return bytes;
        }
    }
}
