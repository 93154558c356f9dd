package dev.millrace.operator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.ResourceAction;
import io.javaoperatorsdk.operator.processing.event.source.controller.ResourceEvent;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import java.util.Collection;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Events that the API server does not send.
 *
 * <p>The framework forgets a resource when the look at its end is over, and with it what it has heard meanwhile of another one
 * of the same name; of that one nothing but a change of its spec would be a reason to look any more, neither its pods nor the
 * time. So a second after each end it is told that there is another one, if there is; and from time to time of all that nobody
 * has looked at, however that came.
 */
final class Told<P extends HasMetadata> extends SimpleInboundEventSource<P> implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Told.class);

    private static final long ROUND_SECONDS = 10;

    private final KubernetesClient client;
    private final Class<P> type;
    private final Looks looks;
    private final LongAdder missed;
    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "told");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * @param missed counts the resources that nobody had looked at
     */
    Told(KubernetesClient client, Class<P> type, Looks looks, LongAdder missed) {
        super("told");
        this.client = client;
        this.type = type;
        this.looks = looks;
        this.missed = missed;
    }

    /** Goes over all resources from now on. */
    void rounds(EventSourceContext<P> context) {
        rounds(() -> context.getPrimaryCache().list().toList());
    }

    private void rounds(Supplier<Collection<P>> all) {
        later.scheduleWithFixedDelay(() -> round(all), ROUND_SECONDS, ROUND_SECONDS, TimeUnit.SECONDS);
    }

    private void round(Supplier<Collection<P>> all) {
        try {
            round(all.get());
        } catch (RuntimeException e) { // not in step yet, or it ends
            LOG.debug("not gone over", e);
        }
    }

    void round(Collection<P> all) {
        for (P resource : looks.due(all)) {
            missed.increment();
            LOG.warn(
                    "nobody has looked at {} {} for {} s: told of it again",
                    HasMetadata.getKind(type),
                    Looks.name(ResourceID.fromResource(resource)),
                    Looks.DUE.toSeconds());
            tell(resource);
        }
    }

    /** There is none of this name any more, or another one. */
    void ended(ResourceID id) {
        looks.forget(id);
        later.schedule(() -> again(id), 1, TimeUnit.SECONDS);
    }

    private void again(ResourceID id) {
        try {
            P another = client.resources(type)
                    .inNamespace(id.getNamespace().orElseThrow())
                    .withName(id.getName())
                    .get();
            if (another != null) {
                tell(another);
            }
        } catch (RuntimeException e) { // the API server is away, or ends; the next round comes to it
            LOG.warn("{} is not looked for: {}", Looks.name(id), e.getMessage());
        }
    }

    private void tell(P resource) {
        if (isRunning()) {
            ResourceID id = ResourceID.fromResource(resource);
            getEventHandler().handleEvent(new ResourceEvent(ResourceAction.ADDED, id, resource));
        }
    }

    @Override
    public void close() {
        later.shutdownNow();
    }
}
