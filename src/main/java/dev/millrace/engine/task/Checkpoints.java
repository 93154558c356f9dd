package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.engine.Clock;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.CheckpointStore;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateStore;
import dev.millrace.state.StoredCheckpoint;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Writes checkpoints beside the epochs, one at a time: a copy holds whole epochs, whichever were applied by then, so the
 * loop need not wait for it. One that cannot be written here fails the next call; one that cannot be sent to the store is
 * told, and the next is tried at its time.
 */
final class Checkpoints implements AutoCloseable {

    private final StateHome home;
    private final StateStore store;
    private final Optional<CheckpointStore> remote;
    private final long intervalMillis;
    private final QueryMetrics metrics;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(work -> {
        Thread made = new Thread(work, "checkpoint");
        made.setDaemon(true);
        return made;
    });
    private final AtomicReference<Uploaded> uploaded = new AtomicReference<>();
    private final Savepoints savepoints;
    private Future<?> running;
    private final Clock clock;
    private long last;
    private long incarnation;
    private volatile boolean begun;
    private StoredCheckpoint newest;
    private OptionalLong published = OptionalLong.empty();

    /** A checkpoint that is stored and not visible yet. */
    private record Uploaded(StoredCheckpoint manifest, double seconds) {}

    Checkpoints(
            StateHome home,
            StateStore store,
            Optional<CheckpointStore> remote,
            Supplier<List<SavepointWish>> wishes,
            long intervalMillis,
            Clock clock,
            QueryMetrics metrics) {
        this.home = home;
        this.store = store;
        this.remote = remote;
        this.intervalMillis = intervalMillis;
        this.clock = clock;
        this.last = clock.millis();
        this.metrics = metrics;
        this.savepoints = new Savepoints(remote, wishes, metrics);
    }

    /** Once all earlier incarnations are fenced: without a stored checkpoint, one is written at once. */
    void begin(long own) {
        incarnation = own;
        if (remote.isPresent()) {
            last = 0;
        }
    }

    /**
     * Begins one if it is time and none is being written, and makes visible what was sent meanwhile; between two epochs.
     *
     * @param epoch the last one
     */
    void startIfDue(long epoch) {
        publish();
        long now = clock.millis();
        savepoints.look(epoch, now);
        if (running != null && !running.isDone()) {
            return;
        }
        await();
        publish(); // it may have ended just now, and the next must know its files
        if (begun) {
            savepoints.settle(epoch, newest);
        }
        if (now - last >= intervalMillis || savepoints.needsCheckpoint(now)) {
            last = now;
            running = thread.submit(this::write);
        }
    }

    /** The epoch of the checkpoint that was published since the last call. */
    OptionalLong takePublished() {
        OptionalLong taken = published;
        published = OptionalLong.empty();
        return taken;
    }

    /** Whether an epoch is to be committed after this one though there is no input. */
    boolean needsEpoch(long epoch) {
        return savepoints.needsEpoch(epoch);
    }

    /** Writes one of the last epoch. */
    void finish() {
        await();
        publish();
        write();
        publish();
    }

    private void publish() {
        Uploaded ready = uploaded.getAndSet(null);
        if (ready != null) {
            StoredCheckpoint manifest = ready.manifest();
            remote.orElseThrow().publish(manifest);
            newest = manifest;
            published = OptionalLong.of(manifest.epoch());
            metrics.stored(
                    new QueryMetrics.Stored(manifest.epoch(), manifest.millis(), manifest.bytes(), ready.seconds()));
        }
    }

    private void write() {
        long start = System.nanoTime();
        StateHome.LocalCheckpoint local = home.checkpoint(store);
        if (remote.isPresent() && (newest == null || local.epoch() != newest.epoch())) {
            upload(remote.get(), local, start);
        }
        metrics.checkpointNanos.add(System.nanoTime() - start);
        metrics.checkpoints.increment();
    }

    private void upload(CheckpointStore to, StateHome.LocalCheckpoint local, long start) {
        try {
            if (!begun) {
                to.begin(incarnation);
                begun = true;
            }
            StoredCheckpoint manifest = to.upload(local);
            uploaded.set(new Uploaded(manifest, (System.nanoTime() - start) / 1e9));
            metrics.checkpointFailure("");
        } catch (ConnectorException e) {
            metrics.checkpointFailure(e.getMessage());
        }
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
        remote.ifPresent(CheckpointStore::close);
    }
}
