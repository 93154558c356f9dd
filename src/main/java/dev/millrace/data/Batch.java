package dev.millrace.data;

import java.util.Arrays;
import java.util.List;

/**
 * A delta: rows with an integer weight each (+1 inserted, −1 deleted), in columns. A Z-set in pieces: equal rows may
 * appear more than once, and a weight may be any integer but 0.
 *
 * <p>A batch lent to an operator is valid only during that call; who wants to keep rows copies them. Columns may be shared
 * between batches and are never changed by a reader.
 *
 * <p>Rows that come straight from a source know their origin, for the messages about a bad row: {@link #origin} and {@link
 * #originRow}. Rows behind a stateful operator have none.
 */
public final class Batch {

    private final Schema schema;
    private final Vector[] columns;
    private long[] weights = {};
    private int size;
    private RowOrigin origin;
    private int[] originRows = {};
    private boolean originIdentity = true;

    /** A batch with columns of its own. */
    public Batch(Schema schema) {
        this(schema, schema.fields().stream().map(f -> Vector.create(f.type())).toArray(Vector[]::new));
    }

    /** A batch over given columns, some of which may be replaced by {@link #setColumn}. */
    public Batch(Schema schema, Vector[] columns) {
        this.schema = schema;
        this.columns = columns;
    }

    public Schema schema() {
        return schema;
    }

    public int size() {
        return size;
    }

    public int columnCount() {
        return columns.length;
    }

    public Vector column(int index) {
        return columns[index];
    }

    public LongVector longs(int index) {
        return (LongVector) columns[index];
    }

    public void setColumn(int index, Vector column) {
        columns[index] = column;
    }

    /** One weight per row, valid until the batch grows. */
    public long[] weights() {
        return weights;
    }

    public long weight(int row) {
        return weights[row];
    }

    public RowOrigin origin() {
        return origin;
    }

    /** The row's number in its {@link #origin}. */
    public int originRow(int row) {
        return originIdentity ? row : originRows[row];
    }

    /** Empties the batch and its columns. */
    public void clear() {
        for (Vector column : columns) {
            column.reset(0);
        }
        size = 0;
        origin = null;
        originIdentity = true;
    }

    /** Declares {@code rows} rows, whose columns the caller has set, of weight 1. */
    public void fill(int rows, RowOrigin rowOrigin) {
        reserve(rows);
        Arrays.fill(weights, 0, rows, 1);
        size = rows;
        origin = rowOrigin;
        originIdentity = true;
    }

    /** Declares rows that stand in the same order as {@code other}'s: weights and origins are taken from there. */
    public void fillLike(Batch other) {
        reserve(other.size);
        System.arraycopy(other.weights, 0, weights, 0, other.size);
        size = other.size;
        origin = other.origin;
        originIdentity = other.originIdentity;
        if (!originIdentity) {
            originRows = ensure(originRows, size);
            System.arraycopy(other.originRows, 0, originRows, 0, size);
        }
    }

    /** Declares {@code count} rows, row i standing for {@code other}'s row {@code rows[i]}. */
    public void fillFrom(Batch other, int[] rows, int count) {
        reserve(count);
        originRows = ensure(originRows, count);
        for (int i = 0; i < count; i++) {
            weights[i] = other.weights[rows[i]];
            originRows[i] = other.originRow(rows[i]);
        }
        size = count;
        origin = other.origin;
        originIdentity = false;
    }

    /** Becomes the rows {@code rows[0..count)} of a batch of the same columns. */
    public void gather(Batch other, int[] rows, int count) {
        for (int i = 0; i < columns.length; i++) {
            columns[i].gather(other.columns[i], rows, count);
        }
        fillFrom(other, rows, count);
    }

    /** Adds a row of the given weight to every column and returns its number: the caller sets the cells. */
    public int append(long weight) {
        for (Vector column : columns) {
            column.append();
        }
        return appendWeight(weight);
    }

    /** Adds a row to the batch whose cells the caller has appended to each column. */
    public int appendWeight(long weight) {
        if (size == weights.length) {
            weights = Arrays.copyOf(weights, Math.max(16, size * 2));
        }
        weights[size] = weight;
        return size++;
    }

    /** Copies a row of a batch with the same column types. */
    public void append(Batch other, int row, long weight) {
        for (int i = 0; i < columns.length; i++) {
            columns[i].append(other.columns[i], row);
        }
        appendWeight(weight);
    }

    private void reserve(int rows) {
        if (rows > weights.length) {
            weights = new long[Math.max(rows, weights.length * 2)];
        }
    }

    private static int[] ensure(int[] array, int length) {
        return length > array.length ? new int[Math.max(length, array.length * 2)] : array;
    }

    /** The row as objects; for messages and tests. */
    public List<Object> toObjects(int row) {
        return Arrays.asList(
                Arrays.stream(columns).map(column -> column.toObject(row)).toArray());
    }
}
