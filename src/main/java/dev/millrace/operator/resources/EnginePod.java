package dev.millrace.operator.resources;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineResources;
import dev.millrace.api.GuestSlot;
import dev.millrace.api.Size;
import dev.millrace.operator.scaling.Allocation;
import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.AffinityBuilder;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.DownwardAPIVolumeFile;
import io.fabric8.kubernetes.api.model.DownwardAPIVolumeFileBuilder;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.LocalObjectReference;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.PodSecurityContextBuilder;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.ProbeBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.SecurityContext;
import io.fabric8.kubernetes.api.model.SecurityContextBuilder;
import io.fabric8.kubernetes.api.model.Toleration;
import io.fabric8.kubernetes.api.model.TolerationBuilder;
import io.fabric8.kubernetes.api.model.TopologySpreadConstraint;
import io.fabric8.kubernetes.api.model.TopologySpreadConstraintBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.StreamSupport;

/**
 * Builds pods of a version. They meet the restricted Pod Security Standard: no root, no privileges, a read-only root file
 * system, no token. Requests equal limits. The heap is a fixed share of the memory; what else there is goes to RocksDB.
 */
public final class EnginePod {

    public static final int PORT = 8080;
    public static final String CONTAINER = "engine";

    /** How long a pod may take for its last commit and checkpoint. */
    private static final long GRACE_SECONDS = 60;

    private static final String WISHES = "/etc/millrace/wishes";

    private static final long CLEAN_UP_SECONDS = 120;

    /** On one CPU the second compiler takes a third of the time of a start: what runs once is not worth it. */
    private static final String LATE_SECOND_COMPILER = " -XX:Tier4InvocationThreshold=50000"
            + " -XX:Tier4MinInvocationThreshold=6000 -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000";

    private static final double HEAP = 0.4;

    /** Of the memory that a pod begins with: what it is given while it runs is for state, also where the process is started again. */
    private String jvm() {
        long mebibytes = (long) (HEAP * Size.ofText(version.pod().memory()).value()) >> 20;
        return "-Xms" + mebibytes + "m -Xmx" + mebibytes + "m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError"
                + " -XX:-UsePerfData -Djava.io.tmpdir=/tmp" + LATE_SECOND_COMPILER;
    }

    private final Children children;
    private final String query;
    private final String namespace;
    private final Version version;
    private final Optional<Long> fsGroup;
    private final JsonNode template;

    /**
     * @param fsGroup that owns the volume; empty where the cluster decides
     */
    public EnginePod(Children children, String query, String namespace, Version version, Optional<Long> fsGroup) {
        this.fsGroup = fsGroup;
        this.children = children;
        this.query = query;
        this.namespace = namespace;
        this.version = version;
        this.template = version.pod().template() == null
                ? Version.MAPPER.createObjectNode()
                : version.pod().template();
    }

    /**
     * Which pod it is.
     *
     * @param division into how many slots the query is to be divided
     * @param nodeLossSeconds how long it stays on a node that does not answer
     * @param avoided the node that it should not run on if there is another; null for none
     * @param standby whether it follows another pod until it is told to take over
     * @param given CPU and memory; empty for what the version says
     * @param threads for how many cores it is to have threads; 0 for those that it starts with
     */
    public record Place(
            int slot,
            long incarnation,
            String claim,
            String division,
            long nodeLossSeconds,
            String avoided,
            boolean standby,
            Optional<Allocation> given,
            int threads) {}

