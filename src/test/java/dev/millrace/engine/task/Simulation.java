package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.SourcePosition;
import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressLog.SupersededException;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.engine.Slot;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateHome;
import dev.millrace.state.StateStore;
import dev.millrace.state.memory.MemoryStore;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * A query in several slots on one thread: the engine as it is, in a world of which one seed decides everything: which slot
 * goes on when, what it gets to read, where it crashes, which commits fail, what a volume has lost, and when a process that
 * was thought dead goes on.
 */
final class Simulation {

    private static final int KEY_GROUPS = 8;
    private static final int KEPT = 1;
    private static final int MOST_SLOTS = 4;
    private static final int MOST_PARTITIONS = 5;

    /** The engine has looked for new partitions by then. */
    private static final long DISCOVERY_NANOS = 3_000_000_000L;

    private final QueryPlan plan;
    private final Random random;
    private final SimulatedKafka kafka;
    private final Map<String, List<List<List<Object>>>> tables;
    private final List<Process> processes = new ArrayList<>();
    private final List<EpochLoop> zombies = new ArrayList<>();
    private final int workers;
    private Division division;
    private boolean faults = true;
    private long nanos = 1_000_000_000L;
    private int crashes;
    private int moves;
    private int takeOvers;
    private int visible;

    /** Ends a process at a step. */
    private static final class Crash extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /**
     * @param tables by name: rows by partition
     */
    Simulation(QueryPlan plan, Map<String, List<List<List<Object>>>> tables, int slots, int workers, Random random) {
        this.plan = plan;
        this.tables = tables;
        this.workers = workers;
        this.random = random;
        this.kafka = new SimulatedKafka(random, KEY_GROUPS);
        this.division = new Division(0, slots);
        this.visible = plan.usesWatermark() ? MOST_PARTITIONS : 1; // new ones begin where the watermark is by then
        for (int slot = 0; slot < MOST_SLOTS; slot++) {
            processes.add(new Process(slot));
        }
    }

    SimulatedKafka kafka() {
        return kafka;
    }

    int crashes() {
        return crashes;
    }

    /** Runs for so many steps with faults, then without until nothing is left to do. */
    void run(int steps) {
        kafka.failures(10);
        for (int i = 0; i < steps; i++) {
            processes.get(random.nextInt(processes.size())).step();
            wakeZombie();
            if (visible < MOST_PARTITIONS && random.nextInt(20) == 0) {
                visible++;
                nanos += DISCOVERY_NANOS;
            }
            if (random.nextInt(40) == 0) {
                int slots = 1 + random.nextInt(MOST_SLOTS);
                division = new Division(division.version() + 1, slots, moved(slots), read(slots));
            }
        }
        faults = false;
        kafka.failures(0);
        visible = MOST_PARTITIONS;
        nanos += DISCOVERY_NANOS;
        int quiet = 0;
        for (int i = 0; quiet < 30; i++) {
            boolean more = false;
            for (Process process : processes) {
                more |= process.step();
            }
            quiet = more ? 0 : quiet + 1;
            if (i > 2_000) {
                throw new AssertionError("it does not come to an end; " + processes);
            }
        }
        requireDivided();
    }

    /** Some partitions, or none, are read by other slots than arithmetic has it. */
    private SortedMap<String, Integer> read(int slots) {
        SortedMap<String, Integer> read = new TreeMap<>();
        List<String> sources = List.copyOf(tables.keySet());
        for (int i = random.nextInt(MOST_PARTITIONS); i > 0; i--) {
            String source = sources.get(random.nextInt(sources.size()));
            read.put(Division.partition(source, partitionName(random.nextInt(MOST_PARTITIONS))), random.nextInt(slots));
        }
        return read;
    }

    /** Some key groups, or none, go elsewhere than arithmetic has them. */
    private SortedMap<Integer, Integer> moved(int slots) {
        SortedMap<Integer, Integer> moved = new TreeMap<>();
        for (int g = 1; random.nextBoolean() && g < KEY_GROUPS; g++) {
            moved.put(1 + random.nextInt(KEY_GROUPS - 1), random.nextInt(slots));
        }
        return moved;
    }

    private static String partitionName(int partition) {
        return "p-" + partition;
    }

    /** What is owned in the end is what was wished for last. */
    private void requireDivided() {
        int[] owners = division.keyGroupOwners(KEY_GROUPS);
        for (Process process : processes) {
            ProgressRecord last = kafka.last(process.index);
            boolean alone = last != null && last.exchange() == null;
            List<Integer> expected = IntStream.range(0, KEY_GROUPS)
                    .filter(g -> owners[g] == process.index)
                    .boxed()
                    .toList();
            List<Integer> owned = last == null
                    ? List.of()
                    : alone
                            ? IntStream.range(0, KEY_GROUPS).boxed().toList()
                            : last.exchange().own();
            if (!owned.equals(expected)) {
                throw new AssertionError(division + ": slot " + process.index + " owns " + owned + ", not " + expected
                        + "; " + processes + "; " + last);
            }
            requireRead(process.index, last);
            moves += last == null || alone || last.exchange().lastMove() < 0 ? 0 : 1;
        }
    }

