package dev.millrace.stores;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.state.CheckpointReader.DamagedCheckpointException;
import dev.millrace.state.StoredCheckpoint;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints in a directory. What holds for it must hold for a bucket too: {@code S3CheckpointsIT} runs the same cases there. */
public class ObjectCheckpointsTest {

    @TempDir
    private Path directory;

    private Objects objects;
    private CheckpointFiles files;

    /** Where the checkpoints of a case lie. */
    protected Objects objects(Path temporary) {
        return new DirectoryObjects(temporary.resolve("store"));
    }

    @BeforeEach
    void start() {
        objects = objects(directory);
        files = new CheckpointFiles(directory.resolve("local"));
    }

    private ObjectCheckpoints writer(long incarnation, int retained, Duration grace) {
        ObjectCheckpoints made = new ObjectCheckpoints(objects, retained, grace);
        made.begin(incarnation);
        return made;
    }

    private ObjectCheckpoints writer(long incarnation, int retained) {
        return writer(incarnation, retained, Duration.ZERO);
    }

    private ObjectCheckpoints reader() {
        return new ObjectCheckpoints(objects, 3, Duration.ZERO);
    }

    private Set<String> stored() {
        return Set.copyOf(objects.list("files/"));
    }

    private static Set<String> ids(StoredCheckpoint... checkpoints) {
        return java.util.Arrays.stream(checkpoints)
                .flatMap(checkpoint -> checkpoint.files().stream())
                .map(file -> "files/" + file.id())
                .collect(Collectors.toSet());
    }

    @Test
    void whatWasStoredComesBackByteForByte() throws Exception {
        assertEquals(List.of(), reader().list());
        StoredCheckpoint written = writer(1, 3)
                .upload(files.of(7, Map.of("a.sst", "", "b.sst", "b", "c.sst", "c".repeat(3_000_000), "CURRENT", "x")));
        StoredCheckpoint found = reader().list().get(0);
        assertEquals(written, found);
        assertEquals(7, found.epoch());
        Path into = directory.resolve("fetched");
        reader().fetch(found, into);
        assertEquals("", Files.readString(into.resolve("a.sst")));
        assertEquals("b", Files.readString(into.resolve("b.sst")));
        assertEquals("c".repeat(3_000_000), Files.readString(into.resolve("c.sst")));
        assertEquals("x", Files.readString(into.resolve("CURRENT")));
    }

    @Test
    void onlyNewFilesAreSentAndWhatNoneNeedsGoesWhenItIsProvedFree() throws Exception {
        ObjectCheckpoints writer = writer(1, 1);
        StoredCheckpoint one = writer.upload(files.of(10, Map.of("a.sst", "a", "b.sst", "b")));
        StoredCheckpoint two = writer.upload(files.of(20, Map.of("b.sst", "b", "c.sst", "c")));
        assertEquals(3, stored().size(), "b is there once");
        StoredCheckpoint three = writer.upload(files.of(30, Map.of("c.sst", "c")));
        assertEquals(ids(one, two), stored(), "an epoch after the manifest went is not proved yet");
        StoredCheckpoint four = writer.upload(files.of(31, Map.of("d.sst", "d")));
        assertEquals(
                ids(one, two, four), stored(), "epoch 31 may have been committed before epoch 30 was in the state");
        writer.upload(files.of(40, Map.of("d.sst", "d")));
        assertEquals(ids(three, four), stored(), "a and b went");
        writer.upload(files.of(50, Map.of("d.sst", "d")));
        StoredCheckpoint last = writer.upload(files.of(60, Map.of("d.sst", "d")));
        assertEquals(ids(last), stored());
        assertEquals(List.of(last), reader().list());
    }

