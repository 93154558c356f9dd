package dev.millrace.stores;

import dev.millrace.connectors.ConnectorException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/** Objects as files of a directory; forced to its disk before their names appear. */
public final class DirectoryObjects implements Objects {

    private static final String UNFINISHED = ".unfinished";

    private final Path directory;

    public DirectoryObjects(Path directory) {
        this.directory = directory;
    }

    @Override
    public String place() {
        return "directory " + directory;
    }

    @Override
    public List<String> list(String prefix) {
        List<String> names = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            return names;
        }
        try (Stream<Path> paths = Files.walk(directory)) {
            paths.filter(Files::isRegularFile)
                    .map(path -> directory.relativize(path).toString().replace('\\', '/'))
                    .filter(name -> name.startsWith(prefix) && !name.endsWith(UNFINISHED))
                    .forEach(names::add);
        } catch (IOException e) {
            throw unavailable("cannot be listed", e);
        } catch (java.io.UncheckedIOException e) {
            throw unavailable("cannot be listed", e.getCause());
        }
        return names;
    }

    @Override
    public void put(String name, Path content) {
        Path target = directory.resolve(name);
        Path unfinished = unfinished(target);
        try {
            Files.createDirectories(target.getParent());
            Files.copy(content, unfinished);
            finish(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw unavailable("cannot be written", e);
        }
    }

    @Override
    public boolean putNew(String name, byte[] content) {
        Path target = directory.resolve(name);
        Path unfinished = unfinished(target);
        try {
            Files.createDirectories(target.getParent());
            Files.write(unfinished, content);
            finish(unfinished, target);
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        } catch (IOException e) {
            throw unavailable("cannot be written", e);
        } finally {
            delete(unfinished);
        }
    }

    private static Path unfinished(Path target) {
        return target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + UNFINISHED);
    }

    private static void finish(Path unfinished, Path target, StandardCopyOption... options) throws IOException {
        force(unfinished, StandardOpenOption.WRITE);
        Files.move(unfinished, target, options);
        force(target.getParent(), StandardOpenOption.READ);
    }

    private static void force(Path path, StandardOpenOption how) throws IOException {
        try (FileChannel channel = FileChannel.open(path, how)) {
            channel.force(true);
        }
    }

    @Override
    public Optional<byte[]> get(String name) {
        try {
            return Optional.of(Files.readAllBytes(directory.resolve(name)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw unavailable("cannot be read", e);
        }
    }

    @Override
    public boolean get(String name, Path into) {
        try {
            Files.copy(directory.resolve(name), into, StandardCopyOption.REPLACE_EXISTING);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw unavailable("cannot be read", e);
        }
    }

    @Override
    public void delete(String name) {
        delete(directory.resolve(name));
    }

    @Override
    public void deleteAll() {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(directory)) {
            paths.sorted(Comparator.reverseOrder()).forEach(this::delete);
        } catch (IOException e) {
            throw unavailable("cannot be listed", e);
        }
    }

    private void delete(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            throw unavailable("does not let files be deleted", e);
        }
    }

    private ConnectorException unavailable(String what, IOException e) {
        return new ConnectorException(
                "CheckpointStoreUnavailable",
                "the checkpoint store, " + place() + ", " + what + ": " + e.getMessage() + " ("
                        + e.getClass().getSimpleName() + ")",
                e,
                true);
    }
}
