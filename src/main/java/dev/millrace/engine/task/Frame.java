package dev.millrace.engine.task;

import com.github.luben.zstd.Zstd;
import dev.millrace.data.Bytes;
import java.util.Arrays;

/**
 * A record of a key group's partition in the exchange, compressed: rows for the key group's owner, or state for the slot that
 * is to own it.
 *
 * @param offset of the record
 * @param start where the body begins
 */
record Frame(Kind kind, int slot, long epoch, int keyGroup, long offset, byte[] record, int start) {

    /** A frame that is as large is closed. */
    static final int BYTES = 256 << 10;

    private static final int FORMAT = 2;
    private static final int LEVEL = 1;

    /** What is in it. */
    enum Kind {
        ROWS,
        STATE
    }

    static byte[] encode(Kind kind, int slot, long epoch, byte[] body) {
        Bytes out = new Bytes();
        out.put(FORMAT).put(kind.ordinal()).putVarint(slot).putVarint(epoch).putVarint(body.length);
        out.put(Zstd.compress(body, LEVEL));
        return out.toByteArray();
    }

    static Frame decode(int keyGroup, long offset, byte[] record) {
        Bytes.Reader in = new Bytes.Reader(record);
        requireFormat(in.get(), FORMAT);
        Kind kind = Kind.values()[in.get()];
        int slot = (int) in.getVarint();
        long epoch = in.getVarint();
        return new Frame(kind, slot, epoch, keyGroup, offset, record, in.position());
    }

    static void requireFormat(int found, int known) {
        if (found != known) {
            throw new IllegalStateException(
                    "an exchanged record has format " + found + ", this version reads " + known + ": run one image");
        }
    }

    byte[] body() {
        Bytes.Reader in = new Bytes.Reader();
        in.reset(record, start);
        int size = (int) in.getVarint();
        return Zstd.decompress(Arrays.copyOfRange(record, in.position(), record.length), size);
    }
}
