/**
 * Vectorised kernels for scalar expressions. Read {@link dev.millrace.engine.expressions.Kernels} first: it turns an
 * expression of the plan into a tree of kernels.
 *
 * <p>A kernel evaluates all rows of a batch into a vector that it owns. NULL in, NULL out, unless the function says
 * otherwise; a failing row gets an error cell, which counts only where it is read. No kernel throws for a value.
 */
package dev.millrace.engine.expressions;
