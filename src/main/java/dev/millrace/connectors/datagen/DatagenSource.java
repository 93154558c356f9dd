package dev.millrace.connectors.datagen;

import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.Batch;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.data.Vector;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Generated rows in partitions: partition p of n holds the rows p, p + n, p + 2n, …; its offsets count them. Rows come at a
 * given rate, counted from the start of the reader, or as fast as they can be made.
 */
public final class DatagenSource implements Source {

    private static final int BATCH_ROWS = 4096;

    private final Config config;

    /**
     * What is generated.
     *
     * @param generator makes a generator for each reader, since they are not thread-safe
     * @param rows how many in all, −1 for no end
     * @param rowsPerSecond in all, 0 for no limit
     */
    public record Config(
            String name,
            Supplier<Generator> generator,
            List<Integer> columns,
            long rows,
            double rowsPerSecond,
            int partitions) {}

    public DatagenSource(Config config) {
        this.config = config;
    }

    @Override
    public String identity() {
        return "datagen";
    }

    @Override
    public List<Start> discover() {
        List<Start> starts = new ArrayList<>();
        for (int p = 0; p < config.partitions(); p++) {
            starts.add(new Start("generated-" + p, Position.at(0)));
        }
        return starts;
    }

    @Override
    public Reader reader(MalformedRows malformed) {
        return new GeneratedRows();
    }

    @Override
    public void close() {}

    private final class GeneratedRows implements Reader {
        private final Generator generator = config.generator().get();
        private final Batch all = new Batch(generator.schema());
        private final Batch wanted = view(all, config.columns());
        private int[] partitionOf = new int[BATCH_ROWS];
        private final long[] numbers = new long[BATCH_ROWS];
        private final List<Part> parts = new ArrayList<>();
        private final long startNanos = System.nanoTime();
        private int turn;

        private final RowOrigin origin = new RowOrigin() {
            @Override
            public SourcePosition position(int row) {
                return new SourcePosition(config.name(), "generated row", numbers[row]);
            }

            @Override
            public byte[] raw(int row) {
                return all.toObjects(row).toString().getBytes(StandardCharsets.UTF_8);
            }
        };

        /** One partition of this reader. */
        private static final class Part {
            private final int index;
            private final int partition;
            private final long first;
            private long offset;
            private long limit = Long.MAX_VALUE;

            Part(int index, int partition, long offset) {
                this.index = index;
                this.partition = partition;
                this.first = offset;
                this.offset = offset;
            }
        }

        private static Batch view(Batch all, List<Integer> columns) {
            Schema schema = all.schema().select(columns);
            return new Batch(schema, columns.stream().map(all::column).toArray(Vector[]::new));
        }

        @Override
        public void assign(int index, String partition, Position position) {
            int number = Integer.parseInt(partition.substring(partition.indexOf('-') + 1));
            parts.add(new Part(index, number, position.offset()));
        }

        private Part part(int index) {
            return parts.stream().filter(p -> p.index == index).findFirst().orElseThrow();
        }

        @Override
        public void limit(int index, Position end) {
            part(index).limit = end == null ? Long.MAX_VALUE : end.offset();
        }

        @Override
        public void limitToNow() {}

        private long end(Part part) {
            if (config.rows() < 0) {
                return Long.MAX_VALUE;
            }
            long left = config.rows() - part.partition;
            return left <= 0 ? 0 : (left + config.partitions() - 1) / config.partitions();
        }

        /** The offset that the rate allows by now. */
        private long allowed(Part part) {
            if (config.rowsPerSecond() <= 0 || part.limit != Long.MAX_VALUE) {
                return Long.MAX_VALUE;
            }
            double seconds = (System.nanoTime() - startNanos) / 1e9;
            return part.first + (long) (seconds * config.rowsPerSecond() / config.partitions());
        }

        @Override
        public SourceBatch poll(long timeoutMillis) {
            all.clear();
            for (int i = 0; i < parts.size() && all.size() < BATCH_ROWS; i++) {
                generate(parts.get((turn + i) % parts.size()));
            }
            turn++;
            if (all.size() == 0 && timeoutMillis > 0) {
                pause(Math.min(timeoutMillis, 10));
            }
            wanted.fill(all.size(), origin);
            return new SourceBatch(wanted, partitionOf);
        }

        private void generate(Part part) {
            int share = Math.max(1, BATCH_ROWS / parts.size());
            long until = Math.min(Math.min(end(part), part.limit), allowed(part));
            for (int i = 0; i < share && part.offset < until && all.size() < BATCH_ROWS; i++) {
                int row = all.size();
                numbers[row] = part.offset * config.partitions() + part.partition;
                partitionOf[row] = part.index;
                generator.append(numbers[row], all);
                part.offset++;
            }
        }

        private static void pause(long millis) {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public Position position(int index) {
            return Position.at(part(index).offset);
        }

        @Override
        public long lag(int index) {
            Part part = part(index);
            return config.rows() < 0 ? 0 : end(part) - part.offset;
        }

        @Override
        public boolean atEnd(int index) {
            Part part = part(index);
            return part.offset >= Math.min(end(part), allowed(part));
        }

        @Override
        public boolean ended(int index) {
            Part part = part(index);
            return part.offset >= end(part);
        }

        @Override
        public void close() {}
    }
}
