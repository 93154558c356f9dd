package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.Decision.Notice;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;

class NoticesTest {

    /** Each look at it is a second later. */
    private static final class Later extends Clock {
        private Instant now = Instant.parse("2030-01-01T00:00:00Z");

        @Override
        public Instant instant() {
            now = now.plusSeconds(1);
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    @Test
    void anEventIsWrittenOnceAndHasABound() throws Exception {
        QueryResource query = new QueryResource();
        query.setMetadata(new ObjectMetaBuilder()
                .withName("q")
                .withNamespace("shop")
                .withUid("u")
                .build());
        try (ApiServer server = new ApiServer(Clock.systemUTC());
                KubernetesClient client = server.client()) {
            Notices notices = new Notices(client, new Later());
            notices.tell(query, new Notice(true, "NodeLost", "node a"));
            notices.tell(query, new Notice(true, "NodeLost", "node a"));
            notices.tell(query, new Notice(true, "NodeLost", "b".repeat(2_000)));
            List<Integer> lengths = server
                    .objects(object -> object.path("kind").asText().equals("Event"))
                    .stream()
                    .map(event -> event.path("message").asText().length())
                    .sorted()
                    .toList();
            assertEquals(List.of(6, 1_001), lengths);
        }
    }
}
