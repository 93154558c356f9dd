package dev.millrace.operator.resources;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.util.Map;

/** Labels, names and owners of what belongs to a query. */
public final class Names {

    public static final String MANAGER = "millrace";
    public static final String MANAGED_BY = "app.kubernetes.io/managed-by";
    public static final String COMPONENT = "app.kubernetes.io/component";
    public static final String QUERY = "millrace.dev/query";
    public static final String SLOT = "millrace.dev/slot";
    public static final String INCARNATION = "millrace.dev/incarnation";
    public static final String VERSION = "millrace.dev/version";

    /** Annotation: another value starts the pods anew. */
    public static final String RESTART = "millrace.dev/restart";

    /** Annotation: with "true" the operator leaves the query alone. */
    public static final String PAUSED = "millrace.dev/paused";

    /** Annotation of a pod: which savepoints to take and to drop, a line each. */
    public static final String SAVEPOINTS = "millrace.dev/savepoints";

    /** Annotation of a pod: into how many slots the query is to be divided, {@code version/slots}, and where some key groups go. */
    public static final String DIVISION = "millrace.dev/division";

    /** Annotation of a pod that was a standby: the incarnation that is to go on with the query, its own. */
    public static final String ACTIVE = "millrace.dev/active";

    /** Annotation of a pod: the slots that it runs beside its own, {@code slot:incarnation}. */
    public static final String GUESTS = "millrace.dev/guests";

    /** Annotation of a pod: CPU and memory that it was made with, or the wish for other amounts that was taken. */
    public static final String GIVEN = "millrace.dev/given";

    /** Annotation of a pod: the wish for other amounts of CPU and memory that was not taken, and why, {@code <wish>: <message>}. */
    public static final String GIVEN_REFUSED = "millrace.dev/given-refused";

    /** Annotation of a pod: with how many bytes of memory it is to plan, where its container has more. */
    public static final String MEMORY = "millrace.dev/memory";

    /** Components: a pod that goes on with the query, and one that follows such a pod. */
    public static final String ENGINE = "engine";

    public static final String STANDBY = "standby";

    public static final String FINALIZER = "millrace.dev/clean-up";

    private Names() {}

    /** Whether the object is the query's: a name or a label alone says nothing. */
    public static boolean isOwned(HasMetadata child, HasMetadata query) {
        return child.getMetadata().getOwnerReferences().stream()
                .anyMatch(owner -> owner.getUid().equals(query.getMetadata().getUid()));
    }

    public static String selector(String query) {
        return QUERY + "=" + query;
    }

    public static String pod(String query, int slot, long incarnation) {
        return query + "-" + slot + "-" + incarnation;
    }

    /** Of a pod, or of the pod that a claim was made for; 0 where the name has none. */
    public static long incarnation(String name) {
        String number = name.substring(name.lastIndexOf('-') + 1);
        return number.matches("\\d{1,18}") ? Long.parseLong(number) : 0;
    }

    public static String cleanUp(String query) {
        return query + "-clean-up";
    }

    /** Of a savepoint: what is needed to take it away when its query is gone. */
    public static String savepoint(String name) {
        return name + "-savepoint";
    }

    public static String savepointCleanUp(String name) {
        return name + "-savepoint-clean-up";
    }

    /** Whether the operator made this for the query, where no owner tells: what cleans up outlives its query. */
    public static boolean isMadeFor(HasMetadata object, String query) {
        Map<String, String> labels = object.getMetadata().getLabels();
        return labels != null && MANAGER.equals(labels.get(MANAGED_BY)) && query.equals(labels.get(QUERY));
    }
}
