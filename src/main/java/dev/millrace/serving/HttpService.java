package dev.millrace.serving;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.millrace.engine.QueryMetrics;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** Serves what a running process knows, read-only: metrics for Prometheus, progress as JSON, health. */
public final class HttpService implements AutoCloseable {

    private static final String SCALING = "/scaling/";
    private static final Set<String> READY = Set.of("running", "standby");

    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** One that asks slowly, or not at all, must not keep others from being told that the process lives. */
    private static final int THREADS = 4;

    private static final String REQUEST_SECONDS = "5";

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final List<QueryStatus> shown = new CopyOnWriteArrayList<>();
    private final Map<QueryStatus, List<Meter>> meters = new HashMap<>();
    private final Map<QueryStatus, PartitionMeters> partitions = new HashMap<>();
    private final HttpServer server;

    /**
     * @param address {@code host:port}, {@code :port} or {@code port}
     * @param subjects whose health is that of the process
     */
    public static HttpService start(String address, List<QueryStatus> subjects) throws IOException {
        HttpServer server = server(address);
        HttpService service = new HttpService(server);
        subjects.forEach(service::add);
        service.process(subjects.size() == 1 ? tags(subjects.get(0)) : Tags.empty());
        server.createContext(
                "/metrics", exchange -> answer(exchange, 200, "text/plain; version=0.0.4", service.scrape()));
        server.createContext(
                "/progress", exchange -> answer(exchange, 200, "application/json", progress(service.shown)));
        server.createContext("/health/live", exchange -> answer(exchange, 200, "text/plain", "live\n"));
        server.createContext(
                "/health",
                exchange -> { // also /health/ready: rows are being processed, or could be at once
                    boolean up = subjects.stream()
                            .allMatch(s -> READY.contains(s.metrics().figures().phase()));
                    answer(exchange, up ? 200 : 503, "application/json", health(subjects, up));
                });
        server.start();
        return service;
    }

    private HttpService(HttpServer server) {
        this.server = server;
    }

    /** What the process uses; of a pod it is what its query uses. */
    private void process(Tags tags) {
        new JvmMemoryMetrics(tags).bindTo(registry);
        new ProcessorMetrics(tags).bindTo(registry);
        Container container = new Container();
        FunctionCounter.builder("millrace.process.cpu.nanoseconds", container, Container::cpuNanos)
                .tags(tags)
                .register(registry);
        FunctionCounter.builder(
                        "millrace.container.throttled.nanoseconds",
                        container,
                        c -> c.throttledNanos().orElse(0))
                .tags(tags)
                .register(registry);
        Gauge.builder(
                        "millrace.container.cpu.limit.cores",
                        container,
                        c -> c.cpuLimit().orElse(Double.NaN))
                .tags(tags)
                .register(registry);
        Gauge.builder(
                        "millrace.container.working.set.bytes",
                        container,
                        c -> c.workingSet().orElse(-1))
                .tags(tags)
                .register(registry);
        Gauge.builder(
                        "millrace.container.memory.limit.bytes",
                        container,
                        c -> c.memoryLimit().orElse(-1))
                .tags(tags)
                .register(registry);
        FunctionCounter.builder("millrace.gc.nanoseconds", container, c -> Container.gcNanos())
                .tags(tags)
                .register(registry);
    }

    /** Serves the metrics and the progress of one more, behind those that are there. */
    public synchronized void add(QueryStatus subject) {
        shown.add(subject);
        meters.put(subject, register(registry, subject));
        partitions.put(subject, new PartitionMeters(registry, tags(subject)));
    }

    /** Takes back {@link #add}. */
    public synchronized void remove(QueryStatus subject) {
        shown.remove(subject);
        meters.remove(subject).forEach(registry::remove);
        partitions.remove(subject).show(List.of());
    }

    private synchronized String scrape() {
        partitions.forEach((subject, shown) -> shown.show(subject.metrics().partitions()));
        return registry.scrape();
    }

    @Override
    public void close() {
        server.stop(0);
    }

