package dev.millrace.connectors.console;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.RowCodec;
import dev.millrace.formats.Format;
import dev.millrace.formats.RecordEncoder;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Shows results when their epoch is committed. Plain: one line per change, {@code insert|upsert|delete <row as JSON>}, and
 * for a whole table a line before it. On a terminal: see {@link ConsoleTable}.
 */
public final class ConsoleSink implements Sink {

    private final PrintStream out;
    private final ConsoleTable table;
    private final boolean needsReader;
    private final RecordEncoder encoder = new Format.Json(Format.TimestampStyle.ISO8601).encoder();
    private final List<String> lines = new ArrayList<>();

    /**
     * @param table draws on a terminal; null for plain lines
     * @param needsReader whether the query ends, with {@code OutputClosed}, when nobody reads the output any more
     */
    public ConsoleSink(PrintStream out, ConsoleTable table, boolean needsReader) {
        this.out = out;
        this.table = table;
        this.needsReader = needsReader;
    }

    @Override
    public Writer writer() {
        return new LineWriter();
    }

    @Override
    public synchronized void committed(long epoch) {
        if (table != null) {
            table.draw(epoch);
        } else {
            lines.forEach(out::println);
            lines.clear();
        }
        if (out.checkError() && needsReader) {
            throw new ConnectorException("OutputClosed", "nobody reads the standard output any more");
        }
    }

    @Override
    public void close() {
        lines.clear();
    }

    private final class LineWriter implements Writer {
        @Override
        public void append(Batch rows) {
            synchronized (ConsoleSink.this) {
                show(rows, "insert ");
            }
        }

        /** Each row as often as its weight says. */
        private void show(Batch rows, String verb) {
            for (int row = 0; row < rows.size(); row++) {
                for (long copy = 0; copy < rows.weight(row); copy++) {
                    if (table != null) {
                        table.append(rows, row);
                    } else {
                        lines.add(verb + json(rows, row));
                    }
                }
            }
        }

        @Override
        public void change(Batch rows, int[] keys) {
            synchronized (ConsoleSink.this) {
                for (int row = 0; row < rows.size(); row++) {
                    boolean set = rows.weight(row) > 0;
                    if (table != null) {
                        table.change(key(rows, row, keys), rows, row, set);
                    } else {
                        lines.add((set ? "upsert " : "delete ") + json(rows, row));
                    }
                }
            }
        }

        @Override
        public void replace(long epoch, List<Batch> batches) {
            synchronized (ConsoleSink.this) {
                if (table != null) {
                    table.clear();
                } else {
                    lines.add("table of epoch " + epoch + ", " + count(batches) + " rows");
                }
                batches.forEach(batch -> show(batch, "row "));
            }
        }

        private static long count(List<Batch> batches) {
            return batches.stream()
                    .flatMapToLong(batch -> Arrays.stream(batch.weights(), 0, batch.size()))
                    .sum();
        }
    }

    private String json(Batch rows, int row) {
        Bytes bytes = new Bytes();
        encoder.encode(rows, row, IntStream.range(0, rows.columnCount()).toArray(), bytes);
        return new String(bytes.array(), 0, bytes.length(), StandardCharsets.UTF_8);
    }

    private static String key(Batch rows, int row, int[] keys) {
        Bytes bytes = new Bytes();
        for (int key : keys) {
            RowCodec.encode(rows.column(key), row, bytes);
        }
        return new String(bytes.array(), 0, bytes.length(), StandardCharsets.ISO_8859_1);
    }
}
