package dev.millrace.state;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** SHA-256 of the files of checkpoints. Tables are read once while the process lives: RocksDB never writes one again. */
public final class ContentHashes {

    private final Map<String, String> tables = new HashMap<>();

    /** The hash of a file in hexadecimal digits. */
    public String of(Path file, long size) throws IOException {
        String name = file.getFileName().toString();
        if (!name.endsWith(".sst")) {
            return sha256(file);
        }
        String known = tables.get(name + size);
        String hash = known == null ? sha256(file) : known;
        tables.put(name + size, hash);
        return hash;
    }

    /** Fails unless the copy of a stored file has its size and content. */
    public static void prove(StoredCheckpoint.StoredFile file, Path copy, String place) throws IOException {
        if (Files.size(copy) != file.size() || !sha256(copy).equals(file.hash())) {
            throw new CheckpointReader.DamagedCheckpointException(
                    "the file " + file.name() + " in " + place + " is not the one that was stored");
        }
    }

    private static String sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
