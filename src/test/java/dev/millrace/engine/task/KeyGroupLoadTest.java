package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.engine.QueryMetrics.HotKeyGroup;
import dev.millrace.engine.QueryMetrics.Updates;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class KeyGroupLoadTest {

    private final KeyGroupLoad load = new KeyGroupLoad();
    private final long[] rows = new long[16];
    private final long[] updates = new long[16];
    private long now = 1_000_000;

    /** So many rows come in ten seconds. */
    private List<HotKeyGroup> after(long... more) {
        for (int g = 0; g < more.length; g++) {
            rows[g] += more[g];
            updates[g] += more[g] / 5;
        }
        now += 10_000;
        return load.look(now, rows, updates).hot();
    }

    private static long[] even(long each) {
        long[] rows = new long[16];
        Arrays.fill(rows, each);
        return rows;
    }

    @Test
    void oneThatHasManyOfTheRowsIsHot() {
        after();
        long[] skewed = even(1_000);
        skewed[5] = 15_000;
        assertEquals(List.of(new HotKeyGroup(5, 0.5)), after(skewed));
    }

    @Test
    void whereAllHaveTheSameNoneIs() {
        after();
        assertEquals(List.of(), after(even(1_000)));
    }

    @Test
    void fewRowsTellNothing() {
        after();
        assertEquals(List.of(), after(1, 1, 900));
    }

    @Test
    void twoThatShareAllAreNotHotterThanTheOther() {
        after();
        assertEquals(List.of(), after(90_000, 80_000));
    }

    @Test
    void itIsHotForAMinuteAfterItWas() {
        after();
        long[] skewed = even(1_000);
        skewed[5] = 1_000_000;
        after(skewed);
        for (int i = 0; i < 5; i++) {
            assertEquals(5, after(even(1_000)).get(0).keyGroup());
        }
        assertEquals(List.of(), after(even(1_000)));
    }

    @Test
    void itLooksEveryTenSeconds() {
        after();
        rows[3] += 100_000;
        rows[4] += 1_000;
        rows[5] += 1_000;
        rows[6] += 1_000;
        assertEquals(List.of(), load.look(now + 9_999, rows, updates).hot());
        assertEquals(3, load.look(now + 10_000, rows, updates).hot().get(0).keyGroup());
    }

    @Test
    void ratesAreKnownWhenAMinuteIsOver() {
        after();
        long[] more = new long[16];
        more[2] = 500;
        more[9] = 15;
        for (int i = 0; i < 5; i++) {
            after(more);
            assertEquals(Optional.empty(), load.look(now, rows, updates).updates());
        }
        after(more);
        assertEquals(
                Optional.of(new Updates(10.3, Map.of(2, 10.0, 9, 0.3))),
                load.look(now, rows, updates).updates());
    }
}
