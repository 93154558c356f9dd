package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.data.Bytes;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressRecord.Coming;
import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import dev.millrace.engine.ProgressRecord.Release;
import dev.millrace.engine.ProgressRecord.ReleasedKeyGroup;
import dev.millrace.engine.ProgressRecord.ReleasedPartition;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.operators.PartialGroups;
import dev.millrace.state.StateBatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * What other slots have sent to this one. Announcements are taken in their order, each once all frames that it counts are
 * here: so an epoch of another slot is taken whole or not at all, and how far announcements were taken says what was read.
 *
 * <p>State of key groups that are to come is taken like rows, piece by piece, and goes into the store. An announcement that
 * releases a key group to this slot is taken with the rest of its state; then, before anything else is taken, what came to
 * the key group since its former owner took rows last is read again from there. From that epoch on it is owned here.
 */
final class Arrivals {

    /** Of compressed frames that wait. */
    private static final long MOST_BYTES =
            Math.min(64L << 20, Runtime.getRuntime().maxMemory() / 32);

    /** Less the offset from which its own first announcement is looked for: how far a slot has taken them that joins. */
    private static final long JOINING = -1;

    private final Exchange exchange;
    private final long query;
    private final int slot;
    private final boolean[] own;
    private final Map<Integer, PartialGroups> operators;
    private final Slots slots;
    private final KeyGroupRanges ranges;
    private final Deque<Announced> announced = new ArrayDeque<>();
    private final Map<From, List<Frame>> frames = new HashMap<>();
    private final Map<Integer, Long> epochs = new TreeMap<>();
    private final List<Announcement> missed = new ArrayList<>();
    private final List<Consumer<StateBatch>> changes = new ArrayList<>();
    private final long[] positions;
    private Coming coming;
    private long taken;
    private long bytes;
    private boolean elsewhere;
    private boolean moved;

    /** An announcement that was read and not taken. */
    private record Announced(long offset, Announcement content) {}

    /** An epoch of a slot. */
    private record From(int slot, long epoch) {}

    /** What becomes of what another slot hands over. */
    interface Receiver {
        /** An announcement of this slot has come back. */
        void returned(long epoch, long offset);

        void partitions(List<ReleasedPartition> partitions);

        /** What the slot owns has changed: {@code own} has these key groups now, and their state is in the store. */
        void keyGroups(List<Integer> keyGroups, Coming from);
    }

    /**
     * @param query as announcements have it
     * @param own by key group: whether it is this slot's; key groups that have come are added here
     * @param operators by number: what takes up the groups that arrive
     * @param slots what is known of the others, which announcements change
     */
    Arrivals(
            Exchange exchange,
            long query,
            int slot,
            boolean[] own,
            Map<Integer, PartialGroups> operators,
            Slots slots,
            KeyGroupRanges ranges) {
        this.exchange = exchange;
        this.query = query;
        this.slot = slot;
        this.own = own;
        this.operators = operators;
        this.slots = slots;
        this.ranges = ranges;
        this.positions = new long[1 + own.length];
    }

    /**
     * Begins to read where a record says. Where it is null, slot 0 begins with the first record; any other waits for its own
     * first announcement to come back.
     */
    void start(ExchangeProgress from) {
        announced.clear();
        frames.clear();
        epochs.clear();
        bytes = 0;
        boolean joins = from == null || from.left() ? slot > 0 : from.announcements() < 0;
        Arrays.fill(positions, Exchange.NOWHERE);
        if (joins) {
            boolean begins = from == null || from.left();
            join(begins ? exchange.end(Exchange.ANNOUNCEMENTS) : JOINING - from.announcements());
        } else if (from == null) {
            taken = 0;
            Arrays.fill(positions, 0);
        } else {
            taken = from.announcements();
            epochs.putAll(from.epochs());
            positions[Exchange.ANNOUNCEMENTS] = taken;
            for (int g = 0; g < own.length; g++) {
                positions[Exchange.partitionOf(g)] = from.keyGroups().get(g);
            }
            coming = from.coming();
            leaveTrimmed();
        }
        if (coming != null) {
            goBack();
        }
        exchange.seek(positions);
    }

