package dev.millrace.operator;

import dev.millrace.api.StreamingQuerySavepoint;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Version;

/** A StreamingQuerySavepoint as the API server keeps it. */
@Group("millrace.dev")
@Version("v1alpha1")
@Kind("StreamingQuerySavepoint")
@Plural("streamingquerysavepoints")
@ShortNames("sqs")
public final class SavepointResource
        extends CustomResource<StreamingQuerySavepoint.Spec, StreamingQuerySavepoint.Status> implements Namespaced {

    private static final long serialVersionUID = 1L;
}
