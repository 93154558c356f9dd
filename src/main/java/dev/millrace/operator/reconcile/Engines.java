package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.EngineProgress;
import dev.millrace.operator.QueryResource;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.reconcile.Observed.Rates;
import dev.millrace.operator.resources.EnginePod;
import dev.millrace.operator.scaling.Sample;
import io.fabric8.kubernetes.api.model.Pod;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Asks pods how they are, beside the reconciliations: one that hangs holds up nobody. A pod that changed what it says, or
 * fell silent, is a reason to look at its query; moving figures are one once a minute.
 */
final class Engines implements AutoCloseable {

    private static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final Duration FIGURES = Duration.ofSeconds(61);

    /** A pod that falls behind is news once in this time. */
    private static final Duration LAGS = Duration.ofSeconds(30);

    /** A pod that does more of what it can, or has rows of so many seconds behind it, is to be looked at. */
    private static final double BUSY = 0.75;

    private static final double BEHIND_SECONDS = 3;
    private static final Duration AGAIN = Duration.ofSeconds(9);

    private static final int MAX_ANSWER = 256 << 10;

    /** Rounds of a second between questions to a pod that runs. */
    private static final int RELAXED = 5;

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
    private final ObjectMapper mapper = new ObjectMapper();
    private final ScheduledExecutorService clockwork = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "engines");
        thread.setDaemon(true);
        return thread;
    });
    private final Map<String, Watched> pods = new ConcurrentHashMap<>();
    private final Map<ResourceID, Instant> busy = new ConcurrentHashMap<>();
    private final Clock clock;
    private final Consumer<ResourceID> changed;

    /** A pod under observation. */
    private static final class Watched {
        private final ResourceID query;
        private final int slot;
        private final URI address;
        private volatile EngineView view;
        private volatile Map<Integer, EngineView> guests = Map.of();
        private volatile boolean asking;
        private volatile Instant told = Instant.EPOCH;
        private volatile String toldFigures = "";
        private volatile Instant sampled;
        private final PodSamples samples = new PodSamples();
        private volatile double limit;
        private volatile boolean scales;
        private int round;

        Watched(ResourceID query, int slot, URI address, Instant now) {
            this.query = query;
            this.slot = slot;
            this.address = address;
            this.view = new EngineView(false, now, null, null);
        }
    }

    /**
     * @param changed is told of queries that should be looked at
     */
    Engines(Clock clock, Consumer<ResourceID> changed) {
        this.clock = clock;
        this.changed = changed;
        clockwork.scheduleWithFixedDelay(this::round, 1, 1, TimeUnit.SECONDS);
    }

    private static String key(String namespace, String pod) {
        return namespace + "/" + pod;
    }

    /** Asks the pod from now on where it runs; at another address it is another one. */
    void watch(QueryResource query, Pod pod) {
        String key = key(pod.getMetadata().getNamespace(), pod.getMetadata().getName());
        String ip = pod.getStatus().getPodIP();
        if (ip == null || !"Running".equals(pod.getStatus().getPhase())) {
            pods.remove(key);
            return;
        }
        String host = ip.contains(":") ? "[" + ip + "]" : ip;
        URI address = URI.create("http://" + host + ":" + EnginePod.PORT + "/progress");
        Watched watched = pods.compute(
                key,
                (same, known) -> known != null && known.address.equals(address)
                        ? known
                        : new Watched(ResourceID.fromResource(query), Pods.slot(pod), address, clock.instant()));
        watched.scales = Autoscaler.mayAct(query.getSpec());
        watched.limit = Pods.given(pod).milli() / 1000.0;
    }

    /** Asks no pods of the query but these any more. */
    void forgetOthers(QueryResource query, List<Pod> known) {
        ResourceID id = ResourceID.fromResource(query);
        Set<String> names = known.stream()
                .map(pod ->
                        key(pod.getMetadata().getNamespace(), pod.getMetadata().getName()))
                .collect(Collectors.toSet());
        pods.entrySet().removeIf(entry -> entry.getValue().query.equals(id) && !names.contains(entry.getKey()));
    }

    void forget(ResourceID query) {
        busy.remove(query);
        pods.values().removeIf(watched -> watched.query.equals(query));
    }

    Optional<EngineView> view(String namespace, String pod) {
        return Optional.ofNullable(pods.get(key(namespace, pod))).map(watched -> watched.view);
    }

    /** What the pod did in the last minutes. */
    List<PodSamples.PodSample> samples(String namespace, String pod) {
        return Optional.ofNullable(pods.get(key(namespace, pod)))
                .map(watched -> watched.samples.list())
                .orElse(List.of());
    }

    /** Of the pods of a query one is enough in a while. */
    private boolean looksAgain(ResourceID query, Instant now) {
        Instant last = busy.get(query);
        boolean again = last == null || !last.plus(AGAIN).isAfter(now);
        if (again) {
            busy.put(query, now);
        }
        return again;
    }

    /** Whether the autoscaler should not wait for its next look. */
    private static boolean isBusy(PodSamples.PodSample sample) {
        Sample.Slot figures = sample.figures();
        return figures.utilisation() > BUSY || figures.lag() > BEHIND_SECONDS * Math.max(1, figures.rate());
    }

    /** What slots said that the pod runs beside its own, by slot. */
    Map<Integer, EngineView> guests(String namespace, String pod) {
        return Optional.ofNullable(pods.get(key(namespace, pod)))
                .map(watched -> watched.guests)
                .orElse(Map.of());
    }

    private void round() {
        for (Watched watched : pods.values()) {
            boolean calm = watched.view.answers()
                    && watched.view.progress() != null
                    && watched.view.progress().calm();
            if (!watched.asking && (!calm || watched.round++ % RELAXED == 0)) {
                ask(watched);
            }
        }
    }

    /** The whole question has its time, and the answer its length: an engine's image is its user's. */
    private void ask(Watched watched) {
        watched.asking = true;
        HttpRequest request =
                HttpRequest.newBuilder(watched.address).timeout(TIMEOUT).build();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        CompletableFuture<HttpResponse<Void>> exchange = http.sendAsync(
                request,
                HttpResponse.BodyHandlers.ofByteArrayConsumer(part -> part.ifPresent(bytes -> {
                    if (body.size() + bytes.length > MAX_ANSWER) {
                        throw new IllegalStateException("the answer is too long");
                    }
                    body.writeBytes(bytes);
                })));
        exchange.copy().orTimeout(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).whenComplete((response, e) -> {
            try {
                boolean answered = e == null && response.statusCode() == 200;
                update(watched, answered ? read(body.toByteArray(), watched) : List.of());
            } finally {
                exchange.cancel(true);
                watched.asking = false;
            }
        });
    }

    /** What the query's engine said, and then its guests; nothing where it is another's, or none. */
    private List<EngineProgress> read(byte[] body, Watched of) {
        try {
            List<EngineProgress> all = List.of(mapper.readValue(body, EngineProgress[].class));
            boolean said = !all.isEmpty()
                    && all.stream()
                            .allMatch(one ->
                                    one.phase() != null && of.query.getName().equals(one.query()))
                    && all.stream().skip(1).allMatch(guest -> guest.slot() != null && guest.slot() != of.slot);
            boolean ours = said && (all.get(0).slot() == null || all.get(0).slot() == of.slot);
            return ours ? all : List.of();
        } catch (IOException | NullPointerException e) { // the latter of an element that is null
            return List.of();
        }
    }

    private void update(Watched watched, List<EngineProgress> said) {
        Instant now = clock.instant();
        Instant since = watched.sampled;
        EngineView before = watched.view;
        EngineProgress own = said.isEmpty() ? null : said.get(0);
        watched.sampled = own == null ? since : now;
        boolean guestNews = guests(watched, said, since, now);
        watched.view = after(before, own, since, now);
        boolean news = guestNews
                || before.answers() != watched.view.answers()
                || own != null && (before.progress() == null || !sameState(before.progress(), own))
                || !Stragglers.mayBe(before) && Stragglers.mayBe(watched.view) && now.isAfter(watched.told.plus(LAGS));
        String figures = own == null ? watched.toldFigures : Statuses.figures(watched.view);
        boolean works = watched.samples
                .add(own, watched.limit, now)
                .filter(Engines::isBusy)
                .isPresent();
        news |= works && watched.scales && looksAgain(watched.query, now);
        boolean moved = !figures.equals(watched.toldFigures) && now.isAfter(watched.told.plus(FIGURES));
        if (news || moved) {
            watched.told = now;
            watched.toldFigures = figures;
            changed.accept(watched.query);
        }
    }

    /** Returns whether there is news of them; those of a pod that is silent are silent too. */
    private static boolean guests(Watched watched, List<EngineProgress> said, Instant since, Instant now) {
        Map<Integer, EngineView> before = watched.guests;
        Map<Integer, EngineView> after = new HashMap<>();
        if (said.isEmpty()) {
            before.forEach((slot, view) -> after.put(slot, after(view, null, since, now)));
        }
        said.stream()
                .skip(1)
                .forEach(
                        guest -> { // of two of a slot the later one counts
                            EngineView known =
                                    before.getOrDefault(guest.slot(), new EngineView(false, now, null, null));
                            after.put(guest.slot(), after(known, guest, since, now));
                        });
        watched.guests = Map.copyOf(after);
        return !before.keySet().equals(after.keySet())
                || after.entrySet().stream().anyMatch(entry -> {
                    EngineProgress old = before.get(entry.getKey()).progress();
                    EngineProgress next = entry.getValue().progress();
                    return old == null || !sameState(old, next);
                });
    }

    /**
     * What is known after an answer.
     *
     * @param said null for none
     */
    private static EngineView after(EngineView before, EngineProgress said, Instant since, Instant now) {
        return said == null
                ? new EngineView(false, before.lastAnswer(), before.progress(), before.rates())
                : new EngineView(true, now, said, rates(since, before.progress(), said, now));
    }

    private static Rates rates(Instant since, EngineProgress old, EngineProgress progress, Instant now) {
        if (old == null || since == null || old.rowsIn() > progress.rowsIn()) {
            return null;
        }
        double seconds = Math.max(0.001, Duration.between(since, now).toMillis() / 1000.0);
        return new Rates((progress.rowsIn() - old.rowsIn()) / seconds, (progress.rowsOut() - old.rowsOut()) / seconds);
    }

    /** Whether only figures differ. */
    private static boolean sameState(EngineProgress a, EngineProgress b) {
        return a.phase().equals(b.phase())
                && a.incarnation() == b.incarnation()
                && (a.checkpointEpoch() == null) == (b.checkpointEpoch() == null)
                && Objects.equals(a.checkpointFailure(), b.checkpointFailure())
                && Objects.equals(a.notDurable(), b.notDurable())
                && a.volumeShort() == b.volumeShort()
                && Objects.equals(a.division(), b.division())
                && Objects.equals(a.settled(), b.settled())
                && Objects.equals(a.members(), b.members())
                && Objects.equals(a.windowsWaitFor(), b.windowsWaitFor())
                && Objects.equals(a.end(), b.end())
                && Objects.equals(a.message(), b.message());
    }

    @Override
    public void close() {
        clockwork.shutdownNow();
    }
}
