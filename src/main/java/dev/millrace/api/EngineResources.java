package dev.millrace.api;

/** How an engine is told what its pod may have while it runs. No options, as an engine that does not know of them is to go on without. */
public final class EngineResources {

    /** Environment variable: for how many cores to have threads. */
    public static final String THREADS = "MILLRACE_THREADS";

    /** Environment variable: a file that says with how many bytes of memory to plan, where the container has more; it is read again and again. */
    public static final String MEMORY = "MILLRACE_MEMORY";

    /** What of the memory that a pod has beyond its heap, and what its process needs, is for state. */
    public static final double SHARE_FOR_STATE = 0.75;

    private EngineResources() {}
}
