/** Lines of the standard input or of a TCP connection, for trying things out: they cannot be read again. */
package dev.millrace.connectors.lines;
