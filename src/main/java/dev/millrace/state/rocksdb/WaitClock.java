package dev.millrace.state.rocksdb;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/** Goes on while its thread does not compute: what passes between two looks is what the thread waited. */
final class WaitClock {

    private static final ThreadMXBean BEAN = ManagementFactory.getThreadMXBean();
    private static final boolean KNOWN = BEAN.isCurrentThreadCpuTimeSupported();

    private WaitClock() {}

    /** Nanoseconds; stands still where the platform does not tell. */
    static long now() {
        return KNOWN ? System.nanoTime() - BEAN.getCurrentThreadCpuTime() : 0;
    }
}
