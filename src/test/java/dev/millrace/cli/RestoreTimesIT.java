package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.cli.SlotProcess.Logged;
import dev.millrace.stores.S3Server;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * How long an engine takes to come back after {@code kill -9}, by the state of the query: {@code ./mvnw verify
 * -Dskip.unit.tests=true -Dit.test=RestoreTimesIT -Drestore.megabytes=100,1000,5000} prints a line for each size. It is started
 * again at once, on its volume or on an empty one, at any time between two checkpoints, while rows come.
 */
@EnabledIfSystemProperty(named = "restore.megabytes", matches = ".+")
class RestoreTimesIT {

    private static final String ENGINE = "engine";
    private static final int CHECKPOINT_MILLIS = 10_000;

    @TempDir
    private Path directory;

    private final ObjectMapper json = new ObjectMapper();
    private int incarnation;

    static Stream<Integer> megabytes() {
        return LargeState.sizes("restore.megabytes");
    }

    @ParameterizedTest
    @MethodSource("megabytes")
    void anEngineComesBack(int megabytes) throws Exception {
        try (KafkaBroker broker = new KafkaBroker(Files.createDirectories(directory.resolve("kafka")));
                S3Server s3 = new S3Server(directory.resolve("s3"), "127.0.0.1");
                LargeState state = new LargeState(broker, megabytes)) {
            Path file = directory.resolve("query.yaml");
            Files.writeString(
                    file,
                    state.query("  state: {checkpoint: {interval: " + CHECKPOINT_MILLIS
                            + "ms, store: {s3: {bucket: " + S3Server.BUCKET + ", endpoint: \"" + s3.endpoint()
                            + "\", credentialsFrom: {secretRef: {name: s3}}}}}}\n"));
            writeSecret();
            try (EngineProcesses engines = new EngineProcesses(directory, file)) {
                Process engine = engines.start(ENGINE, ++incarnation);
                state.awaitRead();
                state.startFeeding();
                List<Long> onVolume = new ArrayList<>();
                List<Long> onNone = new ArrayList<>();
                Random random = new Random();
                for (int i = 0; i < 2 * Integer.getInteger("restore.repeats", 5); i++) {
                    awaitCheckpoint(engines, state);
                    TimeUnit.MILLISECONDS.sleep(random.nextInt(CHECKPOINT_MILLIS));
                    engine.destroyForcibly().waitFor();
                    long killed = System.currentTimeMillis();
                    if (i % 2 == 1) {
                        Signals.deleteTree(engines.state(ENGINE));
                    }
                    engine = engines.start(ENGINE, ++incarnation);
                    (i % 2 == 1 ? onNone : onVolume).add(firstEpoch(state) - killed);
                    String source = progress(engines).path("restoredFrom").asText();
                    assertEquals(i % 2 == 1 ? "Checkpoint" : "Volume", source, engines::log);
                }
                report(megabytes, "on its volume", onVolume);
                report(megabytes, "volume deleted", onNone);
                state.stopFeeding();
            }
        }
    }

    private void writeSecret() throws IOException {
        Path secret = Files.createDirectories(directory.resolve("secrets/s3"));
        Files.writeString(secret.resolve("AWS_ACCESS_KEY_ID"), S3Server.KEY);
        Files.writeString(secret.resolve("AWS_SECRET_ACCESS_KEY"), S3Server.SECRET);
    }

    /** Waits for one of what is committed now. */
    private void awaitCheckpoint(EngineProcesses engines, LargeState state) {
        List<Logged> log = state.log(0);
        long epoch = log.get(log.size() - 1).record().epoch();
        Awaitility.await()
                .atMost(Duration.ofMinutes(10))
                .pollInterval(Duration.ofMillis(500))
                .ignoreExceptions()
                .until(() -> progress(engines).path("checkpointEpoch").asLong(-1) >= epoch);
    }

    private JsonNode progress(EngineProcesses engines) throws IOException {
        return json.readTree(engines.progress(ENGINE)).get(0);
    }

    /** When the first epoch of this incarnation was committed that is more than its claim. */
    private long firstEpoch(LargeState state) {
        List<Logged> found = new ArrayList<>();
        Awaitility.await()
                .atMost(Duration.ofMinutes(5))
                .pollInterval(Duration.ofSeconds(1))
                .until(() -> {
                    state.log(0).stream()
                            .filter(one -> one.record().incarnation() == incarnation
                                    && !one.record().claim())
                            .findFirst()
                            .ifPresent(found::add);
                    return !found.isEmpty();
                });
        return found.get(0).millis();
    }

    private static void report(int megabytes, String how, List<Long> times) {
        Collections.sort(times);
        System.out.printf(
                Locale.ROOT,
                "RESTORE | %d MB | %s | %.1f s | %.1f–%.1f s | %d |%n",
                megabytes,
                how,
                times.get(times.size() / 2) / 1e3,
                times.get(0) / 1e3,
                times.get(times.size() - 1) / 1e3,
                times.size());
    }
}
