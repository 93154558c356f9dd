package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.operator.QueryResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.ResourceAction;
import io.javaoperatorsdk.operator.processing.event.source.controller.ResourceEvent;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class ToldTest {

    /** As of the framework: what is no event of the resource itself counts for none that it has forgotten. */
    @Test
    void whatWasMadeUnderTheNameOfOneThatHasEndedIsAResourceAnew() throws Exception {
        List<Event> events = new CopyOnWriteArrayList<>();
        TestClock clock = new TestClock();
        Looks looks = new Looks(clock);
        LongAdder missed = new LongAdder();
        try (ApiServer server = new ApiServer(clock);
                KubernetesClient client = server.client();
                Told<QueryResource> told = new Told<>(client, QueryResource.class, looks, missed)) {
            told.setEventHandler(events::add);
            told.start();
            server.create("/apis/millrace.dev/v1alpha1/namespaces/shop/streamingqueries", (ObjectNode)
                    new ObjectMapper().readTree("""
                                    {"apiVersion": "millrace.dev/v1alpha1", "kind": "StreamingQuery",
                                     "metadata": {"name": "again", "namespace": "shop"}, "spec": {"query": "SELECT 1"}}"""));
            told.ended(new ResourceID("gone", "shop"));
            told.ended(new ResourceID("again", "shop"));
            Awaitility.await().until(() -> !events.isEmpty());
            Thread.sleep(500);
            assertEquals(1, events.size(), events::toString);
            ResourceEvent event = assertInstanceOf(ResourceEvent.class, events.get(0));
            assertEquals(ResourceAction.ADDED, event.getAction());
            assertEquals("again", event.getRelatedCustomResourceID().getName());
            QueryResource again = client.resources(QueryResource.class)
                    .inNamespace("shop")
                    .withName("again")
                    .get();
            looks.begin(again);
            told.round(List.of(again));
            looks.forget(new ResourceID("again", "shop"));
            told.round(List.of(again));
            assertEquals(1, events.size(), events::toString);
            clock.pass(Looks.DUE);
            told.round(List.of(again));
            assertEquals(2, events.size(), events::toString);
            assertEquals(1, missed.sum());
        }
    }
}
