package dev.millrace.engine.task;

import dev.millrace.data.Hash;
import dev.millrace.engine.Division;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.ProgressRecord.Coming;
import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import dev.millrace.engine.ProgressRecord.Release;
import dev.millrace.engine.ProgressRecord.ReleasedKeyGroup;
import dev.millrace.engine.ProgressRecord.ReleasedPartition;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.QueryMetrics;
import dev.millrace.state.StateBatch;
import dev.millrace.state.StateStore;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/**
 * What a slot has to do with the query's other slots: what of the query is its own, what it sends and takes, and what it hands
 * over. {@link Slots} is what it knows of them, {@link Arrivals} what comes, {@link Departures} and {@link HandOver} what goes.
 */
final class Peers {

    /** A slot for which windows wait is told after that. */
    private static final long SILENT_MILLIS = 30_000;

    private final int slot;
    private final long query;
    private final boolean timed;
    private final Supplier<Division> wishes;
    private final Exchange exchange;
    private final String identity;
    private final Share share;
    private final Dataflow dataflow;
    private final List<Inputs> inputs;
    private final int levels;
    private final KeyGroupRanges ranges;
    private final Slots slots;
    private final Departures departures;
    private final HandOver handOver;
    private final Arrivals arrivals;
    private Division divided;
    private int[] owners;
    private Release released;
    private boolean received;
    private boolean left;

    /**
     * What of the query is this slot's.
     *
     * @param own by key group: whether it is
     * @param reached the watermarks with which key groups were computed last
     */
    record Share(boolean[] own, Reached reached) {}

    /**
     * @param share as the dataflow has it; what comes and goes is noted in it
     */
    Peers(
            QueryDefinition definition,
            Exchange exchange,
            StateStore store,
            Share share,
            Dataflow dataflow,
            List<Inputs> inputs) {
        this.slot = definition.slot().index();
        this.query = Hash.hash(definition.plan().id().getBytes(StandardCharsets.UTF_8));
        this.timed = definition.plan().usesWatermark();
        this.wishes = definition.division();
        this.exchange = exchange;
        this.identity = exchange.open();
        this.share = share;
        this.dataflow = dataflow;
        this.inputs = inputs;
        this.levels = dataflow.levels();
        this.ranges = new KeyGroupRanges(share.own.length, dataflow.gathered());
        this.slots = new Slots(slot, levels, definition.clock());
        this.departures = new Departures(share.own.length);
        this.handOver = new HandOver(slot, store, ranges, definition.settings().handOverBytes());
        this.arrivals = new Arrivals(exchange, query, slot, share.own, dataflow.arrivals(), slots, ranges);
        share.reached.spread(levels + 1);
    }

    /** Slot 0 owns all until it has handed something over, and each other slot nothing until it is given some. */
    static boolean[] owned(ProgressRecord held, int slot, int keyGroups) {
        boolean[] owned = new boolean[keyGroups];
        if (held != null && held.exchange() != null) {
            held.exchange().own().forEach(keyGroup -> owned[keyGroup] = true);
        } else {
            Arrays.fill(owned, slot == 0);
        }
        return owned;
    }

    /** The watermarks with which key groups were computed last. */
    static Reached reachedBy(ProgressRecord held, int keyGroups) {
        Reached reached = new Reached(keyGroups, Flow.watermarksOf(held));
        if (held != null && held.exchange() != null && held.exchange().reached() != null) {
            held.exchange().reached().forEach(reached::set);
        }
        return reached;
    }

    /** Without an exchange there is one watermark for all levels. */
    long[] spread(long[] some) {
        if (some.length > 1) {
            return some;
        }
        long[] all = new long[levels + 1];
        Arrays.fill(all, some[0]);
        return all;
    }

    /** Goes on where a record says; from the beginning where it is null. */
    void start(ExchangeProgress progress) {
        if (progress != null) {
            if (!progress.identity().equals(identity)) {
                throw new QueryException(
                        "StateLost",
                        "the exchange between the query's slots is not the one that they have used: it was deleted and"
                                + " made again, and rows that were on their way are gone");
            }
            slots.wish(progress.division());
            if (!progress.left()) {
                slots.restore(progress);
            }
        }
        arrivals.start(progress);
    }

    private final Arrivals.Receiver receiver = new Arrivals.Receiver() {
        @Override
        public void returned(long epoch, long offset) {
            handOver.returned(epoch, offset);
        }

        @Override
        public void partitions(List<ReleasedPartition> partitions) {
            for (ReleasedPartition partition : partitions) {
                input(partition.source()).receive(partition);
                received = true;
            }
        }

        @Override
        public void keyGroups(List<Integer> keyGroups, Coming from) {
            from.release().keyGroups().forEach(group -> share.reached.set(group.keyGroup(), group.watermarks()));
            dataflow.moved(keyGroups, true, share.reached);
        }
    };

