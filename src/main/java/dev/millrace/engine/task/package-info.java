/**
 * Running a plan: workers, epochs, recovery.
 *
 * <p>Read {@link dev.millrace.engine.task.QueryRun} first: it opens state and log, replays what the state misses, and runs
 * epochs. {@link dev.millrace.engine.task.Dataflow} is the plan as operators; {@link dev.millrace.engine.task.Inputs} are
 * sources, late rows and watermarks; {@link dev.millrace.engine.task.Results} turn root deltas into what sinks write.
 */
package dev.millrace.engine.task;
