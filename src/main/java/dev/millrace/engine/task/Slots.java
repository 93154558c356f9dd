package dev.millrace.engine.task;

import dev.millrace.data.Watermark;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import dev.millrace.engine.ProgressRecord.Handed;
import dev.millrace.engine.ProgressRecord.Received;
import dev.millrace.engine.ProgressRecord.Release;
import dev.millrace.engine.ProgressRecord.SlotProgress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What each slot has announced last, as far as it was taken here; of this slot, what it has sent last. A watermark of a level
 * is the least that any slot has announced for the level before, so that a slot that is silent, for whatever reason, holds it.
 *
 * <p>A slot none of whose partitions counts follows the least watermark of those that have some: then, as for all others, no
 * window that anybody has closed lies above what it has announced, which is where its own rows begin when they come.
 *
 * <p>What is handed over is on its way for a while, and counts in nobody's announcements. So a slot that has released
 * something announces no later watermark until the other one has said that it has it.
 */
final class Slots {

    private final int self;
    private final int levels;
    private final Clock clock;
    private final Map<Integer, Announcement> last = new TreeMap<>();
    private final Map<Integer, Long> heardAt = new HashMap<>();
    private final List<Handed> handed = new ArrayList<>();
    private final List<Received> received = new ArrayList<>();
    private Division division = Division.ONE;
    private long needed;
    private long lastMove = -1;
    private long sentIn = -1;
    private long returning = -1;
    private boolean come;
    private long[] returned = {};

    /**
     * @param self this slot's index
     * @param levels of stages, beside the sources
     */
    Slots(int self, int levels, Clock clock) {
        this.clock = clock;
        this.self = self;
        this.levels = levels;
    }

    Division division() {
        return division;
    }

    void wish(Division wish) {
        division = division.later(wish);
    }

    /** Notes what a slot says; of this slot what it sends. */
    void heard(Announcement announcement) {
        division = division.later(announcement.division());
        int slot = announcement.slot();
        if (announcement.left() && slot != self) {
            last.remove(slot);
        } else {
            last.put(slot, announcement);
            heardAt.put(slot, clock.millis());
        }
        handed.removeIf(one -> one.to() == slot && one.offset() >= 0 && announcement.settled() > one.offset());
    }

    /** An announcement of this slot has come back, and so has a place among the others. */
    void returned(Announcement own, long offset) {
        long epoch = own.epoch();
        returned = own.watermarks();
        returning = epoch >= returning ? -1 : returning;
        sentIn = epoch >= sentIn ? -1 : sentIn;
        handed.replaceAll(one -> one.epoch() == epoch && one.offset() < 0
                ? new Handed(one.to(), epoch, offset, one.announcements())
                : one);
    }

    /** Notes that an epoch of this slot releases something. */
    void released(long epoch, Release release) {
        Set<Integer> targets = new TreeSet<>();
        release.keyGroups().forEach(group -> targets.add(group.to()));
        release.partitions().forEach(partition -> targets.add(partition.to()));
        targets.forEach(to -> handed.add(new Handed(to, epoch, -1, release.announcements())));
    }

    /**
     * Notes that key groups are owned from now on: rows for them that this slot has sent come back to it.
     *
     * @param taken the epoch up to which they have
     */
    void come(long taken) {
        come = true;
        returning = own() == null || own().epoch() <= taken ? -1 : own().epoch();
    }

    long returning() {
        return returning;
    }

    List<Long> returned() {
        return Arrays.stream(returned).boxed().toList();
    }

    /** The watermark of a level that this slot's own rows have, those among them that it has sent to itself. */
    private long own(int level, long[] now) {
        if (returning < 0) {
            return now[level];
        }
        return returned.length == 0 ? Watermark.NONE : Math.min(now[level], returned[level]);
    }

    /** Notes that an announcement at an offset hands something over to this slot. */
    void received(long offset, long announcements) {
        received.add(new Received(offset, announcements));
    }

    /** Notes that an announcement at an offset tells of state that goes, or has gone, from slot to slot. */
    void moves(long offset) {
        lastMove = offset;
    }

    long lastMove() {
        return lastMove;
    }

    /** Notes that this slot has sent state in an epoch. */
    void sends(long epoch) {
        sentIn = epoch;
    }

    /**
     * Whether the owner of a key group may trim its frames: not while anybody may compute again what was before the last move,
     * whether it had the key group then or was sent its state.
     */
    boolean mayTrim() {
        return sentIn < 0 && neededByAll() > lastMove;
    }

    /** Notes the offset of the first announcement that this slot may have to read again for its own state. */
    void needs(long offset) {
        needed = offset;
        received.removeIf(one -> needed > one.offset());
    }

    /** The offset of the first announcement that this slot, or one to which it hands over, may have to read again. */
    long needed() {
        long least = needed;
        for (Handed one : handed) {
            least = Math.min(least, one.announcements());
        }
        for (Received one : received) {
            least = Math.min(least, one.announcements());
        }
        return least;
    }

    /** The offset of the first announcement that any slot may have to read again. */
    long neededByAll() {
        long least = needed();
        for (Announcement other : last.values()) {
            least = other.slot() == self ? least : Math.min(least, other.needed());
        }
        return unknown().isEmpty() ? least : 0;
    }

    /** What this slot has announced last; null for nothing. */
    Announcement own() {
        return last.get(self);
    }

    /** Whether the others do not know yet what this slot knows of the query's slots. */
    boolean hasNews() {
        Announcement own = own();
        return own == null || !own.division().equals(division) || !own.members().equals(members());
    }

