package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.CreateClaim;
import dev.millrace.operator.reconcile.Decision.CreateCleanUp;
import dev.millrace.operator.reconcile.Decision.CreatePod;
import dev.millrace.operator.reconcile.Decision.DeleteClaim;
import dev.millrace.operator.reconcile.Decision.DeleteCleanUp;
import dev.millrace.operator.reconcile.Decision.DeleteConfig;
import dev.millrace.operator.reconcile.Decision.DeletePod;
import dev.millrace.operator.reconcile.Decision.EnsureChildren;
import dev.millrace.operator.reconcile.Decision.GrowClaim;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Decision.PlanMemory;
import dev.millrace.operator.reconcile.Decision.Promote;
import dev.millrace.operator.reconcile.Decision.ResizePod;
import dev.millrace.operator.reconcile.Decision.SetBudget;
import dev.millrace.operator.reconcile.Decision.SetFinalizer;
import dev.millrace.operator.reconcile.Decision.TellDivision;
import dev.millrace.operator.reconcile.Decision.TellGuests;
import dev.millrace.operator.resources.Children;
import dev.millrace.operator.resources.EnginePod;
import dev.millrace.operator.resources.Names;
import dev.millrace.operator.resources.Version;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.net.HttpURLConnection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** Takes the actions of a decision. Each can be taken again: what is there already, or gone already, is as it should be. */
final class Applier {

    /** Answers to an object that is not as it may be: malformed, over a quota, against a policy. */
    private static final Set<Integer> REFUSALS = Set.of(400, 403, 422);

    static final String NOT_ACCEPTED = "NotAccepted";
    static final String NAME_TAKEN = "NameTaken";

    private final KubernetesClient client;
    private final Writer writer;
    private final Optional<Long> fsGroup;
    private final ObjectMapper mapper = new ObjectMapper();

    Applier(KubernetesClient client, Optional<Long> fsGroup) {
        this.client = client;
        this.writer = new Writer(client);
        this.fsGroup = fsGroup;
    }

    /** What the API server does not take: another try meets the same until somebody changes something. */
    static final class RefusedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final String reason;

        RefusedException(String reason, String message, Throwable cause) {
            super(message, cause);
            this.reason = reason;
        }