    /** Looks for the slot's own first announcement from an offset on; what was trimmed came before it. */
    private void join(long first) {
        taken = JOINING - first;
        positions[Exchange.ANNOUNCEMENTS] = Math.max(first, exchange.begin(Exchange.ANNOUNCEMENTS));
    }

    /** A copy of a key group's state that was given up may be gone. */
    private void leaveTrimmed() {
        for (int g = 0; g < own.length; g++) {
            int partition = Exchange.partitionOf(g);
            if (!isExpected(g)
                    && positions[partition] != Exchange.NOWHERE
                    && positions[partition] < exchange.begin(partition)) {
                positions[partition] = Exchange.NOWHERE;
            }
        }
    }

    /** Whether the slot's own first announcement has not come back yet. */
    boolean isJoining() {
        return taken < 0;
    }

    /** Whether so much waits that it is to be taken before more is read; not while what is next is incomplete. */
    boolean isFull() {
        return bytes > MOST_BYTES && coming == null && !announced.isEmpty() && isComplete(announced.peek().content);
    }

    /** Reads what there is; returns whether anything came. */
    boolean poll(long timeoutMillis) {
        boolean[] some = {false};
        exchange.poll(timeoutMillis, (partition, offset, record) -> {
            some[0] = true;
            positions[partition] = offset + 1;
            if (partition == Exchange.ANNOUNCEMENTS) {
                arrived(offset, checked(Announcement.decode(record)));
            } else {
                keep(Frame.decode(partition - 1, offset, record));
            }
        });
        if (elsewhere) {
            elsewhere = false;
            exchange.move(positions);
        }
        return some[0];
    }

    private void arrived(long offset, Announcement announcement) {
        if (isJoining()) {
            lookForOwn(offset, announcement);
        } else if (coming != null && offset <= coming.offset()) {
            missed.add(announcement);
        } else {
            announced.add(new Announced(offset, announcement));
            look(announcement);
        }
    }

    private void lookForOwn(long offset, Announcement announcement) {
        if (announcement.slot() != slot || slots.own() == null) {
            return;
        }
        requireKnown(announcement);
        if (announcement.join() && announcement.epoch() == slots.own().epoch()) {
            taken = offset + 1;
            epochs.put(slot, announcement.epoch());
            slots.returned(announcement, offset);
        }
    }

    /** Reads a key group's frames from the first piece of its state on. */
    private void look(Announcement announcement) {
        for (Announcement.Chunk chunk : chunks(announcement)) {
            int partition = Exchange.partitionOf(chunk.keyGroup());
            if (chunk.to() == slot && !isExpected(chunk.keyGroup()) && positions[partition] == Exchange.NOWHERE) {
                positions[partition] = chunk.offset();
                elsewhere = true;
            }
        }
    }

    /** Reads them no more once another slot is to have it. */
    private void lookAway(Announcement announcement) {
        for (Announcement.Chunk chunk : chunks(announcement)) {
            int partition = Exchange.partitionOf(chunk.keyGroup());
            if (chunk.to() != slot
                    && positions[partition] != Exchange.NOWHERE
                    && !isExpected(chunk.keyGroup())
                    && !isAnnounced(chunk.keyGroup())) {
                positions[partition] = Exchange.NOWHERE;
                forget(frame -> frame.keyGroup() == chunk.keyGroup());
                exchange.move(positions);
            }
        }
    }

    /** Whether state of a key group is announced that was not taken yet. */
    private boolean isAnnounced(int keyGroup) {
        return announced.stream()
                .flatMap(next -> chunks(next.content).stream())
                .anyMatch(next -> next.to() == slot && next.keyGroup() == keyGroup);
    }

