package dev.millrace.engine.task;

import dev.millrace.data.Watermark;
import dev.millrace.engine.ProgressRecord.SlotProgress;
import dev.millrace.engine.Slot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What each slot has announced last, as far as it was taken here; of this slot, what it has sent last. A watermark of a level
 * is the least that any slot has announced for the level before, so that a slot that is silent, for whatever reason, holds it.
 *
 * <p>A slot none of whose partitions counts follows the least watermark of those that have some: then, as for all others, no
 * window that anybody has closed lies above what it has announced, which is where its own rows begin when they come.
 */
final class Slots {

    private final Slot slot;
    private final int levels;
    private final Announcement[] last;
    private long needed;

    /**
     * @param levels of stages, beside the sources
     */
    Slots(Slot slot, int levels) {
        this.slot = slot;
        this.levels = levels;
        this.last = new Announcement[slot.count()];
    }

    void heard(Announcement announcement) {
        last[announcement.slot()] = announcement;
    }

    /** Notes the offset of the first announcement that this slot may have to read again. */
    void needs(long offset) {
        needed = offset;
    }

    long needed() {
        return needed;
    }

    /** The offset of the first announcement that any slot may have to read again. */
    long neededByAll() {
        long least = needed;
        for (int other = 0; other < last.length; other++) {
            if (other != slot.index()) {
                least = Math.min(least, last[other] == null ? 0 : last[other].needed());
            }
        }
        return least;
    }

    /** The last epoch that a slot has announced; 0 where it has announced none. */
    long epoch(int index) {
        return last[index] == null ? 0 : last[index].epoch();
    }

    /** What this slot has announced last; null for nothing. */
    Announcement own() {
        return last[slot.index()];
    }

    /**
     * The watermarks with which an epoch runs: of its sources, and of its stages level by level.
     *
     * @param least time of the slot's own sources; {@link Watermark#END} where no partition of them counts
     * @param before the watermarks of the epoch before
     */
    long[] watermarks(long least, long[] before) {
        long[] now = new long[levels + 1];
        now[0] = Math.max(before[0], least == Watermark.END ? leastOfActive() : least);
        for (int level = 1; level <= levels; level++) {
            long all = now[level - 1];
            for (int other = 0; other < last.length; other++) {
                if (other != slot.index()) {
                    all = Math.min(
                            all,
                            last[other] == null ? Watermark.NONE : last[other].watermarks()[level - 1]);
                }
            }
            now[level] = Math.max(before[level], all);
        }
        return now;
    }

    /** Where none is active, the greatest: each may follow, as nobody has rows below what it has announced itself. */
    private long leastOfActive() {
        long least = Watermark.END;
        long greatest = Watermark.NONE;
        for (int other = 0; other < last.length; other++) {
            if (other != slot.index() && last[other] == null) {
                return Watermark.NONE;
            }
            if (other != slot.index()) {
                long watermark = last[other].watermarks()[0];
                least = last[other].idle() ? least : Math.min(least, watermark);
                greatest = Math.max(greatest, watermark);
            }
        }
        return least == Watermark.END ? greatest : least;
    }

    List<SlotProgress> progress() {
        List<SlotProgress> progress = new ArrayList<>();
        for (Announcement announcement : last) {
            progress.add(
                    announcement == null
                            ? new SlotProgress(0, List.of(), false)
                            : new SlotProgress(
                                    announcement.epoch(),
                                    Arrays.stream(announcement.watermarks())
                                            .boxed()
                                            .toList(),
                                    announcement.idle()));
        }
        return progress;
    }

    void restore(List<SlotProgress> progress) {
        for (int i = 0; i < last.length; i++) {
            SlotProgress saved = progress.get(i);
            long[] watermarks =
                    saved.watermarks().stream().mapToLong(Long::longValue).toArray();
            last[i] = saved.watermarks().isEmpty()
                    ? null
                    : new Announcement(0, i, saved.epoch(), watermarks, saved.idle(), 0, new int[0]);
        }
    }
}
