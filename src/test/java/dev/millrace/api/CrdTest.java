package dev.millrace.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.crdv2.generator.CRDPostProcessor;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceColumnDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionVersion;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceSubresourcesBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRuleBuilder;
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
 * The CRDs that are checked in are those of {@link StreamingQuery} and {@link StreamingQuerySavepoint}. After a change of a
 * resource: {@code ./mvnw test -Dtest=CrdTest -Dcrd.write=true}, and the files go into the same commit.
 */
class CrdTest {

    private static Path checkedIn(String plural) {
        return Path.of("crds/" + plural + ".millrace.dev-v1.yml");
    }

    /** Helm never upgrades what stands in a chart's own {@code crds} folder, so there it is a template. */
    private static Path inChart(String plural) {
        return Path.of("helm/millrace/templates/crd-" + plural + ".yaml");
    }

    private static final Set<String> QUANTITIES = fieldsOf(Size.class);
    private static final Set<String> TIME_SPANS = fieldsOf(TimeSpan.class);

    /** On the whole resource, which no record of ours describes. */
    private static final String LONG_NAME =
            "metadata.name is longer than 40 characters: pods, their host names and volumes are named by it and more";

    private static final Set<String> PARTS_OF_PODS = Set.of(
            "tolerations",
            "affinity",
            "topologySpreadConstraints",
            "env",
            "volumes",
            "volumeMounts",
            "imagePullSecrets");

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
    private static final class Resource extends CustomResource<StreamingQuery.Spec, StreamingQueryStatus>
            implements Namespaced {}

    @Group("millrace.dev")
    @Version("v1alpha1")
    @Kind("StreamingQuerySavepoint")
    @Plural("streamingquerysavepoints")
    @ShortNames("sqs")
    private static final class Savepoint
            extends CustomResource<StreamingQuerySavepoint.Spec, StreamingQuerySavepoint.Status>
            implements Namespaced {}

    private static final List<CustomResourceColumnDefinition> SAVEPOINT_COLUMNS = List.of(
            column("Query", "string", ".spec.query", 0),
            column("Phase", "string", ".status.phase", 0),
            column("Epoch", "integer", ".status.epoch", 0),
            column("Bytes", "integer", ".status.bytes", 0),
            column("Taken", "date", ".status.time", 0),
            column("Age", "date", ".metadata.creationTimestamp", 0),
            column("Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason", 1),
            column("Location", "string", ".status.location", 1));

    private static final List<CustomResourceColumnDefinition> COLUMNS = List.of(
            column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", 0),
            column("Phase", "string", ".status.phase", 0),
            column("Pods", "integer", ".status.readyReplicas", 0),
            column("Lag", "integer", ".status.lag.records", 0),
            column("Rate", "number", ".status.throughput.in", 0),
            column("Checkpoint", "date", ".status.checkpoint.time", 0),
            column("Age", "date", ".metadata.creationTimestamp", 0),
            column("Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason", 1),
            column("Stalled", "string", ".status.conditions[?(@.type==\"Stalled\")].reason", 1),
            column("Node", "string", ".status.slots[0].node", 1));

