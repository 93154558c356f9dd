package dev.millrace.state;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Checkpoints that outlive the volume, as a start needs them. */
public interface CheckpointReader {

    /** The checkpoints that are complete, newest first. */
    List<StoredCheckpoint> list();

    /** The checkpoints that a user named and keeps, by name. */
    Map<String, StoredCheckpoint> savepoints();

    /**
     * Copies the files of a checkpoint into a directory and proves them by size and checksum.
     *
     * @throws DamagedCheckpointException when they are not what was stored; another one may be
     */
    void fetch(StoredCheckpoint checkpoint, Path directory);

    /** Where it is, for the user: {@code topic millrace.x-checkpoint}. */
    String place();

    /** A stored checkpoint lacks files, or has others than were stored. */
    final class DamagedCheckpointException extends RuntimeException {
        public DamagedCheckpointException(String message) {
            super(message);
        }
    }
}
