package dev.millrace.operator.scaling;

import dev.millrace.operator.scaling.SimulatedQuery.Traits;
import java.util.List;
import java.util.function.IntToDoubleFunction;

/**
 * A load over time, and the query that meets it.
 *
 * @param load rows per second, by second
 * @param outageAt the second at which the query is away for ten minutes; −1 for never
 */
record LoadShape(String name, int seconds, IntToDoubleFunction load, Traits traits, int outageAt) {

    static final int PARTITIONS = 16;
    static final int OUTAGE_SECONDS = 600;

    private static final int HOUR = 3_600;

    static List<LoadShape> all() {
        Traits plain = Traits.plain(PARTITIONS);
        return List.of(
                shape("step", 2 * HOUR, t -> t < 1_800 ? 10_000 : t < 5_400 ? 100_000 : 20_000, plain),
                shape("ramp", 3 * HOUR, t -> 20_000 + 280_000.0 * Math.min(t, 2 * HOUR) / (2 * HOUR), plain),
                shape(
                        "daily wave",
                        24 * HOUR,
                        t -> 160_000 - 140_000 * Math.cos(2 * Math.PI * t / (24.0 * HOUR)),
                        plain),
                shape("spike", 2 * HOUR, t -> t >= 3_600 && t < 3_720 ? 250_000 : 40_000, plain),
                shape("burst windows", 6 * HOUR, t -> t % HOUR >= 1_800 && t % HOUR < 2_700 ? 200_000 : 30_000, plain),
                shape(
                        "skewed partition",
                        2 * HOUR,
                        t -> t < 1_800 ? 30_000 : 90_000,
                        plain.but(traits -> traits.heat(0.4))),
                shape(
                        "partition beyond a thread",
                        2 * HOUR,
                        t -> t < 1_800 ? 30_000 : 100_000,
                        plain.but(traits -> traits.heat(0.6))),
                shape(
                        "slow sink",
                        2 * HOUR,
                        t -> t < 3_600 ? 40_000 : 90_000,
                        plain.but(traits -> traits.limit = 60_000)),
                shape("slow source", 2 * HOUR, t -> t < 3_600 ? 20_000 : 60_000, plain.but(traits -> {
                    traits.limit = 30_000;
                    traits.limitedBySource = true;
                })),
                new LoadShape("backlog after outage", 2 * HOUR, t -> 80_000, plain, 1_800),
                shape(
                        "missing metrics",
                        3 * HOUR,
                        t -> t < 3_600 ? 20_000 : t < 7_200 ? 150_000 : 40_000,
                        plain.but(traits -> traits.missing = 0.3)),
                shape("tiny load", 6 * HOUR, t -> t % 600 < 10 ? 50 : 5, plain),
                shape(
                        "node too small",
                        2 * HOUR,
                        t -> t < 1_800 ? 20_000 : 120_000,
                        plain.but(traits -> traits.nodeMilliCpu = 1_000)),
                shape(
                        "slow starts",
                        3 * HOUR,
                        t -> t < 3_600 ? 60_000 : t < 7_200 ? 150_000 : 60_000,
                        plain.but(traits -> traits.startSeconds = 240)),
                shape(
                        "state outgrows memory",
                        3 * HOUR,
                        t -> 60_000,
                        plain.but(traits -> traits.stateBytesPerSecond = 4.0 * (1L << 30) / (3 * HOUR))),
                shape("flapping load", 3 * HOUR, t -> (t / 60) % 2 == 0 ? 60_000 : 90_000, plain));
    }

    private static LoadShape shape(String name, int seconds, IntToDoubleFunction load, Traits traits) {
        return new LoadShape(name, seconds, load, traits, -1);
    }
}
