/**
 * Bytes to rows and back: JSON, CSV, text. Read {@link dev.millrace.formats.RowDecoder} first.
 *
 * <p>A decoder reads only the columns that the plan uses, straight into vectors, without an object per row, and knows nothing
 * of where bytes come from. It never throws for bad input: it says what is wrong.
 */
package dev.millrace.formats;
