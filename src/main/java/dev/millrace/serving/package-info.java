/** The HTTP of an engine process, read-only: metrics, progress, health. The only home of HTTP. */
package dev.millrace.serving;
