package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.Bounds;
import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Objective;
import dev.millrace.operator.scaling.Sample;
import dev.millrace.operator.scaling.ScalingHistory;
import dev.millrace.operator.scaling.ScalingHistory.Look;
import dev.millrace.operator.scaling.ScalingState;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ExplainScalingCommandTest {

    private static final Instant START = Instant.parse("2026-03-01T10:00:00Z");
    private static final long GIBIBYTE = 1L << 30;

    @TempDir
    private Path directory;

    /** Three samples of a pod that needs all of its CPU; a look at each. */
    private static ScalingHistory history() {
        Allocation has = new Allocation(1, 500, GIBIBYTE);
        ScalingState state = ScalingState.of(has);
        Bounds bounds = new Bounds(1, 4, 500, 2_000, GIBIBYTE, GIBIBYTE, 16, 32, true);
        Sample.Slot slot = new Sample.Slot(20_000, 100, 0.49, 0.5, 0.5, 0.1, Memory.UNKNOWN);
        List<Sample> samples = IntStream.rangeClosed(1, 6)
                .mapToObj(i -> new Sample(START.plusSeconds(10 * i), 10, List.of(slot)))
                .toList();
        ScalingState settled = new ScalingState(
                new ScalingState.Wish(has, START, START),
                null,
                state.costs(),
                state.needs(),
                null,
                state.blocked(),
                List.of());
        List<Look> looks = samples.stream()
                .map(sample -> new Look(
                        sample.at(),
                        sample.at(),
                        settled,
                        Optional.of(has),
                        Objective.DEFAULT,
                        bounds,
                        true,
                        "as it was then"))
                .toList();
        return new ScalingHistory("shop/orders", looks, samples);
    }

    @Test
    void eachChangeOfMindIsALine() {
        List<String> lines =
                ExplainScalingCommand.text(history(), false).lines().toList();
        assertEquals("shop/orders: 6 looks from 10:00:10 to 10:01:00 (UTC)", lines.get(0));
        assertTrue(lines.get(2).startsWith("1 to 4 pods, each of 500m to 2 CPU"), lines.get(2));
        assertEquals(8, lines.size(), String.join("\n", lines));
        assertTrue(lines.get(5).startsWith("10:00:10"), lines.get(5));
        assertTrue(lines.get(5).contains("too few measurements"), lines.get(5));
        assertTrue(lines.get(7).contains("98%"), lines.get(7));
        assertTrue(lines.get(7).contains("1 pod of 500m CPU and 1024Mi → 1 pod of 700m CPU and 1024Mi"), lines.get(7));
        assertTrue(lines.get(7).endsWith("[the operator said: as it was then]"), lines.get(7));
        assertEquals(11, ExplainScalingCommand.text(history(), true).lines().count());
    }

    @Test
    void whatCannotBeReadIsToldInALine() throws Exception {
        Path junk = Files.writeString(directory.resolve("junk"), "404 not found");
        assertEquals(Main.USAGE, explain(junk));
        assertEquals(Main.USAGE, explain(directory.resolve("nowhere")));
        assertEquals(Main.USAGE, explain(directory));
        assertEquals(
                0,
                explain(Files.writeString(
                        directory.resolve("history"), history().toJson())));
    }

    private static int explain(Path file) {
        return new CommandLine(new Main())
                .setErr(new PrintWriter(new StringWriter()))
                .execute("explain-scaling", file.toString());
    }
}
