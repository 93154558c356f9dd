package dev.millrace.data;

/**
 * Why a cell has no value although it is not NULL: the third state of a cell. It counts only where a filter, a key, a
 * join condition, an aggregate's input or a sink reads the cell.
 */
public enum CellError {
    OVERFLOW("the result does not fit its type"),
    DIVISION_BY_ZERO("division by zero"),
    INVALID_CAST("the text is not a value of the type it is cast to"),
    INVALID_ARGUMENT("an argument is out of the function's range"),
    NULL_NOT_ALLOWED("NULL where the column is NOT NULL");

    /** Mark of a cell with a value. */
    public static final byte VALUE = 0;

    /** Mark of a NULL cell; greater marks are errors. */
    public static final byte NULL = 1;

    private static final CellError[] ALL = values();

    private final String text;

    CellError(String text) {
        this.text = text;
    }

    public String text() {
        return text;
    }

    public byte mark() {
        return (byte) (ordinal() + 2);
    }

    public static boolean isError(byte mark) {
        return mark > NULL;
    }

    public static CellError ofMark(byte mark) {
        return ALL[mark - 2];
    }
}
