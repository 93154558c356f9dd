package dev.millrace.engine.task;

import dev.millrace.data.Watermark;
import dev.millrace.engine.Division;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressRecord.ExchangeProgress;
import dev.millrace.engine.QueryMetrics;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The exchange of a slot that is the only one again: nothing is sent or taken until more slots are wished for, or another one
 * announces itself. Where reading goes on then stands in every record meanwhile.
 */
final class Dormant {

    private static final long LOOK_MILLIS = 1_000;

    private final QueryDefinition definition;
    private final Exchange exchange; // null where what the query has become cannot be divided
    private final ExchangeProgress progress;
    private long lastLook;
    private boolean wakes;

    private Dormant(QueryDefinition definition, Exchange exchange, ExchangeProgress progress) {
        this.definition = definition;
        this.exchange = exchange;
        this.progress = progress;
    }

    /**
     * Begins to listen.
     *
     * @param progress of the last record; null where the query was never divided
     * @return nothing where there is no such exchange, or another one, which nobody has used
     */
    static Optional<Dormant> of(QueryDefinition definition, Optional<Exchange> exchange, ExchangeProgress progress) {
        if (progress == null || exchange.isEmpty()) {
            return Optional.ofNullable(progress).map(one -> new Dormant(definition, null, one));
        }
        Exchange opened = exchange.get();
        if (!opened.open().equals(progress.identity())) {
            return Optional.empty();
        }
        long[] offsets = new long[1 + progress.keyGroups().size()];
        Arrays.fill(offsets, Exchange.NOWHERE);
        offsets[Exchange.ANNOUNCEMENTS] = progress.announcements();
        opened.seek(offsets);
        return Optional.of(new Dormant(definition, opened, progress));
    }

    private Division division() {
        return progress.division().later(definition.division().get());
    }

    /** Whether the next epoch is to be the last one without the exchange. */
    boolean wakes() {
        wakes |= exchange != null && (division().slots() > 1 || isAnnounced());
        return wakes;
    }

    /** Looks now and then. */
    private boolean isAnnounced() {
        long now = definition.clock().millis();
        if (now - lastLook < LOOK_MILLIS) {
            return false;
        }
        lastLook = now;
        boolean[] some = new boolean[1];
        exchange.poll(0, (partition, offset, record) -> some[0] = true);
        return some[0];
    }

    /**
     * For an epoch's record.
     *
     * @param watermark with which it ran; {@link Watermark#NONE} for none
     */
    ExchangeProgress progress(long watermark) {
        return progress.ofOnly(!wakes, watermark);
    }

    /** Lets the exchange forget what comes before what the oldest checkpoint needs. */
    void trim(ExchangeProgress needed) {
        if (exchange != null) {
            long[] offsets = new long[1 + needed.keyGroups().size()];
            offsets[Exchange.ANNOUNCEMENTS] = needed.firstAnnouncement();
            for (int g = 0; g < needed.keyGroups().size(); g++) {
                offsets[Exchange.partitionOf(g)] =
                        needed.own().contains(g) ? needed.keyGroups().get(g) : Exchange.NOWHERE;
            }
            exchange.trim(offsets);
        }
    }

    /** All is this slot's. */
    QueryMetrics.Part part() {
        boolean settled = !wakes && division().slots() == 1;
        return new QueryMetrics.Part(
                0, division(), List.of(0), "0-" + (progress.keyGroups().size() - 1), settled, 0);
    }
}
