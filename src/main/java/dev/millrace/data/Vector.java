package dev.millrace.data;

import java.util.Arrays;

/**
 * One column of a batch: primitive arrays and a mark per cell (value, NULL, or an error). Vectors are reused: {@link
 * #reset} starts a new content. Cells are written in any order between {@code reset} and use, or appended.
 *
 * <p>Not thread-safe; a vector belongs to the operator that made it.
 */
public abstract sealed class Vector
        permits LongVector, DoubleVector, DecimalVector, BytesVector, ArrayVector, RowVector {

    private static final byte[] NO_MARKS = {};

    private final DataType type;
    private int size;

    /** What {@link #capacity()} said last: every appended cell asks. */
    private int capacity;

    private byte[] marks = NO_MARKS;
    private boolean marked;

    Vector(DataType type) {
        this.type = type;
    }

    public static Vector create(DataType type) {
        return switch (type.kind()) {
            case BOOLEAN, INT, BIGINT, DATE, TIMESTAMP -> new LongVector(type);
            case DOUBLE -> new DoubleVector();
            case DECIMAL -> new DecimalVector((DataType.Decimal) type);
            case STRING, BINARY -> new BytesVector(type);
            case ARRAY -> new ArrayVector((DataType.Array) type);
            case ROW -> new RowVector((DataType.Row) type);
        };
    }

    public final DataType type() {
        return type;
    }

    public final int size() {
        return size;
    }

    /** Starts a new content of {@code rows} cells, all marked as values, their values undefined. */
    public final void reset(int rows) {
        reserve(rows);
        clearMarks();
        clearContent();
        size = rows;
    }

    /** Makes room for {@code rows} cells in all; keeps what is there. */
    public final void reserve(int rows) {
        if (rows > capacity) {
            grow(Math.max(rows, Math.max(16, capacity() * 2)));
            capacity = capacity();
        }
    }

    /** Adds a cell, marked as a value, and returns its row: the caller sets it. */
    public final int append() {
        reserve(size + 1);
        if (marked && size < marks.length) {
            marks[size] = CellError.VALUE;
        }
        return size++;
    }

    /** Takes cells that were set behind the last one, in reserved room, as appended values. */
    final void extend(int rows) {
        if (marked && size < marks.length) {
            Arrays.fill(marks, size, Math.min(rows, marks.length), CellError.VALUE);
        }
        size = rows;
    }

    public final void appendNull() {
        setMark(append(), CellError.NULL);
    }

    public final void append(Vector source, int row) {
        copy(append(), source, row);
    }

    /** Makes this column as long as {@code rows}, dropping later cells. */
    public final void truncate(int rows) {
        size = rows;
    }

    /** Whether some cell may be NULL or an error; false means that every cell is a value. */
    public final boolean marked() {
        return marked;
    }

    public final byte mark(int row) {
        return marked && row < marks.length ? marks[row] : CellError.VALUE;
    }

    public final boolean isNull(int row) {
        return mark(row) == CellError.NULL;
    }

    public final boolean isValue(int row) {
        return mark(row) == CellError.VALUE;
    }

    public final boolean isError(int row) {
        return CellError.isError(mark(row));
    }

    public final void setMark(int row, byte mark) {
        if (mark == CellError.VALUE && !marked) {
            return;
        }
        if (row >= marks.length) {
            marks = Arrays.copyOf(marks, Math.max(capacity(), row + 1));
        }
        marks[row] = mark;
        marked = true;
    }

    public final void setNull(int row) {
        setMark(row, CellError.NULL);
    }

    public final void setError(int row, CellError error) {
        setMark(row, error.mark());
    }

    /** Sets a cell to another vector's cell of the same kind of type, mark included. */
    public final void copy(int row, Vector source, int sourceRow) {
        byte mark = source.mark(sourceRow);
        setMark(row, mark);
        if (mark == CellError.VALUE) {
            copyValue(row, source, sourceRow);
        }
    }

    /** Takes over the marks of {@code source}'s first {@code rows} cells where this column's cells are values. */
    public final void mergeMarks(Vector source, int rows) {
        if (!source.marked()) {
            return;
        }
        for (int i = 0; i < rows; i++) {
            byte mark = source.mark(i);
            if (mark > mark(i)) {
                setMark(i, mark);
            }
        }
    }

    /** Becomes the cells of {@code source} at {@code rows[0..count)}. */
    public void gather(Vector source, int[] rows, int count) {
        reset(count);
        for (int i = 0; i < count; i++) {
            copy(i, source, rows[i]);
        }
    }

    private void clearMarks() {
        if (marked) {
            Arrays.fill(marks, CellError.VALUE);
            marked = false;
        }
    }

    /** Forgets content that does not lie in per-cell arrays, such as byte slabs. */
    abstract void clearContent();

    abstract int capacity();

    abstract void grow(int rows);

    abstract void copyValue(int row, Vector source, int sourceRow);

    /** The cell as an object, NULL as null; for messages and tests, never on the path of a row. */
    public final Object toObject(int row) {
        byte mark = mark(row);
        if (mark == CellError.NULL) {
            return null;
        }
        return CellError.isError(mark) ? CellError.ofMark(mark) : valueObject(row);
    }

    abstract Object valueObject(int row);
}