    /** The pod of an incarnation of a slot on a claim. */
    public Pod pod(Place place) {
        String name = Names.pod(query, place.slot(), place.incarnation());
        Map<String, String> labels = new HashMap<>(strings("labels"));
        labels.putAll(children.labels());
        labels.put(Names.COMPONENT, place.standby() ? Names.STANDBY : Names.ENGINE);
        labels.put(Names.SLOT, String.valueOf(place.slot()));
        labels.put(Names.INCARNATION, String.valueOf(place.incarnation()));
        labels.put(Names.VERSION, version.name());
        Pod pod = base(
                name,
                query,
                labels,
                arguments(
                        "engine",
                        "--query",
                        "/etc/millrace/query/" + Version.DOCUMENT_KEY,
                        "--plan",
                        "/etc/millrace/query/" + Version.PLAN_KEY,
                        "--state",
                        "/var/lib/millrace/state",
                        "--secrets",
                        "/etc/millrace/secrets",
                        "--savepoints",
                        WISHES + "/savepoints",
                        "--incarnation",
                        String.valueOf(place.incarnation())));
        pod.getSpec().getContainers().get(0).getArgs().addAll(arguments(place));
        pod.getMetadata().setOwnerReferences(List.of(children.owner()));
        Map<String, String> annotations = new HashMap<>(strings("annotations"));
        annotations.put(Names.DIVISION, place.division());
        annotations.put("cluster-autoscaler.kubernetes.io/safe-to-evict", "true");
        pod.getMetadata().setAnnotations(annotations);
        place.given().ifPresent(given -> give(pod, given));
        pod.getSpec().setRestartPolicy("OnFailure");
        pod.getSpec().setTerminationGracePeriodSeconds(GRACE_SECONDS);
        pod.getSpec().setHostname(name);
        pod.getSpec().setSubdomain(query);
        List<Toleration> tolerations = new ArrayList<>(list("tolerations", Toleration.class));
        tolerations.add(unreachable("node.kubernetes.io/unreachable", place.nodeLossSeconds()));
        tolerations.add(unreachable("node.kubernetes.io/not-ready", place.nodeLossSeconds()));
        pod.getSpec().setTolerations(tolerations);
        if (place.avoided() != null) {
            pod.getSpec().setAffinity(avoiding(pod.getSpec().getAffinity(), place.avoided()));
        }
        if (place.avoided() == null && !template.has("topologySpreadConstraints")) {
            pod.getSpec()
                    .setTopologySpreadConstraints(
                            List.of(spread())); // of both wishes the scheduler might take this one
        }
        pod.getSpec()
                .getVolumes()
                .add(new VolumeBuilder()
                        .withName("state")
                        .withNewPersistentVolumeClaim()
                        .withClaimName(place.claim())
                        .endPersistentVolumeClaim()
                        .build());
        pod.getSpec().getVolumes().add(wishes());
        Container engine = pod.getSpec().getContainers().get(0);
        engine.getVolumeMounts().add(mount("state", "/var/lib/millrace", false));
        engine.getVolumeMounts().add(mount("wishes", WISHES, true));
        engine.getEnv().add(new EnvVar(GuestSlot.FILE_VARIABLE, WISHES + "/guests", null));
        engine.getEnv().add(new EnvVar(EngineResources.MEMORY, WISHES + "/memory", null));
        if (place.threads() > 0) {
            engine.getEnv().add(new EnvVar(EngineResources.THREADS, String.valueOf(place.threads()), null));
        }
        engine.setPorts(new ContainerBuilder()
                .addNewPort()
                .withName("http")
                .withContainerPort(PORT)
                .endPort()
                .build()
                .getPorts());
        engine.setStartupProbe(probe("/health/live", 1, 180));
        engine.setLivenessProbe(probe("/health/live", 10, 6));
        engine.setReadinessProbe(probe("/health/ready", 2, 2));
        return pod;
    }

    private void give(Pod pod, Allocation given) {
        pod.getMetadata().getAnnotations().put(Names.GIVEN, given.cpu() + " " + given.memoryText());
        Map<String, Quantity> resources =
                Map.of("cpu", new Quantity(given.cpu()), "memory", new Quantity(given.memoryText()));
        Container engine = pod.getSpec().getContainers().get(0);
        engine.getResources().setRequests(resources);
        engine.getResources().setLimits(resources);
    }

    private static Affinity avoiding(Affinity affinity, String node) {
        return new AffinityBuilder(affinity == null ? new Affinity() : affinity)
                .editOrNewNodeAffinity()
                .addNewPreferredDuringSchedulingIgnoredDuringExecution()
                .withWeight(100)
                .withNewPreference()
                .addNewMatchField()
                .withKey("metadata.name")
                .withOperator("NotIn")
                .withValues(node)
                .endMatchField()
                .endPreference()
                .endPreferredDuringSchedulingIgnoredDuringExecution()
                .endNodeAffinity()
                .build();
    }

