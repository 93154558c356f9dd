package dev.millrace.operator.scaling;

import java.time.Duration;

/**
 * What the user wants of a query.
 *
 * @param maxLag how old rows may be when they are read
 * @param catchUp in which time it is to be there again after a load or a pause that it could not follow
 * @param utilisation which part of what it could do it is to do in the long run, 0 to 1
 */
public record Objective(Duration maxLag, Duration catchUp, double utilisation) {

    public static final Objective DEFAULT = new Objective(Duration.ofSeconds(10), Duration.ofMinutes(5), 0.7);

    /** A query that uses less, or more, of itself cannot be sized by it. */
    private static final double LEAST_UTILISATION = 0.1;

    public Objective {
        utilisation = Math.max(LEAST_UTILISATION, Math.min(1, utilisation));
    }

    double maxLagSeconds() {
        return maxLag.toMillis() / 1000.0;
    }
}
