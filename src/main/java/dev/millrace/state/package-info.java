/**
 * What operators remember: an ordered store of byte keys, changed by one atomic batch per epoch.
 *
 * <p>Read {@link dev.millrace.state.StateStore} first. Keys are {@code keyGroup(2) | operator number(4) | key columns}, so
 * that a key group is a range and moves as one. {@code state.rocksdb} is the only home of RocksDB; {@code state.memory}
 * is its twin for tests and for static tables.
 *
 * <p>{@link dev.millrace.state.StateHome} is where the store and its checkpoints are on this machine, {@link
 * dev.millrace.state.CheckpointStore} where copies outlive it: in {@code kafka}, or as objects in {@code stores}.
 */
package dev.millrace.state;
