package dev.millrace.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContainerTest {

    @TempDir
    private Path group;

    private void write(String file, String text) throws IOException {
        Path path = group.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }

    @Test
    void ofVersionTwo() throws Exception {
        write("cpu.max", "150000 100000\n");
        write("cpu.stat", "usage_usec 5\nnr_throttled 1\nthrottled_usec 12\n");
        write("memory.current", "1000\n");
        write("memory.stat", "anon 1\ninactive_file 300\n");
        Container container = new Container(group);
        assertEquals(OptionalDouble.of(1.5), container.cpuLimit());
        assertEquals(OptionalLong.of(12_000), container.throttledNanos());
        assertEquals(OptionalLong.of(700), container.workingSet());
        write("memory.max", "2000\n");
        assertEquals(OptionalLong.of(2000), container.memoryLimit());
        write("memory.max", "max\n");
        assertEquals(OptionalLong.empty(), container.memoryLimit());
        write("cpu.max", "max 100000\n");
        assertEquals(OptionalDouble.empty(), container.cpuLimit());
    }

    @Test
    void ofVersionOne() throws Exception {
        write("cpu/cpu.cfs_quota_us", "30000\n");
        write("cpu/cpu.cfs_period_us", "100000\n");
        write("cpu/cpu.stat", "nr_periods 7\nnr_throttled 1\nthrottled_time 12345\n");
        write("memory/memory.usage_in_bytes", "1000\n");
        write("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 200\n");
        Container container = new Container(group);
        assertEquals(OptionalDouble.of(0.3), container.cpuLimit());
        assertEquals(OptionalLong.of(12_345), container.throttledNanos());
        assertEquals(OptionalLong.of(800), container.workingSet());
        write("memory/memory.limit_in_bytes", "2000\n");
        assertEquals(OptionalLong.of(2000), container.memoryLimit());
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assertEquals(OptionalLong.empty(), container.memoryLimit());
        write("cpu/cpu.cfs_quota_us", "-1\n");
        assertEquals(OptionalDouble.empty(), container.cpuLimit());
    }

    @Test
    void whatCannotBeReadIsUnknown() {
        Container container = new Container(group);
        assertEquals(OptionalDouble.empty(), container.cpuLimit());
        assertEquals(OptionalLong.empty(), container.throttledNanos());
        assertEquals(OptionalLong.empty(), container.workingSet());
        assertTrue(container.cpuNanos() > 0);
    }
}
