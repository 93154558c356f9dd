package dev.millrace.engine.task;

import dev.millrace.connectors.Sink;
import dev.millrace.connectors.Source;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.Slot;
import dev.millrace.plan.QueryPlan;
import dev.millrace.state.CheckpointStore;
import dev.millrace.state.StateHome;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/**
 * A query that is ready to run: its plan and the world it runs in. What holds connections is made anew at each start of the
 * run, since after a fault everything is closed and opened again.
 *
 * @param sources by name, static tables among them
 * @param sinks by the plan's sink names
 * @param slot which part of it this is
 * @param division how it is to be divided, as of now
 * @param wishes which savepoints are to be there, and which no more, as of now
 */
public record QueryDefinition(
        String name,
        QueryPlan plan,
        Map<String, SourceBinding> sources,
        Supplier<World> world,
        StateHome state,
        Supplier<List<SavepointWish>> wishes,
        Slot slot,
        Supplier<Division> division,
        Clock clock,
        Settings settings) {

    /** What a source of the plan is at run time, beside its rows. */
    public record SourceBinding(MalformedPolicy policy, long idleTimeoutMillis) {}

    /** Outputs beside the sinks, none of which has such a name. */
    public static final String DEAD_LETTERS = "deadLetters";

    public static final String LATE_ROWS = "lateRows";

    /**
     * Everything with a connection.
     *
     * @param deadLetters takes rows of sources whose policy is that
     * @param lateRows takes rows that came too late
     * @param checkpoints keeps copies of the state where the loss of this machine does not reach
     * @param outdated whether what the connections were made with, credentials, has changed since
     * @param exchange to the other slots; empty where there are none
     * @param endFormer ends, in the name of an incarnation, writers of the same query that know it by an earlier state id;
     *     called before the first epoch
     */
    public record World(
            Map<String, Source> sources,
            Map<String, Sink> sinks,
            Optional<Sink> deadLetters,
            Optional<Sink> lateRows,
            ProgressLog log,
            Optional<CheckpointStore> checkpoints,
            Optional<Exchange> exchange,
            BooleanSupplier outdated,
            LongConsumer endFormer) {}

    /**
     * How to run.
     *
     * @param workers threads
     * @param commitIntervalMillis how long an epoch takes at least, if there is input
     * @param triggerIntervalMillis how often input is looked at; 0 for always
     * @param availableNow whether to process what is there and end
     * @param checkpointIntervalMillis between local checkpoints
     * @param checkpoints how many are kept outside of the volume
     * @param epochRows how many rows an epoch reads at most, per worker, in rounds of one poll
     * @param handOverBytes how much state an epoch copies to other slots: so much as is not felt by the rows beside it
     */
    public record Settings(
            int workers,
            long commitIntervalMillis,
            long triggerIntervalMillis,
            boolean availableNow,
            long checkpointIntervalMillis,
            int checkpoints,
            long epochRows,
            long handOverBytes) {

        public static Settings defaults() {
            return new Settings(1, 200, 0, false, 60_000, 3, 2_000_000, 8 << 20);
        }
    }
}
