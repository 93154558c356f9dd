/**
 * Running a plan: workers, epochs, recovery.
 *
 * <p>Read {@link dev.millrace.engine.task.QueryRun} first: it lives through faults, each life an {@code EpochLoop}: {@code
 * Recovery} brings the query to the end of its log, then live epochs follow. A standby
 * is a life that {@code Recovery} follows the log in until it is its turn. {@code Flow} computes an epoch, {@code KeptState}
 * writes it, {@code Checkpoints} copies what was written, {@code Savepoints} keep such copies by name. {@link
 * dev.millrace.engine.task.Dataflow} is the plan as operators; {@code Inputs} are sources, late rows and watermarks; {@code
 * Results} turn root deltas into what sinks write. Where a query runs in several slots, {@code Peers} is what one has to do
 * with the others: {@code Departures} leave to them, {@code Arrivals} come from them, and {@code Slots} is what they have announced. What a slot owns moves while they run: {@code
 * HandOver} copies it, an {@code Announcement} releases it, the other slot's {@code Arrivals} take it.
 */
package dev.millrace.engine.task;
