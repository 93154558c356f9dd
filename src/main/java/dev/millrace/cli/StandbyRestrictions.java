package dev.millrace.cli;

import dev.millrace.api.Problem;
import java.util.List;

/**
 * What a query with a standby cannot have: inputs that two processes cannot read at once, and outputs beside the log's
 * transaction, which who opens them takes from the one that writes them.
 */
final class StandbyRestrictions {

    static final String CODE = "NotSupportedByStandby";

    private static final TopicsOnly TOPICS =
            new TopicsOnly(CODE, "a query with a standby writes to", "a query with a standby reads");

    private StandbyRestrictions() {}

    static List<Problem> of(Compilation query) {
        return TOPICS.of(query);
    }
}
