package dev.millrace.api;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A slot that is run by the pod of another one.
 *
 * @param incarnation its fencing number there
 */
public record GuestSlot(int slot, long incarnation) {

    /**
     * Environment variable of an engine: the file that has {@link #text}. No option, as an engine that does not know of guests
     * is to go on without.
     */
    public static final String FILE_VARIABLE = "MILLRACE_GUESTS";

    private static final Pattern FORM = Pattern.compile("\\d{1,4}:\\d{1,18}");

    /** As a pod's annotation names them: {@code 2:9 4:7}. */
    public static String text(List<GuestSlot> guests) {
        return guests.stream()
                .map(guest -> guest.slot() + ":" + guest.incarnation())
                .collect(Collectors.joining(" "));
    }

    /**
     * What {@link #text} has given.
     *
     * @throws IllegalArgumentException where it is none
     */
    public static List<GuestSlot> parse(String text) {
        return text.isBlank()
                ? List.of()
                : Stream.of(text.trim().split("\\s+")).map(GuestSlot::one).toList();
    }

    private static GuestSlot one(String text) {
        if (!FORM.matcher(text).matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a slot and its incarnation, such as 2:9");
        }
        int colon = text.indexOf(':');
        return new GuestSlot(Integer.parseInt(text.substring(0, colon)), Long.parseLong(text.substring(colon + 1)));
    }
}
