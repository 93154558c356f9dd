package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.kafka.KafkaCheckpointStore;
import dev.millrace.kafka.KafkaCheckpoints;
import dev.millrace.kafka.KafkaProgressLog;
import dev.millrace.kafka.KafkaTransaction;
import dev.millrace.state.CheckpointReader.DamagedCheckpointException;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateKeys;
import dev.millrace.state.StateStore;
import dev.millrace.state.StoredCheckpoint;
import dev.millrace.state.rocksdb.StateDirectory;
import dev.millrace.state.rocksdb.StateMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints in a real broker: incremental, proven, fenced, and never more than are wanted. */
class StoredCheckpointsIT {

    private static KafkaBroker broker;

    @TempDir
    private Path directory;

    private final Random random = new Random(17);

    @BeforeAll
    static void start(@TempDir Path data) throws Exception {
        broker = new KafkaBroker(Files.createDirectory(data.resolve("kafka")));
    }

    @AfterAll
    static void stop() {
        broker.close();
    }

    private static Map<String, Object> properties() {
        return Map.of("bootstrap.servers", broker.servers());
    }

    private static KafkaProgressLog.Names names(String id) {
        return new KafkaProgressLog.Names("millrace.", id, 0, new KafkaProgressLog.Copies((short) 0, 0));
    }