    /** So are the partitions that are read. */
    private void requireRead(int slot, ProgressRecord last) {
        for (PlanNode.Scan scan : plan.scans(false)) {
            String source = scan.table().name();
            List<String> expected = IntStream.range(0, tables.get(source).size())
                    .mapToObj(Simulation::partitionName)
                    .filter(name -> division.partitionOwner(source, name) == slot)
                    .toList();
            List<String> read = last == null || last.sources().get(source) == null
                    ? List.of()
                    : last.sources().get(source).partitions().stream()
                            .map(ProgressRecord.PartitionProgress::partition)
                            .sorted()
                            .toList();
            if (!read.equals(expected)) {
                throw new AssertionError(
                        division + ": slot " + slot + " reads " + read + ", not " + expected + "; " + last);
            }
        }
    }

    /** How many slots know of something that was handed over. */
    int moves() {
        return moves;
    }

    /** How often a standby has taken over. */
    int takeOvers() {
        return takeOvers;
    }

    /** A process that was thought dead goes on, finds out, and is gone. */
    private void wakeZombie() {
        if (!zombies.isEmpty() && random.nextInt(20) == 0) {
            EpochLoop zombie = zombies.remove(random.nextInt(zombies.size()));
            try {
                for (int i = 0; i < 10; i++) {
                    zombie.epoch();
                }
            } catch (ConnectorException | Crash e) {
                // fenced, or dead at last
            }
            zombie.close();
        }
    }

    /** A slot's volume, and the process that runs on it now and then; beside it, now and then, a standby on another volume. */
    private final class Process {
        private final int index;
        private Division wish = division;
        private boolean left;
        private Volume volume = new Volume();
        private Volume spare;
        private boolean behind; // where a standby has taken over, until it has a checkpoint of its own
        private EpochLoop standby;
        private final Deque<MemoryStore> checkpoints = new ArrayDeque<>();
        private EpochLoop loop;
        private long incarnation;
        private String last = "";

        Process(int index) {
            this.index = index;
        }

        /** An epoch, or a start; returns whether there may be more to do. */
        boolean step() {
            if (!faults || random.nextInt(5) == 0) {
                wish = division;
            }
            left &= index >= wish.slots();
            boolean never = loop == null && incarnation == 0 && index >= wish.slots();
            if (left || never) {
                return false;
            }
            if (faults) {
                standBy();
            }
            try {
                if (loop != null && loop.hasLeft()) {
                    left = true;
                    loop.close();
                    loop = null;
                    endStandby();
                    return true;
                }
                if (faults && standby != null && random.nextInt(30) == 0) {
                    takeOver();
                    return true;
                }
                if (loop != null && loop.otherShape().isPresent()) {
                    loop.close();
                    loop = null;
                }
                if (loop == null) {
                    start();
                    return true;
                }
                if (faults && random.nextInt(40) == 0) {
                    end(true);
                    return true;
                }
                boolean more = loop.epoch();
                if (faults && random.nextInt(6) == 0) {
                    volume.synced = copy(volume.store);
                }
                if (faults && random.nextInt(4) == 0) {
                    checkpoint();
                }
                return more;
            } catch (Crash | ConnectorException e) {
                last = e.toString();
                end(false);
                return true;
            } catch (Exchange.TrimmedException e) {
                last = e.toString();
                end(false);
                volume.store = stored();
                volume.synced = stored();
                behind = false;
                return true;
            }
        }

        /** A standby follows, fails and starts again, or there comes to be one. */
        private void standBy() {
            try {
                if (standby != null && random.nextInt(60) == 0) {
                    endStandby();
                } else if (standby != null && random.nextInt(2) == 0) {
                    if (!standby.follow()) {
                        endStandby();
                    }
                } else if (standby == null && loop != null && random.nextInt(15) == 0) {
                    if (spare == null || random.nextInt(4) == 0) {
                        spare = new Volume();
                        spare.store = stored();
                        spare.synced = stored();
                    }
                    standby = new EpochLoop(definition(spare), new QueryMetrics(), notice -> {}, this::reached);
                    standby.standBy();
                }
            } catch (ConnectorException e) {
                endStandby();
            } catch (Exchange.TrimmedException e) {
                endStandby();
                spare = null;
            }
        }

