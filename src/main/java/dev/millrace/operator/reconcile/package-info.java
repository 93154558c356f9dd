/**
 * observe → decide → apply. {@link dev.millrace.operator.reconcile.Observed} is all that a decision rests on, {@link
 * dev.millrace.operator.reconcile.Decision} all that it may cause; the clock is part of the observation. Savepoints have the
 * same three of their own ({@link dev.millrace.operator.reconcile.SavepointReconciler}): they only ask the query's pod.
 */
package dev.millrace.operator.reconcile;
