package dev.millrace.operator.reconcile;

import io.fabric8.kubernetes.api.model.APIResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.function.BooleanSupplier;

/** Whether the API server can change the CPU of running pods (Kubernetes 1.33 and later): asked for once in a while. */
final class Resizing implements BooleanSupplier {

    private static final Duration AGAIN = Duration.ofMinutes(10);

    private final KubernetesClient client;
    private final Clock clock;
    private Instant asked = Instant.MIN;
    private boolean known;

    Resizing(KubernetesClient client, Clock clock) {
        this.client = client;
        this.clock = clock;
    }

    @Override
    public synchronized boolean getAsBoolean() {
        Instant now = clock.instant();
        if (asked.equals(Instant.MIN) || asked.plus(AGAIN).isBefore(now)) {
            boolean first = asked.equals(Instant.MIN);
            asked = now;
            known = ask(first);
        }
        return known;
    }

    private boolean ask(boolean first) {
        try {
            APIResourceList core = client.getApiResources("v1");
            return core != null
                    && core.getResources().stream()
                            .anyMatch(resource -> resource.getName().equals("pods/resize"));
        } catch (KubernetesClientException e) {
            boolean refused =
                    e.getCode() == HttpURLConnection.HTTP_FORBIDDEN || e.getCode() == HttpURLConnection.HTTP_NOT_FOUND;
            if (first && !refused) {
                asked = Instant.MIN; // nothing can be decided by a guess
                throw e;
            }
            return known;
        }
    }
}
