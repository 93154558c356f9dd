package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.StreamingQuerySavepoint;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.RestoredFrom;
import dev.millrace.api.Verdict;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.SavepointResource;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.reconcile.Observed.SavepointView;
import dev.millrace.operator.resources.Names;
import dev.millrace.operator.resources.Version;
import dev.millrace.operator.scaling.Sample;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Clock;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Sees a query as it is now: everything is read from the API server, so that no decision rests on a cache that is behind.
 * Informers only say when to look.
 */
final class Observer {

    private final KubernetesClient client;
    private final Verdicts verdicts;
    private final Engines engines;
    private final TakeOvers takeOvers;
    private final String defaultImage;
    private final Clock clock;
    private final Instant start;
    private final Resizing resizes;

    Observer(
            KubernetesClient client,
            Verdicts verdicts,
            Engines engines,
            TakeOvers takeOvers,
            String defaultImage,
            Clock clock) {
        this.client = client;
        this.verdicts = verdicts;
        this.engines = engines;
        this.takeOvers = takeOvers;
        this.defaultImage = defaultImage;
        this.clock = clock;
        this.start = clock.instant();
        this.resizes = new Resizing(client, clock);
    }

    /** From when a deletion has its time: one that was asked for while the operator was away has all of it. */
    static Optional<Instant> deletedAt(HasMetadata object, Instant start) {
        return Optional.ofNullable(object.getMetadata().getDeletionTimestamp())
                .map(Instant::parse)
                .map(asked -> asked.isBefore(start) ? start : asked);
    }

    Observed observe(QueryResource query) {
        String namespace = query.getMetadata().getNamespace();
        String name = query.getMetadata().getName();
        StreamingQueryStatus status = query.getStatus() == null ? StreamingQueryStatus.NONE : query.getStatus();
        String stateId =
                VersionChoice.stateId(query.getSpec(), query.getMetadata().getUid(), status);
        Optional<SavepointView> savepoint =
                VersionChoice.wantedSavepoint(query.getSpec(), status).map(wish -> savepoint(namespace, wish));
        Optional<RestoredFrom> origin = VersionChoice.origin(
                query.getSpec(),
                status,
                savepoint
                        .filter(view -> view.status() != null && view.status().completed())
                        .map(view -> new RestoredFrom(view.name(), view.status().stateId())));
        Version wanted = Version.of(
                name,
                namespace,
                query.getSpec(),
                new Version.Origin(
                        stateId,
                        VersionChoice.formerStateIds(stateId, status),
                        origin.map(from -> from.stateId() + "/" + from.savepoint())
                                .orElse(null)),
                image(query.getSpec(), status),
                annotation(query, Names.RESTART).orElse(null));
        List<Pod> pods = client.pods()
                .inNamespace(namespace)
                .withLabel(Names.QUERY, name)
                .list()
                .getItems();
        List<Pod> mine = pods.stream()
                .filter(pod -> Pods.isEngine(pod))
                .filter(pod -> Names.isOwned(pod, query))
                .sorted(Comparator.comparingLong(Pods::incarnation))
                .toList();
        mine.forEach(pod -> engines.watch(query, pod));
        engines.forgetOthers(query, mine);
        Map<String, Observed.EngineView> answers = answers(namespace, mine);
        List<PersistentVolumeClaim> claims = claims(query);
        Map<String, Version> versions = versions(query);
        Optional<Verdict> verdict =
                verdict(query, status, wanted, versions, known(status, stateId, savepoint, versions));
        Instant now = clock.instant();
        return new Observed(
                identity(query),
                query.getSpec(),
                status,
                verdict,
                verdict.map(found -> wanted.compiled(found.plan(), found.undivided()))
                        .orElse(wanted),
                stateId,
                origin,
                savepoint,
                mine.stream().map(pod -> Pods.view(pod, claims)).toList(),
                claims.stream().map(Observer::view).toList(),
                versions,
                budget(query),
                pods.stream()
                        .filter(pod -> pod.getMetadata().getName().equals(Names.cleanUp(name)))
                        .filter(pod -> Names.isMadeFor(pod, name))
                        .findFirst()
                        .map(Pods::cleanUp),
                answers,
                unreachable(mine, answers),
                takeOvers.recent(now),
                samples(namespace, status),
                resizes.getAsBoolean(),
                now);
    }

