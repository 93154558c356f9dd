package dev.millrace.plan;

import java.util.Locale;

/** How the changing result table is written. */
public enum OutputMode {
    /** Each row once, when it can no longer change. */
    APPEND,
    /** Upserts and deletes by key. */
    UPDATE,
    /** The whole result table after each epoch that changed it. */
    COMPLETE;

    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
