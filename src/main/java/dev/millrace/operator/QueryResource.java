package dev.millrace.operator;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.StreamingQueryStatus;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Version;

/** A StreamingQuery as the API server keeps it; the spec stays as the user wrote it. */
@Group("millrace.dev")
@Version("v1alpha1")
@Kind("StreamingQuery")
@Plural("streamingqueries")
@ShortNames("sq")
public final class QueryResource extends CustomResource<JsonNode, StreamingQueryStatus> implements Namespaced {

    private static final long serialVersionUID = 1L;

    @Override
    protected JsonNode initSpec() {
        return null;
    }

    @Override
    protected StreamingQueryStatus initStatus() {
        return null;
    }
}