    /** In ascending order, this one among them. */
    List<Integer> members() {
        Set<Integer> members = new TreeSet<>(last.keySet());
        members.add(self);
        return List.copyOf(members);
    }

    /** All slots that this one or another knows of. */
    List<Integer> known() {
        Set<Integer> known = unknown();
        known.addAll(members());
        return known.stream().sorted().toList();
    }

    /** Slots that others know of and that have said nothing yet that was taken here; slot 0 is always there. */
    private Set<Integer> unknown() {
        Set<Integer> unknown = new HashSet<>(Set.of(0));
        for (Announcement announcement : last.values()) {
            if (announcement.slot() != self) {
                unknown.addAll(announcement.members());
            }
        }
        unknown.removeAll(last.keySet());
        unknown.remove(self);
        return unknown;
    }

    /** Whether a slot is there and agrees that it is to have what is its own by the present division. */
    boolean agrees(int slot) {
        Announcement announcement = last.get(slot);
        return slot != self && announcement != null && announcement.division().compareTo(division) >= 0;
    }

    /** Whether nobody will hand over to a slot that the present division does not have. */
    boolean allAgree() {
        return unknown().isEmpty()
                && last.values().stream().allMatch(one -> one.division().compareTo(division) >= 0);
    }

    /** Whether a slot has all that announcements up to an offset gave it. */
    boolean hasSettled(int slot, long offset) {
        return last.containsKey(slot) && last.get(slot).settled() > offset;
    }

    /** Whether something that this slot has released is on its way. */
    boolean isHanding() {
        return !handed.isEmpty();
    }

    /**
     * The watermarks with which an epoch runs: of its sources, and of its stages level by level. They never go back but where
     * something has come that is behind; nobody has relied on them then, as who had it before has announced less.
     *
     * @param least time of the slot's own sources; {@link Watermark#END} where no partition of them counts
     * @param before the watermarks of the epoch before
     * @param partitions whether some have come
     */
    long[] watermarks(long least, long[] before, boolean partitions) {
        boolean keyGroups = come;
        come = false;
        boolean held = isHanding();
        long[] now = new long[levels + 1];
        now[0] = next(before[0], least == Watermark.END ? leastOfActive() : least, held, partitions);
        for (int level = 1; level <= levels; level++) {
            long all = unknown().isEmpty() ? own(level - 1, now) : Watermark.NONE;
            for (Announcement other : last.values()) {
                if (other.slot() != self) {
                    all = Math.min(all, other.watermarks()[level - 1]);
                }
            }
            now[level] = next(before[level], all, held, keyGroups);
        }
        return now;
    }

    private static long next(long before, long now, boolean held, boolean mayGoBack) {
        if (held) {
            return mayGoBack ? Math.min(before, now) : before;
        }
        return mayGoBack ? now : Math.max(before, now);
    }

    /**
     * The slot that windows here wait for and that has announced nothing for a while.
     *
     * @param watermarks of the last epoch
     */
    OptionalInt heldBy(long[] watermarks, long silentMillis) {
        for (int level = 1; level <= levels; level++) {
            for (Announcement other : last.values()) {
                boolean holds = other.slot() != self && other.watermarks()[level - 1] < watermarks[level - 1];
                if (holds
                        && clock.millis() - heardAt.computeIfAbsent(other.slot(), slot -> clock.millis())
                                > silentMillis) {
                    return OptionalInt.of(other.slot());
                }
            }
        }
        return OptionalInt.empty();
    }

    /** Where none is active, the greatest: each may follow, as nobody has rows below what it has announced itself. */
    private long leastOfActive() {
        if (!unknown().isEmpty()) {
            return Watermark.NONE;
        }
        long least = Watermark.END;
        long greatest = Watermark.NONE;
        for (Announcement other : last.values()) {
            if (other.slot() != self) {
                long watermark = other.watermarks()[0];
                least = other.idle() ? least : Math.min(least, watermark);
                greatest = Math.max(greatest, watermark);
            }
        }
        return least == Watermark.END ? greatest : least;
    }

    List<SlotProgress> progress() {
        List<SlotProgress> progress = new ArrayList<>();
        for (Announcement one : last.values()) {
            progress.add(new SlotProgress(
                    one.slot(),
                    one.epoch(),
                    Arrays.stream(one.watermarks()).boxed().toList(),
                    one.idle(),
                    one.members(),
                    one.needed(),
                    one.division()));
        }
        return progress;
    }

    List<Handed> handed() {
        return List.copyOf(handed);
    }

    List<Received> received() {
        return List.copyOf(received);
    }

    /** Takes over what a record says. What this slot itself needs is as unknown as after a start. */
    void restore(ExchangeProgress progress) {
        division = division.later(progress.division());
        last.clear();
        for (SlotProgress saved : progress.slots()) {
            long[] watermarks =
                    saved.watermarks().stream().mapToLong(Long::longValue).toArray();
            last.put(
                    saved.slot(),
                    new Announcement(
                            Announcement.FORMAT,
                            0,
                            saved.slot(),
                            saved.epoch(),
                            saved.division(),
                            saved.members(),
                            false,
                            false,
                            0,
                            watermarks,
                            saved.idle(),
                            saved.needed(),
                            new int[0],
                            null,
                            null));
        }
        handed.clear();
        handed.addAll(progress.handed());
        received.clear();
        received.addAll(progress.received());
        lastMove = progress.lastMove();
        returning = progress.returning();
        come = false;
        returned = progress.returned().stream().mapToLong(Long::longValue).toArray();
    }
}