    private static StateHome.LocalCheckpoint local(Path files, long epoch) {
        try (var paths = Files.list(files)) {
            return new StateHome.LocalCheckpoint(
                    files,
                    epoch,
                    paths.map(path -> path.getFileName().toString()).sorted().toList());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** A process that may write checkpoints of a query. */
    private static final class Writer implements AutoCloseable {
        private final KafkaTransaction transaction;
        private final KafkaCheckpointStore store;

        Writer(String id, long incarnation, int retained) {
            transaction =
                    new KafkaTransaction(properties(), names(id).transactionalId(), new KafkaTransaction.Patience());
            transaction.initialise();
            store = new KafkaCheckpointStore(properties(), names(id), transaction, retained);
            store.begin(incarnation);
        }

        StoredCheckpoint write(Path files, long epoch) {
            StoredCheckpoint uploaded = store.upload(local(files, epoch));
            store.publish(uploaded);
            return uploaded;
        }

        @Override
        public void close() {
            store.close();
            transaction.close();
        }
    }

    private static KafkaCheckpoints reader(String id) {
        return new KafkaCheckpoints(properties(), names(id));
    }

    /** A directory with tables of the sizes, of random content; as RocksDB has it, no two of a name and size differ. */
    private Path files(String name, int... sizes) throws IOException {
        Path made = Files.createDirectories(directory.resolve(name));
        for (int i = 0; i < sizes.length; i++) {
            byte[] content = new byte[sizes[i]];
            random.nextBytes(content);
            Files.write(made.resolve(i + ".sst"), content);
        }
        return made;
    }

    private static Path with(Path base, Path more) throws IOException {
        try (var paths = Files.list(base)) {
            for (Path path : paths.toList()) {
                Path target = more.resolve("base-" + path.getFileName());
                Files.copy(path, target);
            }
        }
        return more;
    }

    private static void same(Path wanted, Path fetched) throws IOException {
        try (var paths = Files.list(wanted);
                var found = Files.list(fetched)) {
            List<Path> files = paths.toList();
            assertEquals(files.size(), found.count());
            for (Path file : files) {
                assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(fetched.resolve(file.getFileName())));
            }
        }
    }

    @Test
    void whatWasStoredComesBackByteForByte() throws Exception {
        int part = 512 << 10;
        Path files = files("files", 0, 1, part - 1, part, part + 1, 3 * part + 17);
        try (Writer writer = new Writer("whole", 1, 3)) {
            writer.write(files, 5);
        }
        StoredCheckpoint found = reader("whole").list().get(0);
        assertEquals(5, found.epoch());
        reader("whole").fetch(found, directory.resolve("fetched"));
        same(files, directory.resolve("fetched"));
        assertEquals(List.of(), reader("never-written").list());
    }

    @Test
    void onlyNewFilesAreSentAndWhatNoneNeedsGoes() throws Exception {
        Path first = files("first", 700_000, 300_000);
        Path second = with(first, files("second", 200_000));
        try (Writer writer = new Writer("steps", 1, 2)) {
            StoredCheckpoint one = writer.write(first, 1);
            long sent = broker.written("millrace.steps-checkpoint");
            StoredCheckpoint two = writer.write(second, 2);
            long more = broker.written("millrace.steps-checkpoint") - sent;
            assertTrue(more <= 4, "a file, its part, the manifest and the mark of the transaction, not " + more);
            Set<String> ids = new HashSet<>();
            one.files().forEach(file -> ids.add(file.id()));
            assertEquals(
                    2,
                    two.files().stream().filter(file -> ids.contains(file.id())).count());
            writer.write(files("third", 100_000), 3);
            writer.write(files("fourth", 100_001), 4);
        }
        assertEquals(
                List.of(4L, 3L),
                reader("steps").list().stream().map(StoredCheckpoint::epoch).toList());
        Set<String> live = new HashSet<>();
        reader("steps").list().forEach(manifest -> manifest.files().forEach(file -> live.add("file/" + file.id())));
        Map<String, String> registry = new TreeMap<>();
        Set<String> parts = new HashSet<>();
        broker.read("millrace.steps-checkpoint", record -> {
            Set<String> into = record.partition() == 0 ? registry.keySet() : parts;
            if (record.value() == null) {
                into.remove(record.key());
            } else if (record.partition() == 0) {
                registry.put(record.key(), record.value());
            } else {
                parts.add(record.key());
            }
        });
        registry.keySet().removeIf(key -> key.startsWith("checkpoint/"));
        assertEquals(live, registry.keySet());
        assertEquals(2, parts.size(), "one part of each of the two files that are left");
    }

    @Test
    void anIncarnationGoesOnWithTheFilesOfTheOneBefore() throws Exception {
        Path files = files("files", 600_000);
        StoredCheckpoint one;
        try (Writer writer = new Writer("heirs", 1, 3)) {
            one = writer.write(files, 1);
        }
        try (Writer writer = new Writer("heirs", 2, 3)) {
            StoredCheckpoint two = writer.write(with(files, files("more", 10)), 2);
            assertTrue(two.files().stream()
                    .anyMatch(file -> file.id().equals(one.files().get(0).id())));
        }
        reader("heirs").fetch(reader("heirs").list().get(0), directory.resolve("fetched"));
    }

    @Test
    void aSupersededProcessChangesNothing() throws Exception {
        Path files = files("files", 600_000);
        try (Writer old = new Writer("fenced", 1, 1)) {
            old.write(files, 1);
            StoredCheckpoint late = old.store.upload(local(files("late", 100), 2));
            try (Writer young = new Writer("fenced", 2, 1)) {
                young.write(with(files, files("young", 100)), 3);
                assertThrows(ConnectorException.class, () -> old.store.publish(late));
                List<StoredCheckpoint> found = reader("fenced").list();
                assertEquals(
                        List.of(3L), found.stream().map(StoredCheckpoint::epoch).toList());
                reader("fenced").fetch(found.get(0), directory.resolve("fetched"));
            }
        }
    }

    @Test
    void whatAnUploadLeftBehindGoesWithTheNext() throws Exception {
        try (Writer writer = new Writer("orphans", 1, 1)) {
            writer.store.upload(local(files("never-published", 1_000), 1));
        }
        try (Writer writer = new Writer("orphans", 2, 1)) {
            writer.write(files("published", 1_000), 2);
        }
        Map<String, String> registry = new TreeMap<>();
        broker.read("millrace.orphans-checkpoint", record -> {
            if (record.partition() == 0 && record.value() == null) {
                registry.remove(record.key());
            } else if (record.partition() == 0) {
                registry.put(record.key(), record.value());
            }
        });
        assertEquals(2, registry.size(), "a checkpoint and its file: " + registry.keySet());
    }

    private StateHome home(String id, String name) {
        return new StateDirectory(
                directory.resolve(name), new StateMemory(16 << 20), 1, () -> Optional.of(reader(id)), Optional::empty);
    }

    private void writeEpochs(String id) {
        StateHome home = home(id, "origin");
        try (StateStore store = home.open();
                Writer writer = new Writer(id, 1, 3)) {
            for (int epoch = 1; epoch <= 3; epoch++) {
                StateBatch batch = new StateBatch();
                for (int i = 0; i < 1_000; i++) {
                    byte[] value = new byte[200];
                    random.nextBytes(value);
                    batch.put(StateKeys.meta("key " + i + " " + epoch), value);
                }
                store.apply(batch, epoch);
                StateHome.LocalCheckpoint local = home.checkpoint(store);
                writer.store.publish(writer.store.upload(local));
            }
        }
        Awaitility.await("brokers mark a transaction as committed a little after they have said so")
                .until(() -> reader(id).list().get(0).epoch() == 3);
    }

    @Test
    void anEmptyVolumeTakesTheNewest() {
        writeEpochs("volume");
        StateHome home = home("volume", "empty");
        try (StateStore store = home.open()) {
            assertEquals(3, store.epoch());
            assertEquals(StateHome.Origin.CHECKPOINT, home.origin());
            assertTrue(home.loss().orElseThrow().endsWith("from the topic millrace.volume-checkpoint"));
        }
        StateHome again = home("volume", "empty");
        try (StateStore store = again.open()) {
            assertEquals(3, store.epoch());
            assertEquals(StateHome.Origin.VOLUME, again.origin());
        }
    }

    @Test
    void aFlippedFileMakesTheOneBeforeServeAndSaysSo() throws Exception {
        writeEpochs("flipped");
        StoredCheckpoint newest = reader("flipped").list().get(0);
        StoredCheckpoint.StoredFile table = newest.files().stream()
                .filter(file -> file.name().endsWith(".sst") && file.size() > 1_000)
                .reduce((a, b) -> b)
                .orElseThrow();
        byte[] noise = new byte[(int) table.size()];
        random.nextBytes(noise);
        long offset;
        try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
            offset = producer.send(new ProducerRecord<>(
                            "millrace.flipped-checkpoint",
                            1,
                            (table.id() + "/0").getBytes(StandardCharsets.UTF_8),
                            noise))
                    .get()
                    .offset();
            List<StoredCheckpoint.StoredFile> files = newest.files().stream()
                    .map(file -> file == table
                            ? new StoredCheckpoint.StoredFile(
                                    file.name(), file.size(), file.id(), file.hash(), List.of(offset))
                            : file)
                    .toList();
            StoredCheckpoint damaged = new StoredCheckpoint(newest.format(), newest.epoch(), 1, newest.millis(), files);
            producer.send(new ProducerRecord<>(
                            "millrace.flipped-checkpoint",
                            0,
                            ("checkpoint/" + newest.epoch()).getBytes(StandardCharsets.UTF_8),
                            new ObjectMapper().writeValueAsBytes(damaged)))
                    .get();
        }
        StateHome home = home("flipped", "empty");
        try (StateStore store = home.open()) {
            assertEquals(2, store.epoch());
            String story = home.loss().orElseThrow();
            assertTrue(story.contains("the checkpoint of epoch 3 cannot be used: the file " + table.name()), story);
            assertTrue(story.contains("restored a checkpoint of epoch 2"), story);
        }
    }

