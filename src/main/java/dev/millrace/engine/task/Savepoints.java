package dev.millrace.engine.task;

import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.CheckpointStore;
import dev.millrace.state.StoredCheckpoint;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Takes and drops savepoints as they are wished. One is a stored checkpoint of the epoch of the wish or a later one; it is
 * told when another epoch was committed after it was kept, which proves that this process had not been superseded by then.
 */
final class Savepoints {

    private static final long LOOK_MILLIS = 1_000;

    /** Between checkpoints for wishes, where one could not be stored. */
    private static final long RETRY_MILLIS = 5_000;

    private final Optional<CheckpointStore> store;
    private final Supplier<List<SavepointWish>> wishes;
    private final QueryMetrics metrics;
    private final Map<SavepointWish, Long> since = new HashMap<>();
    private final Map<String, Long> kept = new HashMap<>();
    private List<SavepointWish> open = List.of();
    private long looked;
    private boolean away;
    private long tried;

    /**
     * @param store empty where no checkpoint is stored: then no wish is fulfilled
     */
    Savepoints(Optional<CheckpointStore> store, Supplier<List<SavepointWish>> wishes, QueryMetrics metrics) {
        this.store = store;
        this.wishes = wishes;
        this.metrics = metrics;
    }

    /**
     * Looks now and then at what is wished.
     *
     * @param epoch the last one
     */
    void look(long epoch, long now) {
        if (store.isEmpty() || now - looked < (away ? RETRY_MILLIS : LOOK_MILLIS)) {
            return;
        }
        looked = now;
        away = false;
        List<SavepointWish> all = wishes.get();
        List<QueryMetrics.Savepoint> told = metrics.savepoints().stream()
                .filter(savepoint -> all.stream().anyMatch(wish -> wish.text().equals(savepoint.wish())))
                .toList();
        metrics.savepoints(told);
        open = all.stream()
                .filter(wish -> told.stream().noneMatch(one -> one.wish().equals(wish.text())))
                .toList();
        since.keySet().retainAll(open);
        kept.keySet()
                .removeIf(name -> open.stream().noneMatch(wish -> wish.name().equals(name)));
        open.forEach(wish -> since.putIfAbsent(wish, epoch));
    }

    /**
     * Does what can be done now, while no checkpoint is being written.
     *
     * @param newest the last stored checkpoint of this process, or null
     */
    void settle(long epoch, StoredCheckpoint newest) {
        if (open.isEmpty()) {
            return;
        }
        List<SavepointWish> left = new ArrayList<>();
        for (SavepointWish wish : open) {
            if (away || !settled(wish, epoch, newest)) {
                left.add(wish);
            }
        }
        open = left;
    }

    /** What a store that is away leaves open is tried again later. */
    private boolean settled(SavepointWish wish, long epoch, StoredCheckpoint newest) {
        try {
            return settle(wish, epoch, newest);
        } catch (CheckpointStore.StoreAwayException e) {
            metrics.checkpointFailure(e.getMessage());
            away = true;
            return false;
        }
    }

    private boolean settle(SavepointWish wish, long epoch, StoredCheckpoint newest) {
        CheckpointStore to = store.orElseThrow();
        if (wish.drop()) {
            to.drop(wish.name());
            kept.remove(wish.name());
            tell(new QueryMetrics.Savepoint(wish.text(), -1, 0, 0, to.place()));
            return true;
        }
        Long keptAt = kept.get(wish.name());
        if (keptAt != null && epoch > keptAt) {
            to.confirm(wish.name());
            kept.remove(wish.name());
        } else if (keptAt == null && newest != null && newest.epoch() >= since.get(wish)) {
            if (!to.savepoints().containsKey(wish.name())) {
                to.keep(wish.name(), newest);
                kept.put(wish.name(), epoch);
            }
        }
        StoredCheckpoint savepoint =
                kept.containsKey(wish.name()) ? null : to.savepoints().get(wish.name());
        if (savepoint == null) {
            return false;
        }
        tell(new QueryMetrics.Savepoint(
                wish.text(), savepoint.epoch(), savepoint.millis(), savepoint.bytes(), to.place()));
        return true;
    }

    private void tell(QueryMetrics.Savepoint savepoint) {
        List<QueryMetrics.Savepoint> told = new ArrayList<>(metrics.savepoints());
        told.add(savepoint);
        metrics.savepoints(List.copyOf(told));
    }

    /** Whether a wish waits for a checkpoint; says so once in a while. */
    boolean needsCheckpoint(long now) {
        boolean needed = open.stream().anyMatch(wish -> !wish.drop() && !kept.containsKey(wish.name()));
        if (!needed || now - tried < RETRY_MILLIS) {
            return false;
        }
        tried = now;
        return true;
    }

    /** Whether one was kept and waits for its proof: an epoch after this one. */
    boolean needsEpoch(long epoch) {
        return kept.values().stream().anyMatch(keptAt -> epoch <= keptAt);
    }
}
