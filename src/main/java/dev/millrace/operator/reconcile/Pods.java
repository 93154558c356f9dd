package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.GuestSlot;
import dev.millrace.operator.reconcile.Observed.CleanUp;
import dev.millrace.operator.reconcile.Observed.Given;
import dev.millrace.operator.reconcile.Observed.NotTaken;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.reconcile.Observed.Trouble;
import dev.millrace.operator.resources.EnginePod;
import dev.millrace.operator.resources.Names;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStateWaiting;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What a pod is to a decision, read from what Kubernetes tells of it. */
final class Pods {

    /** The status of a JVM with ExitOnOutOfMemoryError. */
    static final int OUT_OF_HEAP = 3;

    private static final Pattern NUMBER = Pattern.compile("\\d{1,18}");
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** How the scheduler says that a volume is what is missing. */
    private static final Pattern VOLUME_TROUBLE =
            Pattern.compile("persistent ?volume|storage ?class|volume", Pattern.CASE_INSENSITIVE);

    private static final Set<String> PULL_FAILURES =
            Set.of("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull");

    private Pods() {}

    static long incarnation(Pod pod) {
        return Long.parseLong(pod.getMetadata().getLabels().getOrDefault(Names.INCARNATION, "0"));
    }

    /** Whether it runs the query, or is to. */
    static boolean isEngine(Pod pod) {
        String component = pod.getMetadata().getLabels().get(Names.COMPONENT);
        return Names.ENGINE.equals(component) || Names.STANDBY.equals(component);
    }

    private static Optional<Instant> crashed(ContainerStatus status) {
        return Stream.of(status.getState(), status.getLastState())
                .filter(state -> state != null && state.getTerminated() != null)
                .map(state -> state.getTerminated().getFinishedAt())
                .filter(Objects::nonNull)
                .map(Instant::parse)
                .findFirst();
    }

    /** Of a pod or a claim. */
    static int slot(HasMetadata child) {
        return Integer.parseInt(child.getMetadata().getLabels().getOrDefault(Names.SLOT, "0"));
    }

    private static String division(Pod pod) {
        Map<String, String> annotations = pod.getMetadata().getAnnotations();
        return annotations == null ? "" : annotations.getOrDefault(Names.DIVISION, "");
    }

    private static List<GuestSlot> guests(Pod pod) {
        Map<String, String> annotations = pod.getMetadata().getAnnotations();
        try {
            return annotations == null ? List.of() : GuestSlot.parse(annotations.getOrDefault(Names.GUESTS, ""));
        } catch (IllegalArgumentException e) {
            return List.of(); // somebody else's writing, which the pod does not follow either
        }
    }

    static boolean isReady(Pod pod) {
        return condition(pod, "Ready")
                .filter(condition -> condition.getStatus().equals("True"))
                .isPresent();
    }

    private static Optional<PodCondition> condition(Pod pod, String type) {
        return pod.getStatus().getConditions().stream()
                .filter(condition -> condition.getType().equals(type))
                .findFirst();
    }

    static PodView view(Pod pod, List<PersistentVolumeClaim> claims) {
        String claim = pod.getSpec().getVolumes().stream()
                .filter(volume -> volume.getName().equals("state"))
                .map(volume -> volume.getPersistentVolumeClaim().getClaimName())
                .findFirst()
                .orElse("");
        String phase = pod.getStatus().getPhase();
        boolean ended = "Succeeded".equals(phase) || "Failed".equals(phase);
        return new PodView(
                pod.getMetadata().getName(),
                pod.getMetadata().getResourceVersion(),
                slot(pod),
                incarnation(pod),
                pod.getMetadata().getLabels().get(Names.VERSION),
                division(pod),
                claim,
                Names.STANDBY.equals(pod.getMetadata().getLabels().get(Names.COMPONENT)),
                pod.getSpec().getNodeName(),
                phase,
                pod.getMetadata().getDeletionTimestamp() != null,
                isReady(pod),
                ended,
                Instant.parse(pod.getMetadata().getCreationTimestamp()),
                ended ? Optional.empty() : engine(pod).flatMap(Pods::crashed),
                trouble(
                        pod,
                        claims.stream()
                                .filter(one -> one.getMetadata().getName().equals(claim))
                                .findFirst()),
                ended ? engine(pod).flatMap(status -> outcome(status.getState().getTerminated())) : Optional.empty(),
                guests(pod),
                null,
                given(pod));
    }

    private static Optional<NotTaken> notTaken(Map<String, String> annotations) {
        String[] parts = annotations.getOrDefault(Names.GIVEN_REFUSED, "").split(": ", 2);
        return parts.length == 2 ? Optional.of(new NotTaken(parts[0], parts[1])) : Optional.empty();
    }

    static Given given(Pod pod) {
        Map<String, String> annotations =
                Optional.ofNullable(pod.getMetadata().getAnnotations()).orElse(Map.of());
        Optional<Trouble> refused = condition(pod, "PodResizePending")
                .or(() -> condition(pod, "PodResizeInProgress").filter(found -> "Error".equals(found.getReason())))
                .filter(found -> "True".equals(found.getStatus()))
                .map(found -> new Trouble(found.getReason(), String.valueOf(found.getMessage())));
        String planned = annotations.getOrDefault(Names.MEMORY, "");
        return new Given(
                annotations.get(Names.GIVEN),
                limit(pod, "cpu")
                        .multiply(BigDecimal.valueOf(1000))
                        .setScale(0, RoundingMode.UP)
                        .intValue(),
                limit(pod, "memory").longValue(),
                NUMBER.matcher(planned).matches() ? Long.parseLong(planned) : -1,
                refused,
                notTaken(annotations));
    }

