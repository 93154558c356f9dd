package dev.millrace.formats;

import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.DataType;
import dev.millrace.data.Utf8;

/** The whole record as one cell. */
final class TextDecoder implements RowDecoder {

    private final DataType type;

    /**
     * @param type of the column, or null where only the number of records is wanted
     */
    TextDecoder(DataType type) {
        this.type = type;
    }

    @Override
    public String decode(byte[] bytes, int start, int length, Batch into) {
        if (type != null) {
            if (type.kind() == DataType.Kind.STRING && !Utf8.isValid(bytes, start, start + length)) {
                return "the text is not well-formed UTF-8";
            }
            BytesVector column = (BytesVector) into.column(0);
            column.set(column.append(), bytes, start, length);
        }
        into.appendWeight(1);
        return null;
    }
}
