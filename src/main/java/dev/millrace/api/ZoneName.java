package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonValue;
import java.time.DateTimeException;
import java.time.ZoneId;

/** The name of a time zone, as {@code Europe/Berlin} or {@code UTC}. */
public record ZoneName(@JsonValue String text) {

    public ZoneName {
        zone(text);
    }

    public static ZoneName ofText(String text) {
        return new ZoneName(text);
    }

    public ZoneId zone() {
        return zone(text);
    }

    private static ZoneId zone(String text) {
        try {
            return ZoneId.of(text);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("'" + text + "' is not a time zone such as Europe/Berlin or UTC", e);
        }
    }
}
