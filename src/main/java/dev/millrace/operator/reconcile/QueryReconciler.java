package dev.millrace.operator.reconcile;

import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.resources.Names;
import dev.millrace.operator.scaling.ScalingHistory;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.config.informer.Informer;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.MaxReconciliationInterval;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One look at one query: observe, decide, apply. The status is written here and not by the framework, with the version of the
 * resource that was seen: a spec that changed meanwhile refuses the write, and is looked at instead.
 */
@ControllerConfiguration(
        name = "streamingquery",
        triggerReconcilerOnAllEvents = true,
        generationAwareEventProcessing = false,
        informer = @Informer(comparableResourceVersions = false, onUpdateFilter = Wishes.class),
        maxReconciliationInterval = @MaxReconciliationInterval(interval = 10, timeUnit = TimeUnit.MINUTES))
public final class QueryReconciler implements Reconciler<QueryResource>, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(QueryReconciler.class);
    private static final Duration CONFLICT = Duration.ofMillis(100);

    private final KubernetesClient client;
    private final Looks looked;
    private final Told<QueryResource> told;
    private final Verdicts verdicts;
    private final Engines engines;
    private final Observer observer;
    private final Applier applier;
    private final Notices notices;
    private final SavepointReconciler savepoints;
    private final TakeOvers takeOvers = new TakeOvers();
    private final Histories histories = new Histories();
    private final LongAdder looks = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private final LongAdder missed = new LongAdder();
    private final LongAdder scaled = new LongAdder();
    private final LongAdder scalingRefused = new LongAdder();

    /**
     * @param image of engine pods where the spec names none
     * @param fsGroup that owns their volumes; empty where the cluster decides
     */
    public QueryReconciler(KubernetesClient client, String image, Optional<Long> fsGroup, Clock clock) {
        this.client = client;
        this.looked = new Looks(clock);
        this.told = new Told<>(client, QueryResource.class, looked, missed);
        this.verdicts = new Verdicts(query -> told.propagateEvent(ResourceID.fromResource(query)));
        this.engines = new Engines(clock, told::propagateEvent);
        this.observer = new Observer(client, verdicts, engines, takeOvers, image, clock);
        this.applier = new Applier(client, fsGroup);
        this.notices = new Notices(client, clock);
        this.savepoints = new SavepointReconciler(client, engines, fsGroup, clock, missed);
    }

    @Override
    public List<EventSource<?, QueryResource>> prepareEventSources(EventSourceContext<QueryResource> context) {
        told.rounds(context);
        return List.of(
                told,
                children(Pod.class, context),
                children(PersistentVolumeClaim.class, context),
                children(ConfigMap.class, context));
    }

    private static <R extends HasMetadata> InformerEventSource<R, QueryResource> children(
            Class<R> type, EventSourceContext<QueryResource> context) {
        return new InformerEventSource<>(
                InformerEventSourceConfiguration.from(type, QueryResource.class)
                        .withName(type.getSimpleName())
                        .withLabelSelector(Names.MANAGED_BY + "=" + Names.MANAGER)
                        .withComparableResourceVersion(false)
                        .withSecondaryToPrimaryMapper(child -> Set.of(new ResourceID(
                                child.getMetadata().getLabels().getOrDefault(Names.QUERY, ""),
                                child.getMetadata().getNamespace())))
                        .build(),
                context);
    }

    /** The reconciler of savepoints, which sees what the pods of queries say through this one. */
    public SavepointReconciler savepoints() {
        return savepoints;
    }

    /** How often a query was looked at. */
    public LongAdder looks() {
        return looks;
    }

    /** How often that failed, and will be tried again. */
    public LongAdder failures() {
        return failures;
    }

    /** How often a query or a savepoint was found that nobody had looked at, though somebody should have. */
    public LongAdder missed() {
        return missed;
    }

    /** What is not looked after, though this replica acts, if there is anything. */
    public Optional<String> stuck() {
        return looked.stuck().or(savepoints::stuck).map(Looks::name);
    }

    /** Changes that the autoscaler has made. */
    public LongAdder scaled() {
        return scaled;
    }

    /** What it asked for and did not get. */
    public LongAdder scalingRefused() {
        return scalingRefused;
    }

    private void count(List<Notice> notices) {
        for (Notice notice : notices) {
            if (notice.reason().equals(Autoscaler.SCALED)) {
                scaled.increment();
            } else if (notice.reason().equals(Refusals.REFUSED)) {
                scalingRefused.increment();
            }
        }
    }

    @Override
    public UpdateControl<QueryResource> reconcile(QueryResource cached, Context<QueryResource> context) {
        if (context.isPrimaryResourceDeleted()) {
            forget(cached);
            told.ended(ResourceID.fromResource(cached));
            return UpdateControl.noUpdate();
        }
        looks.increment();
        looked.begin(cached);
        try {
            return look(cached);
        } catch (RuntimeException e) {
            failures.increment();
            throw e;
        } finally {
            looked.end(cached);
        }
    }

    private void forget(QueryResource ended) {
        engines.forget(ResourceID.fromResource(ended));
        histories.forget(name(ended));
    }

    UpdateControl<QueryResource> look(QueryResource cached) {
        QueryResource query = client.resources(QueryResource.class)
                .inNamespace(cached.getMetadata().getNamespace())
                .withName(cached.getMetadata().getName())
                .get();
        if (query == null) {
            forget(cached);
            return UpdateControl.noUpdate();
        }
        Observed seen = observer.observe(query);
        Decision decision = Decider.decide(seen);
        decision.look().ifPresent(look -> histories.add(name(query), look, seen.samples()));
        if (LOG.isDebugEnabled()) {
            LOG.debug("{}/{}: {}", seen.identity().namespace(), seen.identity().name(), decision.actions());
        }
        Optional<Duration> recheck = decision.recheck();
        try {
            takeOvers.begin(seen.now(), decision.takeOvers());
            applier.apply(query, seen, decision).forEach(notice -> notices.tell(query, notice));
            decision.notices().forEach(notice -> notices.tell(query, notice));
            count(decision.notices());
        } catch (Applier.RefusedException e) {
            Decision told = Decider.refused(seen, decision, e.reason(), e.getMessage());
            applier.apply(query, seen, told);
            told.notices().forEach(notice -> notices.tell(query, notice));
            recheck = told.recheck();
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
                throw e;
            }
            recheck = Optional.of(CONFLICT); // something changed since it was observed
        }
        UpdateControl<QueryResource> control = UpdateControl.noUpdate();
        recheck.ifPresent(control::rescheduleAfter);
        return control;
    }

    private static String name(QueryResource query) {
        return query.getMetadata().getNamespace() + "/" + query.getMetadata().getName();
    }

    /**
     * What the autoscaler saw of a query in the last minutes.
     *
     * @param query namespace and name
     */
    public Optional<ScalingHistory> scaling(String query) {
        return histories.of(query);
    }

    @Override
    public void close() {
        verdicts.close();
        engines.close();
        told.close();
        savepoints.close();
    }
}
