/**
 * The Kubernetes side: {@link dev.millrace.operator.reconcile.QueryReconciler} brings pods and volumes to what a {@link
 * dev.millrace.operator.QueryResource} wants. Read {@code reconcile} first: observe (from the API server, never from a cache),
 * {@link dev.millrace.operator.reconcile.Decider decide} (a pure function), apply. {@code resources} shapes the children, {@code scaling} decides how many pods
 * with how much CPU there are to be. A
 * {@link dev.millrace.operator.SavepointResource} asks for a copy of a query's state under a name.
 */
package dev.millrace.operator;
