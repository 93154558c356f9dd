package dev.millrace.engine;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The CPU time of a query's threads, by number; it only grows. What a thread computed of the time says how near its partitions
 * are to what one thread can do, however much CPU its process has.
 */
public final class ThreadTimes {

    private static final int MOST = 256;
    private static final ThreadMXBean BEAN = ManagementFactory.getThreadMXBean();

    private final AtomicLongArray nanos = new AtomicLongArray(MOST);
    private volatile int count;

    /** The CPU time of the calling thread; 0 where the platform does not tell. */
    public static long now() {
        return BEAN.isCurrentThreadCpuTimeSupported() ? Math.max(0, BEAN.getCurrentThreadCpuTime()) : 0;
    }

    /** Adds what a thread has computed. */
    public void add(int thread, long computed) {
        if (thread < MOST) {
            nanos.addAndGet(thread, computed);
            count = Math.max(count, thread + 1);
        }
    }

    /** Nanoseconds, by number of the thread. */
    public List<Long> nanos() {
        List<Long> all = new ArrayList<>();
        for (int thread = 0; thread < count; thread++) {
            all.add(nanos.get(thread));
        }
        return all;
    }
}