    /**
     * Serves the operator's own metrics and health.
     *
     * @param stuck what it should look after and does not, if there is anything
     * @param scaling by namespace and name of a query what its autoscaler saw, as JSON; empty where there is nothing
     */
    public static Runnable startOperator(
            String address,
            BooleanSupplier healthy,
            Supplier<Optional<String>> stuck,
            Map<String, LongAdder> counters,
            Function<String, Optional<String>> scaling)
            throws IOException {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        new JvmMemoryMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        counters.forEach((name, adder) ->
                FunctionCounter.builder(name, adder, LongAdder::doubleValue).register(registry));
        HttpServer server = server(address);
        server.createContext(
                "/metrics", exchange -> answer(exchange, 200, "text/plain; version=0.0.4", registry.scrape()));
        server.createContext("/health/live", exchange -> {
            Optional<String> left = stuck.get();
            String live = left.map(what -> "nobody looks after " + what + "\n").orElse("live\n");
            answer(exchange, left.isEmpty() ? 200 : 503, "text/plain", live);
        });
        server.createContext("/health/ready", exchange -> {
            boolean up = healthy.getAsBoolean();
            answer(exchange, up ? 200 : 503, "text/plain", up ? "ready\n" : "not in step with the API server\n");
        });
        server.createContext(SCALING, exchange -> {
            String query = exchange.getRequestURI().getPath().substring(SCALING.length());
            Optional<String> history = scaling.apply(query);
            String none = "the autoscaler has seen nothing of " + query
                    + ": is it <namespace>/<name>, and does this operator act?\n";
            answer(exchange, history.isPresent() ? 200 : 404, "application/json", history.orElse(none));
        });
        server.start();
        return () -> server.stop(0);
    }

    private static HttpServer server(String address) throws IOException {
        int colon = address.lastIndexOf(':');
        String host = colon > 0 ? address.substring(0, colon) : "0.0.0.0";
        int port = Integer.parseInt(address.substring(colon + 1));
        System.setProperty("sun.net.httpserver.maxReqTime", REQUEST_SECONDS);
        HttpServer server = HttpServer.create(new InetSocketAddress(host, port), 16);
        server.setExecutor(Executors.newFixedThreadPool(THREADS, work -> {
            Thread thread = new Thread(work, "http");
            thread.setDaemon(true);
            return thread;
        }));
        return server;
    }

    private static String progress(List<QueryStatus> subjects) {
        return subjects.stream().map(subject -> json(subject)).collect(Collectors.joining(",\n", "[", "]\n"));
    }

