package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.resources.EnginePod;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class EnginesTest {

    /** A pod's address on this machine; the port is every pod's. */
    private static final String ADDRESS = "127.77.7.7";

    private static volatile String answer;

    private static String says(String query, String phase, long rows, String more) {
        return "[{\"query\": \"" + query + "\", \"phase\": \"" + phase + "\", \"incarnation\": 1, \"rowsIn\": " + rows
                + ", \"lagRecords\": " + rows + more + "}]";
    }

    private static HttpServer server() {
        try {
            HttpServer server = HttpServer.create(new InetSocketAddress(ADDRESS, EnginePod.PORT), 0);
            server.createContext("/progress", exchange -> {
                byte[] body = answer.getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(body.length == 0 ? 503 : 200, body.length == 0 ? -1 : body.length);
                exchange.getResponseBody().write(body);
                exchange.close();
            });
            server.start();
            return server;
        } catch (IOException e) {
            return null;
        }
    }

    private static void await(Engines engines, Predicate<EngineView> wanted) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(40))
                .until(() -> engines.view("shop", "q-0-1").filter(wanted).isPresent());
    }

    private static void awaitGuest(Engines engines, boolean answers) {
        Awaitility.await().atMost(Duration.ofSeconds(40)).ignoreExceptions().untilAsserted(() -> {
            EngineView guest = engines.guests("shop", "q-0-1").get(2);
            assertEquals(4, guest.progress().incarnation());
            assertEquals(answers, guest.answers());
        });
    }

    @Test
    void whatAPodSaysIsToldWhenItIsNewsAndOnlyIfItIsOfItsQuery() throws Exception {
        HttpServer server = server();
        assumeTrue(server != null, "the port of engines is in use here");
        QueryResource query = new QueryResource();
        query.setMetadata(
                new ObjectMetaBuilder().withName("q").withNamespace("shop").build());
        Pod pod = new PodBuilder()
                .withNewMetadata()
                .withName("q-0-1")
                .withNamespace("shop")
                .endMetadata()
                .withNewSpec()
                .endSpec()
                .withNewStatus()
                .withPhase("Running")
                .withPodIP(ADDRESS)
                .endStatus()
                .build();
        AtomicInteger told = new AtomicInteger();
        try (Engines engines = new Engines(Clock.systemUTC(), id -> told.incrementAndGet())) {
            answer = says("another", "running", 1, "");
            engines.watch(query, pod);
            Thread.sleep(3_000);
            assertEquals(false, engines.view("shop", "q-0-1").orElseThrow().answers(), "another's answer");
            answer = says("q", "starting", 1, ", \"message\": \"" + "x".repeat(300_000) + "\"");
            Thread.sleep(3_000);
            assertEquals(false, engines.view("shop", "q-0-1").orElseThrow().answers(), "an answer has a bound");
            assertEquals(0, told.get());
            answer = says("q", "starting", 1, "");
            await(engines, EngineView::answers);
            answer = says("q", "starting", 2_000, "");
            await(engines, view -> view.progress().rowsIn() == 2_000);
            assertEquals(1, told.get(), "figures alone are told once a minute");
            answer = says("q", "running", 2_000, "");
            await(engines, view -> view.progress().running());
            assertEquals(2, told.get());
            String guest =
                    "[{\"query\": \"q\", \"phase\": \"running\", \"incarnation\": 4, \"rowsIn\": 7, \"slot\": 2}]";
            answer = says("q", "running", 2_000, "").replace("]", ", ") + guest.substring(1);
            awaitGuest(engines, true);
            assertEquals(3, told.get(), "that it runs another slot too");
            answer = "";
            await(engines, view -> !view.answers());
            assertEquals(4, told.get());
            awaitGuest(engines, false);
            answer = says("q", "running", 2_000, "");
            await(engines, EngineView::answers);
            assertEquals(Map.of(), engines.guests("shop", "q-0-1"));
            assertEquals(5, told.get());
            assertEquals(
                    2_000,
                    engines.view("shop", "q-0-1").orElseThrow().progress().rowsIn());
        } finally {
            server.stop(0);
        }
    }
}
