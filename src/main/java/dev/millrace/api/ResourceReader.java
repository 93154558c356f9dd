package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.fabric8.generator.annotation.Required;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * Reads {@link StreamingQuery} documents from YAML. All mistakes of a file are reported together: unknown fields with the
 * nearest known name, wrong types, missing fields.
 */
public final class ResourceReader {

    private final String file;
    private final String text;
    private final List<Problem> problems = new ArrayList<>();

    /** A resource and where its parts stand. */
    public record Document(StreamingQuery query, Places places) {}

    /** What a file holds; documents with mistakes are left out. */
    public record Result(List<Document> documents, List<Problem> problems) {}

    private ResourceReader(String file, String text) {
        this.file = file;
        this.text = text;
    }

    public static Result read(String file, String text) {
        ResourceReader reader = new ResourceReader(file, text);
        List<Document> documents = new ArrayList<>();
        try {
            for (Node root : new Yaml(new LoaderOptions()).composeAll(new java.io.StringReader(text))) {
                Document document = reader.document(root);
                if (document != null) {
                    documents.add(document);
                }
            }
        } catch (MarkedYAMLException e) {
            Mark mark = e.getProblemMark();
            reader.problems.add(new Problem(
                    file,
                    mark == null ? 1 : mark.getLine() + 1,
                    mark == null ? 1 : mark.getColumn() + 1,
                    "",
                    "YamlSyntax",
                    e.getProblem() + (e.getContext() == null ? "" : " " + e.getContext())));
        }
        if (documents.isEmpty() && reader.problems.isEmpty()) {
            reader.problems.add(new Problem(
                    file, 1, 1, "", "NothingFound", "the file has no StreamingQuery; add one (kind: StreamingQuery)"));
        }
        return new Result(documents, reader.problems);
    }

    private Document document(Node root) {
        if (!(root instanceof MappingNode mapping)) {
            if (!(root instanceof ScalarNode scalar && scalar.getValue().isEmpty())) {
                report(root, "", "WrongType", "a resource is a mapping of fields such as apiVersion, kind and spec");
            }
            return null;
        }
        String kind = scalarField(mapping, "kind");
        if (kind != null && !kind.equals(StreamingQuery.KIND)) {
            report(root, "", "UnknownKind", "the kind '" + kind + "' is not known; use StreamingQuery");
            return null;
        }
        String version = scalarField(mapping, "apiVersion");
        if (version != null && !version.equals(StreamingQuery.API_VERSION)) {
            report(
                    root,
                    "apiVersion",
                    "UnknownVersion",
                    "the apiVersion '" + version + "' is not known; use " + StreamingQuery.API_VERSION);
            return null;
        }
        int before = problems.size();
        Places places = new Places(file, text);
        Object bound = bind(mapping, StreamingQuery.class, "", places);
        return problems.size() > before ? null : new Document((StreamingQuery) bound, places);
    }

    private static String scalarField(MappingNode mapping, String name) {
        for (NodeTuple tuple : mapping.getValue()) {
            if (tuple.getKeyNode() instanceof ScalarNode key
                    && key.getValue().equals(name)
                    && tuple.getValueNode() instanceof ScalarNode value) {
                return value.getValue();
            }
        }
        return null;
    }

    private void report(Node node, String path, String code, String message) {
        Mark mark = node.getStartMark();
        problems.add(new Problem(file, mark.getLine() + 1, mark.getColumn() + 1, path, code, message));
    }

    private Object bind(Node node, Type type, String path, Places places) {
        places.put(path, node);
        if (node.getTag().equals(Tag.NULL)) {
            return type instanceof Class<?> c && c.isRecord() && c.getRecordComponents().length == 0
                    ? construct(c, new Object[0])
                    : null;
        }
        if (type instanceof ParameterizedType generic) {
            return generic.getRawType() == List.class
                    ? list(node, generic.getActualTypeArguments()[0], path, places)
                    : map(node, generic.getActualTypeArguments()[1], path, places);
        }
        Class<?> target = (Class<?>) type;
        if (target == Object.class) {
            return plain(node);
        }
        if (node instanceof ScalarNode scalar) {
            return scalar(scalar, target, path);
        }
        if (target.isRecord() && node instanceof MappingNode mapping) {
            return record(mapping, target, path, places);
        }
        report(node, path, "WrongType", "expected " + describe(target));
        return null;
    }

    private static String describe(Class<?> target) {
        if (target.isRecord()) {
            return "a mapping with the fields " + String.join(", ", fieldNames(target));
        }
        if (target.isEnum()) {
            return "one of " + Arrays.toString(target.getEnumConstants());
        }
        return target == Boolean.class
                ? "true or false"
                : Number.class.isAssignableFrom(target) ? "a number" : "a text";
    }

