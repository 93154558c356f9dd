package dev.millrace.data;

import java.util.Objects;

/** A named, typed column or row field. */
public record Field(String name, DataType type, boolean nullable) {

    public Field {
        Objects.requireNonNull(name);
        Objects.requireNonNull(type);
    }

    @Override
    public String toString() {
        return name + " " + type + (nullable ? "" : " NOT NULL");
    }
}
