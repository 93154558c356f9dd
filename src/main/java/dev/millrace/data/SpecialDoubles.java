package dev.millrace.data;

import java.nio.charset.StandardCharsets;

/** How text formats write the doubles that are no numbers of theirs. */
public final class SpecialDoubles {

    private SpecialDoubles() {}

    /** NaN or an infinity, or 0 where the text is none of them. */
    public static double parse(byte[] bytes, int start, int stop) {
        return switch (new String(bytes, start, stop - start, StandardCharsets.ISO_8859_1)) {
            case "NaN" -> Double.NaN;
            case "Infinity" -> Double.POSITIVE_INFINITY;
            case "-Infinity" -> Double.NEGATIVE_INFINITY;
            default -> 0;
        };
    }
}
