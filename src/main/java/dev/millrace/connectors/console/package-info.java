/** The terminal as a sink: a table that redraws itself, or plain lines where the output is not a terminal. */
package dev.millrace.connectors.console;