    private Inputs input(String name) {
        return inputs.stream()
                .filter(input -> input.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** Whether this slot has left the query. */
    boolean hasLeft() {
        return left;
    }

    /** What is this slot's now. */
    QueryMetrics.Part part() {
        boolean settled =
                arrivals.isSettled() && !slots.isHanding() && slots.division().equals(divided) && slots.allAgree();
        for (int g = 0; settled && g < share.own.length; g++) {
            settled = share.own[g] == (owners[g] == slot);
        }
        for (Inputs input : inputs) {
            settled = settled && input.reads(name -> divided.partitionOwner(input.name(), name) == slot);
        }
        return new QueryMetrics.Part(slot, slots.division(), slots.known(), ranges(), settled, arrivals.behind());
    }

    private String ranges() {
        List<String> ranges = new ArrayList<>();
        for (int from = 0; from < share.own.length; from++) {
            if (share.own[from]) {
                int to = from;
                while (to + 1 < share.own.length && share.own[to + 1]) {
                    to++;
                }
                ranges.add(from == to ? String.valueOf(from) : from + "-" + to);
                from = to;
            }
        }
        return String.join(", ", ranges);
    }

    /** The slot that windows wait for and that has said nothing for a while. */
    OptionalInt heldBy(long[] watermarks) {
        return timed ? slots.heldBy(watermarks, SILENT_MILLIS) : OptionalInt.empty();
    }

    /** Whether so much waits that it is to be taken before more is read. */
    boolean isFull() {
        return arrivals.isFull();
    }

    /** Reads what has come, or comes within the time; returns whether something has. */
    boolean poll(long timeoutMillis) {
        return arrivals.poll(timeoutMillis);
    }

    /** Takes what was read, as far as it is complete; returns whether there was something. */
    boolean take() {
        return arrivals.take(Long.MAX_VALUE, receiver);
    }

    /** Whether all that was read is taken. */
    boolean isEmpty() {
        return arrivals.isEmpty();
    }

    /** Where an epoch's rows for others are gathered. */
    Departures departures() {
        return departures;
    }

    /**
     * Between two epochs, before one is read: hands over what others are to have, as far as they are ready. Returns whether
     * an epoch is due for it.
     *
     * @param watermarks of the epoch before
     */
    boolean handOver(long[] watermarks) {
        slots.wish(wishes.get());
        if (arrivals.isJoining()) {
            return slots.own() == null;
        }
        Division division = slots.division();
        List<ReleasedPartition> partitions = new ArrayList<>();
        for (Inputs input : inputs) {
            partitions.addAll(input.leaving(name -> division.partitionOwner(input.name(), name), slots::agrees));
        }
        Map<Integer, Integer> wanted = new TreeMap<>();
        if (!division.equals(divided)) {
            divided = division;
            owners = division.keyGroupOwners(share.own.length);
        }
        for (int g = 0; g < share.own.length; g++) {
            if (share.own[g] && slots.agrees(owners[g])) {
                wanted.put(g, owners[g]);
            }
        }
        handOver.plan(wanted, slots, arrivals::position);
        Map<Integer, Integer> keyGroups = handOver.releasable(slots);
        if (!partitions.isEmpty() || !keyGroups.isEmpty()) {
            released = arrivals.release(keyGroups, handOver, share.reached, partitions);
            disowned(released);
        }
        return released != null
                || handOver.isDue(slots)
                || (isOnly() ? mayBeAlone(watermarks) : slots.hasNews())
                || mayLeave();
    }

    private void disowned(Release release) {
        List<Integer> keyGroups =
                release.keyGroups().stream().map(ReleasedKeyGroup::keyGroup).toList();
        dataflow.moved(keyGroups, false, share.reached);
        release.partitions()
                .forEach(partition ->
                        input(partition.source()).release(partition.progress().partition()));
    }

    /** A slot that the present division does not have, and that is done. */
    private boolean mayLeave() {
        boolean ownsNothing = inputs.stream().allMatch(Inputs::isEmpty);
        for (boolean owns : share.own) {
            ownsNothing &= !owns;
        }
        return ownsNothing
                && slot >= slots.division().slots()
                && !slots.isHanding()
                && released == null
                && arrivals.isSettled()
                && slots.allAgree();
    }

    /** Whether nobody else has anything of the query, as far as has been heard, and nothing is on its way. */
    private boolean isOnly() {
        boolean ownsAll = inputs.stream().allMatch(Inputs::readsAll);
        for (boolean owns : share.own) {
            ownsAll &= owns;
        }
        return ownsAll
                && slots.division().slots() == 1
                && slots.members().equals(List.of(slot))
                && released == null
                && !slots.isHanding()
                && arrivals.isSettled()
                && arrivals.isEmpty();
    }

    /**
     * Whether an epoch can be the last one with the exchange. Whoever has woken it was heard then, else that would wake it for
     * ever. From then on there is one watermark for all, so no stage may be behind or ahead.
     */
    private boolean mayBeAlone(long[] watermarks) {
        return isOnly()
                && arrivals.hasReadAll()
                && arrivals.hasReturned()
                && slots.returning() < 0
                && LongStream.of(watermarks).allMatch(watermark -> watermark == watermarks[0])
                && share.reached.exceptions(share.own, watermarks) == null;
    }

    /** In a replay: what was released, and what came: rows, state, and what was handed over. */
    void replay(ExchangeProgress progress) {
        released = progress.released();
        if (released != null) {
            arrivals.disown(released.keyGroups().stream()
                    .map(ReleasedKeyGroup::keyGroup)
                    .toList());
            disowned(released);
        }
        arrivals.takeAsRecorded(progress, receiver);
    }

    /**
     * What a replayed epoch has for others was sent before.
     *
     * @param progress null where there were none by then
     */
    void endReplay(ExchangeProgress progress) {
        departures.finish();
        departures.clear();
        arrivals.takeMoved();
        if (progress != null) {
            slots.restore(progress);
            left = progress.left();
        }
    }

    /**
     * The watermarks with which an epoch is to run, as far as is known by now.
     *
     * @param least time of the slot's own sources; {@link dev.millrace.data.Watermark#END} where no partition of them counts
     * @param before those of the epoch before
     */
    long[] watermarks(long epoch, long least, long[] before) {
        if (released != null) {
            slots.released(epoch, released);
        }
        return timed && !arrivals.isJoining() ? slots.watermarks(least, before, received) : before.clone();
    }

    /** Notes that an epoch was computed. */
    void computed(long[] watermarks) {
        received = false;
        share.reached.epoch(share.own, watermarks);
    }

    /**
     * Sends to the other slots what the epoch has for them.
     *
     * @param watermarks with which it ran
     * @param noneCounts whether no partition of a source counts in them
     */
    void depart(long epoch, long[] watermarks, boolean noneCounts) {
        List<ReleasedKeyGroup> keyGroups = released == null ? List.of() : released.keyGroups();
        List<Announcement.Chunk> chunks = handOver.send(epoch, keyGroups, slots, exchange);
        if (!chunks.isEmpty() || released != null) {
            slots.sends(epoch);
        }
        left = mayLeave();
        boolean joining = arrivals.isJoining();
        boolean moved = arrivals.takeMoved();
        Announcement last = slots.own();
        Announcement now = new Announcement(
                Announcement.FORMAT,
                query,
                slot,
                epoch,
                slots.division(),
                slots.members(),
                joining,
                left,
                arrivals.settled(),
                watermarks,
                timed && noneCounts && !(slots.isHanding() && last != null && !last.idle()),
                slots.needed(),
                departures.finish(),
                chunks.isEmpty() ? null : chunks,
                released);
        if (joining ? last == null : !isOnly() && (moved || now.isNews(last))) { // nobody would hear it
            slots.heard(now);
            departures.send(slot, epoch, exchange);
            exchange.send(Exchange.ANNOUNCEMENTS, now.encode());
        }
        departures.clear();
    }

    /** Lets the exchange forget what comes before; of announcements what no slot needs any more. */
    void trim(ExchangeProgress needed) {
        slots.needs(needed.firstAnnouncement());
        arrivals.trim(needed);
    }

    /** How far the exchange was read, and what is this slot's. */
    ExchangeProgress progress(long[] watermarks) {
        return arrivals.progress(identity, watermarks, share.reached, released, left, mayBeAlone(watermarks));
    }

    /** Adds state that has come, and takes away what was released. */
    void flush(StateBatch batch) {
        handOver.changed(batch);
        arrivals.flush(batch);
        if (released != null) {
            for (ReleasedKeyGroup group : released.keyGroups()) {
                ranges.of(group.keyGroup()).forEach(range -> batch.deleteRange(range.from(), range.to()));
                batch.countRows(-group.rows());
            }
            released = null;
        }
    }

    /** Fails where other slots run another query, or have heard of this one. */
    void requireNew() {
        arrivals.requireNew();
    }
}
