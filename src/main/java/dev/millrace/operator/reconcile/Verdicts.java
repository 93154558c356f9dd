package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.Verdict;
import dev.millrace.operator.QueryResource;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Asks the compiler, two queries at a time, in child processes with a heap and a time: what a tenant writes can neither fill
 * the operator's memory nor hold it up. Verdicts are kept by what was compiled.
 */
final class Verdicts implements AutoCloseable {

    private static final int AT_ONCE = 2;
    private static final int RETRY_SECONDS = 20;
    private static final int KEPT = 2_000;
    private static final int MAX_QUERY = 64 << 10;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE, work -> {
        Thread thread = new Thread(work, "compiler");
        thread.setDaemon(true);
        return thread;
    });
    private final Compilers compilers = new Compilers();
    private final Map<String, Verdict> known = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Verdict> eldest) {
            return size() > KEPT;
        }
    });
    private final Map<String, Map<String, QueryResource>> waiting = new HashMap<>();
    private final Consumer<QueryResource> ready;

    /**
     * @param ready is told of a query whose verdict has come
     */
    Verdicts(Consumer<QueryResource> ready) {
        this.ready = ready;
    }

    /** The verdict on the query's spec, or empty: then it is being asked for, and {@code ready} will be called. */
    Optional<Verdict> of(QueryResource query) {
        if (query.getSpec().path("query").asText().length() > MAX_QUERY) {
            return Optional.of(Compilers.refused("PlanTooLarge", "the SQL is longer than 64 KiB"));
        }
        String document = document(query);
        Verdict verdict = known.get(document);
        if (verdict == null) {
            ask(document, query);
        }
        return Optional.ofNullable(verdict);
    }

    private synchronized void ask(String document, QueryResource query) {
        boolean first = !waiting.containsKey(document);
        waiting.computeIfAbsent(document, absent -> new HashMap<>())
                .put(query.getMetadata().getUid(), query);
        if (first) {
            pool.execute(() -> answer(document));
        }
    }

    private void answer(String document) {
        Verdict verdict = compilers.compile(document);
        known.put(document, verdict);
        if (Compilers.gaveNone(verdict)) {
            CompletableFuture.delayedExecutor(RETRY_SECONDS, TimeUnit.SECONDS).execute(() -> known.remove(document));
        }
        List<QueryResource> told;
        synchronized (this) {
            told = List.copyOf(waiting.remove(document).values());
        }
        told.forEach(ready);
    }

    /** The whole spec, the operator's own part too: its mistakes are told with the others. */
    private static String document(QueryResource query) {
        ObjectNode document = MAPPER.createObjectNode();
        document.put("apiVersion", "millrace.dev/v1alpha1").put("kind", "StreamingQuery");
        document.putObject("metadata").put("name", "query");
        document.set("spec", query.getSpec());
        return document.toString();
    }

    @Override
    public void close() {
        pool.shutdownNow();
        compilers.close();
    }
}
