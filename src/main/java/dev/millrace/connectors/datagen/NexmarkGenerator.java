package dev.millrace.connectors.datagen;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowVector;
import dev.millrace.data.Schema;
import java.util.List;

/**
 * Events of an auction site after Nexmark (Tucker et al. 2002): of 50 events one is a person, three are auctions, 46 are
 * bids. One table with {@code event_type} (0 person, 1 auction, 2 bid) and a nested row for each kind.
 */
public final class NexmarkGenerator implements Generator {

    private static final long FIRST_ID = 1000;
    private static final int EPOCH_EVENTS = 50;
    private static final int AUCTIONS = 3;
    private static final String[] FIRST_NAMES = {
        "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"
    };
    private static final String[] LAST_NAMES = {
        "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"
    };
    private static final String[] CITIES = {
        "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"
    };
    private static final String[] STATES = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    private static final String[] CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};
    private static final DataType TIME = DataType.TIMESTAMP_MILLIS;

    private final RowRandom random;
    private final long eventsPerSecond;

    public NexmarkGenerator(long seed, long eventsPerSecond) {
        this.random = new RowRandom(seed);
        this.eventsPerSecond = eventsPerSecond;
    }

    private static Field text(String name) {
        return new Field(name, DataType.STRING, true);
    }

    private static Field number(String name) {
        return new Field(name, DataType.BIGINT, true);
    }

    @Override
    public Schema schema() {
        Field time = new Field("dateTime", TIME, true);
        DataType person = new DataType.Row(List.of(
                number("id"),
                text("name"),
                text("emailAddress"),
                text("creditCard"),
                text("city"),
                text("state"),
                time,
                text("extra")));
        DataType auction = new DataType.Row(List.of(
                number("id"),
                text("itemName"),
                text("description"),
                number("initialBid"),
                number("reserve"),
                time,
                new Field("expires", TIME, true),
                number("seller"),
                number("category"),
                text("extra")));
        DataType bid = new DataType.Row(List.of(
                number("auction"),
                number("bidder"),
                number("price"),
                text("channel"),
                text("url"),
                time,
                text("extra")));
        return Schema.of(
                new Field("event_type", DataType.INT, false),
                new Field("person", person, true),
                new Field("auction", auction, true),
                new Field("bid", bid, true),
                new Field("dateTime", TIME, false));
    }

    @Override
    public void append(long number, Batch into) {
        random.start(number);
        int row = into.append(1);
        long group = number / EPOCH_EVENTS;
        int place = (int) (number % EPOCH_EVENTS);
        long time = AdEventsGenerator.FIRST_TIME + number * 1000 / eventsPerSecond;
        int kind = place == 0 ? 0 : place <= AUCTIONS ? 1 : 2;
        into.longs(0).set(row, kind);
        into.longs(4).set(row, time);
        for (int k = 0; k < 3; k++) {
            if (k != kind) {
                into.column(1 + k).setNull(row);
            }
        }
        RowVector cells = (RowVector) into.column(1 + kind);
        long lastPerson = FIRST_ID + group;
        long lastAuction = FIRST_ID + group * AUCTIONS + Math.min(AUCTIONS, Math.max(place, 1)) - 1;
        switch (kind) {
            case 0 -> person(cells, row, lastPerson, time);
            case 1 -> auction(cells, row, lastAuction, lastPerson, time);
            default -> bid(cells, row, lastAuction, lastPerson, time);
        }
    }

    private static void set(RowVector cells, int field, int row, long value) {
        ((LongVector) cells.field(field)).set(row, value);
    }

    private static void set(RowVector cells, int field, int row, String value) {
        ((BytesVector) cells.field(field)).set(row, value);
    }

    private String pick(String[] of) {
        return of[(int) random.below(of.length)];
    }

    private String filler(int length) {
        char[] text = new char[length];
        for (int i = 0; i < length; i++) {
            text[i] = (char) ('a' + random.below(26));
        }
        return new String(text);
    }

    private long price() {
        return Math.round(StrictMath.pow(10, random.uniform() * 6) * 100);
    }

    /** Three of four times the hot one, else one of the last thousand. */
    private long someone(long last, long hotOffset) {
        return random.below(4) > 0
                ? last / 100 * 100 + hotOffset
                : Math.max(FIRST_ID, last - 1000 + random.below(Math.min(1000, last - FIRST_ID + 1) + 10));
    }

    private void person(RowVector cells, int row, long id, long time) {
        String first = pick(FIRST_NAMES);
        String last = pick(LAST_NAMES);
        set(cells, 0, row, id);
        set(cells, 1, row, first + " " + last);
        set(cells, 2, row, first + "@" + last + ".com");
        set(cells, 3, row, String.format("%016d", random.below(10_000_000_000_000_000L)));
        set(cells, 4, row, pick(CITIES));
        set(cells, 5, row, pick(STATES));
        set(cells, 6, row, time);
        set(cells, 7, row, filler(50));
    }

    private void auction(RowVector cells, int row, long id, long lastPerson, long time) {
        long initial = price();
        set(cells, 0, row, id);
        set(cells, 1, row, "item " + id);
        set(cells, 2, row, filler(40));
        set(cells, 3, row, initial);
        set(cells, 4, row, initial + price());
        set(cells, 5, row, time);
        set(cells, 6, row, time + 1 + random.below(2 * Math.max(1, 1_666_000 / eventsPerSecond)));
        set(cells, 7, row, someone(lastPerson, 0));
        set(cells, 8, row, 10 + random.below(5));
        set(cells, 9, row, filler(100));
    }

    private void bid(RowVector cells, int row, long lastAuction, long lastPerson, long time) {
        long auction = random.below(2) == 0
                ? lastAuction / 100 * 100
                : Math.max(FIRST_ID, lastAuction - 100 + random.below(111));
        set(cells, 0, row, Math.max(FIRST_ID, auction));
        set(cells, 1, row, Math.max(FIRST_ID, someone(lastPerson, 1)));
        set(cells, 2, row, price());
        String channel = random.below(2) == 0 ? pick(CHANNELS) : "channel-" + random.below(10_000);
        set(cells, 3, row, channel);
        set(cells, 4, row, "https://www.nexmark.com/" + filler(4) + "/" + filler(4) + "/item.htm?query=1");
        set(cells, 5, row, time);
        set(cells, 6, row, filler(40));
    }
}
