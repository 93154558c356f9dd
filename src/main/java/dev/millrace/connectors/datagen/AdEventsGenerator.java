package dev.millrace.connectors.datagen;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.util.UUID;

/** The ad events of the Yahoo streaming benchmark: 1000 ads of 100 campaigns, a third of the events views. */
public final class AdEventsGenerator implements Generator {

    /** 2024-01-01T00:00:00Z. */
    static final long FIRST_TIME = 1_704_067_200_000L;

    private static final String[] AD_TYPES = {"banner", "modal", "sponsored-search", "mail", "mobile"};
    private static final String[] EVENT_TYPES = {"view", "click", "purchase"};

    private final RowRandom random;
    private final long eventsPerSecond;

    public AdEventsGenerator(long seed, long eventsPerSecond) {
        this.random = new RowRandom(seed);
        this.eventsPerSecond = eventsPerSecond;
    }

    @Override
    public Schema schema() {
        return Schema.of(
                new Field("user_id", DataType.STRING, false),
                new Field("page_id", DataType.STRING, false),
                new Field("ad_id", DataType.STRING, false),
                new Field("ad_type", DataType.STRING, false),
                new Field("event_type", DataType.STRING, false),
                new Field("event_time", DataType.TIMESTAMP_MILLIS, false),
                new Field("ip_address", DataType.STRING, false));
    }

    @Override
    public void append(long number, Batch into) {
        random.start(number);
        int row = into.append(1);
        text(into, 0, row, new UUID(random.next(), random.below(100_000)).toString());
        text(into, 1, row, new UUID(random.next(), random.below(100_000)).toString());
        text(into, 2, row, "ad-" + random.below(1000));
        text(into, 3, row, AD_TYPES[(int) random.below(AD_TYPES.length)]);
        text(into, 4, row, EVENT_TYPES[(int) random.below(EVENT_TYPES.length)]);
        into.longs(5).set(row, FIRST_TIME + number * 1000 / eventsPerSecond);
        text(into, 6, row, "1.2." + random.below(256) + "." + random.below(256));
    }

    private static void text(Batch into, int column, int row, String text) {
        ((BytesVector) into.column(column)).set(row, text);
    }
}