    private static List<Announcement.Chunk> chunks(Announcement announcement) {
        return announcement.chunks() == null ? List.of() : announcement.chunks();
    }

    private Announcement checked(Announcement announcement) {
        if (announcement.query() != query) {
            throw new QueryException(
                    "SlotsChanged",
                    "slot " + announcement.slot()
                            + " has another query than this one: run the same file in all, or start anew with"
                            + " another state.id");
        }
        return announcement;
    }

    private void keep(Frame frame) {
        boolean expected =
                isExpected(frame.keyGroup()) ? frame.kind() == Frame.Kind.ROWS : frame.kind() == Frame.Kind.STATE;
        if (expected && frame.epoch() > takenFor(frame.keyGroup(), frame.slot())) {
            frames.computeIfAbsent(new From(frame.slot(), frame.epoch()), key -> new ArrayList<>())
                    .add(frame);
            bytes += frame.record().length;
        }
    }

    /** Whether rows of a key group are to be taken here. */
    private boolean isExpected(int keyGroup) {
        return own[keyGroup] || isComing(keyGroup);
    }

    private boolean isComing(int keyGroup) {
        return coming != null && toMe(coming.release()).stream().anyMatch(group -> group.keyGroup() == keyGroup);
    }

    private List<ReleasedKeyGroup> toMe(Release release) {
        return release.keyGroups().stream().filter(group -> group.to() == slot).toList();
    }

    /** The last epoch of a slot whose frames to the key group are in its state. */
    private long takenFor(int keyGroup, int from) {
        Map<Integer, Long> known = isComing(keyGroup) ? coming.release().epochs() : epochs;
        return known.getOrDefault(from, 0L);
    }

    /**
     * Takes all that is complete, up to an offset of the announcements; returns whether there was something of another slot.
     */
    boolean take(long limit, Receiver receiver) {
        boolean some = false;
        while (true) {
            if (coming != null) {
                if (!isAllHere()) {
                    return some;
                }
                some = true;
                takeMissed(receiver);
            }
            if (announced.isEmpty() || announced.peek().offset >= limit || !isComplete(announced.peek().content)) {
                return some;
            }
            Announced next = announced.remove();
            taken = next.offset + 1;
            requireKnown(next.content);
            some |= take(next.offset, next.content, receiver);
        }
    }

    private boolean take(long offset, Announcement next, Receiver receiver) {
        boolean others = next.slot() != slot;
        boolean some = others || slots.returning() >= 0;
        List<Frame> whole = frames.remove(new From(next.slot(), next.epoch()));
        if (next.epoch() > epochs.getOrDefault(next.slot(), 0L)) {
            epochs.put(next.slot(), next.epoch());
            begin(next);
            some |= whole != null;
            if (whole != null) {
                whole.forEach(frame -> {
                    bytes -= frame.record().length;
                    if (isFor(next, frame)) {
                        merge(frame);
                    }
                });
            }
        } else if (whole != null) {
            throw new IllegalStateException("epoch " + next.epoch() + " of slot " + next.slot() + " was taken before");
        }
        if (others) {
            slots.heard(next);
        } else {
            slots.returned(next, offset);
            receiver.returned(next.epoch(), offset);
        }
        if (next.release() != null || next.chunks() != null) {
            slots.moves(offset);
            lookAway(next);
        }
        if (next.release() != null) {
            receive(offset, next, receiver);
        }
        return some;
    }

    /** Clears away what is left of a copy that was given up. */
    private void begin(Announcement next) {
        for (Announcement.Chunk chunk : chunks(next)) {
            if (chunk.to() == slot) {
                moved = true;
                if (chunk.first()) {
                    ranges.of(chunk.keyGroup())
                            .forEach(range -> changes.add(batch -> batch.deleteRange(range.from(), range.to())));
                }
            }
        }
    }

