package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class TakeOversTest {

    @Test
    void aTakeOverCountsForAMinute() {
        Instant start = Instant.parse("2026-03-01T10:00:00Z");
        TakeOvers takeOvers = new TakeOvers();
        assertEquals(0, takeOvers.recent(start));
        takeOvers.begin(start, 1);
        takeOvers.begin(start.plusSeconds(30), 1);
        takeOvers.begin(start, 0);
        assertEquals(2, takeOvers.recent(start.plusSeconds(60)));
        assertEquals(1, takeOvers.recent(start.plusSeconds(61)));
        assertEquals(0, takeOvers.recent(start.plusSeconds(91)));
    }
}
