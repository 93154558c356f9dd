package dev.millrace.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** ARRAY cells: each a range of rows of one vector of elements. */
public final class ArrayVector extends Vector {

    private final Vector elements;
    private int[] starts = {};
    private int[] lengths = {};

    public ArrayVector(DataType.Array type) {
        super(type);
        this.elements = Vector.create(type.element());
    }

    public Vector elements() {
        return elements;
    }

    public int start(int row) {
        return starts[row];
    }

    public int length(int row) {
        return lengths[row];
    }

    public void setRange(int row, int start, int length) {
        starts[row] = start;
        lengths[row] = length;
    }

    @Override
    void clearContent() {
        elements.reset(0);
    }

    @Override
    int capacity() {
        return starts.length;
    }

    @Override
    void grow(int rows) {
        starts = Arrays.copyOf(starts, rows);
        lengths = Arrays.copyOf(lengths, rows);
    }

    @Override
    void copyValue(int row, Vector source, int sourceRow) {
        ArrayVector from = (ArrayVector) source;
        int length = from.lengths[sourceRow];
        int start = elements.size();
        for (int i = 0; i < length; i++) {
            elements.append(from.elements, from.starts[sourceRow] + i);
        }
        setRange(row, start, length);
    }

    @Override
    Object valueObject(int row) {
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < lengths[row]; i++) {
            list.add(elements.toObject(starts[row] + i));
        }
        return list;
    }
}
