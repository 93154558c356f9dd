package dev.millrace.stores;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.state.CheckpointStore;
import dev.millrace.state.ContentHashes;
import dev.millrace.state.StateHome.LocalCheckpoint;
import dev.millrace.state.StoredCheckpoint;
import dev.millrace.state.StoredCheckpoint.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Checkpoints as objects: {@code files/<id>} and, written last, {@code checkpoints/<epoch>-<incarnation>}, the manifest. An
 * id holds the content's hash, who stored it and in which of its epochs, and never comes again. A savepoint is one more copy
 * of a manifest: {@code savepoints/<name>/<incarnation>.taken}, and without that ending once it is confirmed.
 *
 * <p>No object store knows of fencing, so nothing here needs it. A checkpoint of a superseded process is no wrong one: its
 * epochs were committed, and the state of a committed epoch is the same whoever computed it. Only deleting is dangerous, and
 * takes its time. First the manifest goes, so that nobody who begins later takes its files over. Then the state of an epoch
 * is seen, and that of one at least two after it: the one between may have been committed before it was seen in the state, but
 * the last was committed after that, and so at a time when no other process had begun. Then the files go. A process that was superseded never commits again, and so never comes to that.
 *
 * <p>What it may still do is to store a manifest whose files its successor has taken for orphans. Therefore orphans wait
 * until a checkpoint of the successor is stored, which is of a later epoch, and for the same proof after it; and files are
 * taken over only from the incarnation of the newest checkpoint. What such a process keeps under a name may lose files in
 * the same way: so it is no savepoint before its process has committed another epoch. Those that come later have seen it then.
 */
public final class ObjectCheckpoints implements CheckpointStore {

    private static final String FILES = "files/";
    private static final String MANIFESTS = "checkpoints/";
    private static final String SAVEPOINTS = "savepoints/";
    private static final Pattern MANIFEST_NAME = Pattern.compile(MANIFESTS + "\\d{19}-\\d{1,18}");
    private static final String TAKEN = ".taken";
    private static final Pattern SAVEPOINT_NAME = Pattern.compile(SAVEPOINTS + "([^/]+)/(\\d{1,18})(\\.taken)?");
    private static final int UNREADABLE = 0;
    private static final StoredCheckpoint UNKNOWN = new StoredCheckpoint(UNREADABLE, -1, 0, 0, List.of());
    private static final int AT_ONCE = 4;
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final Objects objects;
    private final int retained;
    private final Duration grace;
    private final ContentHashes hashes = new ContentHashes();
    private final List<Doomed> doomed = new ArrayList<>();
    private List<StoredCheckpoint> kept = List.of();
    private Map<String, StoredCheckpoint> savepoints;

    /** What is kept and not confirmed, by the object's name. */
    private final Map<String, StoredCheckpoint> taken = new HashMap<>();

    private Set<String> stored = new HashSet<>();
    private long incarnation;
    private long predecessor;

    /**
     * Files that no manifest names any more.
     *
     * @param covered whether a checkpoint of ours was stored since
     * @param bound the epoch that the next checkpoint after that had, −1 before there was one; the epoch after the next one
     *     proves them free
     */
    private record Doomed(Set<String> ids, boolean covered, long bound, long nanos) {

        Doomed cover() {
            return new Doomed(ids, true, bound, nanos);
        }

        Doomed boundBy(long epoch) {
            return covered && bound < 0 ? new Doomed(ids, true, epoch, nanos) : this;
        }
    }

    /**
     * @param retained how many checkpoints are kept
     * @param grace how long files stay that are not needed: somebody may still be reading them
     */
    public ObjectCheckpoints(Objects objects, int retained, Duration grace) {
        this.objects = objects;
        this.retained = retained;
        this.grace = grace;
    }

    @Override
    public String place() {
        return objects.place();
    }

    @Override
    public List<StoredCheckpoint> list() {
        List<StoredCheckpoint> found = new ArrayList<>();
        read(MANIFESTS, MANIFEST_NAME).forEach((name, content) -> found.add(manifest(name, content)));
        return newestFirst(found);
    }

