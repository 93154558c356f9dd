package dev.millrace.engine.task;

import dev.millrace.data.Bytes;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressRecord.ReleasedKeyGroup;
import dev.millrace.engine.task.KeyGroupRanges.Range;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Copies key groups to the slots that are to own them, while this one goes on with them: in each epoch a piece of the store
 * behind what was copied, and what the epoch before has changed in what was copied. Once all is copied, and the other has it,
 * the key group can be released: only the last epoch's changes are then still to go.
 *
 * <p>A copy is in memory alone: after a fault it begins anew.
 */
final class HandOver {

    /** Epochs with state that a slot has not taken yet; what is released lies behind them. */
    private static final int MOST_UNSETTLED = 2;

    /** A slot that takes nothing for so many epochs is copied to anew when it is back. */
    private static final int GIVEN_UP = 200;

    private final int slot;
    private final StateStore store;
    private final KeyGroupRanges ranges;
    private final long epochBytes;
    private final int frameBytes;
    private final Map<Integer, Copy> copies = new TreeMap<>();
    private final Map<Integer, List<Sent>> sent = new TreeMap<>();

    /** An epoch with state for a slot; offset of its announcement, −1 while that is not known. */
    private record Sent(long epoch, long offset) {}

    /** A key group's. */
    private static final class Copy {
        private final int keyGroup;
        private final int to;
        private final List<Range> ranges;
        private final List<byte[]> changes = new ArrayList<>();
        private final Bytes change = new Bytes();
        private long offset;
        private int range;
        private byte[] next;
        private boolean begun;
        private long rows;
        private long completeIn = -1;
        private long announced = -1;

        Copy(int keyGroup, int to, List<Range> ranges, long offset) {
            this.keyGroup = keyGroup;
            this.to = to;
            this.ranges = ranges;
            this.offset = offset;
            this.next = ranges.get(0).from();
        }

        boolean isComplete() {
            return range == ranges.size();
        }

        boolean hasChanges() {
            return !changes.isEmpty() || change.length() > 0;
        }

        /** Where the next change is to be written. */
        Bytes change(int frameBytes) {
            if (change.length() >= frameBytes) {
                changes.add(change.toByteArray());
                change.clear();
            }
            return change;
        }

        List<byte[]> takeChanges() {
            List<byte[]> taken = new ArrayList<>(changes);
            if (change.length() > 0) {
                taken.add(change.toByteArray());
            }
            changes.clear();
            change.clear();
            return taken;
        }

        /** Whether what is at the key was copied. */
        boolean has(byte[] key) {
            return isComplete() || Arrays.compareUnsigned(key, next) < 0;
        }
    }

    /**
     * @param epochBytes how much of state goes in an epoch
     */
    HandOver(int slot, StateStore store, KeyGroupRanges ranges, long epochBytes) {
        this.epochBytes = epochBytes;
        this.frameBytes = (int) Math.min(Frame.BYTES, epochBytes);
        this.slot = slot;
        this.store = store;
        this.ranges = ranges;
    }

    /** Where a copy of a key group that begins now has its first frame at the earliest. */
    interface Offsets {
        long of(int keyGroup);
    }

    /**
     * Begins copies, and gives up those that are not wanted any more.
     *
     * @param wanted by key group that is to leave: the slot that is to own it and knows that
     */
    void plan(Map<Integer, Integer> wanted, Slots slots, Offsets offsets) {
        copies.values()
                .removeIf(copy -> !Integer.valueOf(copy.to).equals(wanted.get(copy.keyGroup))
                        || unsettled(copy.to, slots) > GIVEN_UP);
        wanted.forEach((keyGroup, to) -> {
            if (!copies.containsKey(keyGroup) && keepsUp(to, slots)) {
                copies.put(keyGroup, new Copy(keyGroup, to, ranges.of(keyGroup), offsets.of(keyGroup)));
            }
        });
    }

    /** Whether an epoch is due for it. */
    boolean isDue(Slots slots) {
        return copies.values().stream()
                .anyMatch(copy -> copy.hasChanges() || !copy.isComplete() && keepsUp(copy.to, slots));
    }

    /** Whether a slot has taken what it was sent, but for little: nothing that is released then waits for long. */
    private boolean keepsUp(int to, Slots slots) {
        return unsettled(to, slots) < MOST_UNSETTLED;
    }

    /** How many epochs with state a slot has been sent that it has not taken yet. */
    private int unsettled(int to, Slots slots) {
        List<Sent> unsettled = sent.computeIfAbsent(to, other -> new ArrayList<>());
        unsettled.removeIf(one -> one.offset >= 0 && slots.hasSettled(to, one.offset));
        return unsettled.size();
    }

