package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.engine.Clock;
import dev.millrace.engine.Division;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.QueryException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ArrivalsTest {

    private static final int KEY_GROUPS = 4;
    private static final long QUERY = 77;

    private final SimulatedKafka kafka = new SimulatedKafka(new Random(1), KEY_GROUPS);
    private final SimulatedKafka.Client client = kafka.new Client(0, false);

    /** Slots that run different files would take each other's rows for their own. */
    @Test
    void whatAnotherQueryHasSentIsRefused() {
        Arrivals arrivals = new Arrivals(
                client,
                QUERY,
                0,
                new boolean[KEY_GROUPS],
                Map.of(),
                new Slots(0, 0, Clock.SYSTEM),
                new KeyGroupRanges(KEY_GROUPS, List.of()));
        arrivals.start(null);
        kafka.send(Exchange.ANNOUNCEMENTS, announcement(QUERY).encode());
        assertTrue(arrivals.poll(1_000));
        kafka.send(Exchange.ANNOUNCEMENTS, announcement(QUERY + 1).encode());
        QueryException refused = assertThrows(QueryException.class, () -> arrivals.poll(1_000));
        assertEquals("SlotsChanged", refused.code());
        assertTrue(refused.getMessage().contains("slot 1 has another query"), refused.getMessage());
    }

    private static Announcement announcement(long query) {
        return new Announcement(
                Announcement.FORMAT,
                query,
                1,
                1,
                Division.ONE,
                List.of(0, 1),
                false,
                false,
                0,
                new long[] {0},
                false,
                0,
                new int[KEY_GROUPS],
                null,
                null);
    }
}