    /**
     * The content by name of what there was at one time, which is when two listings in a row are the same: a manifest that is
     * gone when it is read was followed by another, which would be missed.
     */
    private Map<String, byte[]> read(String prefix, Pattern names) {
        Map<String, byte[]> read = new HashMap<>();
        List<String> listed = objects.list(prefix);
        while (true) {
            for (String name : listed) {
                if (!read.containsKey(name) && names.matcher(name).matches()) {
                    objects.get(name).ifPresent(content -> read.put(name, content));
                }
            }
            List<String> again = objects.list(prefix);
            if (Set.copyOf(again).equals(Set.copyOf(listed))) {
                read.keySet().retainAll(listed);
                return read;
            }
            listed = again;
        }
    }

    @Override
    public Map<String, StoredCheckpoint> savepoints() {
        return savepoints == null ? readSavepoints(new HashMap<>()) : Map.copyOf(savepoints);
    }

    /** Of several of a name the one of the greatest incarnation counts. */
    private Map<String, StoredCheckpoint> readSavepoints(Map<String, StoredCheckpoint> unconfirmed) {
        Map<String, StoredCheckpoint> found = new TreeMap<>();
        Map<String, Long> by = new HashMap<>();
        read(SAVEPOINTS, SAVEPOINT_NAME).forEach((object, content) -> {
            StoredCheckpoint manifest = read(content).orElse(UNKNOWN);
            Matcher name = SAVEPOINT_NAME.matcher(object);
            if (!name.matches()) {
                return;
            }
            long own = Long.parseLong(name.group(2));
            if (name.group(3) != null) {
                unconfirmed.put(object, manifest);
            } else if (own > by.getOrDefault(name.group(1), -1L)) {
                found.put(name.group(1), manifest);
                by.put(name.group(1), own);
            }
        });
        return found;
    }

    private static List<StoredCheckpoint> newestFirst(List<StoredCheckpoint> manifests) {
        return manifests.stream()
                .sorted(Comparator.comparingLong(StoredCheckpoint::epoch)
                        .thenComparingLong(StoredCheckpoint::incarnation)
                        .reversed())
                .toList();
    }

    /** One that cannot be read keeps its place, so that it is told when its turn comes. */
    private static StoredCheckpoint manifest(String name, byte[] content) {
        String[] numbers = name.substring(MANIFESTS.length()).split("-");
        return read(content)
                .filter(read -> name(read).equals(name))
                .orElseGet(() -> new StoredCheckpoint(
                        UNREADABLE, Long.parseLong(numbers[0]), Long.parseLong(numbers[1]), 0, List.of()));
    }