    private Object scalar(ScalarNode node, Class<?> target, String path) {
        String value = node.getValue();
        try {
            if (target == String.class) {
                return value;
            }
            if (target == Boolean.class && (value.equals("true") || value.equals("false"))) {
                return Boolean.valueOf(value);
            }
            if (target == Integer.class) {
                return Integer.valueOf(value);
            }
            if (target == Long.class) {
                return Long.valueOf(value.replace("_", ""));
            }
            if (target == Double.class) {
                return Double.valueOf(value);
            }
            if (target.isEnum()) {
                for (Object constant : target.getEnumConstants()) {
                    if (constant.toString().equals(value)) {
                        return constant;
                    }
                }
            }
            if (target.isRecord()) {
                Method factory = target.getMethod("ofText", String.class);
                return factory.invoke(null, value);
            }
        } catch (NumberFormatException | NoSuchMethodException e) {
            // falls through to the report
        } catch (InvocationTargetException e) {
            report(node, path, "WrongValue", e.getCause().getMessage());
            return null;
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
        report(node, path, "WrongType", "'" + value + "' is not " + describe(target));
        return null;
    }

    private Object plain(Node node) {
        if (node instanceof ScalarNode scalar) {
            return scalar.getValue();
        }
        if (node instanceof SequenceNode sequence) {
            return sequence.getValue().stream().map(this::plain).toList();
        }
        Map<String, Object> map = new LinkedHashMap<>();
        for (NodeTuple tuple : ((MappingNode) node).getValue()) {
            map.put(((ScalarNode) tuple.getKeyNode()).getValue(), plain(tuple.getValueNode()));
        }
        return map;
    }

    private List<Object> list(Node node, Type element, String path, Places places) {
        if (!(node instanceof SequenceNode sequence)) {
            report(node, path, "WrongType", "expected a list; begin each entry with '- '");
            return null;
        }
        List<Object> list = new ArrayList<>();
        for (Node item : sequence.getValue()) {
            Object value = bind(item, element, path + "[" + list.size() + "]", places);
            list.add(value);
        }
        return list;
    }

    private Map<String, Object> map(Node node, Type element, String path, Places places) {
        if (!(node instanceof MappingNode mapping)) {
            report(node, path, "WrongType", "expected a mapping of names to values");
            return null;
        }
        Map<String, Object> map = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            String key = ((ScalarNode) tuple.getKeyNode()).getValue();
            map.put(key, bind(tuple.getValueNode(), element, path + "." + key, places));
        }
        return map;
    }

    private static List<String> fieldNames(Class<?> type) {
        return Arrays.stream(type.getRecordComponents())
                .map(ResourceReader::fieldName)
                .toList();
    }

    /** Java's words cannot name a component. */
    private static String fieldName(RecordComponent component) {
        JsonProperty given = component.getAccessor().getAnnotation(JsonProperty.class);
        return given == null ? component.getName() : given.value();
    }

    private Object record(MappingNode node, Class<?> type, String path, Places places) {
        RecordComponent[] components = type.getRecordComponents();
        List<String> names = fieldNames(type);
        Object[] values = new Object[components.length];
        Set<String> seen = new HashSet<>();
        Set<String> meant = new HashSet<>();
        for (NodeTuple tuple : node.getValue()) {
            String name = ((ScalarNode) tuple.getKeyNode()).getValue();
            int index = names.indexOf(name);
            if (!seen.add(name)) {
                report(tuple.getKeyNode(), path, "DuplicateField", "the field '" + name + "' stands twice; remove one");
            } else if (index < 0) {
                String nearest = Nearest.of(name, names);
                meant.add(nearest);
                report(
                        tuple.getKeyNode(),
                        path,
                        "UnknownField",
                        "unknown field '" + name + "'"
                                + (nearest == null
                                        ? "; known are " + String.join(", ", names)
                                        : "; did you mean '" + nearest + "'?"));
            } else {
                String child = path.isEmpty() ? name : path + "." + name;
                places.putKey(child, tuple.getKeyNode());
                values[index] = bind(tuple.getValueNode(), components[index].getGenericType(), child, places);
            }
        }
        for (int i = 0; i < components.length; i++) {
            boolean told = seen.contains(names.get(i)) || meant.contains(names.get(i));
            if (components[i].getAccessor().isAnnotationPresent(Required.class) && !told) {
                report(node, path, "MissingField", "the field '" + names.get(i) + "' is missing; add it");
            }
        }
        return construct(type, values);
    }

    private static Object construct(Class<?> type, Object[] values) {
        try {
            Class<?>[] types = Arrays.stream(type.getRecordComponents())
                    .map(RecordComponent::getType)
                    .toArray(Class<?>[]::new);
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            return constructor.newInstance(values);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
