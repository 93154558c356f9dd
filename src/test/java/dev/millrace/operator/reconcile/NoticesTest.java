package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.Decision.Notice;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.Test;

class NoticesTest {

    @Test
    void anEventIsWrittenOnceAndHasABound() throws Exception {
        QueryResource query = new QueryResource();
        query.setMetadata(new ObjectMetaBuilder()
                .withName("q")
                .withNamespace("shop")
                .withUid("u")
                .build());
        TestClock clock = new TestClock();
        try (ApiServer server = new ApiServer(Clock.systemUTC());
                KubernetesClient client = server.client()) {
            Notices notices = new Notices(client, clock);
            notices.tell(query, new Notice(true, "NodeLost", "node a"));
            clock.tick(); // its name has the time
            notices.tell(query, new Notice(true, "NodeLost", "node a"));
            clock.tick();
            notices.tell(query, new Notice(true, "NodeLost", "b".repeat(2_000)));
            clock.tick();
            notices.tell(query, new Notice(true, "NodeLost", "in", "slot 1"));
            clock.tick();
            notices.tell(query, new Notice(true, "NodeLost", "out", "slot 2"));
            clock.tick();
            notices.tell(query, new Notice(true, "NodeLost", "in", "slot 1"));
            List<Integer> lengths = server
                    .objects(object -> object.path("kind").asText().equals("Event"))
                    .stream()
                    .map(event -> event.path("message").asText().length())
                    .sorted()
                    .toList();
            assertEquals(List.of(2, 3, 6, 1_001), lengths, "of each slot once");
        }
    }
}
