package dev.millrace.operator.resources;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.EngineResources;
import dev.millrace.operator.scaling.Allocation;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the manifests of pods say. */
class EnginePodTest {

    private static final String SPEC = """
            {"query": "SELECT 1",
             "kafka": {"propertiesFrom": [{"secretRef": {"name": "login"}}]},
             "sources": [], "sinks": [{"name": "out", "outputMode": "update", "kafka": {"topic": "o"}}],
             "state": {"checkpoint": {"store": {"s3": {"bucket": "b", "credentialsFrom": {"secretRef": {"name": "keys.s3"}}}}}},
             "scaling": {"resources": {"min": {"cpu": "2", "memory": "3Gi"}, "max": {"cpu": "8", "memory": "9Gi"}}}
             @more}
            """;

    private static final Children CHILDREN = new Children("q", "ns", "uid");

    private static EnginePod shape(String more, Optional<Long> fsGroup) {
        Version version = Version.of(
                "q",
                "ns",
                json(SPEC.replace("@more", more)),
                new Version.Origin("id", List.of("id-1"), null),
                "image:1",
                null);
        return new EnginePod(CHILDREN, "q", "ns", version, fsGroup);
    }

    private static JsonNode json(String text) {
        try {
            return new ObjectMapper().readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static Pod pod(String more) {
        return shape(more, Optional.empty())
                .pod(new EnginePod.Place(0, 7, "q-0-3", "4/2", 42, null, false, Optional.empty(), 0));
    }

    private static Container engine(Pod pod) {
        assertEquals(1, pod.getSpec().getContainers().size());
        return pod.getSpec().getContainers().get(0);
    }

    private static Volume volume(Pod pod, String name) {
        return pod.getSpec().getVolumes().stream()
                .filter(volume -> volume.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static VolumeMount mount(Pod pod, String name) {
        return engine(pod).getVolumeMounts().stream()
                .filter(mount -> mount.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static List<String> seconds(Pod pod) {
        return pod.getSpec().getTolerations().stream()
                .map(toleration -> toleration.getKey() + " " + toleration.getOperator() + " " + toleration.getEffect()
                        + " " + toleration.getTolerationSeconds())
                .toList();
    }

    /** Superseded and Completed exit with 0. */
    @Test
    void whatEndedWellStaysDown() {
        assertEquals("OnFailure", pod("").getSpec().getRestartPolicy());
    }

    @Test
    void aPodIsItsQuerysAndMayBeEvicted() {
        Pod pod = pod(", \"template\": {\"annotations\": {\"a\": \"b\"}}");
        List<OwnerReference> owners = pod.getMetadata().getOwnerReferences();
        assertEquals(1, owners.size());
        assertEquals("uid", owners.get(0).getUid());
        assertEquals(true, owners.get(0).getController());
        assertEquals(
                Map.of(
                        "cluster-autoscaler.kubernetes.io/safe-to-evict",
                        "true",
                        "a",
                        "b",
                        "millrace.dev/division",
                        "4/2"),
                pod.getMetadata().getAnnotations());
    }

    @Test
    void aPodLeavesALostNodeAfterTheTimeOfTheSpec() {
        List<String> own = List.of(
                "node.kubernetes.io/unreachable Exists NoExecute 42",
                "node.kubernetes.io/not-ready Exists NoExecute 42");
        assertEquals(own, seconds(pod("")));
        Pod tolerant = pod(", \"template\": {\"tolerations\": [{\"key\": \"gpu\", \"operator\": \"Exists\"}]}");
        assertEquals(3, tolerant.getSpec().getTolerations().size(), "beside the user's");
    }

    @Test
    void requestsAreLimits() {
        Map<String, Quantity> wanted = Map.of("cpu", new Quantity("2"), "memory", new Quantity("3Gi"));
        assertEquals(wanted, engine(pod("")).getResources().getRequests());
        assertEquals(wanted, engine(pod("")).getResources().getLimits());
    }

    @Test
    void thePodMeetsTheRestrictedStandard() {
        for (Pod pod : List.of(pod(""), shape("", Optional.empty()).cleanUp())) {
            assertEquals(true, pod.getSpec().getSecurityContext().getRunAsNonRoot());
            assertEquals(
                    "RuntimeDefault",
                    pod.getSpec().getSecurityContext().getSeccompProfile().getType());
            assertEquals(false, pod.getSpec().getAutomountServiceAccountToken());
            assertEquals(false, engine(pod).getSecurityContext().getAllowPrivilegeEscalation());
            assertEquals(true, engine(pod).getSecurityContext().getReadOnlyRootFilesystem());
            assertEquals(
                    List.of("ALL"),
                    engine(pod).getSecurityContext().getCapabilities().getDrop());
            assertTrue(pod.getSpec().getVolumes().stream().allMatch(volume -> volume.getHostPath() == null));
        }
    }

    @Test
    void whoOwnsTheVolumeCanBeLeftToTheCluster() {
        Pod open = pod("");
        assertNull(open.getSpec().getSecurityContext().getFsGroup());
        assertNull(open.getSpec().getSecurityContext().getRunAsUser());
        assertNull(engine(open).getSecurityContext().getRunAsUser());
        assertEquals("OnRootMismatch", open.getSpec().getSecurityContext().getFsGroupChangePolicy());
        Pod fixed = shape("", Optional.of(185L))
                .pod(new EnginePod.Place(0, 1, "q-0-1", "0/1", 30, null, false, Optional.empty(), 0));
        assertEquals(185L, fixed.getSpec().getSecurityContext().getFsGroup());
    }

    @Test
    void thereIsTimeForTheLastCheckpoint() {
        assertEquals(60L, pod("").getSpec().getTerminationGracePeriodSeconds());
    }

    @Test
    void theAccountOfTheTemplateIsUsed() {
        assertEquals("q", pod("").getSpec().getServiceAccountName());
        String given = ", \"template\": {\"serviceAccountName\": \"given\"}";
        assertEquals("given", pod(given).getSpec().getServiceAccountName());
        assertEquals("given", shape(given, Optional.empty()).cleanUp().getSpec().getServiceAccountName());
    }

    @Test
    void secretsAreOptionalVolumesAndNoVariables() {
        Pod pod = pod("");
        for (String secret : List.of("login", "keys.s3")) {
            String name = "secret-" + secret.replace('.', '-');
            assertEquals(secret, volume(pod, name).getSecret().getSecretName());
            assertEquals(true, volume(pod, name).getSecret().getOptional());
            assertEquals("/etc/millrace/secrets/" + secret, mount(pod, name).getMountPath());
            assertEquals(true, mount(pod, name).getReadOnly());
            assertNull(mount(pod, name).getSubPath(), "which would not follow a rotation");
        }
        assertTrue(engine(pod).getEnv().stream().allMatch(variable -> variable.getValueFrom() == null));
        assertEquals(List.of(), engine(pod).getEnvFrom());
    }

    @Test
    void wishesComeAsAnAnnotation() {
        Pod pod = pod("");
        assertEquals(
                "metadata.annotations['" + Names.SAVEPOINTS + "']",
                volume(pod, "wishes")
                        .getDownwardAPI()
                        .getItems()
                        .get(0)
                        .getFieldRef()
                        .getFieldPath());
        String path = mount(pod, "wishes").getMountPath() + "/"
                + volume(pod, "wishes").getDownwardAPI().getItems().get(0).getPath();
        assertEquals(path, after(engine(pod).getArgs(), "--savepoints"), "where the engine reads them");
    }

    private static String after(List<String> arguments, String option) {
        return arguments.get(arguments.indexOf(option) + 1);
    }

    @Test
    void theEngineIsToldItsNumberAndWhereItsVolumeIs() {
        Pod pod = pod("");
        assertEquals("7", after(engine(pod).getArgs(), "--incarnation"));
        assertEquals("7", pod.getMetadata().getLabels().get(Names.INCARNATION));
        assertEquals("id-1", after(engine(pod).getArgs(), "--former"));
        assertEquals("q-0-3", volume(pod, "state").getPersistentVolumeClaim().getClaimName());
        String home = mount(pod, "state").getMountPath();
        assertTrue(after(engine(pod).getArgs(), "--state").startsWith(home + "/"));
        assertNull(mount(pod, "state").getReadOnly());
    }

    @Test
    void aPodThatWaitsForItsBrokersIsNotKilled() {
        Container engine = engine(pod(""));
        assertEquals("/health/live", path(engine.getStartupProbe()));
        assertEquals("/health/live", path(engine.getLivenessProbe()));
        assertEquals("/health/ready", path(engine.getReadinessProbe()));
    }

    private static String path(Probe probe) {
        return probe.getHttpGet().getPath();
    }

    @Test
    void theCleanUpPodBelongsToNobodyAndEnds() {
        String more = ", \"template\": {\"tolerations\": [{\"key\": \"gpu\", \"operator\": \"Exists\"}],"
                + " \"volumes\": [{\"name\": \"v\", \"emptyDir\": {}}], \"volumeMounts\": [{\"name\": \"v\", \"mountPath\": \"/v\"}]}";
        Pod pod = shape(more, Optional.empty()).cleanUp();
        assertEquals(List.of(), pod.getMetadata().getOwnerReferences());
        assertEquals(120L, pod.getSpec().getActiveDeadlineSeconds());
        assertEquals("Never", pod.getSpec().getRestartPolicy());
        assertEquals("clean-up", pod.getMetadata().getLabels().get(Names.COMPONENT));
        assertEquals("default", pod.getSpec().getServiceAccountName(), "the query's own goes before it");
        assertEquals("id-1", after(engine(pod).getArgs(), "--former"));
        assertEquals("login", volume(pod, "secret-login").getSecret().getSecretName());
        assertEquals("/v", mount(pod, "v").getMountPath());
        assertEquals(
                List.of("gpu"),
                pod.getSpec().getTolerations().stream().map(Toleration::getKey).toList());
    }

    @Test
    void whatTheAutoscalerGivesIsInPlaceOfTheVersions() {
        Pod pod = shape("", Optional.empty())
                .pod(new EnginePod.Place(
                        0, 7, "q-0-3", "4/2", 42, null, false, Optional.of(new Allocation(1, 750, 6L << 30)), 3));
        ResourceRequirements resources = engine(pod).getResources();
        assertEquals(new Quantity("750m"), resources.getRequests().get("cpu"));
        assertEquals(resources.getRequests(), resources.getLimits());
        assertEquals(new Quantity("6144Mi"), resources.getLimits().get("memory"));
        assertEquals("750m 6144Mi", pod.getMetadata().getAnnotations().get(Names.GIVEN));
        assertTrue(jvm(pod("")).startsWith("-Xms1228m -Xmx1228m "));
        assertEquals(jvm(pod("")), jvm(pod), "the heap is the same, of twice the memory");
        assertTrue(engine(pod).getEnv().contains(new EnvVar(EngineResources.THREADS, "3", null)));
    }

    private static String jvm(Pod pod) {
        return engine(pod).getEnv().stream()
                .filter(variable -> variable.getName().equals("JDK_JAVA_OPTIONS"))
                .findFirst()
                .orElseThrow()
                .getValue();
    }

    @Test
    void aFurtherSlotIsToldItsPlaceAndWhereNotToRun() {
        Pod pod = shape(
                        ", \"template\": {\"affinity\": {\"podAffinity\": {}}, \"topologySpreadConstraints\": []}",
                        Optional.empty())
                .pod(new EnginePod.Place(2, 7, "q-2-3", "4/3", 42, "node-1", false, Optional.empty(), 0));
        assertEquals("q-2-7", pod.getMetadata().getName());
        List<String> arguments = engine(pod).getArgs();
        assertEquals("2/3", arguments.get(arguments.indexOf("--slot") + 1));
        assertEquals("/etc/millrace/wishes/division", arguments.get(arguments.indexOf("--division") + 1));
        assertEquals(
                "metadata.name NotIn [node-1]",
                pod
                        .getSpec()
                        .getAffinity()
                        .getNodeAffinity()
                        .getPreferredDuringSchedulingIgnoredDuringExecution()
                        .get(0)
                        .getPreference()
                        .getMatchFields()
                        .stream()
                        .map(field -> field.getKey() + " " + field.getOperator() + " " + field.getValues())
                        .findFirst()
                        .orElseThrow());
        assertTrue(pod.getSpec().getAffinity().getPodAffinity() != null, "what the template says stays");
        assertEquals(List.of(), pod.getSpec().getTopologySpreadConstraints(), "none is a wish, too");
        assertEquals(
                "kubernetes.io/hostname",
                pod("").getSpec().getTopologySpreadConstraints().get(0).getTopologyKey());
    }
}
