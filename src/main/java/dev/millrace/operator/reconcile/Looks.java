package dev.millrace.operator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Which resources were looked at, and which wait for it. Level-triggered as Kubernetes' own controllers are: whatever became
 * of an event, a resource whose spec nobody has looked at is found by going over all that are known.
 */
final class Looks {

    /** From when a resource that nobody has looked at is told of again. */
    static final Duration DUE = Duration.ofSeconds(20);

    /** From when that has not helped, or a look does not end: the requests of one that meets errors have all their tries in it. */
    static final Duration STUCK = Duration.ofMinutes(5);

    private final Clock clock;
    private final Map<ResourceID, Spec> looked = new HashMap<>();
    private final Map<ResourceID, Instant> underway = new HashMap<>();
    private final Map<ResourceID, Instant> waiting = new HashMap<>();
    private boolean acts;

    private record Spec(String uid, Long generation) {
        static Spec of(HasMetadata resource) {
            return new Spec(
                    resource.getMetadata().getUid(), resource.getMetadata().getGeneration());
        }
    }

    Looks(Clock clock) {
        this.clock = clock;
    }

    /** As users name it. */
    static String name(ResourceID id) {
        return id.getNamespace().orElse("") + "/" + id.getName();
    }

    synchronized void begin(HasMetadata resource) {
        ResourceID id = ResourceID.fromResource(resource);
        acts = true;
        looked.put(id, Spec.of(resource));
        waiting.remove(id);
        underway.put(id, clock.instant());
    }

    synchronized void end(HasMetadata resource) {
        underway.remove(ResourceID.fromResource(resource));
    }

    /** There is none of this name any more, or another one. */
    synchronized void forget(ResourceID id) {
        looked.remove(id);
    }

    /** Of all that there are, those that wait too long; none in a replica that does not act. */
    synchronized List<ResourceID> due(Collection<? extends HasMetadata> all) {
        if (!acts) {
            return List.of();
        }
        Instant now = clock.instant();
        Map<ResourceID, Instant> before = Map.copyOf(waiting);
        waiting.clear();
        for (HasMetadata resource : all) {
            ResourceID id = ResourceID.fromResource(resource);
            if (!Spec.of(resource).equals(looked.get(id))) {
                waiting.put(id, before.getOrDefault(id, now));
            }
        }
        return waiting.entrySet().stream()
                .filter(entry -> !entry.getValue().plus(DUE).isAfter(now))
                .map(Map.Entry::getKey)
                .toList();
    }

    /** A resource that nobody comes to look at, or whose look does not end, if there is one. */
    synchronized Optional<ResourceID> stuck() {
        Instant latest = clock.instant().minus(STUCK);
        return Stream.concat(underway.entrySet().stream(), waiting.entrySet().stream())
                .filter(entry -> entry.getValue().isBefore(latest))
                .map(Map.Entry::getKey)
                .findFirst();
    }
}
