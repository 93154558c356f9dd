package dev.millrace.api;

/**
 * A mistake in a resource: one line for the user, {@code file:line:column: Code: message}.
 *
 * @param field the path of the field, with line and column in it for a place in a text: {@code spec.query:3:12}; empty where
 *     the file as a whole is meant
 */
public record Problem(String file, int line, int column, String field, String code, String message)
        implements Comparable<Problem> {

    @Override
    public String toString() {
        return file + ":" + line + ":" + column + ": " + code + ": " + message;
    }

    @Override
    public int compareTo(Problem other) {
        int byFile = file.compareTo(other.file);
        int byLine = Integer.compare(line, other.line);
        return byFile != 0 ? byFile : byLine != 0 ? byLine : Integer.compare(column, other.column);
    }
}
