package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.api.StreamingQuery;
import dev.millrace.engine.Division;
import dev.millrace.stores.S3Server;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One to four processes run three queries together, with a real broker between them. How many changes while they run, in random
 * order; they are killed, stopped and woken behind their successors, and lose what they keep, at random, and so is the broker;
 * what is committed is what one uninterrupted run would have written.
 */
class SlotsIT {

    private static final int ROWS = 600_000;
    private static final int MOST_SLOTS = 4;
    private static final int FAULTS = 16;
    private static final int BROKER_FAULT = 6;
    private static final String STATE = "checkpoint: {interval: 2s, retained: 2, store: {@store}}";

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("seed", System.nanoTime());
    private final Random random = new Random(seed);
    private Division division = Division.ONE;
    private int slots;
    private List<String> names = List.of();
    private final Process[] processes = new Process[MOST_SLOTS];
    private final int[] volumes = new int[MOST_SLOTS];
    private final int[] starts = new int[MOST_SLOTS];

    @Test
    void committedOutputIsExactWhateverHappensToSlots() throws Exception {
        boolean inS3 = seed / 1_000 % 2 == 0; // first numbers of near seeds are near
        System.out.println("seed " + seed + ", checkpoints in " + (inS3 ? "S3" : "Kafka"));
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")));
                S3Server s3 = inS3 ? new S3Server(directory.resolve("s3"), "127.0.0.1") : null) {
            EventQueries queries = EventQueries.some(broker, ROWS, random);
            names = queries.names();
            System.out.println("queries: " + names);
            Path file = queries.write(
                    directory.resolve("queries.yaml"), "", STATE.replace("@store", inS3 ? store(s3) : "kafka: {}"));
            Thread feeder = queries.feed();
            divide(file, 1);
            List<Integer> counts = new ArrayList<>(List.of(3, 2, 4, 1));
            Collections.shuffle(counts, random);
            System.out.println("slots: 1, then " + counts);
            List<Process> frozen = new ArrayList<>();
            List<Process> woken = new ArrayList<>();
            for (int i = 0; i < FAULTS; i++) {
                TimeUnit.MILLISECONDS.sleep(500 + random.nextInt(3_000));
                if (!frozen.isEmpty() && random.nextBoolean()) { // its successor may have claimed nothing yet
                    woken.add(wake(frozen.remove(0)));
                }
                if (i % 4 == 3) {
                    divide(file, counts.remove(0));
                } else if (i % 4 == 1 && slots > 1) {
                    divide(file, slots); // only key groups and partitions move
                } else if (i == BROKER_FAULT) {
                    broker.kill();
                    broker.restart();
                } else {
                    fault(file, random.nextInt(slots), frozen);
                }
            }
            for (Process process : frozen) {
                woken.add(wake(process));
            }
            feeder.join();
            queries.feedLast();
            for (Process process : woken) {
                assertTrue(process.waitFor(60, TimeUnit.SECONDS), () -> "what was superseded goes on: " + log());
                assertEquals(0, process.exitValue(), this::log);
            }
            Awaitility.await()
                    .atMost(Duration.ofMinutes(3))
                    .pollInterval(Duration.ofSeconds(2))
                    .untilAsserted(() -> {
                        for (int slot = 0; slot < MOST_SLOTS; slot++) {
                            assertEquals(slot < slots, processes[slot] != null && processes[slot].isAlive(), this::log);
                        }
                        queries.check();
                        requireDivided(broker);
                    });
        }
    }

    /** From one slot to two and back: the first one then goes on as if there had never been another. */
    @Test
    void theExchangeIsUsedWhileThereAreSeveralSlots() throws Exception {
        System.out.println("seed " + seed);
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            EventQueries queries = EventQueries.some(broker, ROWS, random);
            names = queries.names();
            Path file = queries.write(directory.resolve("queries.yaml"), "", STATE.replace("@store", "kafka: {}"));
            Thread feeder = queries.feed();
            for (int count : List.of(1, 2, 1, MOST_SLOTS, 1)) {
                divide(file, count);
                Awaitility.await()
                        .atMost(Duration.ofMinutes(1))
                        .ignoreExceptions() // a log may not be there yet
                        .until(() -> names.stream().allMatch(query -> {
                            List<SlotProcess.Logged> log = SlotProcess.log(broker, query, 0);
                            return log.get(log.size() - 1).record().usesExchange() == count > 1;
                        }));
            }
            feeder.join();
            queries.feedLast();
            Awaitility.await()
                    .atMost(Duration.ofMinutes(3))
                    .pollInterval(Duration.ofSeconds(2))
                    .untilAsserted(() -> {
                        queries.check();
                        requireDivided(broker);
                    });
        }
    }

    /** What no kept checkpoint needs is gone from the exchange, some time after it was divided last. */
    @Test
    void theExchangeIsTrimmed() throws Exception {
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectory(directory.resolve("kafka")))) {
            EventQueries queries = new EventQueries(broker, ROWS);
            Path file = queries.write(directory.resolve("queries.yaml"), "", STATE.replace("@store", "kafka: {}"));
            Thread feeder = queries.feed();
            divide(file, 2);
            Awaitility.await()
                    .atMost(Duration.ofMinutes(2))
                    .untilAsserted(() -> assertTrue(broker.trimmed("millrace.words-exchange") > 0, this::log));
            feeder.interrupt();
            feeder.join();
        }
    }

    private String store(S3Server s3) throws IOException {
        Files.writeString(
                directory.resolve("s3.properties"),
                "AWS_ACCESS_KEY_ID=" + S3Server.KEY + "\nAWS_SECRET_ACCESS_KEY=" + S3Server.SECRET + "\n");
        return "s3: {bucket: " + S3Server.BUCKET + ", endpoint: \"" + s3.endpoint()
                + "\", credentialsFrom: {file: s3.properties}}";
    }

    @AfterEach
    void endAll() throws InterruptedException {
        for (Process process : processes) {
            if (process != null) {
                process.destroyForcibly().waitFor();
            }
        }
    }

    /** Each slot owns its part of each query in the end, and nothing that it had before. */
    private void requireDivided(KafkaBroker broker) {
        int[] owners = division.keyGroupOwners(StreamingQuery.DEFAULT_KEY_GROUPS);
        for (String query : names) {
            for (int slot = 0; slot < MOST_SLOTS; slot++) {
                int index = slot;
                List<SlotProcess.Logged> log = SlotProcess.log(broker, query, slot);
                List<Integer> expected = IntStream.range(0, owners.length)
                        .filter(g -> owners[g] == index)
                        .boxed()
                        .toList();
                assertEquals(expected, log.get(log.size() - 1).own(), () -> query + ", slot " + index + ": " + log());
            }
        }
    }

    /** Says how many slots there are to be, and starts those that are not there; surplus ones end by themselves. */
    private void divide(Path file, int count) throws IOException {
        boolean first = slots == 0; // 0/1 divides nothing
        slots = count;
        division = first ? new Division(0, count) : new Division(division.version() + 1, count, moved(), read());
        Path next = directory.resolve("division.next");
        Files.writeString(next, division.toString());
        Files.move(next, directory.resolve("division"), StandardCopyOption.ATOMIC_MOVE);
        for (int slot = 0; slot < count; slot++) {
            if (processes[slot] == null || !processes[slot].isAlive()) {
                start(file, slot);
            }
        }
    }

    /** A few key groups go elsewhere than arithmetic has them. */
    private SortedMap<Integer, Integer> moved() {
        SortedMap<Integer, Integer> moved = new TreeMap<>();
        for (int i = random.nextInt(8); i > 0; i--) {
            moved.put(1 + random.nextInt(StreamingQuery.DEFAULT_KEY_GROUPS - 1), random.nextInt(slots));
        }
        return moved;
    }

    /** A few partitions are read by other slots than arithmetic has it. */
    private SortedMap<String, Integer> read() {
        SortedMap<String, Integer> read = new TreeMap<>();
        for (int i = random.nextInt(EventQueries.PARTITIONS); i > 0; i--) {
            String name = "events-" + random.nextInt(EventQueries.PARTITIONS);
            read.put(Division.partition("events", name), random.nextInt(slots));
        }
        return read;
    }

    private void fault(Path file, int slot, List<Process> frozen) throws Exception {
        Process process = processes[slot];
        if (!process.isAlive()) { // it has left just when it was to come back
            assertEquals(0, process.exitValue(), this::log);
            start(file, slot);
            return;
        }
        int kind = random.nextInt(4);
        if (kind == 0 && frozen.size() < 2 && isRunning(slot)) { // its successor has a volume of its own
            signal(process, "STOP");
            frozen.add(process);
            volumes[slot]++;
        } else {
            process.destroyForcibly().waitFor();
            if (kind == 1 && Files.exists(volume(slot))) {
                Signals.deleteTree(volume(slot));
            }
        }
        start(file, slot);
    }

    /** Whether it has taken over all queries: one that has not yet would do so when it is woken. */
    private boolean isRunning(int slot) throws IOException {
        String said = Files.readString(log(slot));
        return names.stream()
                .allMatch(query -> said.lines()
                        .anyMatch(line -> line.contains("\"query\":\"" + query + "\"")
                                && line.contains("\"phase\":\"running\"")));
    }

    private static Process wake(Process process) throws Exception {
        signal(process, "CONT");
        return process;
    }

    private static void signal(Process process, String name) throws Exception {
        new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                .start()
                .waitFor();
    }

    private Path volume(int slot) {
        return directory.resolve("state-" + slot + "-" + volumes[slot]);
    }

    private void start(Path file, int slot) throws IOException {
        starts[slot]++;
        processes[slot] = SlotProcess.start(
                file,
                slot,
                directory.resolve("division"),
                volume(slot),
                log(slot),
                "--progress",
                "json",
                "--interval",
                "1");
    }

    private Path log(int slot) {
        return directory.resolve("slot-" + slot + "-" + starts[slot] + ".log");
    }

    /** What all have said beside their progress. */
    private String log() {
        StringBuilder all = new StringBuilder();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".log")).sorted().toList()) {
                all.append(file.getFileName()).append('\n');
                Files.readAllLines(file).stream()
                        .filter(line -> !line.startsWith("{"))
                        .forEach(line -> all.append("  ").append(line).append('\n'));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all.toString();
    }
}
