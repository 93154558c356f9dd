package dev.millrace.connectors.files;

import dev.millrace.connectors.ConnectorException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The files of a directory in the order in which they were taken up, which is recorded: the n-th file stays the n-th. A file
 * is taken up when it is complete: it was renamed in, or its size has not changed for a while. Names that begin with a dot
 * or an underscore, or end in .tmp or .part, are not yet files.
 */
final class FileList {

    private static final long STABLE_MILLIS = 1_000;

    private final Path path;
    private final PathMatcher matcher;
    private final List<Entry> files = new ArrayList<>();
    private final Set<String> known = new HashSet<>();
    private final Map<String, Candidate> candidates = new HashMap<>();
    private final List<String> undrained = new ArrayList<>();

    /** A file that was taken up. */
    record Entry(String name, long size) {}

    private record Candidate(long size, long modified, long since) {}

    FileList(Path path, String pattern) {
        this.path = path;
        this.matcher = pattern == null ? null : FileSystems.getDefault().getPathMatcher("glob:" + pattern);
    }

    synchronized int size() {
        return files.size();
    }

    synchronized Entry get(int ordinal) {
        return files.get(ordinal);
    }

    Path pathOf(Entry entry) {
        return Files.isDirectory(path) ? path.resolve(entry.name()) : path;
    }

    /** Looks for complete files that are not in the list yet. */
    synchronized void refresh(long nowMillis) {
        if (!Files.exists(path)) {
            throw new ConnectorException("FileNotFound", "the path " + path + " does not exist; create it", null, true);
        }
        try (Stream<Path> found = Files.isDirectory(path) ? Files.list(path) : Stream.of(path)) {
            for (Path file : found.filter(Files::isRegularFile).sorted().toList()) {
                String name = file.getFileName().toString();
                if (!known.contains(name) && isFile(name) && isComplete(file, name, nowMillis)) {
                    Entry entry = new Entry(name, Files.size(file));
                    add(entry);
                    undrained.add(entry.size() + " " + entry.name());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether files are seen that may still be written to. */
    synchronized boolean hasCandidates() {
        return !candidates.isEmpty();
    }

    private boolean isFile(String name) {
        boolean hidden =
                name.startsWith(".") || name.startsWith("_") || name.endsWith(".tmp") || name.endsWith(".part");
        return !hidden && (matcher == null || matcher.matches(Path.of(name)));
    }

    private boolean isComplete(Path file, String name, long nowMillis) throws IOException {
        long size = Files.size(file);
        long modified = Files.getLastModifiedTime(file).toMillis();
        if (nowMillis - modified >= STABLE_MILLIS) {
            candidates.remove(name);
            return true;
        }
        Candidate before = candidates.get(name);
        if (before == null || before.size != size || before.modified != modified) {
            candidates.put(name, new Candidate(size, modified, nowMillis));
            return false;
        }
        if (nowMillis - before.since >= STABLE_MILLIS) {
            candidates.remove(name);
            return true;
        }
        return false;
    }

    private void add(Entry entry) {
        files.add(entry);
        known.add(entry.name());
    }

    synchronized List<String> drain() {
        List<String> entries = List.copyOf(undrained);
        undrained.clear();
        return entries;
    }

    synchronized void restore(List<String> entries) {
        for (String entry : entries) {
            int blank = entry.indexOf(' ');
            String name = entry.substring(blank + 1);
            if (!known.contains(name)) {
                add(new Entry(name, Long.parseLong(entry.substring(0, blank))));
            }
        }
    }
}
