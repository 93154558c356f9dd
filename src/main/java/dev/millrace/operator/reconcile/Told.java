package dev.millrace.operator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.ResourceAction;
import io.javaoperatorsdk.operator.processing.event.source.controller.ResourceEvent;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Events that the API server does not send.
 *
 * <p>The framework forgets a resource when the look at its end is over, and with it what it has heard meanwhile of another one
 * of the same name; of that one nothing but a change of its spec would be a reason to look any more, neither its pods nor the
 * time. So some seconds after each end it is told that there is another one, if there is.
 */
final class Told<P extends HasMetadata> extends SimpleInboundEventSource<P> implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Told.class);

    /** The look at the end may take longer than the first of them. */
    private static final List<Long> SECONDS = List.of(1L, 30L);

    private final KubernetesClient client;
    private final Class<P> type;
    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "told");
        thread.setDaemon(true);
        return thread;
    });

    Told(KubernetesClient client, Class<P> type) {
        super("told");
        this.client = client;
        this.type = type;
    }

    /** There is none of this name any more, or another one. */
    void ended(ResourceID id) {
        SECONDS.forEach(seconds -> later.schedule(() -> again(id), seconds, TimeUnit.SECONDS));
    }

    private void again(ResourceID id) {
        try {
            P another = client.resources(type)
                    .inNamespace(id.getNamespace().orElseThrow())
                    .withName(id.getName())
                    .get();
            if (another != null && isRunning()) {
                getEventHandler().handleEvent(new ResourceEvent(ResourceAction.ADDED, id, another));
            }
        } catch (RuntimeException e) { // the API server is away, or ends
            LOG.warn("{} is not looked for: {}", id, e.getMessage());
            later.schedule(() -> again(id), 10, TimeUnit.SECONDS);
        }
    }

    @Override
    public void close() {
        later.shutdownNow();
    }
}
