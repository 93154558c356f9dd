package dev.millrace.stores;

import dev.millrace.state.StateHome.LocalCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Local checkpoints as RocksDB leaves them, of texts. */
final class CheckpointFiles {

    private final Path directory;
    private int made;

    CheckpointFiles(Path directory) {
        this.directory = directory;
    }

    /** A checkpoint of an epoch with files of these names and contents. */
    synchronized LocalCheckpoint of(long epoch, Map<String, String> contents) throws IOException {
        Path checkpoint = Files.createDirectories(directory.resolve(String.valueOf(made++)));
        for (Map.Entry<String, String> file : contents.entrySet()) {
            Files.writeString(checkpoint.resolve(file.getKey()), file.getValue());
        }
        return new LocalCheckpoint(checkpoint, epoch, List.copyOf(contents.keySet()));
    }

    synchronized Path file(String content) throws IOException {
        return Files.writeString(Files.createDirectories(directory).resolve("file-" + made++), content);
    }
}