    private static String json(QueryStatus subject) {
        try {
            return MAPPER.writeValueAsString(subject.progress());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String health(List<QueryStatus> subjects, boolean up) {
        String phases = subjects.stream()
                .map(s -> "\"" + s.name() + "\":\"" + s.metrics().figures().phase() + "\"")
                .collect(Collectors.joining(","));
        return "{\"status\":\"" + (up ? "UP" : "DOWN") + "\",\"queries\":{" + phases + "}}\n";
    }

    private static List<Meter> register(PrometheusMeterRegistry registry, QueryStatus subject) {
        QueryMetrics metrics = subject.metrics();
        return List.of(
                counter(registry, subject, "millrace.rows.in", metrics.rowsIn),
                counter(registry, subject, "millrace.rows.out", metrics.rowsOut),
                counter(registry, subject, "millrace.rows.late", metrics.rowsLate),
                counter(registry, subject, "millrace.rows.malformed", metrics.rowsMalformed),
                counter(registry, subject, "millrace.epochs", metrics.epochs),
                counter(registry, subject, "millrace.epochs.replayed", metrics.replayedEpochs),
                counter(registry, subject, "millrace.rows.read", metrics.rowsRead),
                counter(registry, subject, "millrace.commit.nanoseconds", metrics.commitNanos),
                counter(registry, subject, "millrace.publish.nanoseconds", metrics.publishNanos),
                total(
                        registry,
                        subject,
                        "millrace.thread.cpu.nanoseconds",
                        m -> m.threads.nanos().stream()
                                .mapToLong(nanos -> nanos)
                                .sum()),
                gauge(
                        registry,
                        subject,
                        "millrace.partitions",
                        m -> m.partitions().size()),
                total(
                        registry,
                        subject,
                        "millrace.state.wait.nanoseconds",
                        m -> m.effort().waitedNanos()),
                total(
                        registry,
                        subject,
                        "millrace.state.stall.nanoseconds",
                        m -> m.effort().stalledNanos()),
                total(
                        registry,
                        subject,
                        "millrace.state.cache.hits",
                        m -> m.effort().hits()),
                total(
                        registry,
                        subject,
                        "millrace.state.cache.misses",
                        m -> m.effort().misses()),
                gauge(
                        registry,
                        subject,
                        "millrace.state.unpacked.bytes",
                        m -> m.effort().unpacked()),
                counter(registry, subject, "millrace.checkpoints", metrics.checkpoints),
                counter(registry, subject, "millrace.checkpoint.nanoseconds", metrics.checkpointNanos),
                gauge(
                        registry,
                        subject,
                        "millrace.checkpoint.stored.epoch",
                        m -> m.stored().epoch()),
                gauge(
                        registry,
                        subject,
                        "millrace.checkpoint.stored.bytes",
                        m -> m.stored().bytes()),
                gauge(registry, subject, "millrace.incarnation", QueryMetrics::incarnation),
                gauge(
                        registry,
                        subject,
                        "millrace.restore.seconds",
                        m -> m.restored().seconds()),
                gauge(registry, subject, "millrace.epoch", m -> m.figures().epoch()),
                gauge(
                        registry,
                        subject,
                        "millrace.lag.records",
                        m -> m.figures().lagRecords()),
                gauge(
                        registry,
                        subject,
                        "millrace.watermark.milliseconds",
                        m -> m.figures().watermark()),
                gauge(
                        registry,
                        subject,
                        "millrace.key.group.hottest.share",
                        m -> m.keyGroups().hot().stream()
                                .findFirst()
                                .map(QueryMetrics.HotKeyGroup::share)
                                .orElse(0.0)),
                gauge(
                        registry,
                        subject,
                        "millrace.log.durable",
                        m -> m.weakness().isEmpty() ? 1 : 0),
                gauge(registry, subject, "millrace.state.rows", m -> m.figures().stateRows()),
                gauge(
                        registry,
                        subject,
                        "millrace.volume.bytes",
                        m -> m.volume().bytes()),
                gauge(
                        registry,
                        subject,
                        "millrace.volume.free.bytes",
                        m -> m.volume().free()),
                gauge(
                        registry,
                        subject,
                        "millrace.state.bytes",
                        m -> m.figures().stateBytes()),
                gauge(
                        registry,
                        subject,
                        "millrace.commit.time.milliseconds",
                        m -> m.figures().committedAtMillis()));
    }

    private static Meter counter(PrometheusMeterRegistry registry, QueryStatus subject, String name, LongAdder adder) {
        return FunctionCounter.builder(name, adder, LongAdder::doubleValue)
                .tags(tags(subject))
                .register(registry);
    }

    private static Meter total(
            PrometheusMeterRegistry registry, QueryStatus subject, String name, ToDoubleFunction<QueryMetrics> value) {
        return FunctionCounter.builder(name, subject.metrics(), value)
                .tags(tags(subject))
                .register(registry);
    }

    private static Meter gauge(
            PrometheusMeterRegistry registry, QueryStatus subject, String name, ToDoubleFunction<QueryMetrics> value) {
        return Gauge.builder(name, subject.metrics(), value).tags(tags(subject)).register(registry);
    }

    private static Tags tags(QueryStatus subject) {
        return Tags.of("query", subject.name(), "slot", String.valueOf(subject.slot()));
    }

    private static void answer(HttpExchange exchange, int status, String type, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, bytes.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(bytes);
        }
    }
}
