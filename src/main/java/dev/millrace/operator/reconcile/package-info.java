/**
 * observe → decide → apply. {@link dev.millrace.operator.reconcile.Observed} is all that a decision rests on, {@link
 * dev.millrace.operator.reconcile.Decision} all that it may cause; the clock is part of the observation. {@link
 * dev.millrace.operator.reconcile.Decider} chooses the version and puts the status together; {@link
 * dev.millrace.operator.reconcile.SlotDecider} says what to do about one slot and its pod, {@link
 * dev.millrace.operator.reconcile.FurtherSlots} in which order and until when those behind slot 0 run, {@link
 * dev.millrace.operator.reconcile.Stragglers} which pod is to be replaced, {@link dev.millrace.operator.reconcile.Standbys}
 * which slots have a second pod, and when that one is due, {@link
 * dev.millrace.operator.reconcile.Replacements} which pods cannot
 * be given what is wished where they are, {@link
 * dev.millrace.operator.reconcile.Autoscaler} what pods, CPU and memory a query is given, {@link
 * dev.millrace.operator.reconcile.Balancing} which key groups and partitions go to other slots, {@link
 * dev.millrace.operator.reconcile.Resize} how a pod that runs gets there, {@link dev.millrace.operator.reconcile.Volumes} how
 * large its volumes are. Savepoints have the
 * same three of their own ({@link dev.millrace.operator.reconcile.SavepointReconciler}): they only ask the query's pod. {@link
 * dev.millrace.operator.reconcile.Looks} sees to it that nothing is forgotten.
 */
package dev.millrace.operator.reconcile;
