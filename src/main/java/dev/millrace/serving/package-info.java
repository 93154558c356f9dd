/**
 * What a process serves over HTTP, read-only: an engine its metrics, progress and health, the operator its own, and what its
 * autoscaler saw. The only home of
 * an HTTP server.
 */
package dev.millrace.serving;
