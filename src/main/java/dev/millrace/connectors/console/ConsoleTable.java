package dev.millrace.connectors.console;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.DataType;
import dev.millrace.data.Schema;
import dev.millrace.data.TextWriter;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Keeps the result table and draws it in place: an updated result with its greatest rows by the last numeric column first, a
 * growing one with its newest rows.
 */
public final class ConsoleTable {

    private static final int MAX_KEPT_ROWS = 200_000;
    private static final long REDRAW_MILLIS = 100;

    private final PrintStream out;
    private final int height;
    private final int width;
    private final Map<String, String[]> rows = new LinkedHashMap<>();
    private Schema schema;
    private long appended;
    private boolean grows;
    private int drawnLines;
    private long lastDraw;
    private String status = "";

    /**
     * @param height lines of the terminal
     */
    public ConsoleTable(PrintStream out, int height, int width) {
        this.out = out;
        this.height = height;
        this.width = width;
    }

    /** The line that is drawn below the table. */
    public void status(String line) {
        status = line;
    }

    void append(Batch batch, int row) {
        grows = true;
        schema = batch.schema();
        rows.put("#" + appended++, texts(batch, row));
        if (rows.size() > height * 2) {
            rows.remove(rows.keySet().iterator().next());
        }
    }

    void change(String key, Batch batch, int row, boolean set) {
        schema = batch.schema();
        if (set && (rows.containsKey(key) || rows.size() < MAX_KEPT_ROWS)) {
            rows.put(key, texts(batch, row));
        } else {
            rows.remove(key);
        }
    }

    void clear() {
        rows.clear();
        appended = 0;
    }

    private static String[] texts(Batch batch, int row) {
        String[] texts = new String[batch.columnCount()];
        Bytes bytes = new Bytes();
        for (int c = 0; c < texts.length; c++) {
            bytes.clear();
            if (batch.column(c).isValue(row)) {
                TextWriter.write(batch.column(c), row, ' ', bytes);
                texts[c] = new String(bytes.array(), 0, bytes.length(), StandardCharsets.UTF_8);
            } else {
                texts[c] = "NULL";
            }
        }
        return texts;
    }

    void draw(long epoch) {
        long now = System.currentTimeMillis();
        if (schema != null && now - lastDraw >= REDRAW_MILLIS) {
            lastDraw = now;
            draw();
        }
    }

    /** Draws the present content over what was drawn last. */
    public void draw() {
        if (schema == null) {
            return;
        }
        List<String[]> shown = shown();
        int[] widths = widths(shown);
        StringBuilder text = new StringBuilder();
        if (drawnLines > 0) {
            text.append("\033[").append(drawnLines).append("A");
        }
        List<String> lines = new ArrayList<>();
        lines.add(line(schema.names().toArray(String[]::new), widths));
        lines.add("-".repeat(Math.min(width - 1, lines.get(0).length())));
        shown.forEach(row -> lines.add(line(row, widths)));
        long all = grows ? appended : rows.size();
        lines.add(all > shown.size() ? "(" + shown.size() + " of " + all + " rows)" : "(" + all + " rows)");
        lines.add(status);
        for (String line : lines) {
            text.append("\033[2K")
                    .append(line, 0, Math.min(line.length(), width - 1))
                    .append('\n');
        }
        for (int i = lines.size(); i < drawnLines; i++) {
            text.append("\033[2K\n");
        }
        drawnLines = Math.max(drawnLines, lines.size());
        out.print(text);
        out.flush();
    }

    private List<String[]> shown() {
        List<String[]> all = new ArrayList<>(rows.values());
        int room = Math.max(3, height - 6);
        if (grows) {
            return all.subList(Math.max(0, all.size() - room), all.size());
        }
        int column = orderColumn();
        if (column >= 0) {
            all.sort(Comparator.comparing((String[] row) -> number(row[column])).reversed());
        }
        return all.subList(0, Math.min(room, all.size()));
    }

    private int orderColumn() {
        for (int c = schema.size() - 1; c >= 0; c--) {
            if (schema.type(c).isNumeric()) {
                return c;
            }
        }
        return -1;
    }

    private static double number(String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            return Double.NEGATIVE_INFINITY;
        }
    }

    private int[] widths(List<String[]> shown) {
        int[] widths = schema.fields().stream().mapToInt(f -> f.name().length()).toArray();
        for (String[] row : shown) {
            for (int c = 0; c < widths.length; c++) {
                widths[c] = Math.min(40, Math.max(widths[c], row[c].length()));
            }
        }
        return widths;
    }

    private String line(String[] cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int c = 0; c < cells.length; c++) {
            String cell = cells[c].length() > widths[c] ? cells[c].substring(0, widths[c] - 1) + "…" : cells[c];
            String pad = " ".repeat(Math.max(0, widths[c] - cell.length()));
            boolean right = schema.type(c).isNumeric() || schema.type(c).kind() == DataType.Kind.BOOLEAN;
            line.append(c > 0 ? "  " : "").append(right ? pad + cell : cell + pad);
        }
        return line.toString();
    }
}
