package dev.millrace.sql;

import dev.millrace.plan.Position;

/** A mistake in the user's text: where, a stable code, and one sentence that says what to do. */
public record SqlError(String code, Position position, String message) {

    /** Leaves the compiler's passes; never leaves {@link SqlCompiler}. */
    static final class Refusal extends RuntimeException {
        private final transient SqlError error;

        Refusal(String code, Position position, String message) {
            super(message);
            this.error = new SqlError(code, position, message);
        }

        SqlError error() {
            return error;
        }
    }
}
