package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.operator.reconcile.PodSamples.PodSample;
import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Sample;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PodSamplesTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Instant START = Instant.parse("2026-03-01T10:00:00Z");

    private static EngineProgress says(double seconds, long rows, double cpu, double thread, String phase) {
        ObjectNode progress = JSON.valueToTree(DeciderTest.progress(1, phase));
        List.of("running", "volumeShort", "calm").forEach(progress::remove);
        progress.set(
                "usage",
                JSON.valueToTree(new EngineProgress.Usage(
                        1_000_000_000_000L + (long) (seconds * 1e9),
                        rows,
                        List.of((long) (thread * 1e9), (long) (thread * 5e8), 5L),
                        (long) (seconds * 1e8),
                        (long) (cpu * 1e9),
                        0.5,
                        3,
                        (long) (seconds * 4e8), // of two busy threads
                        7_000,
                        9_000L,
                        (long) (seconds * 5e7))));
        return JSON.convertValue(progress, EngineProgress.class);
    }

    private static Optional<PodSample> add(PodSamples samples, EngineProgress said, Instant at) {
        return samples.add(said, 0.25, at);
    }

    private static Instant at(double seconds) {
        return START.plusMillis((long) (seconds * 1000));
    }

    @Test
    void differencesOverTenSecondsByThePodsOwnClock() {
        PodSamples samples = new PodSamples();
        assertEquals(Optional.empty(), add(samples, says(0, 0, 0, 0, "running"), at(0)));
        assertEquals(Optional.empty(), add(samples, says(5, 500, 1, 1, "running"), at(5)));
        PodSample sample =
                add(samples, says(10, 1_000, 4, 3, "running"), at(11)).orElseThrow();
        assertEquals(
                new PodSample(
                        at(11), 10, new Sample.Slot(100, 42, 0.4, 0.5, 0.3, 0.1, new Memory(0.2, 0.05, 7_000, 9_000))),
                sample);
        assertEquals(List.of(sample), samples.list());
    }

    @Test
    void whatIsNotOfOneProcessThatRanAllTheTimeIsLeftOut() {
        PodSamples samples = new PodSamples();
        add(samples, says(0, 0, 0, 0, "running"), at(0));
        samples.add(null, 0.25, at(5));
        assertEquals(Optional.empty(), add(samples, says(10, 1_000, 4, 3, "running"), at(10)), "it was silent");
        assertEquals(Optional.empty(), add(samples, says(20, 10, 4, 3, "running"), at(20)), "it began anew");
        assertEquals(Optional.empty(), add(samples, says(30, 1_000, 5, 4, "replaying"), at(30)));
        assertEquals(Optional.empty(), add(samples, says(40, 1_000, 5, 4, "running"), at(40)));
        assertTrue(add(samples, says(50, 2_000, 6, 5, "running"), at(50)).isPresent());
        assertEquals(Optional.empty(), add(samples, says(90, 2_000, 6, 5, "running"), at(90)), "too long ago");
    }

    @Test
    void thereIsOneOfTheQueryWhereAllPodsHaveOne() {
        Sample.Slot slot = new Sample.Slot(1, 1, 1, 1, 1, 1, Memory.UNKNOWN);
        List<PodSample> one = List.of(new PodSample(at(10), 10, slot), new PodSample(at(20), 10, slot));
        List<PodSample> other = List.of(new PodSample(at(14), 10, slot), new PodSample(at(60), 10, slot));
        assertEquals(
                List.of(at(10), at(20)),
                PodSamples.join(List.of(one, other)).stream().map(Sample::at).toList());
        assertEquals(List.of(), PodSamples.join(List.of(one, List.of())));
        assertEquals(List.of(), PodSamples.join(List.of()));
    }
}
