package dev.millrace.serving;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/** What the process, and the container that it is alone in, use of the machine; read from the kernel when asked. */
final class Container {

    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final Path group;

    Container() {
        this(Path.of("/sys/fs/cgroup"));
    }

    /**
     * @param group the directory of its cgroup, version 2
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
        return parts.size() == 2 && parts.stream().allMatch(part -> part.matches("\\d{1,18}"))
                ? OptionalDouble.of(Double.parseDouble(parts.get(0)) / Double.parseDouble(parts.get(1)))
                : OptionalDouble.empty();
    }

    /** Nanoseconds in which it had used up its CPU; empty for unknown. */
    OptionalLong throttledNanos() {
        OptionalLong micros = line("cpu.stat", "throttled_usec");
        return micros.isPresent() ? OptionalLong.of(micros.getAsLong() * 1000) : micros;
    }

    /** Bytes that it could not give back: what the node's kubelet looks at; empty for unknown. */
    OptionalLong workingSet() {
        String used = read("memory.current").trim();
        OptionalLong idle = line("memory.stat", "inactive_file");
        return used.matches("\\d{1,18}") && idle.isPresent()
                ? OptionalLong.of(Math.max(0, Long.parseLong(used) - idle.getAsLong()))
                : OptionalLong.empty();
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