    /**
     * @param priority 0 for always, 1 for {@code -o wide}
     */
    private static CustomResourceColumnDefinition column(String name, String type, String path, int priority) {
        return new CustomResourceColumnDefinition(null, null, path, name, priority == 0 ? null : priority, type);
    }

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
            CustomResourceDefinitionVersion v1 =
                    ((CustomResourceDefinition) crd).getSpec().getVersions().get(0);
            schema.setRequired(List.of("spec"));
            JSONSchemaProps status = schema.getProperties().get("status");
            JSONSchemaProps conditions = status.getProperties().get("conditions");
            conditions.setXKubernetesListType("map");
            conditions.setXKubernetesListMapKeys(List.of("type"));
            conditions.getItems().getSchema().setRequired(List.of("type", "status"));
            JSONSchemaProps spec = schema.getProperties().get("spec");
            if (!spec.getProperties().containsKey("sources")) {
                v1.setAdditionalPrinterColumns(SAVEPOINT_COLUMNS);
                return crd;
            }
            schema.setXKubernetesValidations(List.of(new ValidationRuleBuilder()
                    .withRule("self.metadata.name.size() <= 40")
                    .withMessage(LONG_NAME)
                    .build()));
            v1.setAdditionalPrinterColumns(COLUMNS);
            v1.setSubresources(new CustomResourceSubresourcesBuilder()
                    .withNewStatus()
                    .endStatus()
                    .withNewScale(".status.selector", ".spec.replicas", ".status.replicas")
                    .build());
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
                if (name.equals("exclusions")) {
                    schema.setMaxItems(16L);
                }
                if (name.equals("schedule") || name.equals("timeZone")) {
                    schema.setMaxLength(200L);
                }
                if (name.equals("propertiesFrom")) {
                    schema.setMaxItems(16L); // an API server estimates what rules cost by how often they may apply
                }
                if (name.equals("url")) {
                    schema.setMaxLength(1_024L);
                }
                if (name.equals("columns")) {
                    schema.setMaxProperties(256L);
                }
                if (name.equals("retained")) {
                    schema.setMinimum(1.0);
                }
                if (name.equals("query") && "string".equals(schema.getType())) {
                    schema.setMaxLength(65_536L);
                }
                if (PARTS_OF_PODS.contains(name)) {
                    if (schema.getItems() == null) {
                        return anything("object");
                    }
                    schema.getItems().setSchema(anything("object"));
                }
                if (name.equals("keyGroups") && "integer".equals(schema.getType())) {
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

    private String generated(String plural, Class<?> described) throws IOException {
        new CRDGenerator()
                .customResourceClasses(Resource.class, Savepoint.class)
                .forCRDVersions("v1")
                .withPostProcessor(new Details())
                .inOutputDir(directory)
                .generate();
        String text =
                Files.readString(directory.toPath().resolve(checkedIn(plural).getFileName()));
        return "# Generated from " + described.getName() + ": see CrdTest.\n" + text.substring(text.indexOf("apiV"));
    }

    private static String template(String crd) {
        String annotated = crd.replace(
                "metadata:\n  name:",
                "metadata:\n  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n  name:");
        return "{{- if .Values.crds.enabled }}\n" + annotated + "{{- end }}\n";
    }

    @Test
    void theCrdsThatAreCheckedInAreGeneratedFromTheResources() throws IOException {
        check("streamingqueries", StreamingQuery.class);
        check("streamingquerysavepoints", StreamingQuerySavepoint.class);
    }

    private void check(String plural, Class<?> described) throws IOException {
        String crd = generated(plural, described);
        if (Boolean.getBoolean("crd.write")) {
            Files.writeString(checkedIn(plural), crd);
            Files.writeString(inChart(plural), template(crd));
        }
        assertEquals(crd, Files.readString(checkedIn(plural)));
        assertEquals(template(crd), Files.readString(inChart(plural)));
        assertTrue(crd.length() < 200_000, "client-side apply keeps a copy of it in an annotation");
    }

    @Test
    void eachRuleHasACaseThatItRefuses() throws IOException {
        Set<String> rules = Stream.of(StreamingQuery.class, StreamingQuerySavepoint.class)
                .flatMap(resource -> Stream.of(resource.getDeclaredClasses()))
                .flatMap(part -> Stream.of(part.getAnnotationsByType(ValidationRule.class)))
                .map(ValidationRule::message)
                .collect(Collectors.toSet());
        assertTrue(rules.size() > 10, "rules are found");
        rules.add(LONG_NAME);
        rules.removeAll(CrdRulesIT.refusals());
        assertEquals(Set.of(), rules, "rules without a case in crd-rules.yaml");
    }
}
