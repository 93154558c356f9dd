package dev.millrace.operator.resources;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.ServiceBuilder;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyBuilder;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudgetBuilder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Builds what a query owns beside its pods. */
public final class Children {

    /** The size of a volume where the spec gives none. */
    public static final String DEFAULT_VOLUME = "10Gi";

    private final String query;
    private final String namespace;
    private final String uid;

    public Children(String query, String namespace, String uid) {
        this.query = query;
        this.namespace = namespace;
        this.uid = uid;
    }

    Map<String, String> labels() {
        return Map.of(Names.MANAGED_BY, Names.MANAGER, Names.QUERY, query);
    }

    OwnerReference owner() {
        return new OwnerReferenceBuilder()
                .withApiVersion("millrace.dev/v1alpha1")
                .withKind("StreamingQuery")
                .withName(query)
                .withUid(uid)
                .withController(true)
                .withBlockOwnerDeletion(true)
                .build();
    }

    private ObjectMeta metadata(String name) {
        return new ObjectMetaBuilder()
                .withName(name)
                .withNamespace(namespace)
                .withLabels(labels())
                .withOwnerReferences(owner())
                .build();
    }

    public ConfigMap config(Version version) {
        return new ConfigMapBuilder()
                .withMetadata(metadata(version.name()))
                .withImmutable(true)
                .withData(version.data())
                .build();
    }

    /** A version that is kept for a savepoint of the query, and goes with it. */
    public ConfigMap keptFor(HasMetadata savepoint, Version version) {
        ConfigMap config = config(version);
        config.getMetadata()
                .setOwnerReferences(List.of(new OwnerReferenceBuilder()
                        .withApiVersion(savepoint.getApiVersion())
                        .withKind(savepoint.getKind())
                        .withName(savepoint.getMetadata().getName())
                        .withUid(savepoint.getMetadata().getUid())
                        .build()));
        return config;
    }

    /** Pods use the account of the template where it names one; this one may do nothing. */
    public ServiceAccount serviceAccount() {
        return new ServiceAccountBuilder()
                .withMetadata(metadata(query))
                .withAutomountServiceAccountToken(false)
                .build();
    }

    /** Gives pods their names in DNS, ready or not. */
    public Service service() {
        return new ServiceBuilder()
                .withMetadata(metadata(query))
                .withNewSpec()
                .withClusterIP("None")
                .withPublishNotReadyAddresses(true)
                .withSelector(labels())
                .addNewPort()
                .withName("http")
                .withPort(EnginePod.PORT)
                .withTargetPort(new IntOrString("http"))
                .endPort()
                .endSpec()
                .build();
    }

    /** Only the port that says how it goes can be reached; what pods reach is not restricted (brokers, DNS, stores). */
    public NetworkPolicy networkPolicy() {
        return new NetworkPolicyBuilder()
                .withMetadata(metadata(query))
                .withNewSpec()
                .withPolicyTypes("Ingress")
                .withNewPodSelector()
                .withMatchLabels(labels())
                .endPodSelector()
                .addNewIngress()
                .addNewPort()
                .withPort(new IntOrString(EnginePod.PORT))
                .endPort()
                .endIngress()
                .endSpec()
                .build();
    }

    /** How many pods evictions must leave. */
    public PodDisruptionBudget disruptionBudget(int minAvailable) {
        Map<String, String> pods = new HashMap<>(labels());
        pods.put(Names.COMPONENT, Names.ENGINE);
        return new PodDisruptionBudgetBuilder()
                .withMetadata(metadata(query))
                .withNewSpec()
                .withMinAvailable(new IntOrString(minAvailable))
                .withUnhealthyPodEvictionPolicy("AlwaysAllow")
                .withNewSelector()
                .withMatchLabels(pods)
                .endSelector()
                .endSpec()
                .build();
    }

    /**
     * @param volume {@code state.volume} of the spec, or a missing node
     */
    public PersistentVolumeClaim claim(String name, int slot, JsonNode volume) {
        Map<String, String> labels = new HashMap<>(labels());
        labels.put(Names.SLOT, String.valueOf(slot));
        ObjectMeta metadata = metadata(name);
        metadata.setLabels(labels);
        return new PersistentVolumeClaimBuilder()
                .withMetadata(metadata)
                .withNewSpec()
                .withAccessModes(List.of("ReadWriteOnce"))
                .withStorageClassName(volume.path("storageClassName").asText(null))
                .withNewResources()
                .withRequests(Map.of("storage", new Quantity(volume.path("size").asText(DEFAULT_VOLUME))))
                .endResources()
                .endSpec()
                .build();
    }
}
