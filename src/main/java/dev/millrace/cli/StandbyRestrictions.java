package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.api.StreamingQuery;
import java.util.ArrayList;
import java.util.List;

/**
 * What a query with a standby cannot have: inputs that two processes cannot read at once, and outputs beside the log's
 * transaction, which who opens them takes from the one that writes them.
 */
final class StandbyRestrictions {

    static final String CODE = "NotSupportedByStandby";

    private StandbyRestrictions() {}

    static List<Problem> of(Compilation query) {
        List<Problem> found = new ArrayList<>();
        StreamingQuery.Spec spec = query.query().spec();
        for (int i = 0; i < spec.sinks().size(); i++) {
            if (spec.sinks().get(i).kafka() == null) {
                found.add(query.places()
                        .problem(
                                "spec.sinks[" + i + "]",
                                CODE,
                                "sink '" + spec.sinks().get(i).name() + "': a query with a standby writes to topics"
                                        + " only; remove scaling.standby"));
            }
        }
        for (int i = 0; i < spec.sources().size(); i++) {
            StreamingQuery.Source source = spec.sources().get(i);
            boolean read = query.plan().scans(false).stream()
                    .anyMatch(scan -> scan.table().name().equals(source.name()));
            if (read && source.kafka() == null) {
                found.add(query.places()
                        .problem(
                                "spec.sources[" + i + "]",
                                CODE,
                                "source '" + source.name() + "': a query with a standby reads topics only; remove"
                                        + " scaling.standby"));
            }
        }
        output("spec.deadLetters", spec.deadLetters(), query, found);
        output("spec.lateRows", spec.lateRows(), query, found);
        return found;
    }

    private static void output(String path, StreamingQuery.Output output, Compilation query, List<Problem> found) {
        if (output != null && output.kafka() == null) {
            found.add(query.places()
                    .problem(path, CODE, "a query with a standby writes to topics only; remove scaling.standby"));
        }
    }
}
