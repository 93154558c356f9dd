package dev.millrace.operator.scaling;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is given for how many cores, table by table. */
class SizingTest {

    private static final Bounds BOUNDS = new Bounds(1, 8, 250, 2_000, 16, 32, true);

    private static Sizing sizing(Bounds bounds, Allocation has, double imbalance, double usable) {
        return new Sizing(bounds, has, new Figures(1, 1, 0, 0, 1, 1, 1, 1, 1, imbalance, 0.1, usable));
    }

    private static String text(Optional<Allocation> allocation) {
        return allocation.map(Allocation::toString).orElse("-");
    }

    @ParameterizedTest
    @CsvSource({
        // pods, cpu, imbalance, usable, cores, may have more cpu, more pods, what it gets
        "1, 250, 1, 99, 0.7, true, true, 1 pod with 700m CPU",
        "1, 250, 1, 99, 2.0, true, true, 1 pod with 2 CPU",
        "1, 250, 1, 99, 2.5, true, true, 2 pods with 1300m CPU",
        "1, 250, 1, 99, 2.5, true, false, 1 pod with 2 CPU", // pods are blocked, or of no use
        "1, 500, 1, 99, 2.5, false, true, 6 pods with 500m CPU", // CPU is blocked
        "1, 2000, 1, 99, 2.5, true, false, -",
        "4, 2000, 1, 99, 8.5, true, true, 6 pods with 2 CPU", // of 16 partitions five pods have four, as four pods do
        "2, 1000, 1.6, 99, 2.8, true, true, 3 pods with 1700m CPU", // one has more to do, whatever the number
        "2, 1000, 1.6, 99, 2.4, true, true, 2 pods with 2 CPU",
        "1, 1000, 1, 0.9, 1.4, true, true, 2 pods with 1 CPU", // its threads can use no more
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
        Sizing sizing = sizing(BOUNDS, new Allocation(pods, cpu), imbalance, usable);
        assertEquals(expected, text(sizing.more(cores, mayCpu, mayPods)));
    }

    @ParameterizedTest
    @CsvSource({
        "4, 2000, 1, 99, 3.0, 2 pods with 1500m CPU",
        "4, 2000, 1, 99, 3.7, 3 pods with 1400m CPU", // two would have no room
        "4, 2000, 1, 99, 0.1, 1 pod with 250m CPU",
        "2, 2000, 1, 99, 1.9, -",
        "1, 2000, 1, 99, 0.1, -",
        "4, 2000, 2, 99, 1.5, 1 pod with 1500m CPU"
    })
    void fewerPods(int pods, int cpu, double imbalance, double usable, double cores, String expected) {
        assertEquals(
                expected,
                text(sizing(BOUNDS, new Allocation(pods, cpu), imbalance, usable)
                        .fewerPods(cores)));
    }

    @Test
    void withoutResizingPodsAreAllThereIs() {
        Bounds fixed = new Bounds(1, 8, 1_000, 1_000, 16, 32, false);
        Sizing sizing = sizing(fixed, new Allocation(2, 1_000), 1, 99);
        assertEquals("4 pods with 1 CPU", text(sizing.more(3.5, true, true)));
        assertEquals("1 pod with 1 CPU", text(sizing.fewerPods(0.8)));
        assertEquals("-", text(sizing.lessCpu(0.1)));
    }

    /** Half of what a thread can do in each of two pods is all that it can do in one. */
    @Test
    void fewerPodsHaveFewerThreads() {
        Figures figures = new Figures(1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0.45, Double.POSITIVE_INFINITY);
        Sizing sizing = new Sizing(BOUNDS, new Allocation(3, 1_000), figures);
        assertEquals("2 pods with 250m CPU", text(sizing.fewerPods(0.4)));
    }

    @Test
    void aLittleLessIsNotLess() {
        Sizing sizing = sizing(BOUNDS, new Allocation(1, 1_000), 1, 99);
        assertEquals("-", text(sizing.lessCpu(0.85)));
        assertEquals("1 pod with 800m CPU", text(sizing.lessCpu(0.8)));
    }
}
