package dev.millrace.serving;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** What the process, and the container that it is alone in, use of the machine; read from the kernel when asked. */
final class Container {

    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private static final Pattern NUMBER = Pattern.compile("\\d{1,18}");

    /** Version 1 says a number near the largest one; no machine has so much. */
    private static final long NO_LIMIT = 1L << 50;

    private final Path group;

    Container() {
        this(Path.of("/sys/fs/cgroup"));
    }

    /**
     * @param group the directory of its cgroup, or, of version 1, of its controllers
     */
    Container(Path group) {
        this.group = group;
    }

    /** CPU time of the process, in nanoseconds. */
    long cpuNanos() {
        return SYSTEM.getProcessCpuTime();
    }

    /** Cores that it may use; empty where nothing limits it, or that cannot be read. */
    OptionalDouble cpuLimit() {
        List<String> parts = List.of(read("cpu.max").trim().split(" "));
        if (parts.size() == 2) {
            return ratio(parts.get(0), parts.get(1));
        }
        return ratio(
                read("cpu/cpu.cfs_quota_us").trim(),
                read("cpu/cpu.cfs_period_us").trim());
    }

    private static OptionalDouble ratio(String quota, String period) {
        return NUMBER.matcher(quota).matches() && NUMBER.matcher(period).matches()
                ? OptionalDouble.of(Double.parseDouble(quota) / Double.parseDouble(period))
                : OptionalDouble.empty();
    }

    /** Nanoseconds in which it had used up its CPU; empty for unknown. */
    OptionalLong throttledNanos() {
        OptionalLong micros = line("cpu.stat", "throttled_usec");
        return micros.isPresent() ? OptionalLong.of(micros.getAsLong() * 1000) : line("cpu/cpu.stat", "throttled_time");
    }

    /** Bytes that it could not give back: what the node's kubelet looks at; empty for unknown. */
    OptionalLong workingSet() {
        OptionalLong used = number("memory.current");
        return used.isPresent()
                ? difference(used, line("memory.stat", "inactive_file"))
                : difference(number("memory/memory.usage_in_bytes"), line("memory/memory.stat", "total_inactive_file"));
    }

    /** Bytes that it may use; empty where nothing limits it, or that cannot be read. */
    OptionalLong memoryLimit() {
        OptionalLong limit = number("memory.max");
        OptionalLong found = limit.isPresent() ? limit : number("memory/memory.limit_in_bytes");
        return found.isPresent() && found.getAsLong() < NO_LIMIT ? found : OptionalLong.empty();
    }

    /** Time that collections of the heap took. */
    static long gcNanos() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                .mapToLong(bean -> 1_000_000 * Math.max(0, bean.getCollectionTime()))
                .sum();
    }

    private static OptionalLong difference(OptionalLong used, OptionalLong idle) {
        return used.isPresent() && idle.isPresent()
                ? OptionalLong.of(Math.max(0, used.getAsLong() - idle.getAsLong()))
                : OptionalLong.empty();
    }

    private OptionalLong number(String file) {
        String text = read(file).trim();
        return NUMBER.matcher(text).matches() ? OptionalLong.of(Long.parseLong(text)) : OptionalLong.empty();
    }

    private OptionalLong line(String file, String name) {
        return read(file)
                .lines()
                .filter(line -> line.matches(name + " \\d{1,18}"))
                .mapToLong(line -> Long.parseLong(line.substring(name.length() + 1)))
                .findFirst();
    }

    private String read(String file) {
        try {
            return Files.readString(group.resolve(file));
        } catch (IOException e) {
            return "";
        }
    }
}
