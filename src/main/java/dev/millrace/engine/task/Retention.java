package dev.millrace.engine.task;

import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How much of the exchange a slot may need again: what came after the oldest checkpoint that is kept outside of its volume.
 * Without such checkpoints that is all of it. One more than are kept is reckoned with, as the newest may not be visible yet.
 */
final class Retention {

    private static final int MOST = 10_000;

    private final int retained;
    private final NavigableMap<Long, ExchangeProgress> epochs = new TreeMap<>();
    private final Deque<ExchangeProgress> stored = new ArrayDeque<>();

    /**
     * @param retained how many checkpoints are kept
     */
    Retention(int retained) {
        this.retained = retained;
    }

    /** Notes how far the exchange was read by the end of an epoch. */
    void epoch(long epoch, ExchangeProgress progress) {
        epochs.put(epoch, progress);
        if (epochs.size() > MOST) { // the store is away: what is not remembered is trimmed later
            epochs.pollFirstEntry();
        }
    }

    /** Notes that a checkpoint of an epoch is stored; returns from where on the exchange is still needed, where that is news. */
    Optional<ExchangeProgress> stored(long epoch) {
        ExchangeProgress progress = epochs.get(epoch);
        epochs.headMap(epoch, true).clear();
        if (progress == null) {
            return Optional.empty();
        }
        stored.add(progress);
        if (stored.size() <= retained + 1) {
            return Optional.empty();
        }
        stored.remove();
        return Optional.of(stored.element());
    }
}
