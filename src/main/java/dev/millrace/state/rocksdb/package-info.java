/** The state store on disk; the only home of RocksDB. */
package dev.millrace.state.rocksdb;