    /** What the engine's container has; where its node does not say, what it is to have. */
    private static BigDecimal limit(Pod pod, String resource) {
        return Stream.concat(
                        engine(pod).map(ContainerStatus::getResources).stream(),
                        pod.getSpec().getContainers().stream()
                                .filter(container -> container.getName().equals(EnginePod.CONTAINER))
                                .map(Container::getResources))
                .filter(resources -> resources != null
                        && resources.getLimits() != null
                        && resources.getLimits().containsKey(resource))
                .map(resources -> resources.getLimits().get(resource).getNumericalAmount())
                .findFirst()
                .orElse(BigDecimal.ZERO);
    }

    private static Optional<ContainerStatus> engine(Pod pod) {
        return pod.getStatus().getContainerStatuses().stream()
                .filter(status -> status.getName().equals(EnginePod.CONTAINER))
                .findFirst();
    }

    private static Optional<EngineOutcome> outcome(ContainerStateTerminated terminated) {
        if (terminated == null || terminated.getMessage() == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(MAPPER.readValue(terminated.getMessage(), EngineOutcome.class));
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    /**
     * @param claim of its volume, if it is there
     */
    private static Optional<Trouble> trouble(Pod pod, Optional<PersistentVolumeClaim> claim) {
        Optional<PodCondition> scheduled =
                condition(pod, "PodScheduled").filter(c -> c.getStatus().equals("False"));
        if (scheduled.isPresent() && claim.filter(Pods::isUnbound).isPresent()) {
            String message = scheduled.get().getMessage();
            if (message != null && VOLUME_TROUBLE.matcher(message).find()) {
                String type = claim.get().getSpec().getStorageClassName();
                return Optional.of(new Trouble(
                        "VolumeNotBound",
                        "its claim " + claim.get().getMetadata().getName() + " of "
                                + (type == null ? "no storage class" : "storage class " + type) + " has no volume: "
                                + message));
            }
        }
        if (scheduled.isPresent()) {
            return Optional.of(new Trouble(
                    "Unschedulable",
                    "it cannot be scheduled: " + scheduled.get().getMessage()));
        }
        return engine(pod).flatMap(Pods::trouble);
    }

    private static boolean isUnbound(PersistentVolumeClaim claim) {
        return claim.getStatus() == null || !"Bound".equals(claim.getStatus().getPhase());
    }

    private static Optional<Trouble> trouble(ContainerStatus status) {
        ContainerStateWaiting waiting = status.getState().getWaiting();
        if (waiting == null || waiting.getReason() == null) {
            return Optional.empty();
        }
        if (PULL_FAILURES.contains(waiting.getReason())) {
            return Optional.of(new Trouble(
                    "ImageNotPulled", "the image " + status.getImage() + " cannot be pulled: " + waiting.getMessage()));
        }
        if (waiting.getReason().equals("CrashLoopBackOff")) {
            return Optional.of(
                    crashing(status.getRestartCount(), status.getLastState().getTerminated()));
        }
        return waiting.getReason().startsWith("Create") || waiting.getReason().startsWith("Run")
                ? Optional.of(new Trouble("ContainerNotStarted", waiting.getReason() + ": " + waiting.getMessage()))
                : Optional.empty();
    }

    /**
     * @param last how it ended the last time; null where that is not known
     */
    private static Trouble crashing(int times, ContainerStateTerminated last) {
        String what = "its engine ended " + times + " times";
        if (last == null) {
            return new Trouble("CrashLoop", what);
        }
        if ("OOMKilled".equals(last.getReason())) {
            return new Trouble("OutOfMemory", what + ": it was killed for memory; raise scaling.resources.min.memory");
        }
        if (last.getExitCode() == OUT_OF_HEAP) {
            return new Trouble(
                    "OutOfMemory",
                    what + ": its heap, 40 percent of scaling.resources.min.memory, was too small; raise that");
        }
        String message = last.getMessage() == null ? "" : ", " + last.getMessage();
        return new Trouble("CrashLoop", what + ": exit status " + last.getExitCode() + message);
    }

    /** A pod that takes something away. */
    static CleanUp cleanUp(Pod pod) {
        return new CleanUp(pod.getStatus().getPhase(), cleanUpMessage(pod));
    }

    private static String cleanUpMessage(Pod pod) {
        List<String> parts = new ArrayList<>();
        pod.getStatus().getContainerStatuses().forEach(status -> {
            ContainerStateTerminated terminated = status.getState().getTerminated();
            ContainerStateWaiting waiting = status.getState().getWaiting();
            if (terminated != null && terminated.getMessage() != null) {
                parts.add(terminated.getMessage());
            } else if (waiting != null) {
                parts.add(waiting.getReason() + ": " + waiting.getMessage());
            }
        });
        return parts.isEmpty()
                ? Optional.ofNullable(pod.getStatus().getReason()).orElse("its pod did not end in time")
                : String.join("; ", parts);
    }
}
