/**
 * The values that everything else speaks: types, columnar vectors, delta batches, the byte encoding of rows, epochs and
 * watermarks. Imports nothing of Millrace.
 *
 * <p>Read {@link dev.millrace.data.Batch} first, then {@link dev.millrace.data.Vector} and {@link
 * dev.millrace.data.RowCodec}.
 *
 * <p>Invariants: a cell is a value, NULL or an error ({@link dev.millrace.data.CellError}); there is one equality and one
 * order of values, the one of {@link dev.millrace.data.RowCodec}'s bytes; a batch lent to an operator is valid only
 * during the call. There are no row objects here on purpose.
 */
package dev.millrace.data;
