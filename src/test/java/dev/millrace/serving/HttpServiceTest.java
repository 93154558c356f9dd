package dev.millrace.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.engine.QueryMetrics;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
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
