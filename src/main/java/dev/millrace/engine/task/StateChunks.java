package dev.millrace.engine.task;

import dev.millrace.data.Bytes;
import dev.millrace.state.StateBatch;
import java.util.Arrays;

/** What frames with state hold: changes of a store, one after another. */
final class StateChunks {

    private static final int COPIED = 1;
    private static final int PUT = 2;
    private static final int DELETE = 3;
    private static final int DELETE_RANGE = 4;

    private StateChunks() {}

    /** An entry that the receiver does not have yet. */
    static void copied(byte[] key, byte[] value, Bytes out) {
        out.put(COPIED);
        write(key, out);
        write(value, out);
    }

    static void put(byte[] key, byte[] value, Bytes out) {
        out.put(PUT);
        write(key, out);
        write(value, out);
    }

    static void delete(byte[] key, Bytes out) {
        out.put(DELETE);
        write(key, out);
    }

    static void deleteRange(byte[] from, byte[] to, Bytes out) {
        out.put(DELETE_RANGE);
        write(from, out);
        write(to, out);
    }

    private static void write(byte[] bytes, Bytes out) {
        out.putVarint(bytes.length).put(bytes);
    }

    /** Adds what a frame holds to a batch. */
    static void apply(byte[] body, StateBatch batch) {
        Bytes.Reader in = new Bytes.Reader(body);
        while (in.position() < body.length) {
            switch (in.get()) {
                case COPIED -> {
                    batch.put(read(in), read(in));
                    batch.countRows(1);
                }
                case PUT -> batch.put(read(in), read(in));
                case DELETE -> {
                    byte[] key = read(in);
                    batch.delete(key, key.length);
                }
                default -> batch.deleteRange(read(in), read(in));
            }
        }
    }

    private static byte[] read(Bytes.Reader in) {
        int length = (int) in.getVarint();
        int start = in.position();
        in.position(start + length);
        return Arrays.copyOfRange(in.bytes(), start, start + length);
    }
}
