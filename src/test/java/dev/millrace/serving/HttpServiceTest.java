package dev.millrace.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.engine.PartitionMetrics;
import dev.millrace.engine.QueryMetrics;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class HttpServiceTest {

    private static int status(String address, String path) throws Exception {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://" + address + path))
                                .build(),
                        HttpResponse.BodyHandlers.discarding())
                .statusCode();
    }

    private static String freeAddress() throws Exception {
        try (ServerSocket socket = new ServerSocket(0)) {
            return "127.0.0.1:" + socket.getLocalPort();
        }
    }

    private static String metrics(String address) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + address + "/metrics"))
                .build();
        return HttpClient.newHttpClient()
                .send(request, HttpResponse.BodyHandlers.ofString())
                .body();
    }

    @Test
    void anOperatorThatDoesNotLookAfterSomethingIsStartedAgain() throws Exception {
        String address = freeAddress();
        AtomicReference<Optional<String>> stuck = new AtomicReference<>(Optional.empty());
        Runnable stop = HttpService.startOperator(address, () -> true, stuck::get, Map.of(), query -> Optional.empty());
        try {
            assertEquals(200, status(address, "/health/live"));
            stuck.set(Optional.of("shop/words"));
            assertEquals(503, status(address, "/health/live"));
            assertEquals(200, status(address, "/health/ready"));
        } finally {
            stop.run();
        }
    }

    @Test
    void slotsThatComeAndGoAreServedAsLongAsTheyAreThere() throws Exception {
        String address = freeAddress();
        QueryMetrics own = new QueryMetrics();
        QueryMetrics guest = new QueryMetrics();
        QueryStatus second = new QueryStatus("one", "plan", 2, guest);
        own.phase("running", "");
        guest.rowsIn.add(7);
        guest.keyGroups(new QueryMetrics.KeyGroups(List.of(new QueryMetrics.HotKeyGroup(3, 0.25)), Optional.empty()));
        try (HttpService service = HttpService.start(address, List.of(new QueryStatus("one", "plan", 0, own)))) {
            service.add(second);
            String both = metrics(address);
            assertTrue(both.contains("millrace_rows_in_total{query=\"one\",slot=\"0\"} 0.0"), both);
            assertTrue(both.contains("millrace_rows_in_total{query=\"one\",slot=\"2\"} 7.0"), both);
            assertTrue(both.contains("millrace_key_group_hottest_share{query=\"one\",slot=\"2\"} 0.25"), both);
            assertEquals(200, status(address, "/health/ready"), "a guest that starts is no reason to be unready");
            service.remove(second);
            String one = metrics(address);
            assertTrue(one.contains("slot=\"0\"") && !one.contains("slot=\"2\""), one);
        }
    }

    @Test
    void partitionsAreShownWhileTheyAreRead() throws Exception {
        String address = freeAddress();
        QueryMetrics query = new QueryMetrics();
        QueryStatus status = new QueryStatus("one", "plan", 0, query);
        PartitionMetrics first = partition("events-0", 3, 10, 2_500);
        PartitionMetrics idle = partition("events-1", 5, 0, 0);
        PartitionMetrics untimed = partition("events-2", 7, 4_000, -1);
        query.partitions(List.of(first, idle, untimed));
        try (HttpService service = HttpService.start(address, List.of(status))) {
            String all = metrics(address);
            String tags = "{partition=\"events-0\",query=\"one\",slot=\"0\",source=\"events\"} ";
            assertTrue(all.contains("millrace_partition_rows_in_total" + tags + "3.0"), all);
            assertTrue(all.contains("millrace_partition_lag_records" + tags + "10.0"), all);
            assertTrue(all.contains("millrace_partition_lag_seconds" + tags + "2.5"), all);
            assertTrue(all.contains("millrace_partitions{query=\"one\",slot=\"0\"} 3.0"), all);
            assertEquals("events-0", furthestBehind(status, "partition"));
            assertEquals(2.5, furthestBehind(status, "lagSeconds"));
            query.partitions(List.of(idle, untimed));
            assertEquals("events-2", furthestBehind(status, "partition"));
            assertTrue(!metrics(address).contains("events-0"));
            query.partitions(List.of(partition("events-0", 1, 0, 0))); // it is back, and begins anew
            assertTrue(metrics(address).contains("millrace_partition_rows_in_total" + tags + "1.0"));
            assertTrue(!status.progress().containsKey("furthestBehind"), "nothing waits");
            service.remove(status);
            assertTrue(!metrics(address).contains("events-0"));
        }
    }

    private static Object furthestBehind(QueryStatus status, String what) {
        return ((Map<?, ?>) status.progress().get("furthestBehind")).get(what);
    }

    private static PartitionMetrics partition(String name, long rows, long waiting, long millis) {
        PartitionMetrics partition = new PartitionMetrics("events", name);
        partition.read(rows);
        partition.waits(waiting, millis);
        return partition;
    }

    /** A pod that waits for its brokers lives, and is not killed for it. */
    @Test
    void readyIsWhereAllQueriesProcessRows() throws Exception {
        String address = freeAddress();
        QueryMetrics one = new QueryMetrics();
        QueryMetrics other = new QueryMetrics();
        HttpService service = HttpService.start(
                address, List.of(new QueryStatus("one", "plan", 0, one), new QueryStatus("other", "plan", 0, other)));
        try {
            one.phase("running", "");
            for (String phase : List.of("starting", "replaying", "waiting", "ended")) {
                other.phase(phase, "");
                assertEquals(503, status(address, "/health/ready"), phase);
                assertEquals(200, status(address, "/health/live"), phase);
                assertEquals(200, status(address, "/progress"), phase);
            }
            other.phase("running", "");
            assertEquals(200, status(address, "/health/ready"));
        } finally {
            service.close();
        }
    }
}