    private void receive(long offset, Announcement next, Receiver receiver) {
        Release release = next.release();
        List<ReleasedPartition> partitions = release.partitions().stream()
                .filter(partition -> partition.to() == slot)
                .toList();
        List<ReleasedKeyGroup> keyGroups = toMe(release);
        if (partitions.isEmpty() && keyGroups.isEmpty()) {
            return;
        }
        moved = true;
        slots.received(offset, release.announcements());
        receiver.partitions(partitions);
        if (!keyGroups.isEmpty()) {
            coming = new Coming(offset, release);
            goBack();
            exchange.move(positions);
        }
    }

    /** Goes back to where the former owner has stopped taking rows for what is coming. */
    private void goBack() {
        missed.clear();
        announced.clear();
        positions[Exchange.ANNOUNCEMENTS] = coming.release().announcements();
        for (ReleasedKeyGroup group : toMe(coming.release())) {
            forget(frame -> frame.keyGroup() == group.keyGroup());
            positions[Exchange.partitionOf(group.keyGroup())] = group.offset();
        }
        elsewhere = false;
    }

    private void forget(Predicate<Frame> unneeded) {
        for (Iterator<List<Frame>> lists = frames.values().iterator(); lists.hasNext(); ) {
            List<Frame> list = lists.next();
            for (Iterator<Frame> each = list.iterator(); each.hasNext(); ) {
                Frame frame = each.next();
                if (unneeded.test(frame)) {
                    bytes -= frame.record().length;
                    each.remove();
                }
            }
            if (list.isEmpty()) {
                lists.remove();
            }
        }
    }

    /** Whether all that was announced since then is here, up to the announcement that has released it. */
    private boolean isAllHere() {
        if (positions[Exchange.ANNOUNCEMENTS] <= coming.offset()) {
            return false;
        }
        for (Announcement announcement : missed) {
            int expected = 0;
            for (ReleasedKeyGroup group : toMe(coming.release())) {
                boolean isMissed =
                        announcement.epoch() > coming.release().epochs().getOrDefault(announcement.slot(), 0L);
                expected += isMissed ? announcement.frames()[group.keyGroup()] : 0;
            }
            if (here(announcement, frame -> isComing(frame.keyGroup())) != expected) {
                return false;
            }
        }
        return true;
    }

    private long here(Announcement announcement, Predicate<Frame> which) {
        List<Frame> arrived = frames.get(new From(announcement.slot(), announcement.epoch()));
        return arrived == null ? 0 : arrived.stream().filter(which).count();
    }

    private void takeMissed(Receiver receiver) {
        for (Announcement announcement : missed) {
            List<Frame> arrived = frames.getOrDefault(new From(announcement.slot(), announcement.epoch()), List.of());
            arrived.stream().filter(frame -> isComing(frame.keyGroup())).forEach(this::merge);
        }
        forget(frame -> isComing(frame.keyGroup())
                && missed.stream().anyMatch(one -> one.slot() == frame.slot() && one.epoch() == frame.epoch()));
        missed.clear();
        Coming come = coming;
        coming = null;
        List<Integer> keyGroups =
                toMe(come.release()).stream().map(ReleasedKeyGroup::keyGroup).toList();
        keyGroups.forEach(keyGroup -> own[keyGroup] = true);
        moved = true;
        slots.come(epochs.getOrDefault(slot, 0L));
        receiver.keyGroups(keyGroups, come);
    }

    /**
     * Waits for all that a recorded epoch has taken, and takes it.
     *
     * @throws ConnectorException where nothing comes for half a minute
     */
    void takeAsRecorded(ExchangeProgress record, Receiver receiver) {
        if (isJoining() && record.announcements() < 0) {
            join(JOINING - record.announcements());
            exchange.move(positions);
        }
        int quiet = 0;
        while (!isAsRecorded(record)) {
            boolean holds = coming != null
                    && record.coming() != null
                    && coming.offset() == record.coming().offset();
            if (holds) {
                throw new IllegalStateException("an epoch took announcements while key groups were coming");
            }
            if (!take(record.announcements(), receiver) && !isAsRecorded(record)) {
                quiet = poll(1_000) ? 0 : quiet + 1;
            }
            if (quiet == 30) {
                throw new ConnectorException(
                        "KafkaUnavailable",
                        "what other slots have sent does not come: announcements are read up to " + taken + " of "
                                + record.announcements(),
                        null,
                        true);
            }
        }
    }