    private Map<String, Observed.EngineView> answers(String namespace, List<Pod> pods) {
        Map<String, Observed.EngineView> answers = new HashMap<>();
        for (Pod pod : pods) {
            String name = pod.getMetadata().getName();
            engines.view(namespace, name).ifPresent(view -> answers.put(name, view));
            engines.guests(namespace, name).forEach((slot, view) -> answers.put(Observed.guestName(name, slot), view));
        }
        return answers;
    }

    /** Of the pods of all slots; a slot that another one's pod runs has none of its own. */
    private List<Sample> samples(String namespace, StreamingQueryStatus status) {
        List<StreamingQueryStatus.Slot> slots = status.slots() == null
                ? List.of()
                : status.slots().stream().filter(slot -> !slot.isUnused()).toList();
        boolean all = slots.stream().allMatch(slot -> slot.pod() != null && !slot.isHosted());
        return all
                ? PodSamples.join(slots.stream()
                        .map(slot -> engines.samples(namespace, slot.pod()))
                        .toList())
                : List.of();
    }

    private SavepointView savepoint(String namespace, String name) {
        SavepointResource found = client.resources(SavepointResource.class)
                .inNamespace(namespace)
                .withName(name)
                .get();
        if (found == null) {
            return new SavepointView(name, null, false, Optional.empty());
        }
        StreamingQuerySavepoint.Status status =
                found.getStatus() == null ? StreamingQuerySavepoint.Status.NONE : found.getStatus();
        return new SavepointView(
                name,
                status,
                found.getMetadata().getDeletionTimestamp() != null,
                SavepointObserver.document(client, found));
    }

    /**
     * A plan whose state is gone on with.
     *
     * @param version that holds it
     */
    private record KnownPlan(String id, Version version) {}

    private static Optional<KnownPlan> known(
            StreamingQueryStatus status,
            String stateId,
            Optional<SavepointView> savepoint,
            Map<String, Version> versions) {
        Optional<KnownPlan> known = savepoint.isPresent()
                ? savepoint
                        .filter(view -> view.status() != null && view.status().completed())
                        .flatMap(view -> view.document()
                                .map(version -> new KnownPlan(view.status().planId(), version)))
                : Optional.ofNullable(status.current())
                        .filter(current -> stateId.equals(status.stateId()) && versions.containsKey(current.config()))
                        .map(current -> new KnownPlan(current.planId(), versions.get(current.config())));
        return known.filter(plan -> !plan.version().plan().isEmpty());
    }

    private Observed.Identity identity(QueryResource query) {
        String deleted = query.getMetadata().getDeletionTimestamp();
        boolean terminating = deleted != null
                && namespaceTerminates(client, query.getMetadata().getNamespace());
        return new Observed.Identity(
                query.getMetadata().getNamespace(),
                query.getMetadata().getName(),
                query.getMetadata().getUid(),
                query.getMetadata().getGeneration(),
                deletedAt(query, start),
                query.getMetadata().getFinalizers().contains(Names.FINALIZER),
                annotation(query, Names.PAUSED).filter("true"::equals).isPresent(),
                terminating);
    }

    static boolean namespaceTerminates(KubernetesClient client, String name) {
        try {
            Namespace namespace = client.namespaces().withName(name).get();
            return namespace != null && namespace.getMetadata().getDeletionTimestamp() != null;
        } catch (KubernetesClientException e) {
            return false; // without the right to read namespaces, making the clean-up pod fails instead
        }
    }

    private static Optional<String> annotation(QueryResource query, String name) {
        Map<String, String> annotations = query.getMetadata().getAnnotations();
        return Optional.ofNullable(annotations == null ? null : annotations.get(name));
    }

    private String image(JsonNode spec, StreamingQueryStatus status) {
        String fixed = status.image() == null ? defaultImage : status.image();
        return spec.at("/engine/image").asText(fixed);
    }

    /**
     * What runs already was accepted; the rest is asked of the compiler. A query that means what the one means whose state it
     * goes on with keeps its plan: the compiler may be a newer one.
     */
    private Optional<Verdict> verdict(
            QueryResource query,
            StreamingQueryStatus status,
            Version wanted,
            Map<String, Version> versions,
            Optional<KnownPlan> known) {
        StreamingQueryStatus.Version current = status.current();
        if (current != null && current.config().equals(wanted.name()) && versions.containsKey(wanted.name())) {
            List<Verdict.Finding> warnings = status.warnings() == null
                    ? List.of()
                    : status.warnings().stream()
                            .map(warning -> finding(warning))
                            .toList();
            return Optional.of(new Verdict(
                    List.of(),
                    current.planId(),
                    status.outputModes() == null ? Map.of() : status.outputModes(),
                    warnings,
                    "",
                    versions.get(wanted.name()).undivided()));
        }
        Optional<KnownPlan> kept = known.filter(plan -> plan.version().meansTheSame(wanted));
        return verdicts.of(query)
                .map(verdict -> kept.filter(plan -> verdict.accepted())
                        .map(plan -> verdict.withPlan(plan.id(), plan.version().plan()))
                        .orElse(verdict));
    }

