package dev.millrace.connectors.files;

import com.github.luben.zstd.ZstdInputStream;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.formats.Format;
import dev.millrace.formats.RowDecoder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * A file, or a directory that is watched: one partition, one record per line, files in the order in which they were taken
 * up ({@link FileList}). A position is the file's number and the line's. Files ending in .gz and .zst are unpacked.
 */
public final class FileSource implements Source {

    private static final String PARTITION = "files";
    private static final int LINE_BITS = 36;
    private static final long LINE_MASK = (1L << LINE_BITS) - 1;
    private static final int BATCH_ROWS = 4096;
    private static final long REFRESH_MILLIS = 250;

    private final String name;
    private final FileList files;
    private final Schema table;
    private final List<Integer> columns;
    private final Format format;
    private final boolean watched;
    private final boolean keepRaw;

    /** What is read. */
    public record Config(String name, Path path, String pattern, Schema table, List<Integer> columns, Format format) {}

    /**
     * @param keepRaw whether rows keep their bytes, for dead letters and late rows
     */
    public FileSource(Config config, boolean keepRaw) {
        this.name = config.name();
        this.files = new FileList(config.path(), config.pattern());
        this.table = config.table();
        this.columns = config.columns();
        this.format = config.format();
        this.watched = Files.isDirectory(config.path());
        this.keepRaw = keepRaw;
    }

    @Override
    public String identity() {
        return "files";
    }

    @Override
    public List<Start> discover() {
        files.refresh(System.currentTimeMillis());
        return List.of(new Start(PARTITION, Position.at(0)));
    }

    @Override
    public Reader reader(MalformedRows malformed) {
        return new FileReader(malformed);
    }

    @Override
    public List<String> drainJournal() {
        return files.drain();
    }

    @Override
    public void restoreJournal(List<String> entries) {
        files.restore(entries);
    }

    @Override
    public void close() {}

    private final class FileReader implements Reader {
        private final MalformedRows malformed;
        private final RowDecoder decoder = format.decoder(table, columns);
        private final Batch batch = new Batch(table.select(columns));
        private int[] partitions = new int[BATCH_ROWS];
        private long[] offsets = new long[BATCH_ROWS];
        private final List<byte[]> raws = new ArrayList<>();
        private int index = -1;
        private int ordinal;
        private long line;
        private long end = Long.MAX_VALUE;
        private boolean limited;
        private LineReader lines;
        private long lastRefresh;

        private final RowOrigin origin = new RowOrigin() {
            @Override
            public SourcePosition position(int row) {
                return describe((int) (offsets[row] >>> LINE_BITS), offsets[row] & LINE_MASK);
            }

            @Override
            public byte[] raw(int row) {
                return keepRaw ? raws.get(row) : null;
            }
        };

        FileReader(MalformedRows malformed) {
            this.malformed = malformed;
        }

        @Override
        public void assign(int newIndex, String partition, Position position) {
            index = newIndex;
            ordinal = (int) (position.offset() >>> LINE_BITS);
            line = position.offset() & LINE_MASK;
            Arrays.fill(partitions, index);
        }

        @Override
        public void limit(int partition, Position limit) {
            end = limit == null ? Long.MAX_VALUE : limit.offset();
        }

        @Override
        public void limitToNow() {
            limited = true;
        }

        private long offset() {
            return (long) ordinal << LINE_BITS | line;
        }

        @Override
        public SourceBatch poll(long timeoutMillis) {
            batch.clear();
            raws.clear();
            if (index < 0) {
                return new SourceBatch(batch, partitions);
            }
            refresh();
            int before = -1;
            while (batch.size() < BATCH_ROWS && offset() < end && before != batch.size() + ordinal) {
                before = batch.size() + ordinal;
                if (ordinal < files.size()) {
                    readFile();
                }
            }
            if (batch.size() == 0 && end == Long.MAX_VALUE && timeoutMillis > 0) {
                pause(Math.min(timeoutMillis, 20));
            }
            batch.fill(batch.size(), origin);
            return new SourceBatch(batch, partitions);
        }

        private void refresh() {
            long now = System.currentTimeMillis();
            boolean needed = end == Long.MAX_VALUE && (files.hasCandidates() || (watched && !limited));
            if (needed && now - lastRefresh >= REFRESH_MILLIS) {
                lastRefresh = now;
                files.refresh(now);
            }
        }

        private static void pause(long millis) {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /** Reads the present file until the batch is full or the file ends; then goes on to the next, if there is one. */
        private void readFile() {
            if (lines == null) {
                open();
            }
            while (batch.size() < BATCH_ROWS && offset() < end) {
                if (!lines.next()) {
                    if (ordinal + 1 < files.size()) {
                        closeFile();
                        ordinal++;
                        line = 0;
                    }
                    return;
                }
                long at = line++;
                String problem = decoder.decode(lines.bytes(), lines.start(), lines.length(), batch);
                if (problem != null) {
                    malformed.malformed(
                            index, describe(ordinal, at), lines.bytes(), lines.start(), lines.length(), problem);
                } else {
                    remember((long) ordinal << LINE_BITS | at);
                }
            }
        }

        private void remember(long offset) {
            int row = batch.size() - 1;
            if (row >= offsets.length) {
                offsets = Arrays.copyOf(offsets, offsets.length * 2);
                partitions = Arrays.copyOf(partitions, offsets.length);
                Arrays.fill(partitions, index);
            }
            offsets[row] = offset;
            if (keepRaw) {
                raws.add(Arrays.copyOfRange(lines.bytes(), lines.start(), lines.start() + lines.length()));
            }
        }

        private void open() {
            FileList.Entry entry = files.get(ordinal);
            Path path = files.pathOf(entry);
            try {
                if (!Files.exists(path) || Files.size(path) != entry.size()) {
                    throw new ConnectorException(
                            "SourceDataLost",
                            "the file " + path + " of source '" + name
                                    + "' was removed or changed after it was taken up");
                }
                InputStream in = Files.newInputStream(path);
                if (entry.name().endsWith(".gz")) {
                    in = new GZIPInputStream(in, 1 << 16);
                } else if (entry.name().endsWith(".zst")) {
                    in = new ZstdInputStream(in);
                }
                lines = new LineReader(in);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            if (decoder.hasHeader() && lines.next()) {
                String problem = decoder.header(lines.bytes(), lines.start(), lines.length());
                if (problem != null) {
                    throw new ConnectorException("HeaderMismatch", "the file " + path + ": " + problem);
                }
            }
            for (long skipped = 0; skipped < line; skipped++) {
                if (!lines.next()) {
                    throw new ConnectorException(
                            "SourceDataLost", "the file " + path + " has fewer than " + line + " lines");
                }
            }
        }

        private void closeFile() {
            if (lines != null) {
                lines.close();
                lines = null;
            }
        }

        private SourcePosition describe(int file, long at) {
            return new SourcePosition(name, files.get(file).name() + " line", at + 1);
        }

        @Override
        public Position position(int partition) {
            return Position.at(offset());
        }

        @Override
        public long lag(int partition) {
            return atEnd(partition) ? 0 : -1;
        }

        @Override
        public boolean atEnd(int partition) {
            if ((limited || !watched) && files.hasCandidates()) {
                return false;
            }
            boolean lastFile = ordinal + 1 >= files.size();
            return lastFile && (files.size() == 0 || (lines != null && lines.ended()));
        }

        @Override
        public boolean ended(int partition) {
            return !watched && !files.hasCandidates() && atEnd(partition);
        }

        @Override
        public void close() {
            closeFile();
        }
    }
}
