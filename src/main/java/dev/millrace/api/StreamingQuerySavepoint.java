package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;

/** A state of a query that a user named and keeps: what the resource asks for, and what has come of it. */
public final class StreamingQuerySavepoint {

    private StreamingQuerySavepoint() {}

    /**
     * @param query the name of the query, in the same namespace
     * @param dispose what happens to the stored state when the resource is deleted; {@code Keep} where it is not given
     */
    @ValidationRule(
            value = "self.query == oldSelf.query",
            message = "a savepoint is of one query: create another savepoint instead")
    public record Spec(@Required String query, Dispose dispose) {

        public boolean keeps() {
            return dispose != Dispose.WITH_RESOURCE;
        }
    }

    /** What happens to the stored state when the resource is deleted. */
    public enum Dispose {
        @JsonProperty("Keep")
        KEEP,
        @JsonProperty("WithResource")
        WITH_RESOURCE
    }

    /**
     * What the operator tells of a savepoint; absent fields are null.
     *
     * @param phase Pending, Taking, Completed or Disposing
     * @param location where the state is stored
     * @param stateId what the query called its state then
     * @param epoch whose state it is
     * @param planId the plan that can go on from it
     * @param time when it was stored
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Status(
            Long observedGeneration,
            String phase,
            List<StreamingQueryStatus.Condition> conditions,
            String location,
            String stateId,
            Long epoch,
            Long bytes,
            String planId,
            String time) {

        public static final String COMPLETED = "Completed";

        public static final Status NONE = new Status(null, null, null, null, null, null, null, null, null);

        /** In another phase. */
        public Status with(long generation, String newPhase, List<StreamingQueryStatus.Condition> newConditions) {
            return new Status(generation, newPhase, newConditions, location, stateId, epoch, bytes, planId, time);
        }

        public boolean completed() {
            return COMPLETED.equals(phase) || "Disposing".equals(phase) && epoch != null;
        }
    }
}
