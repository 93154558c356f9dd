package dev.millrace.engine.task;

/** What to do with a row that cannot be used; the stricter first. */
public enum MalformedPolicy {
    FAIL,
    DEAD_LETTER,
    SKIP
}
