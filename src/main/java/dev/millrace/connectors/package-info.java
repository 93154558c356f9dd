/**
 * Where rows come from and where results go: {@link dev.millrace.connectors.Source} and {@link
 * dev.millrace.connectors.Sink}; {@link dev.millrace.connectors.NotedEpochs} is how a sink outside the log's transaction has each
 * epoch once. Kafka's own live in {@code dev.millrace.kafka}, since they share its transaction.
 */
package dev.millrace.connectors;
