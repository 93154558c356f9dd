/**
 * All that speaks Kafka: source, sink, progress log and stored checkpoints, which share one transaction. The only home of kafka-clients.
 *
 * <p>Read {@link dev.millrace.kafka.KafkaTransaction} first: the producer that sinks and log write through. No error of it
 * decides anything; it makes the run start over, and the log says what happened. {@link dev.millrace.kafka.OtherClusterSink} has
 * one of its own.
 */
package dev.millrace.kafka;
