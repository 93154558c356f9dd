package dev.millrace.connectors.files;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.formats.Format;
import dev.millrace.formats.RecordEncoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A directory. Append: one file per epoch and writer, {@code part-<epoch>-<writer>}. Complete: {@code result}, replaced as a
 * whole. Files are written aside and synced before the epoch is committed, named in its record, and renamed in after it; a
 * rename that a crash prevented is done at the next start. A reader never sees a file of an epoch that does not exist, and
 * may take files away: the manifest {@code .staging/published} holds the last epoch that is in place, and {@code
 * .staging/query} whose it is. Who would begin again behind it, or in another one's place, is refused.
 */
public final class FileSink implements Sink {

    private static final String STAGING = ".staging";
    private static final String MANIFEST = "published";
    private static final String OWNER = "query";
    private static final long NOTHING = -1;

    private final Path directory;
    private final Path staging;
    private final String owner;
    private final Format format;
    private final String suffix;
    private final List<PartWriter> writers = new ArrayList<>();

    /**
     * @param owner the id of the query's state: epochs of another one are others
     */
    public FileSink(Path directory, String owner, Format format) {
        this.directory = directory;
        this.owner = owner;
        this.staging = directory.resolve(STAGING);
        this.format = format;
        this.suffix = format instanceof Format.Json ? ".json" : format instanceof Format.Csv ? ".csv" : ".txt";
        try {
            Files.createDirectories(staging);
        } catch (IOException e) {
            throw new ConnectorException(
                    "SinkNotWritable", "the directory " + directory + " cannot be made: " + e, e, false);
        }
    }

    /** A disk that is full or away may come back. */
    private ConnectorException unwritable(IOException e) {
        return new ConnectorException(
                "SinkNotWritable", "the directory " + directory + " cannot be written: " + e, e, true);
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
        if (names.isEmpty()) {
            return null;
        }
        claim(epoch);
        return String.join(" ", names);
    }

    /** Makes sure that the directory is the query's, and has nothing of the epoch or of later ones. */
    private void claim(long epoch) {
        Optional<String> known = read(OWNER);
        if (known.isPresent() && !known.get().equals(owner)) {
            throw taken("is the output of a query with the state " + known.get() + ", and this one's is " + owner);
        }
        OptionalLong published = published();
        if (published.orElse(NOTHING) >= epoch) {
            throw taken("holds epoch " + published.getAsLong() + " of the query, which is at epoch " + epoch
                    + ": its state was lost, or set back");
        }
        if (known.isEmpty()) {
            write(OWNER, owner);
        }
        if (published.isEmpty()) {
            note(NOTHING);
        }
    }

    private ConnectorException taken(String what) {
        return new ConnectorException(
                "SinkDataLost",
                "the directory " + directory + " " + what
                        + "; give the output another path, or move away what is there, " + STAGING + " too");
    }

    @Override
    public void publish(long epoch, String prepared) {
        OptionalLong published = published();
        if (published.orElse(NOTHING) >= epoch) {
            return;
        }
        for (String name : prepared.split(" ")) {
            Path staged = staging.resolve(epoch + "-" + name);
            Path target = directory.resolve(name);
            if (Files.exists(staged)) {
                move(staged, target);
            } else if (published.isEmpty() && !Files.exists(target)) {
                throw new ConnectorException(
                        "SinkDataLost",
                        "the file " + target + " of epoch " + epoch + " was written, and the directory has lost it");
            }
        }
        note(epoch);
        dropStaged(epoch);
    }

    private void move(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            sync(to.getParent());
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    /** The last epoch whose files were put in place; empty where the manifest is missing. */
    private OptionalLong published() {
        return read(MANIFEST).stream().mapToLong(Long::parseLong).findFirst();
    }

    private Optional<String> read(String name) {
        try {
            return Optional.of(Files.readString(staging.resolve(name)).strip());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    private void note(long epoch) {
        write(MANIFEST, String.valueOf(epoch));
    }

    private void write(String name, String content) {
        Path written = staging.resolve(name + ".new");
        try (FileChannel channel = FileChannel.open(
                written, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            channel.write(ByteBuffer.wrap((content + "\n").getBytes(StandardCharsets.UTF_8)));
            channel.force(true);
        } catch (IOException e) {
            throw unwritable(e);
        }
        move(written, staging.resolve(name));
    }

    /** Removes what attempts left behind that were not committed. */
    private void dropStaged(long epoch) {
        try (Stream<Path> files = Files.list(staging)) {
            for (Path file : files.toList()) {
                String[] parts = file.getFileName().toString().split("-", 2);
                if (parts[0].matches("\\d+") && Long.parseLong(parts[0]) <= epoch) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    private static void sync(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    @Override
    public void close() {
        try (Stream<Path> staged = Files.list(staging)) {
            for (PartWriter writer : writers) {
                writer.discard();
            }
            for (Path path : staged.filter(p -> p.getFileName().toString().startsWith("open-"))
                    .toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw unwritable(e);
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
            return staging.resolve("open-" + number);
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
                throw unwritable(e);
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
                throw unwritable(e);
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
                Path staged = staging.resolve(epoch + "-" + name);
                Files.move(open(), staged, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                sync(staging);
            } catch (IOException e) {
                throw unwritable(e);
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
                    throw unwritable(e);
                }
            }
        }
    }
}
