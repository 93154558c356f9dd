package dev.millrace.data;

import java.util.ArrayList;
import java.util.List;

/** ROW cells: one vector per field, each as long as this one. */
public final class RowVector extends Vector {

    private final Vector[] fields;
    private int capacity;

    public RowVector(DataType.Row type) {
        super(type);
        this.fields = type.fields().stream().map(f -> Vector.create(f.type())).toArray(Vector[]::new);
    }

    public int fieldCount() {
        return fields.length;
    }

    /** The vector of a field; its cells are set by the same row numbers. */
    public Vector field(int index) {
        return fields[index];
    }

    @Override
    void clearContent() {
        for (Vector field : fields) {
            field.reset(capacity);
        }
    }

    @Override
    int capacity() {
        return capacity;
    }

    @Override
    void grow(int rows) {
        for (Vector field : fields) {
            while (field.size() < rows) {
                field.append();
            }
        }
        capacity = rows;
    }

    @Override
    void copyValue(int row, Vector source, int sourceRow) {
        RowVector from = (RowVector) source;
        for (int i = 0; i < fields.length; i++) {
            fields[i].copy(row, from.fields[i], sourceRow);
        }
    }

    @Override
    Object valueObject(int row) {
        List<Object> list = new ArrayList<>();
        for (Vector field : fields) {
            list.add(field.toObject(row));
        }
        return list;
    }
}