    @Test
    void aManifestThatIsReplacedBetweenItsListingAndItsReadingIsNotMissed() throws Exception {
        ObjectCheckpoints writer = writer(1, 1);
        writer.upload(files.of(10, Map.of("a.sst", "a")));
        List<StoredCheckpoint> next = new ArrayList<>();
        Objects slow = (Objects) Proxy.newProxyInstance(
                Objects.class.getClassLoader(), new Class<?>[] {Objects.class}, (proxy, method, arguments) -> {
                    boolean reads = method.getName().equals("get")
                            && arguments[0].toString().startsWith("checkpoints/");
                    if (reads && next.isEmpty()) {
                        next.add(writer.upload(files.of(20, Map.of("b.sst", "b"))));
                    }
                    return method.invoke(objects, arguments);
                });
        assertEquals(next, new ObjectCheckpoints(slow, 1, Duration.ZERO).list());
        assertEquals(1, next.size());
    }

    @Test
    void filesStayAsLongAsSomebodyMayReadThem() throws Exception {
        ObjectCheckpoints writer = writer(1, 1, Duration.ofHours(1));
        for (int epoch = 1; epoch < 8; epoch++) {
            writer.upload(files.of(epoch, Map.of(epoch + ".sst", "" + epoch)));
        }
        assertEquals(7, stored().size());
        assertEquals(1, reader().list().size());
    }

    @Test
    void anIncarnationGoesOnWithTheFilesOfTheOneBeforeAndTakesAwayWhatItLeft() throws Exception {
        ObjectCheckpoints first = writer(1, 2);
        StoredCheckpoint one = first.upload(files.of(1, Map.of("a.sst", "a")));
        objects.put("files/" + "0".repeat(32) + "-1-2-left.sst", files.file("left"));
        objects.put("files/" + "0".repeat(32) + "-9-2-later.sst", files.file("of a later one"));
        ObjectCheckpoints second = writer(2, 2);
        StoredCheckpoint two = second.upload(files.of(30, Map.of("a.sst", "a", "b.sst", "b")));
        assertTrue(ids(two).containsAll(ids(one)));
        second.upload(files.of(40, Map.of("a.sst", "a")));
        second.upload(files.of(50, Map.of("a.sst", "a")));
        assertEquals(1, stored().stream().filter(name -> name.contains("-9-")).count(), "of a later incarnation");
        assertEquals(0, stored().stream().filter(name -> name.contains("left")).count());
    }

    @Test
    void aProcessThatStartsAnewInItsIncarnationKeepsTheManifestThatItHasWritten() throws Exception {
        StoredCheckpoint before = writer(1, 3).upload(files.of(5, Map.of("a.sst", "a", "CURRENT", "1")));
        ObjectCheckpoints again = writer(1, 3);
        StoredCheckpoint after = again.upload(files.of(5, Map.of("a.sst", "a", "CURRENT", "2")));
        assertEquals(before, after);
        again.upload(files.of(6, Map.of("a.sst", "a")));
        again.upload(files.of(7, Map.of("a.sst", "a")));
        reader().fetch(reader().list().get(2), directory.resolve("fetched"));
        assertEquals("1", Files.readString(directory.resolve("fetched").resolve("CURRENT")));
    }

    @Test
    void aSavepointStaysWhileCheckpointsComeAndGoAndIsNoneBeforeItIsConfirmed() throws Exception {
        ObjectCheckpoints writer = writer(1, 1);
        StoredCheckpoint named = writer.upload(files.of(10, Map.of("a.sst", "a")));
        writer.keep("s", named);
        assertEquals(Map.of(), reader().savepoints());
        for (int epoch = 20; epoch < 70; epoch += 10) {
            writer.upload(files.of(epoch, Map.of(epoch + ".sst", "" + epoch)));
        }
        assertTrue(stored().containsAll(ids(named)), "what is not confirmed yet may be");
        writer.confirm("s");
        assertEquals(Map.of("s", named), reader().savepoints());
        ObjectCheckpoints next = writer(2, 1);
        for (int epoch = 70; epoch < 120; epoch += 10) {
            next.upload(files.of(epoch, Map.of(epoch + ".sst", "" + epoch)));
        }
        reader().fetch(reader().savepoints().get("s"), directory.resolve("fetched"));
        assertEquals("a", Files.readString(directory.resolve("fetched").resolve("a.sst")));
        next.drop("s");
        assertEquals(Map.of(), reader().savepoints());
        for (int epoch = 120; epoch < 160; epoch += 10) {
            next.upload(files.of(epoch, Map.of(epoch + ".sst", "" + epoch)));
        }
        assertTrue(stored().stream().noneMatch(ids(named)::contains), "its files went");
    }

