/** The progress log of a query on one machine: a file. Kafka's is in {@code dev.millrace.kafka}. */
package dev.millrace.engine.recovery;
