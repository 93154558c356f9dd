package dev.millrace.operator.reconcile;

import dev.millrace.operator.SavepointResource;
import dev.millrace.operator.reconcile.SavepointDecision.Action;
import dev.millrace.operator.reconcile.SavepointDecision.CreateCleanUp;
import dev.millrace.operator.reconcile.SavepointDecision.DeleteCleanUp;
import dev.millrace.operator.reconcile.SavepointDecision.KeepDocument;
import dev.millrace.operator.reconcile.SavepointDecision.SetFinalizer;
import dev.millrace.operator.reconcile.SavepointDecision.Wish;
import dev.millrace.operator.resources.Children;
import dev.millrace.operator.resources.EnginePod;
import dev.millrace.operator.resources.Names;
import dev.millrace.operator.resources.Version;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.List;
import java.util.Optional;

/** Takes the actions of a decision about a savepoint. Each can be taken again. */
final class SavepointApplier {

    private final Writer writer;
    private final Optional<Long> fsGroup;

    SavepointApplier(KubernetesClient client, Optional<Long> fsGroup) {
        this.writer = new Writer(client);
        this.fsGroup = fsGroup;
    }

    void apply(SavepointResource savepoint, ObservedSavepoint seen, SavepointDecision decision) {
        if (!decision.status().equals(seen.status())) {
            writer.status(savepoint, decision.status());
        }
        decision.actions().forEach(action -> apply(savepoint, seen, action));
    }

    private void apply(SavepointResource savepoint, ObservedSavepoint seen, Action action) {
        String namespace = savepoint.getMetadata().getNamespace();
        String name = savepoint.getMetadata().getName();
        if (action instanceof SetFinalizer set) {
            writer.finalizer(savepoint, set.present());
        } else if (action instanceof KeepDocument keep) {
            if (seen.document().isEmpty()) {
                writer.createUnlessThere(
                        children(savepoint).keptFor(savepoint, keep.version().named(Names.savepoint(name))));
            }
        } else if (action instanceof Wish wish) {
            writer.annotate(namespace, wish.pod(), wish.resourceVersion(), Names.SAVEPOINTS, wish.wishes());
        } else if (action instanceof CreateCleanUp cleanUp) {
            cleanUp(savepoint, cleanUp);
        } else if (action instanceof DeleteCleanUp) {
            writer.deleteCleanUp(
                    namespace, Names.savepointCleanUp(name), savepoint.getSpec().query());
        }
    }

    private static Children children(SavepointResource savepoint) {
        return new Children(savepoint.getSpec().query(), savepoint.getMetadata().getNamespace(), "");
    }

    /** Without owner, so that a deletion in the foreground leaves it what it needs. */
    private void cleanUp(SavepointResource savepoint, CreateCleanUp wanted) {
        String name = Names.savepointCleanUp(savepoint.getMetadata().getName());
        Version version = wanted.version().named(name).compiled("", null);
        ConfigMap config = children(savepoint).config(version);
        config.getMetadata().setOwnerReferences(List.of());
        EnginePod shape = new EnginePod(
                children(savepoint),
                savepoint.getSpec().query(),
                savepoint.getMetadata().getNamespace(),
                version,
                fsGroup);
        writer.createUnlessThere(config);
        writer.createUnlessThere(shape.cleanUp(
                name, wanted.stateId() + "/" + savepoint.getMetadata().getName()));
    }
}