        private void endStandby() {
            if (standby != null) {
                standby.close();
                standby = null;
                spare.store = copy(spare.store);
            }
        }

        /** Whether the one that it has followed is dead, or thought dead, or well. */
        private void takeOver() {
            if (loop != null && random.nextBoolean()) {
                zombies.add(loop);
            } else if (loop != null) {
                loop.close();
            }
            takeOvers++;
            behind = true;
            loop = standby;
            standby = null;
            volume = spare;
            spare = null;
            loop.takeOver(++incarnation);
            loop.begin();
        }

        private MemoryStore stored() {
            return checkpoints.isEmpty() ? new MemoryStore() : copy(checkpoints.getLast());
        }

        private void start() {
            EpochLoop starting = new EpochLoop(definition(volume), new QueryMetrics(), notice -> {}, this::reached);
            loop = starting;
            try {
                starting.open(++incarnation, () -> false);
                starting.begin();
            } catch (SupersededException e) {
                throw new AssertionError(e);
            }
        }

        /**
         * What is left of it: the volume, an older copy, or nothing.
         *
         * @param frozen whether it is only thought dead
         */
        private void end(boolean frozen) {
            crashes++;
            EpochLoop ended = loop;
            loop = null;
            if (frozen) {
                zombies.add(ended);
            } else {
                ended.close();
            }
            int luck = faults ? random.nextInt(8) : 7;
            if (luck == 3) { // the machine has gone down, with what no disk had yet
                volume.store = copy(volume.synced);
            } else if (kafka.breaks(SimulatedKafka.Fault.TORN_WRITE)) {
                volume.store = torn(volume.store);
            } else if (luck < 3) {
                boolean fromLog = checkpoints.size() < KEPT && luck == 0;
                volume.store = checkpoints.isEmpty() || fromLog
                        ? new MemoryStore()
                        : copy(luck == 1 ? checkpoints.getFirst() : checkpoints.getLast());
            } else {
                volume.store = copy(volume.store);
            }
        }

        /** As many are kept as the engine is told; what is needed only for older ones is trimmed. */
        private void checkpoint() {
            behind = false;
            volume.synced = copy(volume.store);
            checkpoints.add(volume.synced);
            if (checkpoints.size() > KEPT) {
                checkpoints.remove();
            }
            loop.stored(volume.store.epoch());
        }

        @Override
        public String toString() {
            return index + (left ? " left " : " ") + last + (loop == null ? "" : " " + loop);
        }

        private void reached(FaultPoints.Step step) {
            if (faults && random.nextInt(100) == 0) {
                throw new Crash();
            }
        }

        private QueryDefinition definition(StateHome home) {
            Map<String, QueryDefinition.SourceBinding> bindings = new HashMap<>();
            tables.keySet()
                    .forEach(name -> bindings.put(name, new QueryDefinition.SourceBinding(MalformedPolicy.FAIL, 0)));
            return new QueryDefinition(
                    "simulated",
                    plan,
                    bindings,
                    this::world,
                    home,
                    List::of,
                    new Slot(index, 1),
                    () -> wish,
                    new VirtualClock(),
                    new QueryDefinition.Settings(
                            1 + random.nextInt(workers),
                            1,
                            0,
                            false,
                            Long.MAX_VALUE,
                            KEPT,
                            1 + random.nextInt(40),
                            50 + random.nextInt(500)));
        }

        private QueryDefinition.World world() {
            SimulatedKafka.Client client = kafka.new Client(index, behind);
            Map<String, Source> sources = new HashMap<>();
            for (boolean fixed : new boolean[] {false, true}) {
                for (PlanNode.Scan scan : plan.scans(fixed)) {
                    boolean changed =
                            fixed && index > 0; // only the first slot may see what static tables were at first
                    sources.put(
                            scan.table().name(),
                            new Rows(
                                    scan,
                                    changed
                                            ? List.of(List.of())
                                            : tables.get(scan.table().name())));
                }
            }
            Map<String, dev.millrace.connectors.Sink> sinks = new HashMap<>();
            for (SinkPlan sink : plan.sinks()) {
                sinks.put(sink.name(), client.sink(sink.name()));
            }
            return new QueryDefinition.World(
                    sources,
                    sinks,
                    Optional.empty(),
                    Optional.empty(),
                    client,
                    Optional.empty(),
                    Optional.of(client),
                    () -> false,
                    known -> {});
        }
    }

    /** Keeps a state over crashes. */
    private static final class Volume implements StateHome {
        private MemoryStore store = new MemoryStore();
        private MemoryStore synced =
                new MemoryStore(); // what is left of it when its machine goes down; a checkpoint at least

        @Override
        public StateStore open() {
            return store;
        }

        @Override
        public Origin origin() {
            return Origin.VOLUME;
        }

