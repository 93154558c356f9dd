package dev.millrace.engine;

/** The query cannot go on: a stable code, which is also a condition's reason and a metric's label, and what to do. */
public final class QueryException extends RuntimeException {

    private final String code;

    public QueryException(String code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    public QueryException(String code, String message) {
        this(code, message, null);
    }

    public String code() {
        return code;
    }
}
