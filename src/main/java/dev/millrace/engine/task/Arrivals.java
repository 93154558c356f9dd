package dev.millrace.engine.task;

import com.github.luben.zstd.Zstd;
import dev.millrace.connectors.ConnectorException;
import dev.millrace.data.Bytes;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.Slot;
import dev.millrace.engine.operators.PartialGroups;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * What other slots have sent to this one. Announcements are taken in their order, each once all frames that it counts are
 * here: so an epoch of another slot is taken whole or not at all, and how far announcements were taken says what was read.
 */
final class Arrivals {

    /** Of compressed frames that wait. */
    private static final long MOST_BYTES =
            Math.min(64L << 20, Runtime.getRuntime().maxMemory() / 32);

    private final Exchange exchange;
    private final long query;
    private final Slot slot;
    private final boolean[] own;
    private final Map<Integer, PartialGroups> operators;
    private final Slots slots;
    private final Deque<Announced> announced = new ArrayDeque<>();
    private final Map<From, List<Arrived>> frames = new HashMap<>();
    private final long[] positions;
    private long taken;
    private long bytes;

    /** An announcement that was read and not taken. */
    private record Announced(long offset, Announcement content) {}

    /** An epoch of another slot. */
    private record From(int slot, long epoch) {}

    /** A frame that was read and not taken. */
    private record Arrived(int keyGroup, long offset, byte[] record, int start) {}

    /**
     * @param query as announcements have it
     * @param own by key group: whether it is this slot's
     * @param operators by number: what takes up the groups that arrive
     * @param slots what is known of the others, which announcements change
     */
    Arrivals(
            Exchange exchange,
            long query,
            Slot slot,
            boolean[] own,
            Map<Integer, PartialGroups> operators,
            Slots slots) {
        this.exchange = exchange;
        this.query = query;
        this.slot = slot;
        this.own = own;
        this.operators = operators;
        this.slots = slots;
        this.positions = new long[1 + own.length];
    }

    /** Begins to read; where a record says, or at the beginning where it is null. */
    void start(ExchangeProgress from) {
        announced.clear();
        frames.clear();
        bytes = 0;
        taken = from == null ? 0 : from.announcements();
        positions[Exchange.ANNOUNCEMENTS] = taken;
        for (int g = 0; g < own.length; g++) {
            long offset = from == null ? 0 : from.keyGroups().get(g);
            positions[Exchange.partitionOf(g)] = own[g] ? offset : -1;
        }
        exchange.seek(positions);
    }

    /** Whether so much waits that it is to be taken before more is read; not while what is next is incomplete. */
    boolean isFull() {
        return bytes > MOST_BYTES && !announced.isEmpty() && isComplete(announced.peek().content);
    }

    /** Reads what there is; returns whether anything came. */
    boolean poll(long timeoutMillis) {
        boolean[] some = {false};
        exchange.poll(timeoutMillis, (partition, offset, record) -> {
            some[0] = true;
            positions[partition] = offset + 1;
            if (partition == Exchange.ANNOUNCEMENTS) {
                announced.add(new Announced(offset, checked(Announcement.decode(record))));
            } else {
                keep(partition - 1, offset, record);
            }
        });
        return some[0];
    }

    private Announcement checked(Announcement announcement) {
        if (announcement.query() != query) {
            throw new QueryException(
                    "SlotsChanged",
                    "slot " + announcement.slot()
                            + " has another query, or another number of slots, than this one: run the"
                            + " same file in all, in as many slots as at first, or start anew with another state.id");
        }
        return announcement;
    }

    private void keep(int keyGroup, long offset, byte[] record) {
        Bytes.Reader in = new Bytes.Reader(record);
        Announcement.requireFormat(in.get(), Departures.FORMAT);
        From from = new From((int) in.getVarint(), in.getVarint());
        if (from.epoch > slots.epoch(from.slot)) { // others were taken before the offset that reading began at
            frames.computeIfAbsent(from, key -> new ArrayList<>())
                    .add(new Arrived(keyGroup, offset, record, in.position()));
            bytes += record.length;
        }
    }

    /**
     * Takes all that is complete, up to an offset of the announcements; returns whether there was something of another slot.
     */
    boolean take(long limit) {
        boolean some = false;
        while (!announced.isEmpty() && announced.peek().offset < limit && isComplete(announced.peek().content)) {
            Announced next = announced.remove();
            taken = next.offset + 1;
            if (isUnknown(next.content)) { // the log tells whether that one has taken over
                throw new ConnectorException(
                        "KafkaUnavailable", "another process of slot " + slot.index() + " has written", null, true);
            }
            if (next.content.slot() != slot.index() && next.content.epoch() > slots.epoch(next.content.slot())) {
                some = true;
                merge(next.content);
                slots.heard(next.content);
            }
        }
        return some;
    }

