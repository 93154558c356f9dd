package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.cli.SlotProcess.Logged;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.ProgressRecord.ReleasedKeyGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How long a hand-over takes, by the state of the query: {@code ./mvnw verify -Dskip.unit.tests=true -Dit.test=RescaleTimesIT
 * -Drescale.megabytes=100,1000} prints a line for each size. Half of the state moves from one process to a second one while
 * rows come.
 */
@EnabledIfSystemProperty(named = "rescale.megabytes", matches = ".+")
class RescaleTimesIT {

    @TempDir
    private Path directory;

    static Stream<Integer> megabytes() {
        return LargeState.sizes("rescale.megabytes");
    }

    @ParameterizedTest
    @MethodSource("megabytes")
    void halfOfTheStateMoves(int megabytes) throws Exception {
        List<Process> processes = new ArrayList<>();
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectories(directory.resolve("kafka")));
                LargeState state = new LargeState(broker, megabytes)) {
            Path file = directory.resolve("query.yaml");
            Files.writeString(file, state.query(""));
            processes.add(start(file, 0));
            state.awaitRead();
            state.startFeeding();
            TimeUnit.SECONDS.sleep(5);
            long wish = System.currentTimeMillis();
            Files.writeString(directory.resolve("division"), "1/2");
            processes.add(start(file, 1));
            Awaitility.await()
                    .atMost(Duration.ofMinutes(30))
                    .pollInterval(Duration.ofSeconds(1))
                    .ignoreExceptions()
                    .until(() -> own(state.log(1)) == 16);
            TimeUnit.SECONDS.sleep(2);
            state.stopFeeding();
            report(megabytes, state.log(0), state.log(1), wish);
        } finally {
            for (Process process : processes) {
                process.destroyForcibly().waitFor();
            }
        }
    }

    private void report(int megabytes, List<Logged> loser, List<Logged> taker, long wish) {
        long end = 0;
        long pause = 0;
        for (int i = 1; i < loser.size(); i++) {
            ProgressRecord record = loser.get(i).record();
            if (record.exchange() != null && record.exchange().released() != null) {
                for (ReleasedKeyGroup group : record.exchange().released().keyGroups()) {
                    long had = loser.get(i - 1).millis();
                    long has = taker.stream()
                            .filter(logged -> logged.own().contains(group.keyGroup()))
                            .findFirst()
                            .orElseThrow()
                            .millis();
                    pause = Math.max(pause, has - had);
                    end = Math.max(end, has);
                }
            }
        }
        System.out.printf(
                Locale.ROOT,
                "RESCALE | %d MB | all moved %.1f s after the wish | a key group pauses at most %.2f s | the others at most"
                        + " %.2f s (%.2f s before) |%n",
                megabytes,
                (end - wish) / 1e3,
                pause / 1e3,
                gap(loser, wish + 1_500, end) / 1e3,
                gap(loser, wish - 4_000, wish) / 1e3);
        assertTrue(end > wish);
    }

    /** The longest time between two epochs. */
    private static long gap(List<Logged> log, long from, long to) {
        long longest = 0;
        for (int i = 1; i < log.size(); i++) {
            if (log.get(i).millis() > from && log.get(i - 1).millis() < to) {
                longest = Math.max(
                        longest,
                        log.get(i).millis() - Math.max(from, log.get(i - 1).millis()));
            }
        }
        return longest;
    }

    private static int own(List<Logged> log) {
        return log.isEmpty() ? 0 : log.get(log.size() - 1).own().size();
    }

    private Process start(Path file, int slot) throws IOException {
        return SlotProcess.start(
                file,
                slot,
                directory.resolve("division"),
                directory.resolve("state-" + slot),
                directory.resolve("slot-" + slot + ".log"));
    }
}
