package dev.millrace.engine.task;

import java.util.List;
import java.util.Optional;

/**
 * A line of what the operator wishes: {@code take <name> <uid>} or {@code drop <name> <uid>}.
 *
 * @param text the line, which is repeated when the wish is fulfilled
 */
public record SavepointWish(String text, boolean drop, String name) {

    /** The wishes of a text; lines of another form are none. */
    public static List<SavepointWish> read(String lines) {
        return lines.lines().flatMap(line -> of(line).stream()).toList();
    }

    private static Optional<SavepointWish> of(String line) {
        String[] words = line.split(" ");
        boolean known = words.length == 3 && (words[0].equals("take") || words[0].equals("drop"));
        return known ? Optional.of(new SavepointWish(line, words[0].equals("drop"), words[1])) : Optional.empty();
    }
}
