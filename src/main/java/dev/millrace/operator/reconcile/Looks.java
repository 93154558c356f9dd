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
    static final Duration STUCK = Duration.ofMinutes(15);

    /** So many that wait are a queue, as at a start, for as long as somebody comes to some of them. */
    static final int QUEUE = 10;

    private final Clock clock;
    private final Map<ResourceID, Spec> looked = new HashMap<>();
    private final Map<ResourceID, Instant> underway = new HashMap<>();
    private final Map<ResourceID, Instant> waiting = new HashMap<>();
    private Instant began; // the last look; null where this replica does not act

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
        began = clock.instant();
        looked.put(id, Spec.of(resource));
        waiting.remove(id);
        underway.put(id, began);
    }

    synchronized void end(HasMetadata resource) {
        underway.remove(ResourceID.fromResource(resource));
    }

    /** There is none of this name any more, or another one. */
    synchronized void forget(ResourceID id) {
        looked.remove(id);
        waiting.remove(id);
    }

    /** Of all that there are, those that wait too long; none in a replica that does not act. */
    synchronized <P extends HasMetadata> List<P> due(Collection<P> all) {
        if (began == null) {
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
        return isQueue(DUE)
                ? List.of()
                : all.stream()
                        .filter(resource -> isBefore(waiting.get(ResourceID.fromResource(resource)), DUE))
                        .toList();
    }

    private boolean isQueue(Duration since) {
        return waiting.size() >= QUEUE && !isBefore(began, since);
    }

    private boolean isBefore(Instant time, Duration since) {
        return time != null && !time.plus(since).isAfter(clock.instant());
    }

    /** A resource that nobody comes to look at, or whose look does not end, if there is one. */
    synchronized Optional<ResourceID> stuck() {
        Map<ResourceID, Instant> left = isQueue(STUCK) ? Map.of() : waiting;
        return Stream.concat(underway.entrySet().stream(), left.entrySet().stream())
                .filter(entry -> isBefore(entry.getValue(), STUCK))
                .map(Map.Entry::getKey)
                .findFirst();
    }
}
