package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PaceTest {

    /** Milliseconds of the end of the epoch, rows read and left, and how long the next epoch of 50 ms reads. */
    @ParameterizedTest
    @CsvSource({
        "10, 1000, 20, 40",
        "30, 1000, 1000, 30",
        "45, 1000, 0, 45",
        "90, 1000, 0, 50",
        "10, 1000, 1001, 50",
        "10, 1000, -1, 50",
        "10, 0, 0, 40"
    })
    void takesTheEndOfAnEpochOffTheNextOneWhereItKeepsUp(long ending, long rows, long lag, long reads) {
        Pace pace = new Pace(50);
        assertEquals(50_000_000, pace.readNanos(7_000_000), "the first epoch");
        pace.ended(100_000_000, rows, lag);
        assertEquals(reads * 1_000_000, pace.readNanos((100 + ending) * 1_000_000));
    }
}
