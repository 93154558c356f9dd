package dev.millrace.operator.reconcile;

import dev.millrace.operator.SavepointResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.MaxReconciliationInterval;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/** One look at one savepoint: observe, decide, apply. It looks again by itself as long as there is something to wait for. */
@ControllerConfiguration(
        name = "streamingquerysavepoint",
        triggerReconcilerOnAllEvents = true,
        generationAwareEventProcessing = false,
        informer = @Informer(comparableResourceVersions = false, onUpdateFilter = Wishes.class),
        maxReconciliationInterval = @MaxReconciliationInterval(interval = 10, timeUnit = TimeUnit.MINUTES))
public final class SavepointReconciler implements Reconciler<SavepointResource>, AutoCloseable {

    private static final Duration CONFLICT = Duration.ofMillis(100);

    private final KubernetesClient client;
    private final SavepointObserver observer;
    private final SavepointApplier applier;
    private final Notices notices;
    private final Looks looked;
    private final Told<SavepointResource> told;

    SavepointReconciler(
            KubernetesClient client, Engines engines, Optional<Long> fsGroup, Clock clock, LongAdder missed) {
        this.client = client;
        this.observer = new SavepointObserver(client, engines, clock);
        this.applier = new SavepointApplier(client, fsGroup);
        this.notices = new Notices(client, clock);
        this.looked = new Looks(clock);
        this.told = new Told<>(client, SavepointResource.class, looked, missed);
    }

    @Override
    public List<EventSource<?, SavepointResource>> prepareEventSources(EventSourceContext<SavepointResource> context) {
        told.rounds(context);
        return List.of(told);
    }

    Optional<ResourceID> stuck() {
        return looked.stuck();
    }

    @Override
    public UpdateControl<SavepointResource> reconcile(SavepointResource cached, Context<SavepointResource> context) {
        if (context.isPrimaryResourceDeleted()) {
            told.ended(ResourceID.fromResource(cached));
            return UpdateControl.noUpdate();
        }
        looked.begin(cached);
        try {
            return look(cached);
        } finally {
            looked.end(cached);
        }
    }

    UpdateControl<SavepointResource> look(SavepointResource cached) {
        SavepointResource savepoint = client.resources(SavepointResource.class)
                .inNamespace(cached.getMetadata().getNamespace())
                .withName(cached.getMetadata().getName())
                .get();
        UpdateControl<SavepointResource> control = UpdateControl.noUpdate();
        if (savepoint == null) {
            return control;
        }
        ObservedSavepoint seen = observer.observe(savepoint);
        SavepointDecision decision = SavepointDecider.decide(seen);
        Optional<Duration> recheck = decision.recheck();
        try {
            applier.apply(savepoint, seen, decision);
            decision.notices().forEach(notice -> notices.tell(savepoint, notice));
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
                throw e;
            }
            recheck = Optional.of(CONFLICT); // something changed since it was observed
        }
        recheck.ifPresent(control::rescheduleAfter);
        return control;
    }

    @Override
    public void close() {
        told.close();
    }
}
