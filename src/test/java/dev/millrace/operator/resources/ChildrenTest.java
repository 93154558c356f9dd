package dev.millrace.operator.resources;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicy;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ChildrenTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Children CHILDREN = new Children("q", "ns", "uid");

    /** An egress rule would cut off brokers, DNS and stores. */
    @Test
    void onlyWhatComesInIsRestrictedAndToOnePort() {
        NetworkPolicy policy = CHILDREN.networkPolicy();
        assertEquals(List.of("Ingress"), policy.getSpec().getPolicyTypes());
        assertEquals(CHILDREN.labels(), policy.getSpec().getPodSelector().getMatchLabels());
        assertEquals(1, policy.getSpec().getIngress().size());
        assertEquals(List.of(), policy.getSpec().getIngress().get(0).getFrom(), "open by default");
        assertEquals(
                List.of(EnginePod.PORT),
                policy.getSpec().getIngress().get(0).getPorts().stream()
                        .map(port -> port.getPort().getIntVal())
                        .toList());
    }

    @Test
    void aVersionIsNeverChanged() {
        Version version = new Version("q-1", "{}", null, "", null);
        assertEquals(true, CHILDREN.config(version).getImmutable());
    }

    @Test
    void theQueryControlsWhatItOwns() {
        OwnerReference owner =
                CHILDREN.service().getMetadata().getOwnerReferences().get(0);
        assertEquals("uid", owner.getUid());
        assertEquals(true, owner.getController());
        assertEquals(false, CHILDREN.serviceAccount().getAutomountServiceAccountToken());
    }

    @Test
    void aVolumeIsAsTheSpecSays() throws Exception {
        JsonNode spec = JSON.readTree("{\"size\": \"3Gi\", \"storageClassName\": \"fast\"}");
        PersistentVolumeClaim claim = CHILDREN.claim("q-0-5", 0, spec);
        assertEquals("q-0-5", claim.getMetadata().getName());
        assertEquals("fast", claim.getSpec().getStorageClassName());
        assertEquals(
                Map.of("storage", new Quantity("3Gi")),
                claim.getSpec().getResources().getRequests());
        assertEquals(List.of("ReadWriteOnce"), claim.getSpec().getAccessModes());
        assertEquals("uid", claim.getMetadata().getOwnerReferences().get(0).getUid());
        PersistentVolumeClaim other = CHILDREN.claim("q-0-5", 0, JSON.readTree("{}"));
        assertNull(other.getSpec().getStorageClassName(), "the cluster's own");
        assertTrue(other.getSpec().getResources().getRequests().get("storage").equals(new Quantity("10Gi")));
    }
}
