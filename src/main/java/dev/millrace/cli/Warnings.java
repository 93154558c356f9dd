package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.api.StreamingQuery;
import dev.millrace.api.StreamingQuery.ScalingMode;
import java.util.ArrayList;
import java.util.List;

/** What is not wrong with a query, and may yet not be what its user means. */
final class Warnings {

    private Warnings() {}

    static List<Problem> of(Compilation query) {
        List<Problem> found = ofPlan(query);
        StreamingQuery.Spec spec = query.query().spec();
        boolean manual = spec.scaling() != null && spec.scaling().mode() == ScalingMode.Manual;
        if (spec.replicas() != null && !manual) {
            found.add(query.places()
                    .problem("spec.replicas", StreamingQuery.REPLICAS_IGNORED, StreamingQuery.REPLICAS_ARE_FOR_MANUAL));
        }
        return found;
    }

    /** Those that only another version changes. */
    static List<Problem> ofPlan(Compilation query) {
        List<Problem> found = new ArrayList<>();
        query.plan()
                .warnings()
                .forEach(warning -> found.add(query.places()
                        .problemIn(
                                "spec.query",
                                warning.position().line(),
                                warning.position().column(),
                                warning.code(),
                                warning.message())));
        return found;
    }

    /** A line for a terminal. */
    static String line(Problem warning) {
        return "warning: " + warning;
    }
}
