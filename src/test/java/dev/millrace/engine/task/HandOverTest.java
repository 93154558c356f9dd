package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.data.Bytes;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressRecord.ReleasedKeyGroup;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateKeys;
import dev.millrace.state.memory.MemoryStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

class HandOverTest {

    private static final int KEY_GROUPS = 4;
    private static final int GATHERED = -7;
    private static final int[] OPERATORS = {3, 900, GATHERED};

    private final KeyGroupRanges ranges = new KeyGroupRanges(KEY_GROUPS, List.of(GATHERED));
    private final Random random = new Random();
    private final MemoryStore store = new MemoryStore();
    private final MemoryStore other = new MemoryStore();
    private final List<byte[]> frames = new ArrayList<>();
    private long epoch;

    /** Whatever changes while it is copied, in front of what was copied and behind it, the other has what the one has. */
    @RepeatedTest(20)
    void aCopyIsTheKeyGroupAsOfItsRelease() {
        int keyGroup = random.nextInt(KEY_GROUPS);
        HandOver handOver = new HandOver(0, store, ranges, 1 + random.nextInt(300));
        for (int i = 0; i < 5; i++) {
            change(handOver);
        }
        Slots slots = new Slots(0, 0, Clock.SYSTEM);
        long offset = 0;
        Map<Integer, Integer> ready = Map.of();
        for (int i = 0; ready.isEmpty(); i++) {
            handOver.plan(Map.of(keyGroup, 1), slots, group -> 0);
            List<Announcement.Chunk> chunks = handOver.send(epoch, List.of(), slots, new Sent());
            assertEquals(i == 0, chunks.stream().anyMatch(Announcement.Chunk::first));
            handOver.returned(epoch, offset++);
            receive();
            slots.heard(settled(offset, epoch));
            change(handOver);
            ready = handOver.releasable(slots);
            assertTrue(i < 10_000, "it does not come to an end");
        }
        assertEquals(Map.of(keyGroup, 1), ready);
        handOver.send(epoch, List.of(new ReleasedKeyGroup(keyGroup, 1, 0, 0, List.of())), slots, new Sent());
        receive();
        assertEquals(content(store, keyGroup), content(other, keyGroup));
        for (int g = 0; g < KEY_GROUPS; g++) {
            assertTrue(g == keyGroup || content(other, g).isEmpty(), "key group " + g + " has come, too");
        }
    }

    /** A slot that takes nothing gets no more, but for changes, and is given up in the end. */
    @Test
    void aSlotThatIsAwayIsNotSentTheWholeState() {
        HandOver handOver = new HandOver(0, store, ranges, 50);
        for (int i = 0; i < 50; i++) {
            change(handOver);
        }
        Slots slots = new Slots(0, 0, Clock.SYSTEM);
        for (int i = 0; i < 10_000; i++) { // few changes may be of what was copied
            handOver.plan(Map.of(1, 1), slots, group -> 0);
            handOver.send(++epoch, List.of(), slots, new Sent());
            handOver.returned(epoch, i);
            change(handOver);
        }
        assertFalse(handOver.isDue(slots));
        assertTrue(frames.size() < 1_000, () -> frames.size() + " frames");
    }

    @Test
    void keysOfAnOperatorThatOneSlotHasAllOfMoveWithTheFirstKeyGroup() {
        assertEquals(0, ranges.of(StateKeys.prefix(3, GATHERED)));
        assertEquals(3, ranges.of(StateKeys.prefix(3, 900)));
        assertTrue(ranges.of(StateKeys.meta("record")) >= KEY_GROUPS);
        for (int g = 0; g < KEY_GROUPS; g++) {
            for (int operator : OPERATORS) {
                byte[] key = StateKeys.prefix(g, operator);
                for (int owner = 0; owner < KEY_GROUPS; owner++) {
                    boolean within = ranges.of(owner).stream()
                            .anyMatch(range -> java.util.Arrays.compareUnsigned(key, range.from()) >= 0
                                    && java.util.Arrays.compareUnsigned(key, range.to()) < 0);
                    assertEquals(owner == ranges.of(key), within);
                }
            }
        }
    }

    private static Announcement settled(long offset, long epoch) {
        return new Announcement(
                Announcement.FORMAT,
                0,
                1,
                epoch,
                Division.ONE,
                List.of(0, 1),
                false,
                false,
                offset,
                new long[] {0},
                false,
                0,
                new int[KEY_GROUPS],
                null,
                null);
    }

    /** An epoch. */
    private void change(HandOver handOver) {
        StateBatch batch = new StateBatch();
        for (int i = random.nextInt(30); i > 0; i--) {
            Bytes key = new Bytes();
            StateKeys.prefix(random.nextInt(KEY_GROUPS), OPERATORS[random.nextInt(OPERATORS.length)], key);
            key.put(random.nextInt(20));
            if (random.nextInt(3) == 0) {
                batch.delete(key.toByteArray(), key.length());
            } else {
                batch.put(key.toByteArray(), new byte[] {(byte) random.nextInt(), (byte) epoch});
            }
        }
        handOver.changed(batch);
        store.apply(batch, ++epoch);
    }

    private void receive() {
        StateBatch batch = new StateBatch();
        frames.forEach(frame -> StateChunks.apply(Frame.decode(0, 0, frame).body(), batch));
        frames.clear();
        other.apply(batch, epoch);
    }

    private Map<String, String> content(MemoryStore of, int keyGroup) {
        Map<String, String> content = new TreeMap<>();
        for (KeyGroupRanges.Range range : ranges.of(keyGroup)) {
            of.scan(range.from(), range.to(), (key, value) -> {
                content.put(java.util.Arrays.toString(key), java.util.Arrays.toString(value));
                return true;
            });
        }
        return content;
    }

    /** What is sent, in one order. */
    private final class Sent implements Exchange {
        @Override
        public String open() {
            return "";
        }

        @Override
        public Optional<String> weakness() {
            return Optional.empty();
        }

        @Override
        public void send(int partition, byte[] record) {
            frames.add(record);
            Frame frame = Frame.decode(partition - 1, 0, record);
            assertArrayEquals(new int[] {1, 0}, new int[] {frame.kind().ordinal(), frame.slot()});
        }

        @Override
        public void seek(long[] offsets) {}

        @Override
        public long begin(int partition) {
            return 0;
        }

        @Override
        public long end(int partition) {
            return 0;
        }

        @Override
        public void readAll(int partition, Arrival arrival) {}

        @Override
        public void move(long[] offsets) {}

        @Override
        public void poll(long timeoutMillis, Arrival arrival) {}

        @Override
        public long unread() {
            return 0;
        }

        @Override
        public void trim(long[] offsets) {}

        @Override
        public void close() {}
    }
}