    /**
     * Waits for all that was taken up to an offset of the announcements, and takes it.
     *
     * @throws ConnectorException where nothing comes for half a minute
     */
    void takeUpTo(long limit) {
        take(limit);
        for (int quiet = 0; taken < limit; quiet++) {
            if (poll(1_000)) {
                quiet = 0;
            }
            if (quiet == 30) {
                throw new ConnectorException(
                        "KafkaUnavailable",
                        "what other slots have sent does not come: announcements are read up to " + taken + " of "
                                + limit,
                        null,
                        true);
            }
            take(limit);
        }
    }

    private boolean isComplete(Announcement announcement) {
        if (announcement.slot() == slot.index() || announcement.epoch() <= slots.epoch(announcement.slot())) {
            return true;
        }
        int expected = 0;
        for (int g = 0; g < own.length; g++) {
            expected += own[g] ? announcement.frames()[g] : 0;
        }
        List<Arrived> arrived = frames.get(new From(announcement.slot(), announcement.epoch()));
        int here = arrived == null ? 0 : arrived.size();
        if (here > expected) {
            throw new IllegalStateException("slot " + announcement.slot() + " has sent " + here + " frames in epoch "
                    + announcement.epoch() + " and announced " + expected);
        }
        return here == expected;
    }

    private void merge(Announcement announcement) {
        List<Arrived> whole = frames.remove(new From(announcement.slot(), announcement.epoch()));
        if (whole != null) {
            whole.forEach(this::merge);
        }
    }

    private void merge(Arrived frame) {
        bytes -= frame.record.length;
        Bytes.Reader in = new Bytes.Reader();
        in.reset(frame.record, frame.start);
        int size = (int) in.getVarint();
        byte[] packed = Arrays.copyOfRange(frame.record, in.position(), frame.record.length);
        byte[] body = Zstd.decompress(packed, size);
        in.reset(body, 0);
        PartialGroups operator = null;
        while (in.position() < body.length) {
            if (in.get() == Departures.SECTION) {
                operator = operators.get(in.getInt());
            } else {
                operator.arrive(in);
            }
        }
    }

    /** How far was read, for a record: of key groups up to the first frame that was not taken. */
    ExchangeProgress progress(long[] watermarks) {
        long[] first = positions.clone();
        frames.values()
                .forEach(waiting -> waiting.forEach(frame -> first[Exchange.partitionOf(frame.keyGroup)] =
                        Math.min(first[Exchange.partitionOf(frame.keyGroup)], frame.offset)));
        List<Long> keyGroups = LongStream.of(first)
                .skip(1)
                .map(offset -> Math.max(0, offset))
                .boxed()
                .toList();
        return new ExchangeProgress(
                taken,
                keyGroups,
                slots.progress(),
                LongStream.of(watermarks).boxed().toList());
    }

    /** Lets the exchange forget what nobody needs: frames to this slot are read by it alone, announcements by all. */
    void trim(ExchangeProgress needed) {
        long[] offsets = new long[positions.length];
        offsets[Exchange.ANNOUNCEMENTS] = slot.index() == 0 ? slots.neededByAll() : -1;
        for (int g = 0; g < own.length; g++) {
            offsets[Exchange.partitionOf(g)] = own[g] ? needed.keyGroups().get(g) : -1;
        }
        exchange.trim(offsets);
    }

    /** Looks, before anything is written, whether others run the same query. */
    void requireSame() {
        boolean more = true;
        while (more) {
            more = poll(1_000);
        }
        if (announced.stream().anyMatch(found -> isUnknown(found.content))) {
            throw new QueryException(
                    "StateLost",
                    "other slots have read epochs of slot " + slot.index() + ", and its own progress log has none");
        }
    }

    /** Whether it is of this slot, and of an epoch that this process does not know. */
    private boolean isUnknown(Announcement announcement) {
        return announcement.slot() == slot.index() && announcement.epoch() > slots.epoch(slot.index());
    }

    /** Whether all that was read is taken. */
    boolean isEmpty() {
        return announced.isEmpty() && frames.isEmpty();
    }
}