    /** Empty for what is damaged or of another format. */
    private static Optional<StoredCheckpoint> read(byte[] content) {
        try {
            return Optional.of(MAPPER.readValue(content, StoredCheckpoint.class))
                    .filter(read -> read.format() == StoredCheckpoint.FORMAT);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    @Override
    public void fetch(StoredCheckpoint checkpoint, Path directory) {
        if (checkpoint.format() == UNREADABLE) {
            throw new DamagedCheckpointException(
                    "its manifest in " + place() + " is damaged or of a format that this build does not know");
        }
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        atOnce(checkpoint.files(), file -> {
            Path copy = directory.resolve(file.name());
            if (!objects.get(FILES + file.id(), copy)) {
                throw new DamagedCheckpointException("the file " + file.name() + " is not in " + place() + " any more");
            }
            try {
                ContentHashes.prove(file, copy, place());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Override
    public void begin(long own) {
        incarnation = own;
        kept = list();
        taken.clear();
        savepoints = readSavepoints(taken);
        predecessor = kept.isEmpty() ? own : kept.get(0).incarnation();
        Set<String> orphans = new HashSet<>();
        stored = new HashSet<>();
        Set<String> live = live();
        boolean allKnown = manifests().noneMatch(manifest -> manifest.format() == UNREADABLE);
        for (String name : objects.list(FILES)) {
            String id = name.substring(FILES.length());
            if (live.contains(id)) {
                stored.add(id);
            } else if (allKnown && incarnationOf(id) <= own) {
                orphans.add(id);
            }
        }
        savepoints.values().removeIf(savepoint -> !isComplete(savepoint, stored));
        doomed.clear();
        doomed.add(new Doomed(orphans, false, -1, System.nanoTime()));
    }

    /** A process that hung may confirm a savepoint that was dropped meanwhile. */
    private static boolean isComplete(StoredCheckpoint savepoint, Set<String> files) {
        return savepoint.files().stream().map(StoredFile::id).allMatch(files::contains);
    }

    private Stream<StoredCheckpoint> manifests() {
        return Stream.of(kept, savepoints.values(), taken.values()).flatMap(Collection::stream);
    }

    private Set<String> live() {
        return StoredCheckpoint.fileIds(manifests().toList());
    }

    private String newId(String hash, long epoch, String name) {
        return hash.substring(0, 32) + "-" + incarnation + "-" + epoch + "-" + name;
    }

    private static long incarnationOf(String id) {
        String[] parts = id.split("-", 3);
        return parts.length == 3 && parts[1].matches("\\d{1,18}") ? Long.parseLong(parts[1]) : Long.MAX_VALUE;
    }

    @Override
    public StoredCheckpoint upload(LocalCheckpoint checkpoint) {
        sweep(checkpoint.epoch());
        List<StoredFile> files = store(checkpoint);
        StoredCheckpoint manifest = new StoredCheckpoint(
                StoredCheckpoint.FORMAT, checkpoint.epoch(), incarnation, System.currentTimeMillis(), files);
        keep(manifest); // before it is written: an answer that is lost leaves open whether it was
        if (!objects.putNew(name(manifest), bytes(manifest))) {
            // This process, before it was started anew, has stored that epoch already: its manifest stands.
            String name = name(manifest);
            Optional<byte[]> standing = objects.get(name);
            if (standing.isPresent()) {
                manifest = manifest(name, standing.get());
                keep(manifest);
            }
        }
        doomed.replaceAll(Doomed::cover);
        retire();
        return manifest;
    }

    private void keep(StoredCheckpoint manifest) {
        List<StoredCheckpoint> next = new ArrayList<>(kept);
        next.removeIf(old -> name(old).equals(name(manifest)));
        next.add(manifest);
        kept = newestFirst(next);
    }

    private List<StoredFile> store(LocalCheckpoint checkpoint) {
        Map<String, StoredFile> known = new HashMap<>();
        kept.stream()
                .filter(manifest -> manifest.incarnation() == incarnation || manifest.incarnation() == predecessor)
                .forEach(manifest -> manifest.files().forEach(file -> known.put(file.hash() + file.size(), file)));
        List<StoredFile> files = new ArrayList<>();
        List<StoredFile> missing = new ArrayList<>();
        try {
            for (String name : checkpoint.files()) {
                Path path = checkpoint.directory().resolve(name);
                long size = Files.size(path);
                String hash = hashes.of(path, size);
                StoredFile same = known.get(hash + size);
                String id = same == null ? newId(hash, checkpoint.epoch(), name) : same.id();
                StoredFile file = new StoredFile(name, size, id, hash, List.of());
                files.add(file);
                if (same == null) {
                    missing.add(file);
                    known.put(hash + size, file);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        missing.forEach(file -> stored.add(file.id()));
        atOnce(
                missing,
                file -> objects.put(FILES + file.id(), checkpoint.directory().resolve(file.name())));
        return files;
    }

    /** Takes away the manifests that are too many; their files wait. */
    private void retire() {
        for (StoredCheckpoint surplus : kept.subList(Math.min(retained, kept.size()), kept.size())) {
            objects.delete(name(surplus));
            kept = kept.stream().filter(manifest -> manifest != surplus).toList();
        }
        doom();
    }

    /** What no manifest names any more waits for its end. */
    private void doom() {
        Set<String> free = new HashSet<>(stored);
        free.removeAll(live());
        stored.removeAll(free);
        doomed.add(new Doomed(free, true, -1, System.nanoTime()));
    }

    @Override
    public void keep(String savepoint, StoredCheckpoint checkpoint) {
        unlessAway(() -> keepNow(savepoint, checkpoint));
    }

    private void keepNow(String savepoint, StoredCheckpoint checkpoint) {
        String object = SAVEPOINTS + savepoint + "/" + incarnation + TAKEN;
        taken.put(object, checkpoint); // before it is written: an answer that is lost leaves open whether it was
        if (!objects.putNew(object, bytes(checkpoint))) {
            objects.delete(object); // of this process, before it was started anew
            objects.putNew(object, bytes(checkpoint));
        }
    }

    @Override
    public void confirm(String savepoint) {
        unlessAway(() -> confirmNow(savepoint));
    }

    private void confirmNow(String savepoint) {
        String object = SAVEPOINTS + savepoint + "/" + incarnation;
        StoredCheckpoint manifest = taken.get(object + TAKEN);
        if (objects.get(object + TAKEN).isEmpty()) {
            taken.remove(object + TAKEN); // somebody has dropped it meanwhile
            return;
        }
        objects.putNew(object, bytes(manifest));
        savepoints.put(savepoint, manifest);
        for (String other : objects.list(SAVEPOINTS + savepoint + "/")) {
            Matcher name = SAVEPOINT_NAME.matcher(other);
            if (name.matches() && !other.equals(object) && Long.parseLong(name.group(2)) <= incarnation) {
                objects.delete(other);
                taken.remove(other);
            }
        }
    }

    @Override
    public void drop(String savepoint) {
        unlessAway(() -> dropNow(savepoint));
    }

    private void dropNow(String savepoint) {
        String all = SAVEPOINTS + savepoint + "/";
        objects.list(all).forEach(objects::delete);
        savepoints.remove(savepoint);
        taken.keySet().removeIf(object -> object.startsWith(all));
        doom();
    }

    /** Takes away the files that are proved to be free by a checkpoint of that epoch. */
    private void sweep(long epoch) {
        List<Doomed> left = new ArrayList<>();
        for (Doomed batch : doomed) {
            boolean proved = batch.bound() >= 0 && epoch > batch.bound() + 1;
            if (proved && System.nanoTime() - batch.nanos() >= grace.toNanos()) {
                atOnce(List.copyOf(batch.ids()), id -> objects.delete(FILES + id));
            } else if (!batch.ids().isEmpty()) {
                left.add(batch.boundBy(epoch));
            }
        }
        doomed.clear();
        doomed.addAll(left);
    }

    private static void unlessAway(Runnable requests) {
        try {
            requests.run();
        } catch (ConnectorException e) {
            throw new StoreAwayException(e);
        }
    }

    /** Takes away all but savepoints; for when nobody runs the query any more. */
    public void cleanUp() {
        Map<String, StoredCheckpoint> left = savepoints();
        if (left.isEmpty()) {
            objects.deleteAll();
            return;
        }
        objects.list(MANIFESTS).forEach(objects::delete);
        Set<String> live = StoredCheckpoint.fileIds(left.values());
        boolean allKnown = left.values().stream().noneMatch(manifest -> manifest.format() == UNREADABLE);
        for (String name : objects.list(FILES)) {
            if (allKnown && !live.contains(name.substring(FILES.length()))) {
                objects.delete(name);
            }
        }
    }

    /** Takes a savepoint away while nobody runs the query; who runs it next takes its files for orphans. */
    public void cleanUp(String savepoint) {
        objects.list(SAVEPOINTS + savepoint + "/").forEach(objects::delete);
    }

    /** What is visible needs no commit: see above. */
    @Override
    public void publish(StoredCheckpoint checkpoint) {}

    private static String name(StoredCheckpoint manifest) {
        return MANIFESTS + String.format("%019d", manifest.epoch()) + "-" + manifest.incarnation();
    }

    private static byte[] bytes(StoredCheckpoint manifest) {
        try {
            return MAPPER.writeValueAsBytes(manifest);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns, or fails, when no work is under way any more. */
    private static <T> void atOnce(List<T> all, Consumer<T> work) {
        ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE, task -> {
            Thread thread = new Thread(task, "checkpoint-files");
            thread.setDaemon(true);
            return thread;
        });
        try {
            List<CompletableFuture<Void>> running = all.stream()
                    .map(one -> CompletableFuture.runAsync(() -> work.accept(one), pool))
                    .toList();
            CompletableFuture.allOf(running.toArray(CompletableFuture[]::new)).join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        } finally {
            pool.shutdown();
        }
    }

    @Override
    public void close() {
        doomed.clear();
    }
}