        String reason() {
            return reason;
        }
    }

    /** Returns what there is to tell, beside what was decided. */
    List<Notice> apply(QueryResource query, Observed seen, Decision decision) {
        if (!decision.status().equals(seen.status())) {
            writer.status(query, decision.status());
        }
        List<Notice> told = new ArrayList<>();
        decision.actions().forEach(action -> apply(query, seen, decision, action, told));
        return told;
    }

    private void apply(QueryResource query, Observed seen, Decision decision, Action action, List<Notice> notices) {
        String namespace = query.getMetadata().getNamespace();
        String name = query.getMetadata().getName();
        Children children = new Children(name, namespace, query.getMetadata().getUid());
        if (action instanceof SetFinalizer set) {
            writer.finalizer(query, set.present());
        } else if (action instanceof EnsureChildren ensure) {
            ensure(query, children, ensure);
        } else if (action instanceof SetBudget budget) {
            set(query, children.disruptionBudget(budget.minAvailable()), notices);
        } else if (action instanceof CreateClaim claim) {
            HasMetadata volume =
                    children.claim(claim.name(), claim.slot(), seen.spec().at("/state/volume"));
            create(query, volume, claim.standby(), notices);
        } else if (action instanceof CreatePod pod) {
            EnginePod shape = new EnginePod(children, name, namespace, version(seen, pod.version()), fsGroup);
            long seconds = Math.max(1, seen.nodeLossTimeout().toSeconds());
            EnginePod.Place place = new EnginePod.Place(
                    pod.slot(),
                    pod.incarnation(),
                    pod.claim(),
                    decision.division(),
                    seconds,
                    pod.avoided(),
                    pod.standby(),
                    decision.given(),
                    decision.given().isEmpty() ? 0 : Autoscaler.threads(seen));
            create(query, shaped(() -> shape.pod(place)), pod.standby(), notices);
        } else if (action instanceof TellDivision told) {
            writer.annotate(namespace, told.pod(), told.resourceVersion(), Names.DIVISION, told.division());
        } else if (action instanceof TellGuests told) {
            writer.annotate(namespace, told.pod(), told.resourceVersion(), Names.GUESTS, told.guests());
        } else if (action instanceof ResizePod pod) {
            resize(pod, namespace, notices);
        } else if (action instanceof PlanMemory plan) {
            writer.annotate(namespace, plan.pod(), Names.MEMORY, String.valueOf(plan.bytes()));
        } else if (action instanceof Promote standby) {
            writer.promote(namespace, standby.pod(), standby.resourceVersion(), standby.incarnation());
        } else if (action instanceof DeletePod pod) {
            client.pods()
                    .inNamespace(namespace)
                    .withName(pod.name())
                    .lockResourceVersion(pod.resourceVersion())
                    .delete();
        } else if (action instanceof DeleteClaim claim) {
            client.persistentVolumeClaims()
                    .inNamespace(namespace)
                    .withName(claim.name())
                    .lockResourceVersion(claim.resourceVersion())
                    .delete();
        } else if (action instanceof GrowClaim claim) {
            grow(claim, namespace, notices);
        } else if (action instanceof DeleteConfig config) {
            client.configMaps().inNamespace(namespace).withName(config.name()).delete();
        } else if (action instanceof CreateCleanUp cleanUp) {
            cleanUp(cleanUp.version(), children, namespace, name);
        } else if (action instanceof DeleteCleanUp) {
            writer.deleteCleanUp(namespace, Names.cleanUp(name), name);
        }
    }

    /** The query runs on if that is refused; the pod's annotation says why, and the autoscaler heeds it. */
    private void resize(ResizePod pod, String namespace, List<Notice> told) {
        try {
            writer.resize(namespace, pod, EnginePod.CONTAINER);
        } catch (KubernetesClientException e) {
            if (!REFUSALS.contains(e.getCode())) {
                throw e;
            }
            writer.annotate(namespace, pod.pod(), Names.GIVEN_REFUSED, pod.wish() + ": " + e.getMessage());
            String message = pod.cpu() + " CPU and " + pod.memory() + " memory for pod " + pod.pod() + " are refused: "
                    + e.getMessage();
            told.add(new Notice(true, "ResizeRefused", message, pod.pod()));
        }
    }

    /** The query runs on if that is refused; the event says why, and the next look tries again. */
    private void grow(GrowClaim claim, String namespace, List<Notice> told) {
        ObjectNode patch = mapper.createObjectNode();
        patch.putObject("metadata").put("resourceVersion", claim.resourceVersion());
        patch.putObject("spec").putObject("resources").putObject("requests").put("storage", claim.size());
        try {
            client.persistentVolumeClaims()
                    .inNamespace(namespace)
                    .withName(claim.name())
                    .patch(PatchContext.of(PatchType.JSON_MERGE), patch.toString());
        } catch (KubernetesClientException e) {
            if (!REFUSALS.contains(e.getCode())) {
                throw e;
            }
            told.add(new Notice(
                    true,
                    "VolumeNotGrown",
                    "the volume " + claim.name() + " does not grow to " + claim.size() + ": " + e.getMessage(),
                    claim.name()));
        }
    }

    /** Pods run without it; the next look tries again. */
    private void set(QueryResource query, HasMetadata budget, List<Notice> told) {
        try {
            if (!create(query, budget)) {
                client.resource(budget).patch(Writer.serverSide());
            }
        } catch (RefusedException e) {
            told.add(new Notice(true, "BudgetNotSet", e.getMessage()));
        } catch (KubernetesClientException e) {
            if (!REFUSALS.contains(e.getCode())) {
                throw e;
            }
            told.add(new Notice(true, "BudgetNotSet", "the " + what(budget) + " is refused: " + e.getMessage()));
        }
    }

    private void ensure(QueryResource query, Children children, EnsureChildren ensure) {
        for (HasMetadata child : List.of(children.serviceAccount(), children.service(), children.networkPolicy())) {
            if (!create(query, child)) {
                client.resource(child).patch(Writer.serverSide());
            }
        }
        if (ensure.version() != null) {
            create(query, children.config(ensure.version()));
        }
    }

    /**
     * Makes an object; returns false where it is there already.
     *
     * @throws RefusedException where it is not accepted, or what is there is not the query's
     */
    private boolean create(QueryResource query, HasMetadata child) {
        try {
            client.resource(child).create();
            return true;
        } catch (KubernetesClientException e) {
            if (REFUSALS.contains(e.getCode())) {
                throw new RefusedException(NOT_ACCEPTED, "the " + what(child) + " is refused: " + e.getMessage(), e);
            }
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                throw e;
            }
            HasMetadata there = client.resource(child).get();
            if (there == null || !Names.isOwned(there, query)) {
                throw new RefusedException(
                        NAME_TAKEN, "the " + what(child) + " exists and is not of this query; delete or rename it", e);
            }
            return false;
        }
    }

    /** A standby that is refused holds up nothing else; the next look at it tries again. */
    private void create(QueryResource query, HasMetadata child, boolean standby, List<Notice> told) {
        try {
            create(query, child);
        } catch (RefusedException e) {
            if (!standby) {
                throw e;
            }
            told.add(new Notice(
                    true, "StandbyRefused", e.getMessage(), child.getMetadata().getName()));
        }
    }

    /** The template's parts are the user's, and may be none of a pod. */
    private static HasMetadata shaped(Supplier<HasMetadata> pod) {
        try {
            return pod.get();
        } catch (KubernetesClientException | IllegalArgumentException e) {
            throw new RefusedException(NOT_ACCEPTED, "spec.template is not of a pod: " + e.getMessage(), e);
        }
    }

    private static String what(HasMetadata child) {
        return child.getKind() + " " + child.getMetadata().getName();
    }

    private static Version version(Observed seen, String name) {
        Version version = name.equals(seen.wanted().name())
                ? seen.wanted()
                : seen.versions().get(name);
        if (version == null) {
            throw new IllegalStateException("the ConfigMap " + name + " is gone");
        }
        return version;
    }

    /** Without owner, so that a deletion in the foreground leaves it what it needs. */
    private void cleanUp(Version last, Children children, String namespace, String name) {
        Version version = last.named(Names.cleanUp(name)).compiled("", null);
        ConfigMap config = children.config(version);
        config.getMetadata().setOwnerReferences(List.of());
        HasMetadata pod = new EnginePod(children, name, namespace, version, fsGroup).cleanUp();
        writer.createUnlessThere(config);
        writer.createUnlessThere(pod);
    }
}
