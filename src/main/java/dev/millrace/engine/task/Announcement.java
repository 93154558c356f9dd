package dev.millrace.engine.task;

import dev.millrace.data.Bytes;
import java.util.Arrays;

/**
 * What a slot says of an epoch to all others, in one order for all of them: so all agree on what was known before what.
 *
 * @param query tells the plan, and how many slots it is divided into
 * @param watermarks first of the slot's sources, then of its stages, level by level
 * @param idle whether no source partition of the slot counts: its watermark follows that of the others
 * @param needed the offset of the first announcement that the slot may have to read again
 * @param frames by key group: how many the epoch has sent
 */
record Announcement(long query, int slot, long epoch, long[] watermarks, boolean idle, long needed, int[] frames) {

    private static final int FORMAT = 1;

    byte[] encode() {
        Bytes out = new Bytes();
        out.put(FORMAT)
                .putLong(query)
                .putVarint(slot)
                .putVarint(epoch)
                .put(idle ? 1 : 0)
                .putVarint(needed);
        out.putVarint(watermarks.length);
        for (long watermark : watermarks) {
            out.putLong(watermark);
        }
        out.putVarint(frames.length);
        for (int count : frames) {
            out.putVarint(count);
        }
        return out.toByteArray();
    }

    static Announcement decode(byte[] record) {
        Bytes.Reader in = new Bytes.Reader(record);
        requireFormat(in.get(), FORMAT);
        long query = in.getLong();
        int slot = (int) in.getVarint();
        long epoch = in.getVarint();
        boolean idle = in.get() == 1;
        long needed = in.getVarint();
        long[] watermarks = new long[(int) in.getVarint()];
        for (int i = 0; i < watermarks.length; i++) {
            watermarks[i] = in.getLong();
        }
        int[] frames = new int[(int) in.getVarint()];
        for (int i = 0; i < frames.length; i++) {
            frames[i] = (int) in.getVarint();
        }
        return new Announcement(query, slot, epoch, watermarks, idle, needed, frames);
    }

    static void requireFormat(int found, int known) {
        if (found != known) {
            throw new IllegalStateException(
                    "an exchanged record has format " + found + ", this version reads " + known + ": run one image");
        }
    }

    /** Whether it tells the others anything that the earlier one did not. */
    boolean isNews(Announcement earlier) {
        return earlier == null
                || idle != earlier.idle
                || needed != earlier.needed
                || !Arrays.equals(watermarks, earlier.watermarks)
                || Arrays.stream(frames).anyMatch(count -> count > 0);
    }
}
