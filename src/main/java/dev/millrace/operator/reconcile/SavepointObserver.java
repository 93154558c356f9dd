package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.StreamingQuerySavepoint.Status;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.SavepointResource;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.ObservedSavepoint.QueryPod;
import dev.millrace.operator.reconcile.ObservedSavepoint.QueryView;
import dev.millrace.operator.resources.Names;
import dev.millrace.operator.resources.Version;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.time.Instant;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Sees a savepoint as it is now, and what its query is doing. */
final class SavepointObserver {

    private final KubernetesClient client;
    private final Engines engines;
    private final Clock clock;
    private final Instant start;

    SavepointObserver(KubernetesClient client, Engines engines, Clock clock) {
        this.client = client;
        this.engines = engines;
        this.clock = clock;
        this.start = clock.instant();
    }

    ObservedSavepoint observe(SavepointResource savepoint) {
        String namespace = savepoint.getMetadata().getNamespace();
        String name = savepoint.getMetadata().getName();
        String deleted = savepoint.getMetadata().getDeletionTimestamp();
        Status status = savepoint.getStatus() == null ? Status.NONE : savepoint.getStatus();
        boolean settled = deleted == null && status.completed();
        return new ObservedSavepoint(
                new ObservedSavepoint.Identity(
                        name,
                        savepoint.getMetadata().getUid(),
                        savepoint.getMetadata().getGeneration(),
                        Observer.deletedAt(savepoint, start),
                        savepoint.getMetadata().getFinalizers().contains(Names.FINALIZER),
                        deleted != null && Observer.namespaceTerminates(client, namespace)),
                savepoint.getSpec(),
                status,
                settled ? Optional.empty() : query(namespace, savepoint),
                document(client, savepoint),
                Optional.ofNullable(client.pods()
                                .inNamespace(namespace)
                                .withName(Names.savepointCleanUp(name))
                                .get())
                        .filter(pod -> Names.isMadeFor(pod, savepoint.getSpec().query()))
                        .map(Pods::cleanUp),
                clock.instant());
    }

    /** What was kept of the query that a savepoint is of. */
    static Optional<Version> document(KubernetesClient client, SavepointResource savepoint) {
        ConfigMap config = client.configMaps()
                .inNamespace(savepoint.getMetadata().getNamespace())
                .withName(Names.savepoint(savepoint.getMetadata().getName()))
                .get();
        return Optional.ofNullable(config)
                .filter(found -> Names.isOwned(found, savepoint))
                .map(found -> Version.read(found.getMetadata().getName(), found.getData()));
    }

    private Optional<QueryView> query(String namespace, SavepointResource savepoint) {
        QueryResource query = client.resources(QueryResource.class)
                .inNamespace(namespace)
                .withName(savepoint.getSpec().query())
                .get();
        if (query == null || query.getMetadata().getDeletionTimestamp() != null) {
            return Optional.empty();
        }
        StreamingQueryStatus status = query.getStatus() == null ? StreamingQueryStatus.NONE : query.getStatus();
        Optional<Version> version = Optional.ofNullable(status.current())
                .flatMap(current -> Optional.ofNullable(client.configMaps()
                        .inNamespace(namespace)
                        .withName(current.config())
                        .get()))
                .filter(config -> Names.isOwned(config, query))
                .map(config -> Version.read(config.getMetadata().getName(), config.getData()));
        JsonNode spec = version.map(Version::spec).orElse(query.getSpec());
        boolean ended = "Completed".equals(status.phase()) || "Failed".equals(status.phase());
        return Optional.of(new QueryView(
                !query.getSpec().path("suspend").asBoolean(false) && !ended,
                Observed.writesToKafka(spec),
                needs(status, savepoint.getMetadata().getName()),
                status.stateId(),
                status.current() == null ? null : status.current().planId(),
                version,
                pod(query, status)));
    }

    private Optional<QueryPod> pod(QueryResource query, StreamingQueryStatus status) {
        if (status.slots() == null || status.slots().isEmpty() || status.current() == null) {
            return Optional.empty();
        }
        String namespace = query.getMetadata().getNamespace();
        StreamingQueryStatus.Slot slot = status.slots().get(0);
        if (slot.isHosted()) {
            return Optional.empty(); // the pod is another slot's
        }
        Pod pod = client.pods().inNamespace(namespace).withName(slot.pod()).get();
        if (pod == null
                || !Names.isOwned(pod, query)
                || pod.getMetadata().getDeletionTimestamp() != null
                || !status.current()
                        .config()
                        .equals(pod.getMetadata().getLabels().get(Names.VERSION))) {
            return Optional.empty();
        }
        return Optional.of(new QueryPod(
                slot.pod(),
                pod.getMetadata().getResourceVersion(),
                wishes(pod),
                wanted(query, status.stateId()),
                engines.view(namespace, slot.pod())
                        .filter(EngineView::answers)
                        .map(EngineView::progress)
                        .filter(progress -> progress.running() && progress.incarnation() == slot.incarnation())));
    }

    private static boolean needs(StreamingQueryStatus status, String savepoint) {
        return status.restoredFrom() != null
                && savepoint.equals(status.restoredFrom().savepoint())
                && status.checkpoint() == null;
    }

    private static String wishes(Pod pod) {
        Map<String, String> annotations = pod.getMetadata().getAnnotations();
        return annotations == null ? "" : annotations.getOrDefault(Names.SAVEPOINTS, "");
    }

    /** What all savepoints of a query ask of its pod. */
    private String wanted(QueryResource query, String stateId) {
        return client
                .resources(SavepointResource.class)
                .inNamespace(query.getMetadata().getNamespace())
                .list()
                .getItems()
                .stream()
                .filter(savepoint ->
                        savepoint.getSpec().query().equals(query.getMetadata().getName()))
                .sorted(Comparator.comparing(
                        savepoint -> savepoint.getMetadata().getName()))
                .flatMap(savepoint -> wish(savepoint, stateId).stream())
                .collect(Collectors.joining("\n"));
    }

    /** Only one that was begun, of this state, and whose finalizer sees to its end. */
    private static Optional<String> wish(SavepointResource savepoint, String stateId) {
        Status status = savepoint.getStatus() == null ? Status.NONE : savepoint.getStatus();
        boolean begun =
                savepoint.getMetadata().getFinalizers().contains(Names.FINALIZER) && stateId.equals(status.stateId());
        if (!begun) {
            return Optional.empty();
        }
        String words = " " + savepoint.getMetadata().getName() + " "
                + savepoint.getMetadata().getUid();
        if (savepoint.getMetadata().getDeletionTimestamp() != null) {
            boolean kept = status.completed() && savepoint.getSpec().keeps();
            return kept ? Optional.empty() : Optional.of("drop" + words);
        }
        return status.completed() ? Optional.empty() : Optional.of("take" + words);
    }
}