    private boolean isAsRecorded(ExchangeProgress record) {
        long now = coming == null ? -1 : coming.offset();
        long then = record.coming() == null ? -1 : record.coming().offset();
        return taken == record.announcements() && now == then;
    }

    private boolean isComplete(Announcement announcement) {
        if (announcement.epoch() <= epochs.getOrDefault(announcement.slot(), 0L)) {
            return true;
        }
        long expected = 0;
        for (int g = 0; g < own.length; g++) {
            expected += own[g] ? announcement.frames()[g] : 0;
        }
        for (Announcement.Chunk chunk : chunks(announcement)) {
            expected += chunk.to() == slot && !own[chunk.keyGroup()] ? chunk.frames() : 0;
        }
        long here = here(announcement, frame -> isFor(announcement, frame));
        if (here > expected) {
            throw new IllegalStateException("slot " + announcement.slot() + " has sent " + here + " frames in epoch "
                    + announcement.epoch() + " and announced " + expected);
        }
        return here == expected;
    }

    /** Whether it is for this slot: state may be read that goes to another one. */
    private boolean isFor(Announcement announcement, Frame frame) {
        return frame.kind() == Frame.Kind.ROWS
                ? own[frame.keyGroup()]
                : chunks(announcement).stream()
                        .anyMatch(chunk ->
                                chunk.to() == slot && chunk.keyGroup() == frame.keyGroup() && !own[frame.keyGroup()]);
    }

    private void merge(Frame frame) {
        byte[] body = frame.body();
        if (frame.kind() == Frame.Kind.STATE) {
            changes.add(batch -> StateChunks.apply(body, batch));
            return;
        }
        Bytes.Reader in = new Bytes.Reader(body);
        PartialGroups operator = null;
        while (in.position() < body.length) {
            if (in.get() == Departures.SECTION) {
                operator = operators.get(in.getInt());
            } else {
                operator.arrive(in);
            }
        }
    }

    /** Adds the state that has come. */
    void flush(StateBatch batch) {
        changes.forEach(change -> change.accept(batch));
        changes.clear();
    }

    /** The offset of announcements up to which all that was handed over to this slot is here. */
    long settled() {
        return coming == null ? taken : coming.offset();
    }

    /** Whether nothing is on its way to this slot. */
    boolean isSettled() {
        return !isJoining() && coming == null;
    }

    /** How many announcements were not taken yet. */
    long behind() {
        return Math.max(0, exchange.unread()) + announced.size();
    }

    /** Whether something of what is handed over to this slot was taken since the last call: somebody waits to hear of it. */
    boolean takeMoved() {
        boolean was = moved;
        moved = false;
        return was;
    }

    /** Nothing is owned any more of what goes to others; returns what they need to go on with it. */
    Release release(
            Map<Integer, Integer> keyGroups, HandOver copies, Reached reached, List<ReleasedPartition> partitions) {
        List<ReleasedKeyGroup> released = new ArrayList<>();
        long[] first = firstNeeded();
        keyGroups.forEach((keyGroup, to) -> {
            int partition = Exchange.partitionOf(keyGroup);
            released.add(
                    new ReleasedKeyGroup(keyGroup, to, first[partition], copies.rows(keyGroup), reached.get(keyGroup)));
            own[keyGroup] = false;
            positions[partition] = Exchange.NOWHERE;
        });
        if (!keyGroups.isEmpty()) {
            turnFrom(keyGroups.keySet());
        }
        return new Release(taken, new TreeMap<>(epochs), released, partitions);
    }

