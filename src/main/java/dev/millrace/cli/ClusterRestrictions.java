package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.api.StreamingQuery;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a query that is valid on one machine may not have in a cluster. */
final class ClusterRestrictions {

    private ClusterRestrictions() {}

    /** What runs on one machine and not as a pod, which may come back elsewhere. */
    static List<Problem> of(Compilation query) {
        List<Problem> found = new ArrayList<>();
        StreamingQuery.Spec spec = query.query().spec();
        for (int i = 0; i < spec.sources().size(); i++) {
            if (spec.sources().get(i).lines() != null
                    && spec.sources().get(i).lines().tcp() == null) {
                found.add(query.places()
                        .problem(
                                "spec.sources[" + i + "].lines",
                                "NotSupportedInCluster",
                                "a pod has no standard input; use lines: {tcp: host:port}, or another connector"));
            }
        }
        for (int i = 0; i < spec.sinks().size(); i++) {
            if (spec.sinks().get(i).files() != null && query.home().isEmpty()) {
                found.add(
                        query.places()
                                .problem(
                                        "spec.sinks[" + i + "].files",
                                        "NotSupportedInCluster",
                                        "files alone cannot be exact when a pod moves; use a sink in Kafka, or add one beside it"));
            }
            if (spec.sinks().get(i).jdbc() != null && query.home().isEmpty()) {
                found.add(
                        query.places()
                                .problem(
                                        "spec.sinks[" + i + "].jdbc",
                                        "NotSupportedInCluster",
                                        "a database does not hold the query's log, and a pod's volume can be lost; give spec.kafka, a cluster for the log"));
            }
        }
        propertiesFrom(query).forEach((path, from) -> {
            if (from.file() != null) {
                found.add(
                        query.places()
                                .problem(
                                        path,
                                        "NotSupportedInCluster",
                                        "a pod does not have this file; put the properties into a Secret and use secretRef: {name: …}"));
            }
        });
        return found;
    }

    /** All references to files and secrets with client properties, by where they stand. */
    private static Map<String, StreamingQuery.PropertiesFrom> propertiesFrom(Compilation query) {
        Map<String, StreamingQuery.PropertiesFrom> found = new LinkedHashMap<>();
        StreamingQuery.Spec spec = query.query().spec();
        if (spec.kafka() != null) {
            collect("spec.kafka", spec.kafka().propertiesFrom(), found);
        }
        for (int i = 0; i < spec.sources().size(); i++) {
            StreamingQuery.KafkaSource kafka = spec.sources().get(i).kafka();
            if (kafka != null) {
                collect("spec.sources[" + i + "].kafka", kafka.propertiesFrom(), found);
            }
            StreamingQuery.JdbcTable jdbc = spec.sources().get(i).jdbc();
            if (jdbc != null) {
                collect("spec.sources[" + i + "].jdbc", jdbc.propertiesFrom(), found);
            }
        }
        for (int i = 0; i < spec.sinks().size(); i++) {
            StreamingQuery.JdbcTable jdbc = spec.sinks().get(i).jdbc();
            if (jdbc != null) {
                collect("spec.sinks[" + i + "].jdbc", jdbc.propertiesFrom(), found);
            }
        }
        query.store()
                .map(StreamingQuery.Store::s3)
                .map(StreamingQuery.S3Store::credentialsFrom)
                .ifPresent(from -> found.put("spec.state.checkpoint.store.s3.credentialsFrom", from));
        query.kafkaOutputs()
                .forEach(output -> collect(output.path(), output.kafka().propertiesFrom(), found));
        return found;
    }

    private static void collect(
            String path, List<StreamingQuery.PropertiesFrom> from, Map<String, StreamingQuery.PropertiesFrom> into) {
        for (int i = 0; from != null && i < from.size(); i++) {
            into.put(path + ".propertiesFrom[" + i + "]", from.get(i));
        }
    }
}
