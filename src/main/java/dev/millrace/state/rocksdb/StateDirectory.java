package dev.millrace.state.rocksdb;

import dev.millrace.state.CheckpointReader;
import dev.millrace.state.SavepointOrigin;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import dev.millrace.state.StoredCheckpoint;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
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
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * A directory with {@code db}, the store, and {@code checkpoints/<epoch>}, copies by hard links, each with a manifest of its
 * files' sizes and checksums that is written last. A checkpoint whose files do not match its manifest is never used.
 */
public final class StateDirectory implements StateHome {

    private static final String MANIFEST = "MILLRACE-MANIFEST";

    private final Path directory;
    private final StateMemory memory;
    private final int retained;
    private final Supplier<Optional<CheckpointReader>> stored;
    private final Supplier<Optional<SavepointOrigin>> savepoint;
    private String loss;
    private Origin origin = Origin.NEW;

    /**
     * @param memory of its store, and of others
     * @param retained how many checkpoints are kept here
     * @param stored reaches for checkpoints elsewhere, for when this directory is empty or damaged
     * @param savepoint reaches for the savepoint that the state began from, for when there is nothing else
     */
    public StateDirectory(
            Path directory,
            StateMemory memory,
            int retained,
            Supplier<Optional<CheckpointReader>> stored,
            Supplier<Optional<SavepointOrigin>> savepoint) {
        this.directory = directory;
        this.memory = memory;
        this.retained = retained;
        this.stored = stored;
        this.savepoint = savepoint;
    }

    private RuntimeException failure(IOException e) {
        return StateStore.NoSpaceException.tells(e.getMessage())
                ? new StateStore.NoSpaceException(directory, e)
                : new UncheckedIOException(e);
    }

