/**
 * The dataflow operators, one final class each. They exchange deltas only.
 *
 * <p>Read {@link dev.millrace.engine.operators.Output} first. Linear operators ({@code Filter}, {@code Project}, …) keep
 * nothing and answer at once. Stateful ones work in two halves: a {@link dev.millrace.engine.operators.PartialGroups} per
 * worker folds an epoch's deltas by key; at the epoch's end a {@link dev.millrace.engine.operators.Stage} per worker merges
 * the parts of its key groups into its state and emits what changed, once ({@link
 * dev.millrace.engine.operators.ClosingStage}: what can no longer change). So results do not depend on batches, threads or
 * arrival within the epoch. No clock, thread, I/O or log is in here.
 */
package dev.millrace.engine.operators;
