package dev.millrace.connectors.lines;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.connectors.files.LineReader;
import dev.millrace.data.Batch;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.formats.Format;
import dev.millrace.formats.RowDecoder;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** One partition of lines that are gone once they are read. A thread reads ahead, so that epochs need not wait for input. */
public final class LineSource implements Source {

    private static final byte[] END = {};
    private static final int BATCH_ROWS = 4096;

    private final String name;
    private final String address;
    private final Schema table;
    private final List<Integer> columns;
    private final Format format;
    private final BlockingQueue<byte[]> queue = new ArrayBlockingQueue<>(10_000);
    private volatile IOException failure;

    /**
     * @param address host:port to connect to, or null for the standard input
     */
    public LineSource(String name, String address, Schema table, List<Integer> columns, Format format) {
        this.name = name;
        this.address = address;
        this.table = table;
        this.columns = columns;
        this.format = format;
    }

    @Override
    public String identity() {
        return "lines";
    }

    @Override
    public List<Start> discover() {
        return List.of(new Start("lines", Position.at(0)));
    }

    private InputStream open() {
        if (address == null) {
            return System.in;
        }
        int colon = address.lastIndexOf(':');
        try {
            return new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))
                    .getInputStream();
        } catch (IOException e) {
            throw new ConnectorException(
                    "SourceUnavailable", "source '" + name + "': cannot connect to " + address, e, true);
        }
    }

    @Override
    public Reader reader(MalformedRows malformed) {
        return new Lines(malformed);
    }

    @Override
    public void close() {}

    private void pump(InputStream in) {
        LineReader lines = new LineReader(in);
        try {
            while (lines.next()) {
                byte[] line = Arrays.copyOfRange(lines.bytes(), lines.start(), lines.start() + lines.length() + 1);
                queue.put(line);
            }
            queue.put(END);
        } catch (java.io.UncheckedIOException e) {
            failure = e.getCause();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private final class Lines implements Reader {
        private final MalformedRows malformed;
        private final RowDecoder decoder = format.decoder(table, columns);
        private final Batch batch = new Batch(table.select(columns));
        private final int[] partitions = new int[BATCH_ROWS];
        private final List<byte[]> raws = new ArrayList<>();
        private final long[] offsets = new long[BATCH_ROWS];
        private long offset;
        private boolean assigned;
        private boolean ended;

        Lines(MalformedRows malformed) {
            this.malformed = malformed;
        }

        @Override
        public void assign(int index, String partition, Position position) {
            Arrays.fill(partitions, index);
            offset = position.offset();
            assigned = true;
            InputStream in = open();
            Thread thread = new Thread(() -> pump(in), "millrace-lines");
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void limit(int index, Position end) {}

        @Override
        public void limitToNow() {}

        @Override
        public SourceBatch poll(long timeoutMillis) {
            batch.clear();
            raws.clear();
            if (failure != null) {
                throw new ConnectorException("SourceUnavailable", "source '" + name + "': " + failure.getMessage());
            }
            byte[] line = assigned && !ended ? take(timeoutMillis) : null;
            while (line != null) {
                if (line == END) {
                    ended = true;
                    break;
                }
                accept(line);
                line = batch.size() < BATCH_ROWS ? queue.poll() : null;
            }
            batch.fill(batch.size(), origin);
            return new SourceBatch(batch, partitions);
        }

        private byte[] take(long timeoutMillis) {
            try {
                return queue.poll(timeoutMillis, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
        }

        private void accept(byte[] line) {
            long at = offset++;
            String problem = decoder.decode(line, 0, line.length - 1, batch);
            if (problem != null) {
                malformed.malformed(
                        partitions[0], new SourcePosition(name, "line", at + 1), line, 0, line.length - 1, problem);
            } else {
                offsets[batch.size() - 1] = at;
                raws.add(line);
            }
        }

        private final RowOrigin origin = new RowOrigin() {
            @Override
            public SourcePosition position(int row) {
                return new SourcePosition(name, "line", offsets[row] + 1);
            }

            @Override
            public byte[] raw(int row) {
                return Arrays.copyOf(raws.get(row), raws.get(row).length - 1);
            }
        };

        @Override
        public Position position(int index) {
            return Position.at(offset);
        }

        @Override
        public long lag(int index) {
            return queue.size();
        }

        @Override
        public boolean atEnd(int index) {
            return ended;
        }

        @Override
        public boolean ended(int index) {
            return ended;
        }

        @Override
        public void close() {}
    }
}
