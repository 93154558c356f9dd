package dev.millrace.operator.reconcile;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;

/** How many pods of lost nodes were replaced of late, over all queries: each restores a state, and a lost zone has many. */
final class TakeOvers {

    /** So many may be under way. */
    static final int AT_ONCE = 10;

    /** How long one counts: about as long as a restore takes. */
    private static final Duration COUNTED = Duration.ofSeconds(60);

    private final Deque<Instant> begun = new ArrayDeque<>();

    synchronized int recent(Instant now) {
        while (!begun.isEmpty() && begun.peekFirst().plus(COUNTED).isBefore(now)) {
            begun.removeFirst();
        }
        return begun.size();
    }

    synchronized void begin(Instant now, int pods) {
        for (int i = 0; i < pods; i++) {
            begun.addLast(now);
        }
    }
}
