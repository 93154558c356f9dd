/**
 * The {@code StreamingQuery} resource: what users write. Read {@link dev.millrace.api.StreamingQuery} first, then {@link
 * dev.millrace.api.ResourceReader}, which reads YAML and says line and column of every mistake. Imports nothing of Millrace.
 */
package dev.millrace.api;
