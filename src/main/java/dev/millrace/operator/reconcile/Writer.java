package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.operator.reconcile.Decision.ResizePod;
import dev.millrace.operator.resources.Names;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.net.HttpURLConnection;
import java.util.ArrayList;
import java.util.List;

/** Writes what is ours in resources of the user's, only as they were seen, for another change brings another look; and what belongs to nobody. */
final class Writer {

    private static final String MANAGER = "millrace-operator";

    private final KubernetesClient client;
    private final ObjectMapper mapper = new ObjectMapper();

    Writer(KubernetesClient client) {
        this.client = client;
    }

    static PatchContext serverSide() {
        return new PatchContext.Builder()
                .withPatchType(PatchType.SERVER_SIDE_APPLY)
                .withFieldManager(MANAGER)
                .withForce(true)
                .build();
    }

    <R extends CustomResource<?, ?>> void status(R resource, Object status) {
        ObjectNode document = mapper.createObjectNode();
        document.put("apiVersion", resource.getApiVersion()).put("kind", resource.getKind());
        document.putObject("metadata")
                .put("name", resource.getMetadata().getName())
                .put("namespace", resource.getMetadata().getNamespace())
                .put("resourceVersion", resource.getMetadata().getResourceVersion());
        document.set("status", mapper.valueToTree(status));
        HasMetadata written = client.resource(resource).subresource("status").patch(serverSide(), document.toString());
        seen(resource, written);
    }

    <R extends CustomResource<?, ?>> void finalizer(R resource, boolean present) {
        List<String> finalizers = new ArrayList<>(resource.getMetadata().getFinalizers());
        finalizers.remove(Names.FINALIZER);
        if (present) {
            finalizers.add(Names.FINALIZER);
        }
        ObjectNode patch = mapper.createObjectNode();
        patch.putObject("metadata")
                .put("resourceVersion", resource.getMetadata().getResourceVersion())
                .set("finalizers", mapper.valueToTree(finalizers));
        seen(resource, client.resource(resource).patch(PatchContext.of(PatchType.JSON_MERGE), patch.toString()));
    }

    /** Says something to a pod. */
    void annotate(String namespace, String pod, String resourceVersion, String annotation, String text) {
        ObjectNode metadata = mapper.createObjectNode().put("resourceVersion", resourceVersion);
        metadata.putObject("annotations").put(annotation, text);
        patch(namespace, pod, metadata);
    }

    /** Says something about a pod, whatever else was said meanwhile. */
    void annotate(String namespace, String pod, String annotation, String text) {
        ObjectNode metadata = mapper.createObjectNode();
        metadata.putObject("annotations").put(annotation, text);
        patch(namespace, pod, metadata);
    }

    /** Gives a container other amounts of CPU and memory, requests and limits alike, and notes that on its pod: in this order. */
    void resize(String namespace, ResizePod wished, String container) {
        ObjectNode patch = mapper.createObjectNode();
        ObjectNode resources = patch.putObject("spec")
                .putArray("containers")
                .addObject()
                .put("name", container)
                .putObject("resources");
        for (String kind : List.of("requests", "limits")) {
            resources.putObject(kind).put("cpu", wished.cpu()).put("memory", wished.memory());
        }
        client.pods()
                .inNamespace(namespace)
                .withName(wished.pod())
                .subresource("resize")
                .patch(PatchContext.of(PatchType.STRATEGIC_MERGE), patch.toString());
        ObjectNode metadata = mapper.createObjectNode();
        metadata.putObject("annotations").put(Names.GIVEN, wished.wish()).putNull(Names.GIVEN_REFUSED);
        patch(namespace, wished.pod(), metadata);
    }

    /** Makes a standby the pod that goes on with the query. */
    void promote(String namespace, String pod, String resourceVersion, long incarnation) {
        ObjectNode metadata = mapper.createObjectNode().put("resourceVersion", resourceVersion);
        metadata.putObject("labels").put(Names.COMPONENT, Names.ENGINE);
        metadata.putObject("annotations").put(Names.ACTIVE, String.valueOf(incarnation));
        patch(namespace, pod, metadata);
    }

    private void patch(String namespace, String pod, ObjectNode metadata) {
        ObjectNode patch = mapper.createObjectNode();
        patch.set("metadata", metadata);
        client.pods()
                .inNamespace(namespace)
                .withName(pod)
                .patch(PatchContext.of(PatchType.JSON_MERGE), patch.toString());
    }

    /** Makes an object that belongs to nobody; one that is there already is it. */
    void createUnlessThere(HasMetadata object) {
        try {
            client.resource(object).create();
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                throw e;
            }
        }
    }

    /** Deletes what took something away for the query; another's object of the name stays. */
    void deleteCleanUp(String namespace, String name, String query) {
        List<Resource<? extends HasMetadata>> places = List.of(
                client.pods().inNamespace(namespace).withName(name),
                client.configMaps().inNamespace(namespace).withName(name));
        for (Resource<? extends HasMetadata> place : places) {
            HasMetadata there = place.get();
            if (there != null && Names.isMadeFor(there, query)) {
                place.lockResourceVersion(there.getMetadata().getResourceVersion())
                        .delete();
            }
        }
    }

    private static void seen(HasMetadata resource, HasMetadata written) {
        resource.getMetadata().setResourceVersion(written.getMetadata().getResourceVersion());
    }
}