    @Test
    void aCheckpointOfAVolumeThatVanishedMeanwhileIsNoCheckpoint() throws Exception {
        writeEpochs("vanished");
        Path rest = files("rest", 100);
        try (Writer writer = new Writer("vanished", 2, 3)) {
            assertThrows(
                    java.io.UncheckedIOException.class,
                    () -> writer.store.upload(new StateHome.LocalCheckpoint(rest, 4, List.of("0.sst", "CURRENT"))));
            writer.write(rest, 4);
        }
        StateHome home = home("vanished", "empty");
        try (StateStore store = home.open()) {
            assertEquals(3, store.epoch());
            String story = home.loss().orElseThrow();
            assertTrue(story.contains("the checkpoint of epoch 4 cannot be used: it holds epoch -1"), story);
        }
    }

    @Test
    void aTopicThatLostItsBeginningLosesOnlyWhatLayThere() throws Exception {
        Path first = files("first", 600_000);
        try (Writer writer = new Writer("trimmed", 1, 3)) {
            writer.write(first, 1);
            long end = broker.written("millrace.trimmed-checkpoint");
            writer.write(files("second", 600_000), 2);
            assertTrue(end > 0);
        }
        StoredCheckpoint old = reader("trimmed").list().get(1);
        StoredCheckpoint young = reader("trimmed").list().get(0);
        try {
            long from = young.files().get(0).places().get(0);
            broker.deleteBefore(Map.of(new TopicPartition("millrace.trimmed-checkpoint", 1), from));
        } catch (java.util.concurrent.ExecutionException e) {
            assertTrue(e.getMessage().contains("PolicyViolation"), "compacted topics are not trimmed: " + e);
            return;
        }
        reader("trimmed").fetch(young, directory.resolve("young"));
        assertThrows(DamagedCheckpointException.class, () -> reader("trimmed").fetch(old, directory.resolve("old")));
    }
}
