package dev.millrace.cli;

import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.SourcePosition;
import dev.millrace.formats.Format;
import dev.millrace.formats.RowDecoder;
import dev.millrace.plan.PlanNode;
import java.util.ArrayList;
import java.util.List;

/** Records in memory, dealt to partitions in turn, in batches of a chosen size. */
final class RecordsSource implements Source {

    private final PlanNode.Scan scan;
    private final Format format;
    private final List<List<byte[]>> partitions = new ArrayList<>();
    private final int batchRows;
    private Runnable whenRequired = () -> {};

    RecordsSource(PlanNode.Scan scan, Format format, List<byte[]> records, int partitionCount, int batchRows) {
        this.scan = scan;
        this.format = format;
        this.batchRows = batchRows;
        for (int p = 0; p < partitionCount; p++) {
            partitions.add(new ArrayList<>());
        }
        for (int i = 0; i < records.size(); i++) {
            partitions.get(i % partitionCount).add(records.get(i));
        }
    }

    /** Performs this where a reader is asked whether its input is still there. */
    void whenRequired(Runnable performed) {
        whenRequired = performed;
    }

    @Override
    public String identity() {
        return "records";
    }

    @Override
    public List<Start> discover() {
        List<Start> starts = new ArrayList<>();
        for (int p = 0; p < partitions.size(); p++) {
            starts.add(new Start("p" + p, Position.at(0)));
        }
        return starts;
    }

    @Override
    public Reader reader(MalformedRows malformed) {
        return new Records(malformed);
    }

    @Override
    public void close() {}

    private final class Records implements Reader {
        private final MalformedRows malformed;
        private final RowDecoder decoder = format.decoder(scan.table().schema(), scan.columns());
        private final Batch batch = new Batch(scan.schema());
        private final List<int[]> parts = new ArrayList<>();
        private final List<long[]> ends = new ArrayList<>();
        private int turn;
        private int current;

        Records(MalformedRows malformed) {
            this.malformed = malformed;
        }

        @Override
        public void assign(int index, String partition, Position position) {
            parts.add(new int[] {index, Integer.parseInt(partition.substring(1)), (int) position.offset()});
            ends.add(new long[] {Long.MAX_VALUE});
        }

        private int find(int index) {
            for (int i = 0; i < parts.size(); i++) {
                if (parts.get(i)[0] == index) {
                    return i;
                }
            }
            throw new IllegalArgumentException();
        }

        @Override
        public void limit(int index, Position end) {
            ends.get(find(index))[0] = end == null ? Long.MAX_VALUE : end.offset();
        }

        @Override
        public void requireInput() {
            whenRequired.run();
        }

        @Override
        public void limitToNow() {}

        @Override
        public SourceBatch poll(long timeoutMillis) {
            batch.clear();
            int[] of = new int[batchRows];
            if (!parts.isEmpty()) {
                current = turn++ % parts.size();
                int[] part = parts.get(current);
                List<byte[]> records = partitions.get(part[1]);
                while (batch.size() < batchRows && part[2] < Math.min(records.size(), ends.get(current)[0])) {
                    byte[] record = records.get(part[2]++);
                    String problem = decoder.decode(record, 0, record.length, batch);
                    if (problem != null) {
                        malformed.malformed(
                                part[0],
                                new SourcePosition(scan.table().name(), "p" + part[1], part[2] - 1),
                                record,
                                0,
                                record.length,
                                problem);
                    }
                }
                java.util.Arrays.fill(of, part[0]);
            }
            batch.fill(batch.size(), origin);
            return new SourceBatch(batch, of);
        }

        @Override
        public Position position(int index) {
            return Position.at(parts.get(find(index))[2]);
        }

        @Override
        public long lag(int index) {
            int[] part = parts.get(find(index));
            return partitions.get(part[1]).size() - part[2];
        }

        @Override
        public boolean atEnd(int index) {
            return lag(index) == 0;
        }

        private final RowOrigin origin = new RowOrigin() {
            @Override
            public SourcePosition position(int row) {
                return new SourcePosition(scan.table().name(), "p" + current, row);
            }

            @Override
            public byte[] raw(int row) {
                return null;
            }
        };

        @Override
        public void close() {}
    }
}
