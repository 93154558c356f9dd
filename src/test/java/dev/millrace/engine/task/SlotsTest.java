package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.ProgressRecord.PartitionProgress;
import dev.millrace.engine.ProgressRecord.Release;
import dev.millrace.engine.ProgressRecord.ReleasedPartition;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class SlotsTest {

    private long now;
    private final Clock clock = new Clock() {
        @Override
        public long millis() {
            return now;
        }

        @Override
        public long nanos() {
            return now * 1_000_000;
        }

        @Override
        public void sleep(long millis) {
            now += millis;
        }
    };
    private final Slots slots = new Slots(0, 1, clock);

    @Test
    void aSlotThatIsSilentHoldsWindowsAndIsNamed() {
        slots.heard(announced(1, 500, 0, false));
        slots.heard(announced(2, 900, 0, false));
        long[] watermarks = slots.watermarks(1_000, new long[] {0, 0}, false);
        assertArrayEquals(new long[] {1_000, 500}, watermarks);
        now += 30_001;
        slots.heard(announced(2, 950, 0, false));
        assertEquals(OptionalInt.of(1), slots.heldBy(watermarks, 30_000));
        slots.heard(announced(1, 1_000, 0, false));
        assertEquals(OptionalInt.empty(), slots.heldBy(watermarks, 30_000));
    }

    /** What is on its way counts nowhere else. */
    @Test
    void whoReleasesAnnouncesNoLaterWatermarkUntilTheOtherHasIt() {
        slots.heard(announced(1, 800, 0, false));
        PartitionProgress progress = new PartitionProgress("p-0", 7, -1, 300, Watermark.NONE, false, 0);
        slots.released(5, new Release(10, Map.of(), List.of(), List.of(new ReleasedPartition("s", "i", 1, progress))));
        assertArrayEquals(new long[] {300, 300}, slots.watermarks(900, new long[] {300, 300}, false));
        assertEquals(10, needed(50));
        slots.returned(own(5), 12);
        slots.heard(announced(1, 300, 12, false));
        assertTrue(slots.isHanding());
        slots.heard(announced(1, 300, 13, false));
        assertFalse(slots.isHanding());
        assertArrayEquals(new long[] {900, 300}, slots.watermarks(900, new long[] {300, 300}, false));
        assertEquals(50, needed(50));
    }

    @Test
    void aSlotThatOthersKnowOfHoldsWindowsBeforeItWasHeard() {
        slots.heard(announced(1, 500, 0, false, 0, 1, 2));
        assertArrayEquals(new long[] {1_000, 0}, slots.watermarks(1_000, new long[] {0, 0}, false));
        assertFalse(slots.allAgree());
        slots.heard(announced(2, 700, 0, false));
        assertArrayEquals(new long[] {1_000, 500}, slots.watermarks(1_000, new long[] {0, 0}, false));
        slots.heard(announced(1, 500, 0, true));
        assertEquals(List.of(0, 2), slots.members());
    }

    private long needed(long own) {
        slots.needs(own);
        return slots.needed();
    }

    private Announcement own(long epoch) {
        return announcement(0, epoch, 300, 0, false, 0, 1);
    }

    private Announcement announced(int slot, long watermark, long settled, boolean left, Integer... members) {
        return announcement(slot, 1, watermark, settled, left, members.length == 0 ? new Integer[] {0, slot} : members);
    }

    private Announcement announcement(
            int slot, long epoch, long watermark, long settled, boolean left, Integer... members) {
        return new Announcement(
                Announcement.FORMAT,
                0,
                slot,
                epoch,
                Division.ONE,
                List.of(members),
                false,
                left,
                settled,
                new long[] {watermark, watermark},
                false,
                0,
                new int[4],
                null,
                null);
    }
}
