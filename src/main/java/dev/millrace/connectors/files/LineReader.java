package dev.millrace.connectors.files;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;

/** Lines of a stream as ranges of a buffer, without an object per line. The last line may lack its line end. */
public final class LineReader implements AutoCloseable {

    private final InputStream in;
    private byte[] buffer = new byte[1 << 16];
    private int from;
    private int filled;
    private int start;
    private int length;
    private boolean finished;
    private boolean ended;

    public LineReader(InputStream in) {
        this.in = in;
    }

    /** Moves to the next line; false at the end. */
    public boolean next() {
        int scanned = from;
        while (true) {
            for (int i = scanned; i < filled; i++) {
                if (buffer[i] == '\n') {
                    take(i, i + 1);
                    return true;
                }
            }
            scanned = filled;
            if (finished) {
                if (from < filled) {
                    take(filled, filled);
                    return true;
                }
                ended = true;
                return false;
            }
            int shift = from;
            fill();
            scanned -= shift;
        }
    }

    private void take(int end, int next) {
        start = from;
        length = end > from && buffer[end - 1] == '\r' ? end - 1 - from : end - from;
        from = next;
    }

    private void fill() {
        System.arraycopy(buffer, from, buffer, 0, filled - from);
        filled -= from;
        from = 0;
        if (filled == buffer.length) {
            buffer = Arrays.copyOf(buffer, buffer.length * 2);
        }
        try {
            int read = in.read(buffer, filled, buffer.length - filled);
            if (read < 0) {
                finished = true;
            } else {
                filled += read;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether {@link #next} has said that there is no more. */
    public boolean ended() {
        return ended;
    }

    public byte[] bytes() {
        return buffer;
    }

    public int start() {
        return start;
    }

    public int length() {
        return length;
    }

    @Override
    public void close() {
        try {
            in.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