    @Test
    void aConfirmationThatComesLateTakesNothingFromTheSuccessor() throws Exception {
        ObjectCheckpoints old = writer(1, 1);
        old.keep("s", old.upload(files.of(10, Map.of("a.sst", "a"))));
        ObjectCheckpoints young = writer(2, 1);
        StoredCheckpoint later = young.upload(files.of(20, Map.of("b.sst", "b")));
        young.keep("s", later);
        objects.putNew("savepoints/s/2", objects.get("savepoints/s/2.taken").orElseThrow()); // as confirm begins
        old.confirm("s");
        assertEquals(later, reader().savepoints().get("s"), "the one of the greatest incarnation");
        assertEquals(later, writer(3, 1).savepoints().get("s"));
    }

    @Test
    void oneThatWasDroppedMeanwhileIsNotConfirmed() throws Exception {
        ObjectCheckpoints old = writer(1, 1);
        old.keep("s", old.upload(files.of(10, Map.of("a.sst", "a"))));
        writer(2, 1).drop("s");
        old.confirm("s");
        assertEquals(Map.of(), reader().savepoints());
    }

    @Test
    void cleanUpLeavesSavepointsAndNothingElse() throws Exception {
        ObjectCheckpoints writer = writer(1, 2);
        StoredCheckpoint named = writer.upload(files.of(10, Map.of("a.sst", "a")));
        writer.keep("s", named);
        writer.confirm("s");
        writer.upload(files.of(20, Map.of("b.sst", "b")));
        reader().cleanUp();
        assertEquals(List.of(), reader().list());
        assertEquals(ids(named), stored());
        reader().cleanUp("s");
        reader().cleanUp();
        assertEquals(List.of(), objects.list(""));
    }

    @Test
    void aDamagedFileOrManifestIsToldAndTheOneBeforeServes() throws Exception {
        ObjectCheckpoints writer = writer(1, 5);
        writer.upload(files.of(1, Map.of("a.sst", "aaaa")));
        StoredCheckpoint flipped = writer.upload(files.of(2, Map.of("b.sst", "bbbb")));
        StoredCheckpoint gone = writer.upload(files.of(3, Map.of("c.sst", "cccc")));
        writer.upload(files.of(4, Map.of("d.sst", "dddd")));
        writer.upload(files.of(5, Map.of("e.sst", "eeee")));
        objects.put("files/" + flipped.files().get(0).id(), files.file("bbxb"));
        objects.delete("files/" + gone.files().get(0).id());
        String manifest = "checkpoints/0000000000000000004-1";
        objects.put(manifest, files.file("{\"format\":1,\"epoch\":4,\"inc"));
        String newer = "checkpoints/0000000000000000005-1";
        String text = new String(objects.get(newer).orElseThrow(), java.nio.charset.StandardCharsets.UTF_8);
        objects.put(newer, files.file(text.replace("\"format\":1", "\"format\":2")));
        List<StoredCheckpoint> found = reader().list();
        assertEquals(
                List.of(5L, 4L, 3L, 2L, 1L),
                found.stream().map(StoredCheckpoint::epoch).toList());
        assertDamaged(found.get(0), "of a format that this build does not know");
        assertDamaged(found.get(1), "its manifest");
        assertDamaged(found.get(2), "c.sst is not in");
        assertDamaged(found.get(3), "b.sst in " + objects.place() + " is not the one that was stored");
        reader().fetch(found.get(4), directory.resolve("whole"));
        ObjectCheckpoints heir = writer(2, 9);
        for (int epoch = 6; epoch < 10; epoch++) {
            heir.upload(files.of(epoch, Map.of("f.sst", "f")));
        }
        assertTrue(
                stored().stream().anyMatch(name -> name.endsWith("e.sst")),
                "files of a manifest that is not understood stay");
    }