    /** By key group that can be released: to whom. */
    Map<Integer, Integer> releasable(Slots slots) {
        Map<Integer, Integer> ready = new TreeMap<>();
        for (Copy copy : copies.values()) {
            if (copy.announced >= 0 && slots.hasSettled(copy.to, copy.announced)) {
                ready.put(copy.keyGroup, copy.to);
            }
        }
        return ready;
    }

    /**
     * Sends pieces of what is being copied.
     *
     * @param released what this epoch releases: only the rest of it goes
     */
    List<Announcement.Chunk> send(long epoch, List<ReleasedKeyGroup> released, Slots slots, Exchange exchange) {
        List<Announcement.Chunk> chunks = new ArrayList<>();
        Set<Integer> targets = new TreeSet<>();
        long left = epochBytes;
        boolean some = false; // however much has changed, the copy goes on
        for (Copy copy : copies.values()) {
            List<byte[]> bodies = copy.takeChanges();
            for (byte[] body : bodies) {
                left -= body.length;
            }
            boolean goesOn = !copy.isComplete() && keepsUp(copy.to, slots);
            while ((left > 0 || !some) && goesOn && !copy.isComplete()) {
                Bytes piece = new Bytes();
                read(copy, piece);
                if (piece.length() > 0) {
                    bodies.add(piece.toByteArray());
                    some = true;
                }
                left -= piece.length();
            }
            boolean completes = copy.isComplete() && copy.completeIn < 0;
            if (completes) {
                copy.completeIn = epoch;
            }
            if (!bodies.isEmpty() || completes) {
                bodies.forEach(body -> exchange.send(
                        Exchange.partitionOf(copy.keyGroup), Frame.encode(Frame.Kind.STATE, slot, epoch, body)));
                chunks.add(new Announcement.Chunk(copy.keyGroup, copy.to, !copy.begun, copy.offset, bodies.size()));
                copy.begun = true;
                targets.add(copy.to);
            }
        }
        targets.forEach(
                to -> sent.computeIfAbsent(to, slot -> new ArrayList<>()).add(new Sent(epoch, -1)));
        released.forEach(release -> copies.remove(release.keyGroup()));
        return chunks;
    }

    /** Reads on, up to the size of a frame. */
    private void read(Copy copy, Bytes piece) {
        while (!copy.isComplete() && piece.length() < frameBytes) {
            byte[][] stopped = {null};
            store.scan(copy.next, copy.ranges.get(copy.range).to(), (key, value) -> {
                if (piece.length() >= frameBytes) {
                    stopped[0] = key;
                    return false;
                }
                StateChunks.copied(key, value, piece);
                copy.rows++;
                return true;
            });
            if (stopped[0] != null) {
                copy.next = stopped[0];
            } else if (++copy.range < copy.ranges.size()) {
                copy.next = copy.ranges.get(copy.range).from();
            }
        }
    }

    /** About how many rows of a key group were copied. */
    long rows(int keyGroup) {
        return copies.get(keyGroup).rows;
    }

    /** An announcement of this slot has come back. */
    void returned(long epoch, long offset) {
        sent.values()
                .forEach(unsettled -> unsettled.replaceAll(one -> one.epoch == epoch ? new Sent(epoch, offset) : one));
        for (Copy copy : copies.values()) {
            if (copy.completeIn == epoch) {
                copy.announced = offset;
            }
        }
    }

    /** Notes what an epoch changes. */
    void changed(StateBatch batch) {
        if (copies.isEmpty()) {
            return;
        }
        batch.forEach(new StateBatch.Visitor() {
            @Override
            public void put(byte[] key, byte[] value) {
                Copy copy = copies.get(ranges.of(key));
                if (copy != null && copy.has(key)) {
                    StateChunks.put(key, value, copy.change(frameBytes));
                }
            }

            @Override
            public void delete(byte[] key) {
                Copy copy = copies.get(ranges.of(key));
                if (copy != null && copy.has(key)) {
                    StateChunks.delete(key, copy.change(frameBytes));
                }
            }

            @Override
            public void deleteRange(byte[] from, byte[] to) {
                Copy copy = copies.get(ranges.of(from));
                if (copy != null && copy.has(from)) {
                    StateChunks.deleteRange(from, copy.has(to) ? to : copy.next, copy.change(frameBytes));
                }
            }
        });
    }
}
