/**
 * The autoscaler: {@link dev.millrace.operator.scaling.ScalingPolicy} is a pure function of {@linkplain
 * dev.millrace.operator.scaling.Sample what pods did}, the {@linkplain dev.millrace.operator.scaling.Objective objective}, the
 * {@linkplain dev.millrace.operator.scaling.Bounds bounds}, and {@linkplain dev.millrace.operator.scaling.ScalingState what it
 * knows from before}. {@link dev.millrace.operator.scaling.Estimate} makes figures of samples. {@link
 * dev.millrace.operator.scaling.Balance} says which key groups and partitions even slots out. The reconciler gathers what goes
 * in, and does what comes out; {@link dev.millrace.operator.scaling.ScalingHistory} is what went in, for who asks why.
 */
package dev.millrace.operator.scaling;