    private void assertDamaged(StoredCheckpoint checkpoint, String why) {
        String message = assertThrows(
                        DamagedCheckpointException.class,
                        () -> reader().fetch(checkpoint, directory.resolve("damaged-" + checkpoint.epoch())))
                .getMessage();
        assertTrue(message.contains(why), message);
    }

    @Test
    void aStoreThatFailsAtAnyStepLosesNoCheckpoint() throws Exception {
        for (int fails = 1; fails < 45; fails++) {
            Failing failing = new Failing(objects(directory.resolve("failing-" + fails)), fails);
            ObjectCheckpoints writer = new ObjectCheckpoints(failing, 1, Duration.ZERO);
            long good = 0;
            boolean begun = false;
            for (int epoch = 1; epoch < 9; epoch++) {
                try {
                    if (!begun) {
                        writer.begin(1);
                        begun = true;
                    }
                    writer.upload(files.of(epoch, Map.of(epoch / 3 + ".sst", "x" + epoch / 3, "CURRENT", "" + epoch)));
                    good = epoch;
                } catch (ConnectorException e) {
                    assertTrue(e.getMessage().contains("on purpose"));
                }
                assertNewestIntact(failing.inner, good);
            }
            assertTrue(good >= 7, "it goes on after the fault, which may be at the last");
        }
    }

    private void assertNewestIntact(Objects of, long good) {
        ObjectCheckpoints reader = new ObjectCheckpoints(of, 1, Duration.ZERO);
        List<StoredCheckpoint> found = reader.list();
        long newest = found.isEmpty() ? 0 : found.get(0).epoch();
        assertTrue(newest >= good, "epoch " + good + " was stored, found " + found);
        Set<String> there = Set.copyOf(of.list("files/"));
        found.forEach(manifest -> assertTrue(there.containsAll(ids(manifest)), () -> "files of " + manifest));
    }

    /** Fails once, half of the time after it has done what was asked. */
    private static final class Failing implements Objects {
        private final Objects inner;
        private int left;
        private final boolean late;

        Failing(Objects inner, int after) {
            this.inner = inner;
            this.left = after;
            this.late = after % 2 == 0;
        }

        private synchronized void step(boolean before) {
            if (before) {
                left--;
            }
            if (left == 0 && before != late) {
                left = -1;
                throw new ConnectorException("X", "on purpose", null, true);
            }
        }

        private <T> T doing(java.util.function.Supplier<T> what) {
            step(true);
            T result = what.get();
            step(false);
            return result;
        }

        @Override
        public List<String> list(String prefix) {
            return doing(() -> inner.list(prefix));
        }

        @Override
        public void put(String name, Path content) {
            doing(() -> {
                inner.put(name, content);
                return 0;
            });
        }

        @Override
        public boolean putNew(String name, byte[] content) {
            return doing(() -> inner.putNew(name, content));
        }

        @Override
        public Optional<byte[]> get(String name) {
            return doing(() -> inner.get(name));
        }

        @Override
        public boolean get(String name, Path into) {
            return doing(() -> inner.get(name, into));
        }

        @Override
        public void delete(String name) {
            doing(() -> {
                inner.delete(name);
                return 0;
            });
        }

        @Override
        public void deleteAll() {
            inner.deleteAll();
        }

        @Override
        public String place() {
            return inner.place();
        }
    }

    @Test
    void nothingIsLeftOfAQueryThatIsDeleted() throws Exception {
        writer(1, 3).upload(files.of(1, Map.of("a.sst", "a")));
        objects.deleteAll();
        assertEquals(List.of(), objects.list(""));
        objects.deleteAll();
    }
}
