/** The state store in memory: the twin of RocksDB for tests and for the rows of static tables. */
package dev.millrace.state.memory;