    /** What depends on the slot; a version that cannot be divided is told nothing of divisions. */
    private List<String> arguments(Place place) {
        List<String> arguments = new ArrayList<>();
        if (version.undivided() == null) {
            arguments.addAll(List.of("--division", WISHES + "/division"));
        }
        if (place.standby()) {
            arguments.addAll(List.of("--standby", WISHES + "/active"));
        }
        if (place.slot() > 0) {
            arguments.addAll(List.of("--slot", place.slot() + "/" + (place.slot() + 1)));
        } else {
            version.savepoint().ifPresent(savepoint -> arguments.addAll(List.of("--savepoint", savepoint)));
        }
        return arguments;
    }

    /** What the operator wishes while the pod runs: annotations of the pod, as files that follow them. */
    private static Volume wishes() {
        return new VolumeBuilder()
                .withName("wishes")
                .withNewDownwardAPI()
                .withItems(
                        wish("savepoints", Names.SAVEPOINTS),
                        wish("division", Names.DIVISION),
                        wish("active", Names.ACTIVE),
                        wish("guests", Names.GUESTS),
                        wish("memory", Names.MEMORY))
                .endDownwardAPI()
                .build();
    }

    private static DownwardAPIVolumeFile wish(String file, String annotation) {
        return new DownwardAPIVolumeFileBuilder()
                .withPath(file)
                .withNewFieldRef()
                .withFieldPath("metadata.annotations['" + annotation + "']")
                .endFieldRef()
                .build();
    }

    /** A pod without owner that takes away what the query has outside of its namespace. */
    public Pod cleanUp() {
        return cleanUp(Names.cleanUp(query), List.of());
    }

    /**
     * A pod without owner that takes away a savepoint.
     *
     * @param savepoint {@code <state id>/<name>}
     */
    public Pod cleanUp(String name, String savepoint) {
        return cleanUp(name, List.of("--savepoint", savepoint));
    }

    private Pod cleanUp(String name, List<String> more) {
        Map<String, String> labels = new HashMap<>(children.labels());
        labels.put(Names.COMPONENT, "clean-up");
        List<String> arguments = arguments(
                "clean-up",
                "--query",
                "/etc/millrace/query/" + Version.DOCUMENT_KEY,
                "--secrets",
                "/etc/millrace/secrets");
        arguments.addAll(more);
        // The query's own account goes first when the query is deleted in the foreground.
        Pod pod = base(name, "default", labels, arguments);
        pod.getSpec().setRestartPolicy("Never");
        pod.getSpec().setActiveDeadlineSeconds(CLEAN_UP_SECONDS);
        pod.getSpec().setTolerations(list("tolerations", Toleration.class));
        return pod;
    }

    private List<String> arguments(String... own) {
        List<String> arguments = new ArrayList<>(List.of(own));
        version.formerIds().forEach(id -> arguments.addAll(List.of("--former", id)));
        return arguments;
    }

