package dev.millrace.operator.scaling;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is given for how many cores, table by table. */
class SizingTest {

    private static final long GIBIBYTE = 1L << 30;
    private static final Bounds BOUNDS = new Bounds(1, 8, 250, 2_000, GIBIBYTE, 4 * GIBIBYTE, 16, 32, true);

    private static Sizing sizing(Bounds bounds, Allocation has, double imbalance, double usable) {
        return new Sizing(bounds, has, new Figures(1, 1, 0, 0, 1, 1, 1, 1, 1, imbalance, 0.1, usable, Memory.UNKNOWN));
    }

    private static String text(Optional<Allocation> allocation) {
        return allocation.map(Allocation::toString).orElse("-");
    }

    @ParameterizedTest
    @CsvSource({
        // pods, cpu, imbalance, usable, cores, may have more cpu, more pods, what it gets
        "1, 250, 1, 99, 0.7, true, true, 1 pod of 700m CPU",
        "1, 250, 1, 99, 2.0, true, true, 1 pod of 2 CPU",
        "1, 250, 1, 99, 2.5, true, true, 2 pods of 1300m CPU",
        "1, 250, 1, 99, 2.5, true, false, 1 pod of 2 CPU", // pods are blocked, or of no use
        "1, 500, 1, 99, 2.5, false, true, 6 pods of 500m CPU", // CPU is blocked
        "1, 2000, 1, 99, 2.5, true, false, -",
        "4, 2000, 1, 99, 8.5, true, true, 6 pods of 2 CPU", // of 16 partitions five pods have four, as four pods do
        "2, 1000, 1.6, 99, 2.8, true, true, 3 pods of 1700m CPU", // one has more to do, whatever the number
        "2, 1000, 1.6, 99, 2.4, true, true, 2 pods of 2 CPU",
        "1, 1000, 1, 0.9, 1.4, true, true, 2 pods of 1 CPU", // its threads can use no more
        "8, 2000, 1, 99, 99, true, true, -"
    })
    void more(
            int pods,
            int cpu,
            double imbalance,
            double usable,
            double cores,
            boolean mayCpu,
            boolean mayPods,
            String expected) {
        Sizing sizing = sizing(BOUNDS, new Allocation(pods, cpu, 0), imbalance, usable);
        assertEquals(expected, text(sizing.more(cores, mayCpu, mayPods)));
    }

    @ParameterizedTest
    @CsvSource({
        "4, 2000, 1, 99, 3.0, 2 pods of 1500m CPU",
        "4, 2000, 1, 99, 3.7, 3 pods of 1400m CPU", // two would have no room
        "4, 2000, 1, 99, 0.1, 1 pod of 250m CPU",
        "2, 2000, 1, 99, 1.9, -",
        "1, 2000, 1, 99, 0.1, -",
        "4, 2000, 2, 99, 1.5, 1 pod of 1500m CPU"
    })
    void fewerPods(int pods, int cpu, double imbalance, double usable, double cores, String expected) {
        assertEquals(
                expected,
                text(sizing(BOUNDS, new Allocation(pods, cpu, 0), imbalance, usable)
                        .fewerPods(cores)));
    }

    @Test
    void withoutResizingPodsAreAllThereIs() {
        Bounds fixed = new Bounds(1, 8, 1_000, 1_000, 0, 0, 16, 32, false);
        Sizing sizing = sizing(fixed, new Allocation(2, 1_000, 0), 1, 99);
        assertEquals("4 pods of 1 CPU", text(sizing.more(3.5, true, true)));
        assertEquals("1 pod of 1 CPU", text(sizing.fewerPods(0.8)));
        assertEquals("-", text(sizing.lessCpu(0.1)));
    }

    /** Half of what a thread can do in each of two pods is all that it can do in one. */
    @Test
    void fewerPodsHaveFewerThreads() {
        Figures figures = new Figures(1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0.45, Double.POSITIVE_INFINITY, Memory.UNKNOWN);
        Sizing sizing = new Sizing(BOUNDS, new Allocation(3, 1_000, 0), figures);
        assertEquals("2 pods of 250m CPU", text(sizing.fewerPods(0.4)));
    }

    private static Sizing sizing(Allocation has, double waits, double state, double room) {
        Memory memory = new Memory(waits, 0, (long) (state * GIBIBYTE), (long) (room * GIBIBYTE));
        return new Sizing(BOUNDS, has, new Figures(1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0.9, 0.5, memory));
    }

    @ParameterizedTest
    @CsvSource({
        // memory, state of a pod, room for it (all GiB), what it gets
        "1.0, 1.0, 0.3, 1 pod of 500m CPU and 2048Mi", // for all of it would be 2.07
        "1.0, 0.5, 0.3, 1 pod of 500m CPU and 1408Mi",
        "1.0, 9.0, 0.3, 1 pod of 500m CPU and 2048Mi", // twice as much: then one sees
        "3.0, 9.0, 1.8, 1 pod of 500m CPU and 4096Mi",
        "4.0, 9.0, 2.5, -",
        "1.0, 0.3, 0.4, -", // it fits: that is not what the pod waits for
        "1.0, 0.3, 0.0, -" // of an engine that cannot use more
    })
    void moreMemory(double has, double state, double room, String expected) {
        Allocation now = new Allocation(1, 500, (long) (has * GIBIBYTE));
        assertEquals(expected, text(sizing(now, 0.6, state, room).moreMemory()));
    }

    @ParameterizedTest
    @CsvSource({
        "4.0, 0.4, 2.5, 1 pod of 500m CPU and 2176Mi",
        "4.0, 0.01, 2.5, 1 pod of 500m CPU and 1600Mi", // the heap stays what it is
        "4.0, 1.3, 2.5, -",
        "1.0, 0.0, 0.3, -",
        "4.0, 0.4, 0.0, -"
    })
    void lessMemory(double has, double state, double room, String expected) {
        Allocation now = new Allocation(1, 500, (long) (has * GIBIBYTE));
        assertEquals(expected, text(sizing(now, 0, state, room).lessMemory()));
    }

    /** What fits into the memory of some pods is to fit into that of fewer, which get more. */
    @Test
    void fewerPodsHaveMoreStateEach() {
        Figures idle = new Figures(
                1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0.05, 99, new Memory(0, 0, (long) (0.9 * GIBIBYTE), GIBIBYTE));
        Allocation three = new Allocation(3, 500, 2 * GIBIBYTE);
        assertEquals(
                "2 pods of 250m CPU and 2752Mi", // for one, 2.97 GiB of state would not fit into the most
                text(new Sizing(BOUNDS, three, idle).fewerPods(0.1)));
    }

    /** Half of the time it waits; half of what is missing fits. */
    @Test
    void whatMoreMemoryBrings() {
        Sizing sizing = sizing(new Allocation(1, 500, GIBIBYTE), 0.5, 1.8, 0.3);
        assertEquals(0.9 / (0.9 - 0.5 * 0.5), sizing.gainOfMemory(new Allocation(1, 500, 2 * GIBIBYTE)), 1e-6);
    }

    @Test
    void aLittleLessIsNotLess() {
        Sizing sizing = sizing(BOUNDS, new Allocation(1, 1_000, 0), 1, 99);
        assertEquals("-", text(sizing.lessCpu(0.85)));
        assertEquals("1 pod of 800m CPU", text(sizing.lessCpu(0.8)));
    }
}
