package dev.millrace.operator.reconcile;

import dev.millrace.operator.reconcile.Decision.Notice;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** Writes Events, each once: what was told of a resource is not told again while it holds. */
final class Notices {

    private static final int KEPT = 10_000;

    private final KubernetesClient client;
    private final Clock clock;
    private final Map<String, String> told = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, String> eldest) {
            return size() > KEPT;
        }
    });

    Notices(KubernetesClient client, Clock clock) {
        this.client = client;
        this.clock = clock;
    }

    void tell(HasMetadata about, Notice notice) {
        String key = about.getMetadata().getUid() + "/" + notice.reason() + "/" + notice.about();
        if (notice.message().equals(told.put(key, notice.message()))) {
            return;
        }
        String now = clock.instant().truncatedTo(ChronoUnit.SECONDS).toString();
        String hash = Integer.toHexString((notice.reason() + notice.message() + now).hashCode());
        Event event = new EventBuilder()
                .withNewMetadata()
                .withName(about.getMetadata().getName() + "." + hash)
                .withNamespace(about.getMetadata().getNamespace())
                .endMetadata()
                .withNewInvolvedObject()
                .withApiVersion(about.getApiVersion())
                .withKind(about.getKind())
                .withName(about.getMetadata().getName())
                .withNamespace(about.getMetadata().getNamespace())
                .withUid(about.getMetadata().getUid())
                .endInvolvedObject()
                .withType(notice.warning() ? "Warning" : "Normal")
                .withReason(notice.reason())
                .withMessage(
                        notice.message().length() > 1_000
                                ? notice.message().substring(0, 1_000) + "…"
                                : notice.message())
                .withCount(1)
                .withFirstTimestamp(now)
                .withLastTimestamp(now)
                .withReportingComponent("millrace-operator")
                .withNewSource()
                .withComponent("millrace-operator")
                .endSource()
                .build();
        try {
            client.resource(event).create();
        } catch (KubernetesClientException e) {
            told.remove(key); // an event that cannot be written (a namespace that ends) changes nothing else
        }
    }
}
