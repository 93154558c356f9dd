/**
 * Measures queries beside a raw consumer of the same topics, on a broker in a process of its own. Read {@link
 * dev.millrace.bench.Bench} first: it fills the topics, starts one process per run, and writes the report.
 */
package dev.millrace.bench;
