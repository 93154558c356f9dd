package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A length of time as the user wrote it: a number and one of ms, s, m, h, d. */
public record TimeSpan(@JsonValue String text) {

    static final Pattern PATTERN = Pattern.compile("(\\d{1,9})(ms|s|m|h|d)");

    public TimeSpan {
        if (!PATTERN.matcher(text).matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a length of time such as 200ms, 5s, 10m, 1h or 7d");
        }
    }

    public static TimeSpan ofText(String text) {
        return new TimeSpan(text.equals("0") ? "0s" : text);
    }

    public long millis() {
        Matcher matcher = PATTERN.matcher(text);
        matcher.matches();
        long number = Long.parseLong(matcher.group(1));
        return switch (matcher.group(2)) {
            case "ms" -> number;
            case "s" -> number * 1_000;
            case "m" -> number * 60_000;
            case "h" -> number * 3_600_000;
            default -> number * 86_400_000;
        };
    }
}
