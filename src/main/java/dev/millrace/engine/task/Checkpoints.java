package dev.millrace.engine.task;

import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateStore;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Writes checkpoints beside the epochs, one at a time: a copy holds whole epochs, whichever were applied by then, so the
 * loop need not wait for it. A checkpoint that fails fails the next call here.
 */
final class Checkpoints implements AutoCloseable {

    private final StateHome home;
    private final StateStore store;
    private final long intervalMillis;
    private final QueryMetrics metrics;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(work -> {
        Thread made = new Thread(work, "checkpoint");
        made.setDaemon(true);
        return made;
    });
    private Future<?> running;
    private long last = System.currentTimeMillis();

    Checkpoints(StateHome home, StateStore store, long intervalMillis, QueryMetrics metrics) {
        this.home = home;
        this.store = store;
        this.intervalMillis = intervalMillis;
        this.metrics = metrics;
    }

    /** Begins one if it is time and none is being written. */
    void startIfDue() {
        long now = System.currentTimeMillis();
        if (now - last < intervalMillis || running != null && !running.isDone()) {
            return;
        }
        await();
        last = now;
        running = thread.submit(this::write);
    }

    /** Writes one of the last epoch. */
    void finish() {
        await();
        write();
    }

    private void write() {
        long start = System.nanoTime();
        home.checkpoint(store);
        metrics.checkpointNanos.add(System.nanoTime() - start);
        metrics.checkpoints.increment();
    }

    private void await() {
        if (running == null) {
            return;
        }
        try {
            running.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            running = null;
        }
    }

    /** Waits for the one that is being written: its store must not be closed under it. */
    @Override
    public void close() {
        thread.shutdown();
        await();
    }
}
