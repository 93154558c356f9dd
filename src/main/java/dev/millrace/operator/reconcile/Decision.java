package dev.millrace.operator.reconcile;

import dev.millrace.api.GuestSlot;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.operator.resources.Version;
import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.ScalingHistory.Look;
import dev.millrace.operator.scaling.ScalingState;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What is to be done about a query, in this order: the status is written (if it differs), then the actions are taken, one
 * after the other. An incarnation is in the status before its pod is made: numbers are never given twice.
 *
 * @param recheck when to look again though nothing happened; empty for never
 * @param takeOvers how many pods of lost nodes are replaced
 * @param look what the autoscaler saw; empty where there is none
 */
record Decision(
        StreamingQueryStatus status,
        List<Action> actions,
        List<Notice> notices,
        Optional<Duration> recheck,
        int takeOvers,
        Optional<Look> look) {

    Decision(StreamingQueryStatus status, List<Action> actions, List<Notice> notices, Optional<Duration> recheck) {
        this(status, actions, notices, recheck, 0, Optional.empty());
    }

    static final String NODE_LOST = "NodeLost";

    /** CPU and memory of a pod that is made now; empty for what its version says. */
    Optional<Allocation> given() {
        return ScalingStatus.read(status.scaling()).map(ScalingState::asked);
    }

    /** Into how many slots pods are told to divide the query. */
    String division() {
        return status.division() == null ? "0/1" : status.division().text();
    }

    sealed interface Action {}

    /** Puts the finalizer on the query, or takes it off. */
    record SetFinalizer(boolean present) implements Action {}

    /**
     * Account, service, network policy, and the ConfigMap of the version.
     *
     * @param version null where that is there
     */
    record EnsureChildren(Version version) implements Action {}

    /** How many pods evictions must leave. */
    record SetBudget(int minAvailable) implements Action {}

    /**
     * @param standby whether it is for a standby, without which the query runs
     */
    record CreateClaim(String name, int slot, boolean standby) implements Action {

        CreateClaim(String name, int slot) {
            this(name, slot, false);
        }
    }

    /**
     * @param avoided the node that it should not run on if there is another; null for none
     * @param standby whether it follows another pod
     */
    record CreatePod(int slot, long incarnation, String claim, String version, String avoided, boolean standby)
            implements Action {

        CreatePod(int slot, long incarnation, String claim, String version) {
            this(slot, incarnation, claim, version, null, false);
        }
    }

    /** Tells a standby that its incarnation goes on with the query. */
    record Promote(String pod, String resourceVersion, long incarnation) implements Action {}

    /** Tells a pod into how many slots the query is to be divided. */
    record TellDivision(String pod, String resourceVersion, String division) implements Action {}

    /**
     * Gives a running pod other amounts of CPU and memory; what is refused is noted on the pod.
     *
     * @param cpu as Kubernetes writes it
     * @param memory as Kubernetes writes it
     * @param wish names these amounts at this time: the same wished again later is another wish
     */
    record ResizePod(String pod, String cpu, String memory, String wish) implements Action {}

    /** Tells a running pod with how many bytes of memory to plan, before it is given more, and until it can be given less. */
    record PlanMemory(String pod, long bytes) implements Action {}

    /** Tells a pod which slots to run beside its own, as {@link GuestSlot#text} has them. */
    record TellGuests(String pod, String resourceVersion, String guests) implements Action {}

    /** With a grace period, so that it writes its last checkpoint; only if it is still that object. */
    record DeletePod(String name, String resourceVersion) implements Action {}

    /** Asks for a larger volume; what the storage class cannot do is told. */
    record GrowClaim(String name, String resourceVersion, String size) implements Action {}

    record DeleteClaim(String name, String resourceVersion) implements Action {}

    record DeleteConfig(String name) implements Action {}

    record CreateCleanUp(Version version) implements Action {}

    record DeleteCleanUp() implements Action {}

    /**
     * What the query's events tell.
     *
     * @param warning or normal
     * @param reason a stable code
     * @param about what of the query it is about; empty for the whole
     */
    record Notice(boolean warning, String reason, String message, String about) {

        Notice(boolean warning, String reason, String message) {
            this(warning, reason, message, "");
        }
    }
}
