package dev.millrace.operator.scaling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.operator.scaling.ScalingHistory.Look;
import dev.millrace.operator.scaling.ScalingPolicy.Situation;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import dev.millrace.operator.scaling.SimulatedQuery.Traits;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScalingHistoryTest {

    /** Read from JSON, in which a query is sized, grows, is refused CPU and shrinks, all is decided as it was. */
    @Test
    void theSameIsDecidedAgain() {
        Bounds bounds = ScalingRun.BOUNDS;
        Allocation first = new Allocation(1, 250, bounds.minMemory());
        Traits traits = Traits.plain(LoadShape.PARTITIONS).but(changed -> {
            changed.nodeMilliCpu = 1_000;
            changed.stateBytesPerSecond = 1 << 20;
        });
        SimulatedQuery query = new SimulatedQuery(traits, first, 7);
        ScalingState state = ScalingState.of(first);
        List<Look> looks = new ArrayList<>();
        List<Step> steps = new ArrayList<>();
        for (int second = 0; second < 1_500; second++) {
            query.second(second < 300 ? 10_000 : second < 800 ? 90_000 : 5_000);
            if (query.isDeferred()) {
                state = state.refused(query.has(), "the node has no more", query.now());
                query.ask(state.asked());
            } else if (second % 10 == 9) {
                Situation seen =
                        new Situation(query.samples(), query.actual(), Objective.DEFAULT, bounds, true, query.now());
                Step step = ScalingPolicy.step(seen, state);
                looks.add(new Look(
                        query.now(),
                        newest(query),
                        state,
                        query.actual(),
                        Objective.DEFAULT,
                        bounds,
                        true,
                        step.reason()));
                steps.add(step);
                state = step.state();
                query.ask(state.asked());
            }
        }
        assertTrue(state.past().size() >= 2, state.past().toString());
        ScalingHistory history = new ScalingHistory("default/q", looks, query.samples());
        ScalingHistory read = ScalingHistory.ofJson(history.toJson());
        assertEquals(history, read);
        for (int i = 0; i < looks.size(); i++) {
            assertEquals(steps.get(i), read.replay(read.looks().get(i)));
        }
    }

    private static Instant newest(SimulatedQuery query) {
        List<Sample> samples = query.samples();
        return samples.isEmpty() ? null : samples.get(samples.size() - 1).at();
    }

    @Test
    void whatIsNoHistoryIsToldSo() {
        for (String text : List.of("", "null", "{}", "[1]", "{\"looks\": 1}", "default/q")) {
            assertThrows(IllegalArgumentException.class, () -> ScalingHistory.ofJson(text), text);
        }
    }
}
