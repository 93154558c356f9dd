package dev.millrace.state;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The manifest of a checkpoint in a store.
 *
 * @param format of the manifest and the layout of files
 * @param incarnation who wrote it
 * @param millis when, since 1970
 */
public record StoredCheckpoint(int format, long epoch, long incarnation, long millis, List<StoredFile> files) {

    public static final int FORMAT = 1;

    /** Bytes of all files. */
    public long bytes() {
        return files.stream().mapToLong(StoredFile::size).sum();
    }

    /** The ids of the files that these checkpoints need. */
    public static Set<String> fileIds(Collection<StoredCheckpoint> checkpoints) {
        return checkpoints.stream()
                .flatMap(checkpoint -> checkpoint.files().stream())
                .map(StoredFile::id)
                .collect(Collectors.toSet());
    }

    /**
     * A file of the checkpoint.
     *
     * @param id names the content in the store, and nothing else ever
     * @param hash SHA-256 of the content, in hexadecimal digits
     * @param places where its parts are, in the store's own way
     */
    public record StoredFile(String name, long size, String id, String hash, List<Long> places) {}
}
