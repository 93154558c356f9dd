/**
 * The engine: runs a plan incrementally, epoch by epoch, exactly once.
 *
 * <p>Read {@link dev.millrace.engine.ProgressLog} first, then the package {@code task} with the epoch loop, {@code
 * operators} with the dataflow operators and {@code expressions} with their kernels.
 */
package dev.millrace.engine;
