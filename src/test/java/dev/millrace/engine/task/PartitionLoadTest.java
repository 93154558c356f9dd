package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.engine.PartitionMetrics;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PartitionLoadTest {

    private final PartitionLoad load = new PartitionLoad();
    private final PartitionMetrics busy = new PartitionMetrics("clicks", "in-0");
    private final PartitionMetrics calm = new PartitionMetrics("clicks", "in/1");
    private long now;

    private Map<String, Double> after(int seconds, List<PartitionMetrics> partitions) {
        Map<String, Double> rates = Map.of();
        for (int i = 0; i < seconds; i++) {
            now += 1_000;
            busy.read(500);
            calm.read(20);
            rates = load.look(now, partitions);
        }
        return rates;
    }

    @Test
    void ratesAreThoseOfTheLastMinute() {
        assertEquals(Map.of(), after(60, List.of(busy, calm)));
        Map<String, Double> both = Map.of("clicks/in-0", 500.0, "clicks/in%2F1", 20.0);
        assertEquals(both, after(1, List.of(busy, calm)));
        busy.read(6_000);
        assertEquals(both, after(9, List.of(busy, calm)), "every ten seconds");
        assertEquals(600, after(1, List.of(busy, calm)).get("clicks/in-0"));
        assertEquals(500, after(60, List.of(busy, calm)).get("clicks/in-0"));
    }

    @Test
    void whatHasJustComeOrGoneHasNone() {
        after(60, List.of(busy));
        assertEquals(Map.of("clicks/in-0", 500.0), after(10, List.of(busy, calm)));
        assertEquals(Map.of("clicks/in%2F1", 20.0), after(60, List.of(calm)));
    }
}
