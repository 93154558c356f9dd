package dev.millrace.connectors.files;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.formats.Format;
import dev.millrace.formats.RecordEncoder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A directory. Append: one file per epoch and writer, {@code part-<epoch>-<writer>}. Complete: {@code result}, replaced as a
 * whole. Files are written aside and synced before the epoch is committed, named in its record, and renamed in after it; a
 * rename that a crash prevented is done at the next start. A reader never sees a file of an epoch that does not exist.
 */
public final class FileSink implements Sink {

    private static final String STAGING = ".staging";

    private final Path directory;
    private final Format format;
    private final String suffix;
    private final List<PartWriter> writers = new ArrayList<>();

    public FileSink(Path directory, Format format) {
        this.directory = directory;
        this.format = format;
        this.suffix = format instanceof Format.Json ? ".json" : format instanceof Format.Csv ? ".csv" : ".txt";
        try {
            Files.createDirectories(directory.resolve(STAGING));
        } catch (IOException e) {
            throw new ConnectorException(
                    "SinkNotWritable", "the directory " + directory + " cannot be made: " + e, e, false);
        }
    }

    @Override
    public Writer writer() {
        PartWriter writer = new PartWriter(writers.size());
        writers.add(writer);
        return writer;
    }

    @Override
    public String prepare(long epoch) {
        List<String> names = new ArrayList<>();
        for (PartWriter writer : writers) {
            String name = writer.finish(epoch);
            if (name != null) {
                names.add(name);
            }
        }
        return names.isEmpty() ? null : String.join(" ", names);
    }

    @Override
    public void publish(long epoch, String prepared) {
        try {
            for (String name : prepared.split(" ")) {
                Path staged = directory.resolve(STAGING).resolve(epoch + "-" + name);
                Path target = directory.resolve(name);
                if (Files.exists(staged)) {
                    Files.move(staged, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                } else if (!Files.exists(target)) {
                    throw new ConnectorException(
                            "SinkDataLost",
                            "the file " + target + " of epoch " + epoch
                                    + " is neither in place nor staged: it was removed");
                }
            }
            sync(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void sync(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    @Override
    public void close() {
        try (Stream<Path> staged = Files.list(directory.resolve(STAGING))) {
            for (PartWriter writer : writers) {
                writer.discard();
            }
            for (Path path : staged.filter(p -> p.getFileName().toString().startsWith("open-"))
                    .toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private final class PartWriter implements Writer {
        private final int number;
        private final RecordEncoder encoder = format.encoder();
        private final Bytes buffer = new Bytes(1 << 16);
        private FileChannel channel;
        private boolean whole;

        PartWriter(int number) {
            this.number = number;
        }

        private Path open() {
            return directory.resolve(STAGING).resolve("open-" + number);
        }

        @Override
        public void append(Batch rows) {
            int[] columns = IntStream.range(0, rows.columnCount()).toArray();
            start(rows);
            for (int row = 0; row < rows.size(); row++) {
                for (long copy = 0; copy < rows.weight(row); copy++) {
                    encoder.encode(rows, row, columns, buffer);
                    buffer.put('\n');
                }
                if (buffer.length() > 1 << 16) {
                    drain();
                }
            }
        }

        private void start(Batch rows) {
            if (channel != null) {
                return;
            }
            try {
                channel = FileChannel.open(
                        open(),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            byte[] header = encoder.header(rows);
            if (header != null) {
                buffer.put(header).put('\n');
            }
        }

        private void drain() {
            try {
                ByteBuffer bytes = ByteBuffer.wrap(buffer.array(), 0, buffer.length());
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                buffer.clear();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void change(Batch rows, int[] keys) {
            throw new ConnectorException(
                    "OutputModeNotPossible", "files cannot be updated in place; use outputMode append or complete");
        }

        @Override
        public void replace(long epoch, List<Batch> rows) {
            discard();
            whole = true;
            rows.forEach(this::append);
        }

        /** Syncs the file and gives it the name that its epoch's record will hold; null where nothing was written. */
        private String finish(long epoch) {
            if (channel == null) {
                return null;
            }
            String name = whole ? "result" + suffix : String.format("part-%012d-%d%s", epoch, number, suffix);
            try {
                drain();
                channel.force(true);
                channel.close();
                channel = null;
                Path staged = directory.resolve(STAGING).resolve(epoch + "-" + name);
                Files.move(open(), staged, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                sync(directory.resolve(STAGING));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return name;
        }

        private void discard() {
            buffer.clear();
            if (channel != null) {
                try {
                    channel.close();
                    channel = null;
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }
}
