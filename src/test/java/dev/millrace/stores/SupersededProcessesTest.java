package dev.millrace.stores;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.state.StoredCheckpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Processes of several incarnations write checkpoints into one store, each request at a time that the dice decide, also long
 * after its process was superseded. A process commits epochs only until the next one begins. Whatever happens, the newest
 * checkpoint that was stored can be restored, and so can each savepoint that was confirmed and not dropped.
 */
class SupersededProcessesTest {

    private static final int WORLDS = 400;

    @TempDir
    private Path directory;

    @Test
    void noCheckpointLosesAFile() throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        for (int i = 0; i < WORLDS; i++) {
            new World(seed + i).play(140);
        }
    }

    /** A store whose requests wait until they may go on. */
    private static final class Bucket {
        private final Map<String, byte[]> content = new TreeMap<>();

        private synchronized <T> T with(Function<Map<String, byte[]>, T> work) {
            return work.apply(content);
        }
    }

    private final class World {
        private final Random random;
        private final long seed;
        private final Bucket bucket = new Bucket();
        private final List<Process> processes = new ArrayList<>();
        private final CheckpointFiles files;
        private long epoch;
        private long stored;
        private final Set<String> wished = new TreeSet<>();
        private final Set<String> dropped = new TreeSet<>();
        private final Set<String> confirmed = new TreeSet<>();
        private int wishes;

        World(long seed) {
            this.random = new Random(seed);
            this.seed = seed;
            this.files = new CheckpointFiles(directory.resolve(String.valueOf(seed)));
        }

        void play(int steps) throws Exception {
            processes.add(new Process(this, 1, Map.of("a.sst", "a", "b.sst", "b", "c.sst", "c")));
            for (int i = 0; i < steps; i++) {
                Process youngest = processes.get(processes.size() - 1);
                int dice = random.nextInt(20);
                if (random.nextInt(30) == 0) {
                    wish();
                }
                if (dice == 0 && processes.size() < 5) {
                    processes.add(new Process(this, processes.size() + 1L, youngest.tables()));
                } else if (dice < 7) {
                    if (!youngest.apply()) {
                        youngest.commit(++epoch);
                    }
                } else {
                    // Old ones are slow: they often stand still, with a request under way.
                    Process any = random.nextInt(3) > 0 ? youngest : processes.get(random.nextInt(processes.size()));
                    if (random.nextInt(4) == 0) {
                        any.apply();
                    }
                    any.step();
                }
                check();
            }
            processes.forEach(Process::end);
        }

        /** Another savepoint is wished, or one no more. */
        private synchronized void wish() {
            if (wished.size() < 3 && random.nextBoolean()) {
                wished.add("s" + wishes++);
            } else if (!wished.isEmpty()) {
                String name = List.copyOf(wished).get(random.nextInt(wished.size()));
                wished.remove(name);
                confirmed.remove(name);
                dropped.add(name);
            }
        }

        private synchronized Set<String> confirmed() {
            return Set.copyOf(confirmed);
        }

        private void check() {
            for (String name : confirmed()) {
                boolean isWhole = bucket.with(content -> {
                    StoredCheckpoint found = new ObjectCheckpoints(new Direct(content), 1, Duration.ZERO)
                            .savepoints()
                            .get(name);
                    return found != null
                            && found.files().stream().allMatch(file -> content.containsKey("files/" + file.id()));
                });
                assertTrue(isWhole, () -> "the savepoint " + name + " is not whole, -Dseed=" + seed);
            }
            String problem = bucket.with(content -> {
                Supplier<List<StoredCheckpoint>> list =
                        () -> new ObjectCheckpoints(new Direct(content), 1, Duration.ZERO).list();
                for (StoredCheckpoint manifest : list.get()) {
                    boolean whole =
                            manifest.files().stream().allMatch(file -> content.containsKey("files/" + file.id()));
                    if (whole) {
                        return manifest.epoch() >= stored ? "" : "the newest whole one is of epoch " + manifest.epoch();
                    }
                }
                return stored == 0 ? "" : "none is whole";
            });
            assertTrue(problem.isEmpty(), () -> problem + ", stored was " + stored + ", -Dseed=" + seed);
        }
    }

    /** A process whose checkpoints are written in a thread of its own, one request per {@link #step}. */
    private static final class Process {
        private final World world;
        private final long incarnation;
        private final ObjectCheckpoints store;
        private final Semaphore may = new Semaphore(0);
        private final Semaphore waits = new Semaphore(0);
        private final Random random;
        private final Map<String, String> tables = new HashMap<>();
        private volatile long committed = -1;
        private volatile long logged = -1;
        private volatile boolean ended;

        Process(World world, long incarnation, Map<String, String> restored) {
            this.world = world;
            this.incarnation = incarnation;
            this.random = new Random(world.seed * 31 + incarnation);
            this.store = new ObjectCheckpoints(new Gated(world.bucket, this), 1 + random.nextInt(2), Duration.ZERO);
            tables.putAll(restored);
            Thread thread = new Thread(this::write, "process " + incarnation);
            thread.setDaemon(true);
            thread.start();
            awaitRequest();
        }

        synchronized Map<String, String> tables() {
            return new HashMap<>(tables);
        }

        private void awaitRequest() {
            try {
                assertTrue(waits.tryAcquire(20, TimeUnit.SECONDS), () -> "it stands still, -Dseed=" + world.seed);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        /** The epoch is in the log. It is in the state only later. */
        void commit(long epoch) {
            logged = epoch;
        }

        /** Returns whether there was an epoch that is in the log and not in the state. */
        synchronized boolean apply() {
            if (logged == committed) {
                return false;
            }
            write(logged);
            return true;
        }

        private void write(long epoch) {
            tables.put(incarnation + "-" + epoch + ".sst", "table " + incarnation + " " + epoch);
            List<String> names = new ArrayList<>(tables.keySet());
            if (names.size() > 3 && random.nextBoolean()) {
                tables.remove(names.get(random.nextInt(names.size())));
            }
            committed = epoch;
        }

        private void write() {
            try {
                store.begin(incarnation);
                long last = -1;
                StoredCheckpoint newest = null;
                Map<String, Long> kept = new HashMap<>();
                while (true) {
                    pass();
                    if (newest != null) {
                        savepoints(newest, kept);
                    }
                    long epoch;
                    Map<String, String> copy;
                    synchronized (this) {
                        epoch = committed;
                        copy = new HashMap<>(tables);
                    }
                    if (epoch > last) {
                        copy.put("CURRENT", "" + epoch);
                        StoredCheckpoint written = store.upload(world.files.of(epoch, copy));
                        store.publish(written);
                        newest = written;
                        last = epoch;
                        synchronized (world) {
                            boolean superseded = world.processes.get(world.processes.size() - 1) != this;
                            world.stored = superseded ? world.stored : Math.max(world.stored, epoch);
                        }
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (Ended e) {
                waits.release();
            }
        }

        /** As the loop of epochs does it between two of them. */
        private void savepoints(StoredCheckpoint newest, Map<String, Long> kept) {
            Set<String> wished;
            Set<String> dropped;
            synchronized (world) {
                wished = Set.copyOf(world.wished);
                dropped = Set.copyOf(world.dropped);
            }
            for (String name : dropped) {
                if (kept.remove(name) != null || store.savepoints().containsKey(name)) {
                    store.drop(name);
                }
            }
            for (String name : wished) {
                if (kept.containsKey(name) && logged > kept.get(name)) {
                    kept.remove(name);
                    store.confirm(name);
                } else if (!kept.containsKey(name) && !store.savepoints().containsKey(name)) {
                    store.keep(name, newest);
                    kept.put(name, logged);
                }
                synchronized (world) {
                    if (store.savepoints().containsKey(name) && world.wished.contains(name)) {
                        world.confirmed.add(name);
                    }
                }
            }
        }

        /** Before each request: says that it waits, and waits. */
        void pass() {
            waits.release();
            may.acquireUninterruptibly();
            if (ended) {
                throw new Ended();
            }
        }

        void step() {
            may.release();
            awaitRequest();
        }

        void end() {
            ended = true;
            may.release(1_000);
        }
    }

    private static final class Ended extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** Requests of one process. */
    private record Gated(Bucket bucket, Process process, Object oneAtATime) implements Objects {

        Gated(Bucket bucket, Process process) {
            this(bucket, process, new Object());
        }

        private <T> T request(Function<Objects, T> work) {
            synchronized (oneAtATime) {
                process.pass();
                return bucket.with(content -> work.apply(new Direct(content)));
            }
        }

        @Override
        public List<String> list(String prefix) {
            return request(to -> to.list(prefix));
        }

        @Override
        public void put(String name, Path content) {
            request(to -> {
                to.put(name, content);
                return 0;
            });
        }

        @Override
        public boolean putNew(String name, byte[] content) {
            return request(to -> to.putNew(name, content));
        }

        @Override
        public Optional<byte[]> get(String name) {
            return request(to -> to.get(name));
        }

        @Override
        public boolean get(String name, Path into) {
            return request(to -> to.get(name, into));
        }

        @Override
        public void delete(String name) {
            request(to -> {
                to.delete(name);
                return 0;
            });
        }

        @Override
        public void deleteAll() {
            throw new UnsupportedOperationException();
        }

        @Override
        public String place() {
            return "here";
        }
    }

    private record Direct(Map<String, byte[]> content) implements Objects {

        @Override
        public List<String> list(String prefix) {
            return content.keySet().stream()
                    .filter(name -> name.startsWith(prefix))
                    .toList();
        }

        @Override
        public void put(String name, Path file) {
            try {
                content.put(name, Files.readAllBytes(file));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public boolean putNew(String name, byte[] bytes) {
            return content.putIfAbsent(name, bytes) == null;
        }

        @Override
        public Optional<byte[]> get(String name) {
            return Optional.ofNullable(content.get(name));
        }

        @Override
        public boolean get(String name, Path into) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void delete(String name) {
            content.remove(name);
        }

        @Override
        public void deleteAll() {
            content.clear();
        }

        @Override
        public String place() {
            return "here";
        }
    }
}
