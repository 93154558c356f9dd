package dev.millrace.operator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.javaoperatorsdk.operator.processing.event.source.filter.OnUpdateFilter;
import java.util.Objects;

/** A wish is in the spec, in an annotation, or to be deleted; our own status is none. Another resource of the name is one. */
public final class Wishes implements OnUpdateFilter<HasMetadata> {
    @Override
    public boolean accept(HasMetadata now, HasMetadata before) {
        ObjectMeta after = now.getMetadata();
        return !Objects.equals(after.getUid(), before.getMetadata().getUid())
                || !after.getGeneration().equals(before.getMetadata().getGeneration())
                || !Objects.equals(after.getAnnotations(), before.getMetadata().getAnnotations())
                || !Objects.equals(
                        after.getDeletionTimestamp(), before.getMetadata().getDeletionTimestamp());
    }
}
