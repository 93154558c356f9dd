package dev.millrace.operator;

import dev.millrace.operator.reconcile.QueryReconciler;
import dev.millrace.operator.scaling.ScalingHistory;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfigurationBuilder;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** Starts and stops the operator. */
public final class OperatorService implements AutoCloseable {

    private static final int RECONCILERS = 16;
    private static final Duration STOP = Duration.ofSeconds(5);

    private final QueryReconciler reconciler;
    private final Operator operator;

    /**
     * How it runs.
     *
     * @param namespaces to look after; empty for all
     * @param image of engine pods where a query names none
     * @param fsGroup that owns the volumes of engine pods; empty where the cluster decides
     * @param leaseNamespace where replicas agree on who acts; empty for a single one
     */
    public record Settings(
            Set<String> namespaces, String image, Optional<Long> fsGroup, Optional<String> leaseNamespace) {}

    public OperatorService(Settings settings) {
        KubernetesClient client = new KubernetesClientBuilder().build();
        reconciler = new QueryReconciler(client, settings.image(), settings.fsGroup(), Clock.systemUTC());
        operator = new Operator(configuration -> {
            configuration
                    .withKubernetesClient(client)
                    .withConcurrentReconciliationThreads(RECONCILERS)
                    .withStopOnInformerErrorDuringStartup(false)
                    .withReconciliationTerminationTimeout(STOP)
                    .withCloseClientOnStop(true);
            settings.leaseNamespace()
                    .ifPresent(namespace -> configuration.withLeaderElectionConfiguration(
                            LeaderElectionConfigurationBuilder.aLeaderElectionConfiguration("millrace-operator")
                                    .withLeaseNamespace(namespace)
                                    .build()));
        });
        GenericRetry retry = new GenericRetry()
                .setInitialInterval(1_000)
                .setIntervalMultiplier(2)
                .setMaxInterval(30_000)
                .setMaxAttempts(Integer.MAX_VALUE);
        register(reconciler, retry, settings);
        register(reconciler.savepoints(), retry, settings);
    }

    private <R extends HasMetadata> void register(Reconciler<R> reconciles, GenericRetry retry, Settings settings) {
        operator.register(reconciles, override -> {
            override.withRetry(retry);
            if (settings.namespaces().isEmpty()) {
                override.watchingAllNamespaces();
            } else {
                override.settingNamespaces(settings.namespaces());
            }
        });
    }

    /** Returns when the informers are in step; with leader election, when this replica has become the leader. */
    public void start() {
        operator.start();
    }

    /** Whether it has started and its informers are in step. */
    public boolean healthy() {
        return operator.getRuntimeInfo().isStarted()
                && operator.getRuntimeInfo().allEventSourcesAreHealthy();
    }

    /** A resource that this replica should look after and does not, if there is one: only a restart helps. */
    public Optional<String> stuck() {
        return reconciler.stuck();
    }

    /** By name: what is counted since the start. */
    public Map<String, LongAdder> counters() {
        return Map.of(
                "millrace.operator.reconciles",
                reconciler.looks(),
                "millrace.operator.reconcile.failures",
                reconciler.failures(),
                "millrace.operator.reconciles.missed",
                reconciler.missed(),
                "millrace.operator.scaling.changes",
                reconciler.scaled(),
                "millrace.operator.scaling.refusals",
                reconciler.scalingRefused());
    }

    /**
     * What the autoscaler saw of a query in the last minutes, as JSON.
     *
     * @param query namespace and name
     */
    public Optional<String> scaling(String query) {
        return reconciler.scaling(query).map(ScalingHistory::toJson);
    }

    @Override
    public void close() {
        operator.stop();
        reconciler.close();
    }
}
