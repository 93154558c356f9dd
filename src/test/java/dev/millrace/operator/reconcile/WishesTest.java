package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.operator.QueryResource;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class WishesTest {

    private static QueryResource query(UnaryOperator<ObjectMetaBuilder> more) {
        QueryResource query = new QueryResource();
        query.setMetadata(more.apply(
                        new ObjectMetaBuilder().withName("q").withGeneration(1L).withResourceVersion("1"))
                .build());
        return query;
    }

    private static boolean isWish(UnaryOperator<ObjectMetaBuilder> change) {
        return new Wishes().accept(query(change), query(same -> same));
    }

    @Test
    void theOperatorsOwnStatusIsNoReasonToLook() {
        assertFalse(isWish(after -> after.withResourceVersion("2")));
        assertTrue(isWish(after -> after.withUid("another")), "its end was not seen");
        assertTrue(isWish(after -> after.withGeneration(2L)));
        assertTrue(isWish(after -> after.withAnnotations(Map.of("millrace.dev/restart", "1"))));
        assertTrue(isWish(after -> after.withDeletionTimestamp("2030-01-01T00:00:00Z")));
    }
}
