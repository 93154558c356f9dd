package dev.millrace.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * Watches this process while it reads a topic: rows, CPU time and allocation, every few milliseconds. "Middle" is what lies
 * between 20 and 90 percent of the rows.
 */
public final class Samples implements AutoCloseable {

    private static final long PERIOD_MILLIS = 10;

    private final LongSupplier rows;
    private final long total;
    private final List<long[]> samples = new ArrayList<>();
    private final Thread thread;
    private volatile boolean ended;

    /**
     * @param rows read so far
     * @param total rows to come
     */
    public Samples(LongSupplier rows, long total) {
        this.rows = rows;
        this.total = total;
        this.thread = new Thread(this::watch, "samples");
        thread.setDaemon(true);
        thread.start();
    }

    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static long allocated() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long sum = 0;
        for (long bytes : threads.getThreadAllocatedBytes(threads.getAllThreadIds())) {
            sum += Math.max(0, bytes);
        }
        return sum;
    }

    private synchronized void take() {
        samples.add(new long[] {rows.getAsLong(), System.nanoTime(), cpuNanos(), allocated()});
    }

    private void watch() {
        try {
            while (!ended) {
                take();
                Thread.sleep(PERIOD_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The figures of the run, from the first row that was read. */
    public synchronized Map<String, Object> figures() {
        take();
        int first = 0;
        while (first + 1 < samples.size() && samples.get(first + 1)[0] == 0) {
            first++;
        }
        double[] begin = doubles(samples.get(first));
        double[] end = doubles(samples.get(samples.size() - 1));
        double[] from = at(0.2 * total);
        double[] to = at(0.9 * total);
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("rows", end[0]);
        figures.put("seconds", (end[1] - begin[1]) / 1e9);
        figures.put("rate", end[0] / ((end[1] - begin[1]) / 1e9));
        figures.put("rateMiddle", (to[0] - from[0]) / ((to[1] - from[1]) / 1e9));
        figures.put("cpu", (end[2] - begin[2]) / 1e3 / end[0]);
        figures.put("cpuMiddle", (to[2] - from[2]) / 1e3 / (to[0] - from[0]));
        figures.put("allocated", (to[3] - from[3]) / (to[0] - from[0]));
        figures.put("gcSeconds", gcSeconds());
        figures.put("peakMb", peakMb());
        return figures;
    }

    private static double[] doubles(long[] sample) {
        double[] values = new double[sample.length];
        for (int i = 0; i < sample.length; i++) {
            values[i] = sample[i];
        }
        return values;
    }

    /** The state when so many rows had been read, between two samples by proportion. */
    private double[] at(double count) {
        for (int i = 1; i < samples.size(); i++) {
            long[] after = samples.get(i);
            if (after[0] >= count) {
                long[] before = samples.get(i - 1);
                double part = after[0] == before[0] ? 1 : (count - before[0]) / (double) (after[0] - before[0]);
                double[] values = new double[after.length];
                for (int k = 0; k < values.length; k++) {
                    values[k] = before[k] + part * (after[k] - before[k]);
                }
                return values;
            }
        }
        return doubles(samples.get(samples.size() - 1));
    }

    private static double gcSeconds() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                        .mapToLong(GarbageCollectorMXBean::getCollectionTime)
                        .sum()
                / 1e3;
    }

    private static double peakMb() {
        try {
            return peakMb(ProcessHandle.current().pid());
        } catch (IOException e) {
            return 0;
        }
    }

    /** The most memory that a process had resident so far, where the system tells. */
    static long peakMb(long pid) throws IOException {
        return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
                        .filter(line -> line.startsWith("VmHWM:"))
                        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D+", "")))
                        .findFirst()
                        .orElse(0)
                / 1024;
    }

    /** Prints figures as the one line that the bench reads. */
    public static void print(Map<String, Object> figures) throws IOException {
        System.out.println("FIGURES " + new ObjectMapper().writeValueAsString(figures));
    }

    @Override
    public void close() {
        ended = true;
    }
}