    private Pod base(String name, String account, Map<String, String> labels, List<String> arguments) {
        List<Volume> volumes = new ArrayList<>(list("volumes", Volume.class));
        List<VolumeMount> mounts = new ArrayList<>(list("volumeMounts", VolumeMount.class));
        volumes.add(new VolumeBuilder()
                .withName("query")
                .withNewConfigMap()
                .withName(version.name())
                .endConfigMap()
                .build());
        mounts.add(mount("query", "/etc/millrace/query", true));
        volumes.add(new VolumeBuilder()
                .withName("tmp")
                .withNewEmptyDir()
                .endEmptyDir()
                .build());
        mounts.add(mount("tmp", "/tmp", false));
        for (String secret : version.pod().secrets()) {
            volumes.add(new VolumeBuilder()
                    .withName("secret-" + secret.replace('.', '-'))
                    .withNewSecret()
                    .withSecretName(secret)
                    .withOptional(true)
                    .endSecret()
                    .build());
            mounts.add(mount("secret-" + secret.replace('.', '-'), "/etc/millrace/secrets/" + secret, true));
        }
        List<EnvVar> environment = new ArrayList<>();
        environment.add(new EnvVar("JDK_JAVA_OPTIONS", jvm(), null));
        environment.addAll(list("env", EnvVar.class));
        return new PodBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .withLabels(labels)
                .endMetadata()
                .withNewSpec()
                .withServiceAccountName(template.path("serviceAccountName").asText(account))
                .withAutomountServiceAccountToken(false)
                .withEnableServiceLinks(false)
                .withSecurityContext(podSecurity())
                .withNodeSelector(strings("nodeSelector"))
                .withAffinity(one("affinity", Affinity.class))
                .withTopologySpreadConstraints(list("topologySpreadConstraints", TopologySpreadConstraint.class))
                .withPriorityClassName(template.path("priorityClassName").asText(null))
                .withImagePullSecrets(list("imagePullSecrets", LocalObjectReference.class))
                .withVolumes(volumes)
                .addNewContainer()
                .withName(CONTAINER)
                .withImage(version.pod().image())
                .withImagePullPolicy("IfNotPresent")
                .withArgs(arguments)
                .withEnv(environment)
                .withVolumeMounts(mounts)
                .withSecurityContext(security())
                .withNewResources()
                .withRequests(resources())
                .withLimits(resources())
                .endResources()
                .endContainer()
                .endSpec()
                .build();
    }

    /** To different nodes if they can. */
    private TopologySpreadConstraint spread() {
        return new TopologySpreadConstraintBuilder()
                .withMaxSkew(1)
                .withTopologyKey("kubernetes.io/hostname")
                .withWhenUnsatisfiable("ScheduleAnyway")
                .withNewLabelSelector()
                .addToMatchLabels(children.labels())
                .endLabelSelector()
                .build();
    }

    private Map<String, Quantity> resources() {
        return Map.of(
                "cpu", new Quantity(version.pod().cpu()),
                "memory", new Quantity(version.pod().memory()));
    }

    private PodSecurityContext podSecurity() {
        return new PodSecurityContextBuilder()
                .withRunAsNonRoot(true)
                .withFsGroup(fsGroup.orElse(null))
                .withFsGroupChangePolicy("OnRootMismatch")
                .withNewSeccompProfile()
                .withType("RuntimeDefault")
                .endSeccompProfile()
                .build();
    }

    private static SecurityContext security() {
        return new SecurityContextBuilder()
                .withAllowPrivilegeEscalation(false)
                .withReadOnlyRootFilesystem(true)
                .withNewCapabilities()
                .withDrop("ALL")
                .endCapabilities()
                .build();
    }

    private static Toleration unreachable(String taint, long seconds) {
        return new TolerationBuilder()
                .withKey(taint)
                .withOperator("Exists")
                .withEffect("NoExecute")
                .withTolerationSeconds(seconds)
                .build();
    }

    private static VolumeMount mount(String name, String path, boolean readOnly) {
        return new VolumeMountBuilder()
                .withName(name)
                .withMountPath(path)
                .withReadOnly(readOnly ? true : null)
                .build();
    }

    private static Probe probe(String path, int periodSeconds, int failures) {
        return new ProbeBuilder()
                .withNewHttpGet()
                .withPath(path)
                .withNewPort(PORT)
                .endHttpGet()
                .withPeriodSeconds(periodSeconds)
                .withTimeoutSeconds(5)
                .withFailureThreshold(failures)
                .build();
    }

    private Map<String, String> strings(String field) {
        Map<String, String> found = new HashMap<>();
        template.path(field)
                .properties()
                .forEach(entry -> found.put(entry.getKey(), entry.getValue().asText()));
        return found;
    }

    private <T> List<T> list(String field, Class<T> type) {
        return StreamSupport.stream(template.path(field).spliterator(), false)
                .map(node -> Serialization.unmarshal(node.toString(), type))
                .toList();
    }

    private <T> T one(String field, Class<T> type) {
        return template.has(field) ? Serialization.unmarshal(template.get(field).toString(), type) : null;
    }
}
