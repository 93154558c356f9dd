package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A quantity of bytes or of CPU as the user wrote it, in the notation of Kubernetes. */
public record Size(@JsonValue String text) {

    static final Pattern PATTERN = Pattern.compile("(\\d+(?:\\.\\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?");

    public Size {
        if (!PATTERN.matcher(text).matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a quantity such as 512Mi, 10Gi or 250m");
        }
    }

    public static Size ofText(String text) {
        return new Size(text);
    }

    /** The quantity in thousandths of its unit, of CPU those of a core; what is less than one, or more than fits, is the nearest. */
    public int thousandths() {
        return number().multiply(BigDecimal.valueOf(1_000))
                .setScale(0, RoundingMode.UP)
                .min(BigDecimal.valueOf(Integer.MAX_VALUE))
                .intValueExact();
    }

    /** The quantity in its unit, bytes for memory; thousandths are rounded up. */
    public long value() {
        return number().setScale(0, RoundingMode.UP).longValueExact();
    }

    private BigDecimal number() {
        Matcher matcher = PATTERN.matcher(text);
        matcher.matches();
        BigDecimal number = new BigDecimal(matcher.group(1));
        String unit = matcher.group(2) == null ? "" : matcher.group(2);
        BigDecimal factor = switch (unit) {
            case "m" -> new BigDecimal("0.001");
            case "k" -> BigDecimal.valueOf(1_000);
            case "M" -> BigDecimal.valueOf(1_000_000);
            case "G" -> BigDecimal.valueOf(1_000_000_000);
            case "T" -> BigDecimal.valueOf(1_000_000_000_000L);
            case "Ki" -> BigDecimal.valueOf(1L << 10);
            case "Mi" -> BigDecimal.valueOf(1L << 20);
            case "Gi" -> BigDecimal.valueOf(1L << 30);
            case "Ti" -> BigDecimal.valueOf(1L << 40);
            default -> BigDecimal.ONE;
        };
        return number.multiply(factor);
    }
}
