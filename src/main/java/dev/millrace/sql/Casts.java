package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.data.DataType.Kind;

/** Which conversions between types there are; each has a kernel in the engine. */
final class Casts {

    private Casts() {}

    static boolean supported(DataType from, DataType to) {
        if (from.equals(to)) {
            return true;
        }
        if (from.isNumeric() && to.isNumeric()) {
            return true;
        }
        if (to.kind() == Kind.STRING) {
            return from.kind() != Kind.ARRAY && from.kind() != Kind.ROW;
        }
        if (from.kind() == Kind.STRING) {
            return to.kind() != Kind.ARRAY && to.kind() != Kind.ROW;
        }
        if (from.kind() == Kind.DATE) {
            return to.kind() == Kind.TIMESTAMP;
        }
        if (from.kind() == Kind.TIMESTAMP) {
            return to.kind() == Kind.TIMESTAMP || to.kind() == Kind.DATE;
        }
        return false;
    }
}