        @Override
        public Optional<String> loss() {
            return Optional.empty();
        }

        @Override
        public void discard() {
            throw new AssertionError("a store in memory is never damaged");
        }

        @Override
        public void forget() {
            throw new AssertionError("nobody is behind");
        }

        @Override
        public LocalCheckpoint checkpoint(StateStore store) {
            throw new AssertionError("not due");
        }

        @Override
        public Space space() {
            return Space.UNKNOWN;
        }
    }

    private static MemoryStore copy(MemoryStore from) {
        return copy(from, -1);
    }

    /** Without one of the keys that were written. */
    private MemoryStore torn(MemoryStore from) {
        return copy(from, random.nextInt(1 + (int) from.rows()));
    }

    /**
     * @param missing which key is left away; none is before the first
     */
    private static MemoryStore copy(MemoryStore from, int missing) {
        MemoryStore copy = new MemoryStore();
        int[] number = new int[1];
        if (from.epoch() != StateStore.NO_EPOCH) {
            StateBatch all = new StateBatch();
            byte[] end = new byte[64];
            Arrays.fill(end, (byte) -1);
            from.scan(new byte[0], end, (key, value) -> {
                if (number[0]++ != missing) {
                    all.put(key, value);
                }
                return true;
            });
            all.countRows(from.rows());
            copy.apply(all, from.epoch());
        }
        return copy;
    }

    private final class VirtualClock implements Clock {
        @Override
        public long millis() {
            return nanos / 1_000_000;
        }

        @Override
        public synchronized long nanos() {
            return nanos += 50_000;
        }

        @Override
        public synchronized void sleep(long millis) {
            nanos += millis * 1_000_000;
        }
    }

    /** The rows of a table. */
    private final class Rows implements Source {
        private final PlanNode.Scan scan;
        private final List<List<List<Object>>> partitions;

        Rows(PlanNode.Scan scan, List<List<List<Object>>> partitions) {
            this.scan = scan;
            this.partitions = partitions;
        }

        @Override
        public String identity() {
            return scan.table().name();
        }

        @Override
        public List<Start> discover() {
            List<Start> starts = new ArrayList<>();
            for (int p = 0; p < Math.min(visible, partitions.size()); p++) {
                starts.add(new Start(partitionName(p), Position.at(0)));
            }
            return starts;
        }

        @Override
        public Reader reader(MalformedRows malformed) {
            return new RowReader(this);
        }

        @Override
        public void close() {}
    }

    private static final class RowReader implements Source.Reader {
        private final Rows source;
        private final Batch batch;
        private final List<int[]> parts = new ArrayList<>();
        private final Map<Integer, long[]> positions = new HashMap<>();
        private int turn;
        private final RowOrigin origin = new RowOrigin() {
            @Override
            public SourcePosition position(int row) {
                return new SourcePosition(source.scan.table().name(), "p", row);
            }

            @Override
            public byte[] raw(int row) {
                return null;
            }
        };

        RowReader(Rows source) {
            this.source = source;
            this.batch = new Batch(source.scan.schema());
        }

        @Override
        public void assign(int index, String partition, Position position) {
            parts.add(new int[] {index, Integer.parseInt(partition.substring(2))});
            positions.put(index, new long[] {position.offset(), Long.MAX_VALUE});
        }

        @Override
        public void release(int index) {
            parts.removeIf(part -> part[0] == index);
            positions.remove(index);
        }

        @Override
        public void limit(int index, Position end) {
            positions.get(index)[1] = end == null ? Long.MAX_VALUE : end.offset();
        }

        @Override
        public void limitToNow() {}

        @Override
        public SourceBatch poll(long timeoutMillis) {
            batch.clear();
            int[] of = new int[7];
            if (!parts.isEmpty()) {
                int[] part = parts.get(turn++ % parts.size());
                long[] position = positions.get(part[0]);
                List<List<Object>> rows = source.partitions.get(part[1]);
                while (batch.size() < of.length && position[0] < Math.min(rows.size(), position[1])) {
                    Events.append(batch, source.scan, rows.get((int) position[0]++), 1);
                }
                Arrays.fill(of, part[0]);
            }
            batch.fill(batch.size(), origin);
            return new SourceBatch(batch, of);
        }

        @Override
        public Position position(int index) {
            return Position.at(positions.get(index)[0]);
        }

        @Override
        public long lag(int index) {
            int partition =
                    parts.stream().filter(part -> part[0] == index).findFirst().orElseThrow()[1];
            return source.partitions.get(partition).size() - positions.get(index)[0];
        }

        @Override
        public boolean atEnd(int index) {
            return lag(index) == 0;
        }

        @Override
        public void close() {}
    }
}
