package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.api.StreamingQuery;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds what of a query is no topic, where several processes have to read and write it.
 *
 * @param code of each problem
 * @param writes, reads who does: {@code several slots write to}
 */
record TopicsOnly(String code, String writes, String reads) {

    List<Problem> of(Compilation query) {
        List<Problem> found = new ArrayList<>();
        StreamingQuery.Spec spec = query.query().spec();
        for (int i = 0; i < spec.sinks().size(); i++) {
            StreamingQuery.Sink sink = spec.sinks().get(i);
            written("spec.sinks[" + i + "]", "sink '" + sink.name() + "': ", sink.kafka(), query, found);
        }
        for (int i = 0; i < spec.sources().size(); i++) {
            StreamingQuery.Source source = spec.sources().get(i);
            boolean read = query.plan().scans(false).stream()
                    .anyMatch(scan -> scan.table().name().equals(source.name()));
            if (read && source.kafka() == null) {
                found.add(query.places()
                        .problem(
                                "spec.sources[" + i + "]",
                                code,
                                "source '" + source.name() + "': " + reads + " topics only"));
            }
        }
        output("spec.deadLetters", spec.deadLetters(), query, found);
        output("spec.lateRows", spec.lateRows(), query, found);
        return found;
    }

    private void output(String path, StreamingQuery.Output output, Compilation query, List<Problem> found) {
        if (output != null) {
            written(path, "", output.kafka(), query, found);
        }
    }

    private void written(
            String path, String what, StreamingQuery.KafkaSink topic, Compilation query, List<Problem> found) {
        if (topic == null || !query.isHome(topic)) {
            String only = topic == null ? " topics only" : " topics of one cluster only";
            found.add(query.places().problem(path, code, what + writes + only));
        }
    }
}
