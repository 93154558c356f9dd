package dev.millrace.connectors;

/**
 * Why an input or output cannot go on, with the stable code that is shown to the user. {@link #retriable} tells an outage,
 * which is waited out, from a fault that another try would meet again.
 */
public final class ConnectorException extends RuntimeException {

    /** Somebody else writes in the same name, or a transaction has timed out. */
    public static final String FENCED = "Fenced";

    private final String code;
    private final boolean retriable;

    public ConnectorException(String code, String message, Throwable cause, boolean retriable) {
        super(message, cause);
        this.code = code;
        this.retriable = retriable;
    }

    public ConnectorException(String code, String message) {
        this(code, message, null, false);
    }

    public String code() {
        return code;
    }

    public boolean retriable() {
        return retriable;
    }
}
