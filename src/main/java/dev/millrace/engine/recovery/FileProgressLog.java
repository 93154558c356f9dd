package dev.millrace.engine.recovery;

import dev.millrace.data.Bytes;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.RecordJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * A file of frames {@code length(4) | crc32c(4) | content}, synced at each commit; content is {@code P} and a progress record
 * as JSON, or {@code J}, a name, a zero byte and a journal entry, which belongs to the record behind it.
 *
 * <p>What follows the last whole record was never committed, and is cut off. A bad frame before a whole record means that
 * the file is damaged: nothing is guessed then. The file is locked while it is open.
 */
public final class FileProgressLog implements ProgressLog {

    private static final int HEADER = 8;
    private static final int MAX_FRAME = 64 << 20;

    private final Path path;
    private final FileChannel channel;
    private final Bytes pending = new Bytes(4096);

    public FileProgressLog(Path path) {
        this.path = path;
        try {
            Files.createDirectories(path.toAbsolutePath().getParent());
            channel = FileChannel.open(
                    path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            lock();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void lock() throws IOException {
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        }
        if (lock == null) {
            channel.close();
            throw new QueryException(
                    "InUse", "the progress log " + path + " is in use by another process; stop that one");
        }
    }

    @Override
    public void open(long from, Consumer<Entry> entries) {
        try {
            long size = channel.size();
            long position = Math.max(0, from);
            if (position > size) {
                throw new QueryException(
                        "StateLost",
                        "the progress log " + path + " is shorter than the state says: it was truncated or replaced");
            }
            long committed = position;
            while (position < size) {
                byte[] frame = frame(position, size);
                if (frame == null) {
                    checkNothingFollows(position, size);
                    break;
                }
                position += HEADER + frame.length;
                if (frame[0] == 'P') {
                    committed = position;
                    entries.accept(new Entry(RecordJson.read(copy(frame, 1)), position));
                }
            }
            if (committed < size) {
                channel.truncate(committed);
                channel.force(true);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The content at a position, or null where it is not whole. */
    private byte[] frame(long position, long size) throws IOException {
        if (size - position < HEADER) {
            return null;
        }
        ByteBuffer header = read(position, HEADER);
        int length = header.getInt();
        int checksum = header.getInt();
        if (length <= 0 || length > MAX_FRAME || size - position - HEADER < length) {
            return null;
        }
        byte[] content = read(position + HEADER, length).array();
        return checksum(content) == checksum ? content : null;
    }

    private ByteBuffer read(long position, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        long at = position;
        while (buffer.hasRemaining()) {
            int n = channel.read(buffer, at);
            if (n < 0) {
                throw new IOException("unexpected end of " + path);
            }
            at += n;
        }
        return buffer.flip();
    }

    private static int checksum(byte[] content) {
        CRC32C crc = new CRC32C();
        crc.update(content);
        return (int) crc.getValue();
    }

    private static byte[] copy(byte[] frame, int from) {
        return java.util.Arrays.copyOfRange(frame, from, frame.length);
    }

    /** The rest is a torn tail only if no whole record follows anywhere in it. */
    private void checkNothingFollows(long position, long size) throws IOException {
        for (long at = position + 1; at < Math.min(size, position + (1 << 20)); at++) {
            byte[] later = frame(at, size);
            if (later != null && later[0] == 'P') {
                throw new QueryException(
                        "StateLost",
                        "the progress log " + path + " is damaged at byte " + position
                                + " while later records are whole; restore the file from a backup");
            }
        }
    }

    @Override
    public void begin() {
        pending.clear();
    }

    @Override
    public long commit(ProgressRecord record, List<JournalEntry> journal) {
        pending.clear();
        for (JournalEntry entry : journal) {
            Bytes content = new Bytes();
            content.put('J')
                    .put(entry.name().getBytes(StandardCharsets.UTF_8))
                    .put(0)
                    .put(entry.content());
            append(content.toByteArray());
        }
        byte[] json = RecordJson.write(record);
        append(new Bytes(json.length + 1).put('P').put(json).toByteArray());
        try {
            ByteBuffer bytes = ByteBuffer.wrap(pending.array(), 0, pending.length());
            long position = channel.size();
            while (bytes.hasRemaining()) {
                position += channel.write(bytes, position);
            }
            channel.force(false);
            return position;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void append(byte[] content) {
        pending.putInt(content.length).putInt(checksum(content)).put(content);
    }

    @Override
    public List<JournalEntry> journal(long epoch) {
        List<JournalEntry> entries = new ArrayList<>();
        try {
            long size = channel.size();
            long position = 0;
            while (position < size) {
                byte[] frame = frame(position, size);
                if (frame == null) {
                    return entries;
                }
                position += HEADER + frame.length;
                if (frame[0] == 'J') {
                    int end = 1;
                    while (frame[end] != 0) {
                        end++;
                    }
                    String name = new String(frame, 1, end - 1, StandardCharsets.UTF_8);
                    entries.add(new JournalEntry(name, copy(frame, end + 1)));
                } else if (RecordJson.read(copy(frame, 1)).epoch() == epoch) {
                    return entries;
                } else {
                    entries.clear();
                }
            }
            return entries;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Always the same: whoever writes a file anew writes another lineage, which its records tell. */
    @Override
    public String identity() {
        return "file";
    }

    @Override
    public Optional<String> weakness() {
        return Optional.of("the progress log is the file " + path + " on this machine");
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
