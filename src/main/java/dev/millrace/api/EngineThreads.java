package dev.millrace.api;

/** How an engine is told for how many cores to have threads: those that its pod may get while it runs. */
public final class EngineThreads {

    /** Environment variable. No option, as an engine that does not know of it is to go on without. */
    public static final String VARIABLE = "MILLRACE_THREADS";

    private EngineThreads() {}
}
