package dev.millrace.api;

import java.util.List;
import java.util.Map;

/**
 * What compiling a query gave.
 *
 * @param problems why it cannot run; empty if it can
 * @param outputModes by sink
 * @param plan as the engine reads it; empty where the plan is not new
 * @param undivided why it can run in one slot only; null where it can be divided
 */
public record Verdict(
        List<Finding> problems,
        String planId,
        Map<String, String> outputModes,
        List<Finding> warnings,
        String plan,
        String undivided) {

    /**
     * @param field a path, and in a text its line and column: {@code spec.query:3:12}
     */
    public record Finding(String code, String field, String message) {}

    public static Verdict refused(List<Finding> problems) {
        return new Verdict(problems, "", Map.of(), List.of(), "", null);
    }

    /** The same with a plan that is known already. */
    public Verdict withPlan(String id, String text) {
        return new Verdict(problems, id, outputModes, warnings, text, undivided);
    }

    public boolean accepted() {
        return problems.isEmpty();
    }
}
