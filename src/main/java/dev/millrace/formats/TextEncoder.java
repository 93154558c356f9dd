package dev.millrace.formats;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.BytesVector;

/** The one column's bytes; NULL is the empty record. */
final class TextEncoder implements RecordEncoder {

    @Override
    public void encode(Batch batch, int row, int[] columns, Bytes out) {
        BytesVector column = (BytesVector) batch.column(columns[0]);
        if (column.isValue(row)) {
            out.put(column.slab(), column.start(row), column.length(row));
        }
    }
}
