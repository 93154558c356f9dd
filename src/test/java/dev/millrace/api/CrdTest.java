package dev.millrace.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.crdv2.generator.CRDPostProcessor;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Version;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The CRD that is checked in is the one of {@link StreamingQuery}. After a change of the resource: {@code ./mvnw test
 * -Dtest=CrdTest -Dcrd.write=true}, and the file goes into the same commit.
 */
class CrdTest {

    private static final Path CHECKED_IN = Path.of("crds/streamingqueries.millrace.dev-v1.yml");

    /** Helm never upgrades what stands in a chart's own {@code crds} folder, so there it is a template. */
    private static final Path IN_CHART = Path.of("helm/millrace/templates/crd-streamingqueries.yaml");

    private static final Set<String> QUANTITIES = fieldsOf(Size.class);
    private static final Set<String> TIME_SPANS = fieldsOf(TimeSpan.class);

    private static Set<String> fieldsOf(Class<?> type) {
        return Stream.of(StreamingQuery.class.getDeclaredClasses())
                .filter(Class::isRecord)
                .flatMap(part -> Stream.of(part.getRecordComponents()))
                .filter(field -> field.getType() == type)
                .map(RecordComponent::getName)
                .collect(Collectors.toSet());
    }

    @Group("millrace.dev")
    @Version("v1alpha1")
    @Kind("StreamingQuery")
    @Plural("streamingqueries")
    @ShortNames("sq")
    private static final class Resource extends CustomResource<StreamingQuery.Spec, Void> implements Namespaced {}

    /** What the generator cannot know from the records. */
    private static final class Details implements CRDPostProcessor {
        @Override
        public HasMetadata process(HasMetadata crd, String version) {
            JSONSchemaProps schema = ((CustomResourceDefinition) crd)
                    .getSpec()
                    .getVersions()
                    .get(0)
                    .getSchema()
                    .getOpenAPIV3Schema();
            schema.setRequired(List.of("spec"));
            schema.getProperties().put("status", anything("object"));
            JSONSchemaProps spec = schema.getProperties().get("spec");
            for (String list : List.of("sources", "sinks")) {
                JSONSchemaProps property = spec.getProperties().get(list);
                property.setXKubernetesListType("map");
                property.setXKubernetesListMapKeys(List.of("name"));
                property.setMinItems(1L);
                property.setMaxItems(32L);
            }
            refine(spec.getProperties());
            return crd;
        }

        private static void refine(Map<String, JSONSchemaProps> properties) {
            properties.replaceAll((name, schema) -> {
                if (Boolean.TRUE.equals(schema.getXKubernetesPreserveUnknownFields())) {
                    return anything("object");
                }
                if (name.equals("startingOffsets")) {
                    return anything(null);
                }
                if (QUANTITIES.contains(name) && "string".equals(schema.getType())) {
                    JSONSchemaProps quantity = new JSONSchemaProps();
                    quantity.setXKubernetesIntOrString(true);
                    quantity.setPattern("^" + Size.PATTERN + "$");
                    return quantity;
                }
                if (TIME_SPANS.contains(name) && "string".equals(schema.getType())) {
                    schema.setPattern("^" + TimeSpan.PATTERN + "$");
                }
                if (name.equals("propertiesFrom")) {
                    schema.setMaxItems(16L); // an API server estimates what rules cost by how often they may apply
                }
                if (name.equals("columns")) {
                    schema.setMaxProperties(256L);
                }
                if (name.equals("keyGroups")) {
                    schema.setMinimum(1.0);
                    schema.setMaximum(32_768.0);
                }
                if (schema.getProperties() != null) {
                    refine(schema.getProperties());
                }
                if (schema.getItems() != null && schema.getItems().getSchema().getProperties() != null) {
                    refine(schema.getItems().getSchema().getProperties());
                }
                return schema;
            });
        }

        private static JSONSchemaProps anything(String type) {
            JSONSchemaProps schema = new JSONSchemaProps();
            schema.setType(type);
            schema.setXKubernetesPreserveUnknownFields(true);
            return schema;
        }
    }

    @TempDir
    private File directory;

    private String generated() throws IOException {
        new CRDGenerator()
                .customResourceClasses(Resource.class)
                .forCRDVersions("v1")
                .withPostProcessor(new Details())
                .inOutputDir(directory)
                .generate();
        String text = Files.readString(directory.toPath().resolve(CHECKED_IN.getFileName()));
        return "# Generated from dev.millrace.api.StreamingQuery: see CrdTest.\n"
                + text.substring(text.indexOf("apiV"));
    }

    private static String template(String crd) {
        String annotated = crd.replace(
                "metadata:\n  name:",
                "metadata:\n  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n  name:");
        return "{{- if .Values.crds.enabled }}\n" + annotated + "{{- end }}\n";
    }

    @Test
    void theCrdThatIsCheckedInIsGeneratedFromTheResource() throws IOException {
        String crd = generated();
        if (Boolean.getBoolean("crd.write")) {
            Files.writeString(CHECKED_IN, crd);
            Files.writeString(IN_CHART, template(crd));
        }
        assertEquals(crd, Files.readString(CHECKED_IN));
        assertEquals(template(crd), Files.readString(IN_CHART));
        assertTrue(crd.length() < 200_000, "client-side apply keeps a copy of it in an annotation");
    }

    @Test
    void eachRuleHasACaseThatItRefuses() throws IOException {
        Set<String> rules = Stream.of(StreamingQuery.class.getDeclaredClasses())
                .flatMap(part -> Stream.of(part.getAnnotationsByType(ValidationRule.class)))
                .map(ValidationRule::message)
                .collect(Collectors.toSet());
        assertTrue(rules.size() > 10, "rules are found");
        rules.removeAll(CrdRulesIT.refusals());
        assertEquals(Set.of(), rules, "rules without a case in crd-rules.yaml");
    }
}