    private static Verdict.Finding finding(StreamingQueryStatus.Warning warning) {
        int cut = warning.message().indexOf(": ");
        return new Verdict.Finding(
                warning.code(),
                warning.message().substring(0, Math.max(0, cut)),
                warning.message().substring(cut < 0 ? 0 : cut + 2));
    }

    private List<PersistentVolumeClaim> claims(QueryResource query) {
        return client
                .persistentVolumeClaims()
                .inNamespace(query.getMetadata().getNamespace())
                .withLabel(Names.QUERY, query.getMetadata().getName())
                .list()
                .getItems()
                .stream()
                .filter(claim -> Names.isOwned(claim, query))
                .filter(claim -> claim.getMetadata().getDeletionTimestamp() == null)
                .toList();
    }

    private Optional<Integer> budget(QueryResource query) {
        return Optional.ofNullable(client.policy()
                        .v1()
                        .podDisruptionBudget()
                        .inNamespace(query.getMetadata().getNamespace())
                        .withName(query.getMetadata().getName())
                        .get())
                .filter(found -> Names.isOwned(found, query))
                .map(found -> found.getSpec().getMinAvailable())
                .map(IntOrString::getIntVal);
    }

    private static ClaimView view(PersistentVolumeClaim claim) {
        Quantity requested = claim.getSpec().getResources().getRequests().get("storage");
        return new ClaimView(
                claim.getMetadata().getName(),
                claim.getMetadata().getResourceVersion(),
                Pods.slot(claim),
                requested == null ? 0 : Quantity.getAmountInBytes(requested).longValue());
    }

    private Map<String, Version> versions(QueryResource query) {
        return client
                .configMaps()
                .inNamespace(query.getMetadata().getNamespace())
                .withLabel(Names.QUERY, query.getMetadata().getName())
                .list()
                .getItems()
                .stream()
                .filter(config -> Names.isOwned(config, query))
                .map(config -> Version.read(config.getMetadata().getName(), config.getData()))
                .collect(Collectors.toMap(Version::name, version -> version));
    }

    /** Nodes of pods that do not answer are looked at; a pod that answers needs no node's word. */
    private Map<String, Instant> unreachable(List<Pod> pods, Map<String, Observed.EngineView> answers) {
        Map<String, Instant> lost = new HashMap<>();
        for (Pod pod : pods) {
            Observed.EngineView view = answers.get(pod.getMetadata().getName());
            String node = pod.getSpec().getNodeName();
            if (node != null && (view == null || !view.answers()) && !Pods.isReady(pod)) {
                lostSince(node, pod).ifPresent(since -> lost.put(node, since));
            }
        }
        return lost;
    }

    private Optional<Instant> lostSince(String name, Pod pod) {
        try {
            Node node = client.nodes().withName(name).get();
            if (node == null) {
                return Optional.of(Instant.EPOCH);
            }
            return node.getStatus().getConditions().stream()
                    .filter(condition -> condition.getType().equals("Ready")
                            && !condition.getStatus().equals("True"))
                    .map(condition -> lastSign(name).orElse(Instant.parse(condition.getLastTransitionTime())))
                    .findFirst();
        } catch (KubernetesClientException e) {
            // Without the right to read nodes: the taint has evicted the pod, and its node does not confirm that.
            return Optional.ofNullable(pod.getMetadata().getDeletionTimestamp()).map(Instant::parse);
        }
    }

    /** A node renews its lease every ten seconds. */
    private Optional<Instant> lastSign(String node) {
        try {
            return Optional.ofNullable(client.leases()
                            .inNamespace("kube-node-lease")
                            .withName(node)
                            .get())
                    .map(lease -> lease.getSpec().getRenewTime().toInstant());
        } catch (KubernetesClientException e) {
            return Optional.empty();
        }
    }
}
