package dev.millrace.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * STRING (UTF-8) and BINARY cells: a start and a length each in one byte slab. Cells may overlap, and a vector may borrow
 * another's slab, so that splitting or cutting a string copies no bytes.
 */
public final class BytesVector extends Vector {

    private byte[] slab = {};
    private int used;
    private boolean borrowed;
    private int[] starts = {};
    private int[] lengths = {};

    public BytesVector(DataType type) {
        super(type);
    }

    public byte[] slab() {
        return slab;
    }

    public int start(int row) {
        return starts[row];
    }

    public int length(int row) {
        return lengths[row];
    }

    /** Uses {@code bytes[0..length)} as slab, without copying, until the next {@link #reset}. */
    public void borrow(byte[] bytes, int length) {
        slab = bytes;
        used = length;
        borrowed = true;
    }

    public void borrow(BytesVector source) {
        borrow(source.slab, source.used);
    }

    /** Sets a cell to a range of the present slab. */
    public void setRange(int row, int start, int length) {
        starts[row] = start;
        lengths[row] = length;
    }

    public void set(int row, byte[] bytes, int offset, int length) {
        int start = reserveBytes(length);
        System.arraycopy(bytes, offset, slab, start, length);
        used = start + length;
        setRange(row, start, length);
    }

    public void set(int row, byte[] bytes) {
        set(row, bytes, 0, bytes.length);
    }

    public void set(int row, String text) {
        set(row, text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Makes room for {@code length} bytes at the end of the slab and returns where they start. The caller writes them
     * into {@link #slab} and takes them with {@link #commit}.
     */
    public int reserveBytes(int length) {
        int needed = used + length;
        if (needed < 0) {
            throw new IllegalStateException("a column's bytes exceed 2 GiB");
        }
        if (borrowed || needed > slab.length) {
            slab = Arrays.copyOf(slab, Math.max(needed, Math.min(Integer.MAX_VALUE - 8, Math.max(256, used * 2))));
            borrowed = false;
        }
        return used;
    }

    /** Takes the first {@code length} bytes written after {@link #reserveBytes} as the cell's value. */
    public void commit(int row, int length) {
        setRange(row, used, length);
        used += length;
    }

    public String getString(int row) {
        return new String(slab, starts[row], lengths[row], StandardCharsets.UTF_8);
    }

    /** Appends as cells the parts of a range of the slab that lie between separators; there is at least one. */
    public void appendParts(int start, int end, byte separator) {
        long pattern = (separator & 0xFF) * Words.ONES;
        int part = size();
        int from = start;
        for (int at = start; at < end; at += Long.BYTES) {
            reserve(part + Long.BYTES + 1);
            long found = Words.zeros(word(at) ^ pattern) & Words.first(Math.min(Long.BYTES, end - at));
            for (; found != 0; found &= found - 1) {
                int cut = at + (Long.numberOfTrailingZeros(found) >> 3);
                setRange(part++, from, cut - from);
                from = cut + 1;
            }
        }
        reserve(part + 1);
        setRange(part++, from, end - from);
        extend(part);
    }

    /** Eight bytes of the slab; what is behind its end is 0. */
    private long word(int at) {
        if (at + Long.BYTES <= slab.length) {
            return Words.get(slab, at);
        }
        long word = 0;
        for (int i = slab.length - 1; i >= at; i--) {
            word = word << 8 | slab[i] & 0xFF;
        }
        return word;
    }

    /** Appends a cell that is a range of the present slab. */
    public void appendRange(int start, int length) {
        setRange(append(), start, length);
    }

    /** Compares two cells by their bytes, unsigned. */
    public static int compare(BytesVector a, int aRow, BytesVector b, int bRow) {
        int aStart = a.starts[aRow];
        int bStart = b.starts[bRow];
        return Arrays.compareUnsigned(
                a.slab, aStart, aStart + a.lengths[aRow], b.slab, bStart, bStart + b.lengths[bRow]);
    }

    @Override
    public void gather(Vector source, int[] rows, int count) {
        reset(count);
        BytesVector from = (BytesVector) source;
        borrow(from);
        for (int i = 0; i < count; i++) {
            starts[i] = from.starts[rows[i]];
            lengths[i] = from.lengths[rows[i]];
        }
        if (source.marked()) {
            for (int i = 0; i < count; i++) {
                setMark(i, source.mark(rows[i]));
            }
        }
    }

    @Override
    void clearContent() {
        if (borrowed) {
            slab = new byte[0];
            borrowed = false;
        }
        used = 0;
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
        BytesVector from = (BytesVector) source;
        if (slab == from.slab) {
            setRange(row, from.starts[sourceRow], from.lengths[sourceRow]);
        } else {
            set(row, from.slab, from.starts[sourceRow], from.lengths[sourceRow]);
        }
    }

    @Override
    Object valueObject(int row) {
        return type().kind() == DataType.Kind.STRING
                ? getString(row)
                : Arrays.copyOfRange(slab, starts[row], starts[row] + lengths[row]);
    }
}
