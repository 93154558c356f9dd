/** The shape of what a query owns in its namespace: pure functions from a query's version to Kubernetes objects. */
package dev.millrace.operator.resources;
