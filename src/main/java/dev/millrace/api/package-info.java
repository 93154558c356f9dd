/**
 * The {@code StreamingQuery} resource: what users write. Read {@link dev.millrace.api.StreamingQuery} first, then {@link
 * dev.millrace.api.ResourceReader}, which reads YAML and says line and column of every mistake. {@link dev.millrace.api.StreamingQueryStatus} is what the operator
 * tells of it; {@code Engine…} is what pods tell the operator. Imports nothing of Millrace.
 */
package dev.millrace.api;
