package dev.millrace.state.rocksdb;

import dev.millrace.state.StateHome;
import dev.millrace.state.StateStore;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * A directory with {@code db}, the store, and {@code checkpoints/<epoch>}, copies by hard links, each with a manifest of its
 * files' sizes and checksums that is written last. A checkpoint whose files do not match its manifest is never used.
 */
public final class StateDirectory implements StateHome {

    private static final String MANIFEST = "MILLRACE-MANIFEST";

    private final Path directory;
    private final long memoryBytes;
    private final int retained;
    private String loss;

    public StateDirectory(Path directory, long memoryBytes, int retained) {
        this.directory = directory;
        this.memoryBytes = memoryBytes;
        this.retained = retained;
    }

    private Path db() {
        return directory.resolve("db");
    }

    private Path checkpoints() {
        return directory.resolve("checkpoints");
    }

    @Override
    public StateStore open() {
        loss = null;
        try {
            Files.createDirectories(checkpoints());
            for (Path unfinished : list(checkpoints(), ".*\\.unfinished")) {
                delete(unfinished);
            }
            if (!Files.exists(db().resolve("CURRENT"))
                    && !checkpointsNewestFirst().isEmpty()) {
                delete(db());
                return restore("the state in " + db() + " is gone");
            }
            try {
                return new RocksDbStore(db(), memoryBytes);
            } catch (StateStore.CorruptStateException e) {
                putAside();
                return restore(e.getMessage());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StateStore restore(String reason) throws IOException {
        List<Path> newestFirst = checkpointsNewestFirst();
        for (Path checkpoint : newestFirst) {
            if (!intact(checkpoint)) {
                delete(checkpoint);
                continue;
            }
            Path copied = directory.resolve("restoring");
            delete(copied);
            copy(checkpoint, copied);
            Files.move(copied, db(), StandardCopyOption.ATOMIC_MOVE);
            try {
                RocksDbStore store = new RocksDbStore(db(), memoryBytes);
                loss = reason + "; restored a checkpoint of epoch " + store.epoch();
                return store;
            } catch (StateStore.CorruptStateException e) {
                delete(db());
            }
        }
        loss = reason + "; no intact checkpoint was found, so the state is computed again from the first offset";
        return new RocksDbStore(db(), memoryBytes);
    }

    @Override
    public Optional<String> loss() {
        return Optional.ofNullable(loss);
    }

    @Override
    public void discard() {
        try {
            putAside();
            Path aside = directory.resolve("damaged");
            StateStore store = restore("the state in " + aside + " is damaged");
            store.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void putAside() throws IOException {
        Path aside = directory.resolve("damaged");
        delete(aside);
        if (Files.exists(db())) {
            Files.move(db(), aside);
        }
    }

    @Override
    public void checkpoint(StateStore store) {
        long epoch = store.epoch();
        Path target = checkpoints().resolve(String.valueOf(epoch));
        if (Files.exists(target)) {
            return;
        }
        Path unfinished = checkpoints().resolve(epoch + ".unfinished");
        try {
            delete(unfinished);
            store.checkpoint(unfinished);
            List<Path> before = checkpointsNewestFirst();
            Map<String, String> known = before.isEmpty() ? Map.of() : tables(before.get(0));
            Files.writeString(unfinished.resolve(MANIFEST), manifest(unfinished, known));
            Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
            List<Path> all = checkpointsNewestFirst();
            for (Path old : all.subList(Math.min(retained, all.size()), all.size())) {
                delete(old);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Path> list(Path directory, String names) throws IOException {
        List<Path> found = new ArrayList<>();
        try (Stream<Path> paths = Files.list(directory)) {
            paths.filter(path -> path.getFileName().toString().matches(names)).forEach(found::add);
        }
        return found;
    }

    private List<Path> checkpointsNewestFirst() throws IOException {
        List<Path> found = list(checkpoints(), "\\d+");
        found.sort(Comparator.comparing(
                        (Path path) -> Long.parseLong(path.getFileName().toString()))
                .reversed());
        return found;
    }

    /** Checksums of the tables of a checkpoint by name and size: files that are never written again. */
    private static Map<String, String> tables(Path checkpoint) throws IOException {
        Map<String, String> tables = new HashMap<>();
        for (String line : Files.readAllLines(checkpoint.resolve(MANIFEST))) {
            int last = line.lastIndexOf(' ');
            if (line.contains(".sst ")) {
                tables.put(line.substring(0, last), line.substring(last + 1));
            }
        }
        return tables;
    }

    private static String manifest(Path checkpoint, Map<String, String> known) throws IOException {
        StringBuilder text = new StringBuilder();
        try (Stream<Path> paths = Files.list(checkpoint)) {
            List<Path> files = paths.filter(
                            path -> !path.getFileName().toString().equals(MANIFEST))
                    .sorted()
                    .toList();
            for (Path file : files) {
                String table = file.getFileName() + " " + Files.size(file);
                String checksum = known.containsKey(table) ? known.get(table) : checksum(file);
                text.append(table).append(' ').append(checksum).append('\n');
            }
        }
        return text.toString();
    }

    private static boolean intact(Path checkpoint) throws IOException {
        Path manifest = checkpoint.resolve(MANIFEST);
        return Files.exists(manifest)
                && Files.readString(manifest, StandardCharsets.UTF_8).equals(manifest(checkpoint, Map.of()));
    }

    private static String checksum(Path file) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                crc.update(buffer, 0, n);
            }
        }
        return Long.toHexString(crc.getValue());
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (Stream<Path> paths = Files.list(from)) {
            for (Path file : paths.toList()) {
                if (!file.getFileName().toString().equals(MANIFEST)) {
                    Files.copy(file, to.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private static void delete(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        Files.walkFileTree(tree, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path dir, IOException e) throws IOException {
                Files.delete(dir);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