    @Override
    public Space space() {
        try {
            FileStore store = Files.getFileStore(directory);
            return new Space(store.getTotalSpace(), store.getUsableSpace());
        } catch (IOException e) {
            return Space.UNKNOWN;
        }
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
            if (!Files.exists(db().resolve("CURRENT"))) {
                delete(db());
                return restore("there is no state in " + db(), candidates());
            }
            try {
                origin = Origin.VOLUME;
                return new RocksDbStore(db(), memory);
            } catch (StateStore.CorruptStateException e) {
                putAside();
                return restore(e.getMessage(), candidates());
            }
        } catch (IOException e) {
            throw failure(e);
        }
    }

    /**
     * A checkpoint that state can be restored from: in this directory, or elsewhere.
     *
     * @param savepoint its name, where it is one; else null
     */
    private record Candidate(
            long epoch, Path local, StoredCheckpoint remote, CheckpointReader store, String savepoint) {

        static Candidate here(Path checkpoint) {
            return new Candidate(Long.parseLong(checkpoint.getFileName().toString()), checkpoint, null, null, null);
        }

        static Candidate elsewhere(StoredCheckpoint manifest, CheckpointReader store) {
            return new Candidate(manifest.epoch(), null, manifest, store, null);
        }

        static Candidate origin(StoredCheckpoint manifest, SavepointOrigin origin) {
            return new Candidate(manifest.epoch(), null, manifest, origin.store(), origin.name());
        }

        String text() {
            return (savepoint == null ? "checkpoint" : "savepoint " + savepoint) + " of epoch " + epoch;
        }
    }

    /** Newest first, what the state began from last; of two of an epoch the one that lies here. */
    private List<Candidate> candidates() throws IOException {
        List<Candidate> found = new ArrayList<>();
        for (Path checkpoint : checkpointsNewestFirst()) {
            found.add(Candidate.here(checkpoint));
        }
        stored.get()
                .ifPresent(store -> store.list().forEach(manifest -> found.add(Candidate.elsewhere(manifest, store))));
        found.sort(Comparator.comparingLong(Candidate::epoch)
                .reversed()
                .thenComparing(candidate -> candidate.local() == null));
        savepoint
                .get()
                .ifPresent(
                        origin -> origin.find().ifPresent(manifest -> found.add(Candidate.origin(manifest, origin))));
        return found;
    }

    private StateStore restore(String reason, List<Candidate> candidates) throws IOException {
        StringBuilder story = new StringBuilder(reason);
        for (Candidate candidate : candidates) {
            Path copied = directory.resolve("restoring");
            delete(copied);
            try {
                fetch(candidate, copied);
                if (candidate.savepoint() != null) {
                    mark(candidate, copied);
                }
                delete(db());
                Files.move(copied, db(), StandardCopyOption.ATOMIC_MOVE);
                RocksDbStore store = opened(candidate, db());
                origin = candidate.savepoint() == null ? Origin.CHECKPOINT : Origin.SAVEPOINT;
                loss = story + "; restored " + (candidate.savepoint() == null ? "a " : "the ") + candidate.text()
                        + (candidate.local() == null
                                ? " from the " + candidate.store().place()
                                : "");
                return store;
            } catch (CheckpointReader.DamagedCheckpointException | StateStore.CorruptStateException e) {
                story.append("; the ")
                        .append(candidate.text())
                        .append(" cannot be used: ")
                        .append(e.getMessage());
                if (candidate.local() != null) {
                    delete(candidate.local());
                }
            }
        }
        delete(db());
        savepoint.get().ifPresent(began -> {
            throw new SavepointUnusableException(story
                    + (began.find().isPresent()
                            ? ""
                            : "; there is no savepoint '" + began.name() + "' in the "
                                    + began.store().place()));
        });
        origin = Origin.NEW;
        if (!candidates.isEmpty() || Files.exists(directory.resolve("damaged"))) {
            loss = story + "; no intact checkpoint was found, so the state is computed again from the first offset";
        }
        return new RocksDbStore(db(), memory);
    }

    /** Notes in a savepoint's copy what it is: no crash leaves it in place without. */
    private void mark(Candidate candidate, Path copy) {
        try (RocksDbStore store = opened(candidate, copy)) {
            StateBatch batch = new StateBatch();
            batch.put(StateKeys.SAVEPOINT, candidate.savepoint().getBytes(StandardCharsets.UTF_8));
            store.apply(batch, store.epoch());
        }
    }

    /** RocksDB takes a directory without its files for a new store. */
    private RocksDbStore opened(Candidate candidate, Path copy) {
        RocksDbStore store = new RocksDbStore(copy, memory);
        if (store.epoch() < candidate.epoch()) {
            store.close();
            throw new CheckpointReader.DamagedCheckpointException("it holds epoch " + store.epoch());
        }
        return store;
    }

    private void fetch(Candidate candidate, Path into) throws IOException {
        if (candidate.remote() != null) {
            candidate.store().fetch(candidate.remote(), into);
        } else if (intact(candidate.local())) {
            copy(candidate.local(), into);
        } else {
            throw new CheckpointReader.DamagedCheckpointException(
                    "its files are not those of its manifest in " + candidate.local());
        }
    }

    @Override
    public Origin origin() {
        return origin;
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
            StateStore store = restore("the state in " + aside + " is damaged", candidates());
            store.close();
        } catch (IOException e) {
            throw failure(e);
        }
    }

    @Override
    public void forget() {
        try {
            delete(db());
        } catch (IOException e) {
            throw failure(e);
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
    public LocalCheckpoint checkpoint(StateStore store) {
        long epoch = store.epoch();
        Path target = checkpoints().resolve(String.valueOf(epoch));
        if (Files.exists(target)) {
            return local(target, epoch);
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
            return local(target, epoch);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private LocalCheckpoint local(Path checkpoint, long epoch) {
        try {
            List<String> files = Files.readAllLines(checkpoint.resolve(MANIFEST)).stream()
                    .map(line -> line.substring(0, line.indexOf(' ')))
                    .toList();
            return new LocalCheckpoint(checkpoint, epoch, files);
        } catch (IOException e) {
            throw failure(e);
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
