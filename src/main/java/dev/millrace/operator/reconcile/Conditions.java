package dev.millrace.operator.reconcile;

import dev.millrace.api.StreamingQueryStatus.Condition;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Conditions as they will be written; what stays as it was keeps the time of its last transition. */
final class Conditions {

    static final String READY = "Ready";
    static final String RECONCILING = "Reconciling";
    static final String STALLED = "Stalled";
    static final String UP_TO_DATE = "UpToDate";
    static final String DURABLE = "Durable";
    static final String SCALABLE = "Scalable";
    static final String STANDBY_READY = "StandbyReady";

    private static final Set<String> REFUSALS = Set.of(Applier.NOT_ACCEPTED, Applier.NAME_TAKEN);

    private final List<Condition> before;
    private final List<Condition> now = new ArrayList<>();
    private final long generation;
    private final String time;

    Conditions(List<Condition> before, long generation, Instant time) {
        this.before = before == null ? List.of() : before;
        this.generation = generation;
        this.time = time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    void set(String type, boolean status, String reason, String message) {
        set(type, status ? "True" : "False", reason, message);
    }

    void set(String type, String status, String reason, String message) {
        String since = find(before, type)
                .filter(old -> old.status().equals(status))
                .map(Condition::lastTransitionTime)
                .orElse(time);
        now.removeIf(condition -> condition.type().equals(type));
        now.add(new Condition(type, status, reason, message, generation, since));
    }

    void keep(String type) {
        find(before, type).ifPresent(old -> set(type, old.status(), old.reason(), old.message()));
    }

    static Optional<Condition> find(List<Condition> conditions, String type) {
        return conditions == null
                ? Optional.empty()
                : conditions.stream()
                        .filter(condition -> condition.type().equals(type))
                        .findFirst();
    }

    /** What the API server said when it did not take a decision, while that is shown. */
    static Optional<Condition> refusal(List<Condition> conditions) {
        return find(conditions, RECONCILING).filter(condition -> REFUSALS.contains(condition.reason()));
    }

    static boolean isTrue(List<Condition> conditions, String type) {
        return find(conditions, type)
                .filter(condition -> condition.status().equals("True"))
                .isPresent();
    }

    List<Condition> list() {
        return List.copyOf(now);
    }
}
