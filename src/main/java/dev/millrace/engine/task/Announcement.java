package dev.millrace.engine.task;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.millrace.engine.Division;
import dev.millrace.engine.ProgressRecord.Release;
import dev.millrace.engine.RecordJson;
import java.util.Arrays;
import java.util.List;

/**
 * What a slot says of an epoch to all others, in one order for all of them: so all agree on what was known before what.
 *
 * @param query tells the plan
 * @param division the latest wish that the slot knows
 * @param members the slots that it knows of, itself among them
 * @param join whether the slot is new: it reads announcements from this one on
 * @param left whether it is gone, and owned nothing
 * @param settled the offset of announcements up to which all that was handed over to the slot is with it
 * @param watermarks first of the slot's sources, then of its stages, level by level
 * @param idle whether no source partition of the slot counts: its watermark follows that of the others
 * @param needed the offset of the first announcement that the slot may have to read again
 * @param frames by key group: how many with rows the epoch has sent
 * @param chunks pieces of state that the epoch has sent; null for none
 * @param release what the slot does not own any more, from this epoch on; null for nothing
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Announcement(
        int format,
        long query,
        int slot,
        long epoch,
        Division division,
        List<Integer> members,
        boolean join,
        boolean left,
        long settled,
        long[] watermarks,
        boolean idle,
        long needed,
        int[] frames,
        List<Chunk> chunks,
        Release release) {

    static final int FORMAT = 2;

    /**
     * State of a key group, for the slot that is to own it.
     *
     * @param first whether it is the first piece of a copy; earlier ones were of a copy that was given up
     * @param offset of the key group's partition, which no frame of the copy lies before
     * @param frames how many
     */
    record Chunk(int keyGroup, int to, boolean first, long offset, int frames) {}

    byte[] encode() {
        return RecordJson.write(this);
    }

    static Announcement decode(byte[] json) {
        Announcement announcement = RecordJson.read(json, Announcement.class);
        Frame.requireFormat(announcement.format, FORMAT);
        return announcement;
    }

    /** Whether it tells the others anything that the earlier one did not. */
    boolean isNews(Announcement earlier) {
        return earlier == null
                || join
                || left
                || idle != earlier.idle
                || needed != earlier.needed
                || !division.equals(earlier.division)
                || !members.equals(earlier.members)
                || !Arrays.equals(watermarks, earlier.watermarks)
                || Arrays.stream(frames).anyMatch(count -> count > 0)
                || chunks != null
                || release != null;
    }
}
