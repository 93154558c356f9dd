package dev.millrace.engine.task;

import dev.millrace.engine.ThreadTimes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/** The threads of an engine process: runs one piece of work per worker and waits for all. Worker 0 is the caller. */
public final class Workers implements AutoCloseable {

    private final int count;
    private final ThreadTimes times;
    private final ExecutorService threads;

    public Workers(int count) {
        this(count, new ThreadTimes());
    }

    /**
     * @param times learns what workers compute, but for worker 0
     */
    public Workers(int count, ThreadTimes times) {
        this.count = count;
        this.times = times;
        this.threads = count == 1
                ? null
                : Executors.newFixedThreadPool(count - 1, task -> {
                    Thread thread = new Thread(task, "millrace-worker");
                    thread.setDaemon(true);
                    return thread;
                });
    }

    public int count() {
        return count;
    }

    /** Runs the work once per worker number; an exception of any is thrown when all have ended. */
    public void run(IntConsumer work) {
        List<Future<?>> others = new ArrayList<>();
        for (int worker = 1; worker < count; worker++) {
            int number = worker;
            others.add(threads.submit(() -> timed(number, work)));
        }
        RuntimeException failure = null;
        try {
            work.accept(0);
        } catch (RuntimeException e) {
            failure = e;
        }
        for (Future<?> other : others) {
            failure = join(other, failure);
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void timed(int number, IntConsumer work) {
        long before = ThreadTimes.now();
        try {
            work.accept(number);
        } finally {
            times.add(number, ThreadTimes.now() - before);
        }
    }

    private static RuntimeException join(Future<?> future, RuntimeException earlier) {
        try {
            future.get();
            return earlier;
        } catch (ExecutionException e) {
            RuntimeException failure =
                    e.getCause() instanceof RuntimeException r ? r : new IllegalStateException(e.getCause());
            return earlier == null ? failure : earlier;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return earlier == null ? new IllegalStateException("interrupted", e) : earlier;
        }
    }

    /** Ends the threads, and waits until none works any more: what they use is closed next. */
    @Override
    public void close() {
        if (threads != null) {
            threads.shutdownNow();
            try {
                threads.awaitTermination(30, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