    /** In a replay: what is owned from now on, as far as something was released. */
    void disown(List<Integer> keyGroups) {
        for (int keyGroup : keyGroups) {
            own[keyGroup] = false;
            positions[Exchange.partitionOf(keyGroup)] = Exchange.NOWHERE;
        }
        turnFrom(keyGroups);
    }

    /** Reads no more what others own now; in a replay, where one may come back by what was read already, its state. */
    private void turnFrom(Collection<Integer> keyGroups) {
        forget(frame -> keyGroups.contains(frame.keyGroup()));
        announced.forEach(next -> look(next.content));
        elsewhere = false;
        exchange.move(positions);
    }

    /** Where a copy of a key group's state that begins now has its first frame at the earliest. */
    long position(int keyGroup) {
        return positions[Exchange.partitionOf(keyGroup)];
    }

    /** By partition: where the first frame is that was not taken. */
    private long[] firstNeeded() {
        long[] first = positions.clone();
        frames.values()
                .forEach(waiting -> waiting.forEach(frame -> first[Exchange.partitionOf(frame.keyGroup())] =
                        Math.min(first[Exchange.partitionOf(frame.keyGroup())], frame.offset())));
        return first;
    }

    /** How far was read, for a record. */
    ExchangeProgress progress(
            String identity, long[] watermarks, Reached reached, Release released, boolean left, boolean alone) {
        List<Long> keyGroups = LongStream.of(firstNeeded()).skip(1).boxed().toList();
        List<Integer> owned =
                IntStream.range(0, own.length).filter(g -> own[g]).boxed().toList();
        return new ExchangeProgress(
                identity,
                slots.division(),
                taken,
                new TreeMap<>(epochs),
                owned,
                keyGroups,
                slots.progress(),
                LongStream.of(watermarks).boxed().toList(),
                reached.exceptions(own, watermarks),
                coming,
                slots.handed(),
                slots.received(),
                slots.lastMove(),
                slots.returning(),
                slots.returned(),
                released,
                left,
                alone);
    }

    /** Lets the exchange forget what nobody needs: frames to a key group by its owner, announcements by slot 0. */
    void trim(ExchangeProgress needed) {
        long[] offsets = new long[positions.length];
        Arrays.fill(offsets, Exchange.NOWHERE);
        offsets[Exchange.ANNOUNCEMENTS] = slot == 0 ? slots.neededByAll() : Exchange.NOWHERE;
        if (slots.mayTrim()) {
            for (int g : needed.own()) {
                offsets[Exchange.partitionOf(g)] = own[g] ? needed.keyGroups().get(g) : Exchange.NOWHERE;
            }
        }
        exchange.trim(offsets);
    }

    /** Looks, before anything is written, whether this slot has had another log. */
    void requireNew() {
        exchange.readAll(Exchange.ANNOUNCEMENTS, (partition, offset, record) -> {
            if (checked(Announcement.decode(record)).slot() == slot) {
                throw new QueryException(
                        "StateLost",
                        "other slots have read epochs of slot " + slot + ", and its own progress log has none");
            }
        });
    }

    /** Where it is of this slot, and of an epoch that this process does not know. */
    private void requireKnown(Announcement announcement) {
        long known = slots.own() == null ? -1 : slots.own().epoch();
        if (announcement.slot() == slot
                && announcement.epoch() > known) { // the log tells whether that one has taken over
            throw new ConnectorException(
                    "KafkaUnavailable", "another process of slot " + slot + " has written", null, true);
        }
    }

    /** Whether nobody has announced anything that was not read. */
    boolean hasReadAll() {
        return exchange.unread() == 0;
    }

    /** Whether all that this slot has announced has come back to it. */
    boolean hasReturned() {
        return slots.own() == null || slots.own().epoch() <= epochs.getOrDefault(slot, -1L);
    }

    /** Whether all that was read is taken. */
    boolean isEmpty() {
        return announced.isEmpty() && frames.isEmpty() && coming == null;
    }
}
