package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.operator.QueryResource;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LooksTest {

    private final TestClock clock = new TestClock();
    private final Looks looks = new Looks(clock);
    private final ResourceID words = new ResourceID("words", "shop");

    private static QueryResource query(String name, String uid, long generation) {
        QueryResource query = new QueryResource();
        query.setMetadata(new ObjectMetaBuilder()
                .withName(name)
                .withNamespace("shop")
                .withUid(uid)
                .withGeneration(generation)
                .build());
        return query;
    }

    private void look(QueryResource query) {
        looks.begin(query);
        looks.end(query);
    }

    /** What is due after two rounds, as far apart as that takes. */
    private List<ResourceID> due(QueryResource... all) {
        looks.due(List.of(all));
        clock.pass(Looks.DUE);
        return looks.due(List.of(all)).stream().map(ResourceID::fromResource).toList();
    }

    @Test
    void whoeverWasNotLookedAtIsDueAfterAWhile() {
        look(query("words", "a", 1));
        assertEquals(List.of(), due(query("words", "a", 1)));
        assertEquals(List.of(), looks.due(List.of(query("words", "a", 2))), "the event may be on its way");
        assertEquals(List.of(words), due(query("words", "a", 2)), "another spec");
        assertEquals(List.of(words), due(query("words", "b", 1)), "another resource of the name");
        look(query("words", "b", 1));
        assertEquals(List.of(), due(query("words", "b", 1)));
        looks.forget(words);
        assertEquals(List.of(words), due(query("words", "b", 1)), "its end, or that of one before");
        assertEquals(List.of(), due(), "there is none any more");
        assertEquals(Optional.empty(), looks.stuck());
    }

    /** As at a start: they are all told of already. */
    @Test
    void aQueueIsLeftAloneWhileItMoves() {
        List<QueryResource> all = new ArrayList<>();
        for (int i = 0; i < 4 * Looks.QUEUE; i++) {
            all.add(query("q" + i, "u" + i, 1));
        }
        for (int i = 0; i < 3 * Looks.QUEUE; i++) {
            look(all.get(i));
            assertEquals(List.of(), looks.due(all));
            assertEquals(Optional.empty(), looks.stuck());
            clock.pass(Looks.DUE.minusSeconds(1));
        }
        clock.pass(Looks.DUE);
        assertEquals(Looks.QUEUE, looks.due(all).size(), "it does not move any more");
        clock.pass(Looks.STUCK);
        assertTrue(looks.stuck().isPresent());
    }

    @Test
    void aReplicaThatOnlyWaitsMissesNothing() {
        assertEquals(List.of(), due(query("words", "a", 1)));
        clock.pass(Looks.STUCK);
        assertEquals(Optional.empty(), looks.stuck());
    }

    @Test
    void aLookThatDoesNotEndAndOneThatNobodyBeginsAreStuck() {
        QueryResource query = query("words", "a", 1);
        looks.begin(query);
        clock.pass(Looks.STUCK.minusSeconds(1));
        assertEquals(Optional.empty(), looks.stuck());
        clock.tick();
        assertEquals(Optional.of(words), looks.stuck());
        looks.end(query);
        assertEquals(Optional.empty(), looks.stuck());
        due(query("lines", "b", 1));
        clock.pass(Looks.STUCK.plus(Duration.ofSeconds(1)));
        assertEquals(Optional.of(new ResourceID("lines", "shop")), looks.stuck());
        look(query("lines", "b", 1));
        assertEquals(Optional.empty(), looks.stuck());
    }
}
