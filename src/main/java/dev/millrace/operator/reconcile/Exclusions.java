package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.CronSchedule;
import dev.millrace.api.TimeSpan;
import dev.millrace.api.ZoneName;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.StreamSupport;

/** Times in which the autoscaler changes nothing, as {@code spec.scaling.exclusions} has them. */
final class Exclusions {

    private static final String DEFAULT_ZONE = "UTC";

    private Exclusions() {}

    /**
     * A time that has begun.
     *
     * @param schedule by which it did
     */
    record Exclusion(String schedule, Instant end) {}

    /** The one of those that hold now that ends last; empty where none does. */
    static Optional<Exclusion> now(JsonNode spec, Instant now) {
        return StreamSupport.stream(spec.at("/scaling/exclusions").spliterator(), false)
                .flatMap(given -> last(given, now).stream())
                .filter(exclusion -> exclusion.end().isAfter(now))
                .max(Comparator.comparing(Exclusion::end));
    }

    private static Optional<Exclusion> last(JsonNode given, Instant now) {
        try {
            String schedule = given.path("schedule").asText();
            ZoneName zone = new ZoneName(given.path("timeZone").asText(DEFAULT_ZONE));
            long millis = TimeSpan.ofText(given.path("duration").asText()).millis();
            return new CronSchedule(schedule)
                    .last(now.atZone(zone.zone()))
                    .map(start -> new Exclusion(schedule, start.toInstant().plus(Duration.ofMillis(millis))));
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // the spec is refused with that, and another version goes on
        }
    }
}
