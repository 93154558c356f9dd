package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Sample;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class CatchUpTest {

    private static final Instant START = Instant.parse("2026-03-01T10:00:00Z");

    private static Sample sample(int second, long lag) {
        return new Sample(
                START.plusSeconds(second), 10, List.of(new Sample.Slot(100, lag, 1, 1, 1, 0, Memory.UNKNOWN)));
    }

    private static Double seconds(Sample... samples) {
        return CatchUp.seconds(List.of(samples), START.plusSeconds(40));
    }

    @Test
    void atThePaceOfTheLastSamples() {
        assertEquals(50.0, seconds(sample(10, 7_000), sample(20, 6_000), sample(30, 5_000)));
        assertEquals(
                50.0,
                seconds(
                        sample(0, 9_999_999),
                        sample(10, 8_000),
                        sample(20, 7_000),
                        sample(30, 6_000),
                        sample(40, 5_000)));
    }

    @Test
    void noneWhereNothingWaitsOrItGrowsOrIsUnknown() {
        assertNull(seconds());
        assertNull(seconds(sample(30, 5_000)));
        assertNull(seconds(sample(20, 4_000), sample(30, 5_000)), "it grows");
        assertNull(seconds(sample(20, 500), sample(30, 299)), "some are always on their way");
        assertNull(seconds(sample(20, -1), sample(30, 5_000)), "unknown");
        assertNull(seconds(sample(-60, 9_000), sample(-30, 5_000)), "long ago");
    }
}
