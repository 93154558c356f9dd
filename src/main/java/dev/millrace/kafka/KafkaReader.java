package dev.millrace.kafka;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Position;
import dev.millrace.connectors.Source;
import dev.millrace.connectors.SourceBatch;
import dev.millrace.data.ArrayVector;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.LongVector;
import dev.millrace.data.RowOrigin;
import dev.millrace.data.RowVector;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.data.Vector;
import dev.millrace.formats.RowDecoder;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.LogTruncationException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Reads partitions with one consumer. Values are decoded inside the client's deserializer, from the fetch buffer straight
 * into vectors: the "value" that the client hands on is only the number of the call. Partitions and offsets, which a
 * deserializer does not know, are matched afterwards: where all records of a poll became rows, by whole partitions.
 */
final class KafkaReader implements Source.Reader {

    private static final Duration CONFIRM = Duration.ofSeconds(2);

    private final KafkaSource.Config config;
    private final Source.MalformedRows malformed;
    private final KafkaConsumer<byte[], Call> consumer;
    private final Map<TopicPartition, Part> parts = new HashMap<>();
    private final Map<Integer, Part> byIndex = new HashMap<>();
    private final RowDecoder decoder;
    private final boolean plain;
    private final Batch decoded;
    private final Batch rows;
    private final Batch kept;
    private int[] partitions = new int[8192];
    private long[] offsets = new long[8192];
    private int[] chosen = new int[8192];
    private final List<byte[]> raws = new ArrayList<>();
    private final List<Run> runs = new ArrayList<>();
    private Call[] calls = {};
    private int called;
    private int malformedCalls;
    private boolean limitedToNow;

    /** What the last poll has read beyond the limits, with the rows that it became; null for nothing. */
    private ConsumerRecords<byte[], Call> held;

    /** What a record's value was decoded to; one per record of a poll, used again in the next. */
    private static final class Call {
        private final int number;
        private int row;
        private String problem;
        private byte[] bytes;

        Call(int number) {
            this.number = number;
        }
    }

    /** A partition's records of a poll, which became rows one after another. */
    private record Run(int firstRow, List<ConsumerRecord<byte[], Call>> records) {}

    /** A partition of this reader. */
    private static final class Part {
        private final TopicPartition partition;
        private final int index;
        private Position position;
        private long limit = Long.MAX_VALUE;
        private long now = Long.MAX_VALUE;
        private long timestamp = -1;

        Part(TopicPartition partition, int index, Position position) {
            this.partition = partition;
            this.index = index;
            this.position = position;
        }
    }

    KafkaReader(KafkaSource.Config config, Source.MalformedRows malformed) {
        this.config = config;
        this.malformed = malformed;
        this.plain = config.metadata().isEmpty() && !config.keepRaw();
        List<Integer> formatColumns = new ArrayList<>();
        for (int column : config.columns()) {
            if (!config.metadata().containsValue(column)) {
                formatColumns.add(column);
            }
        }
        Schema wanted = config.table().select(config.columns());
        this.rows = new Batch(wanted);
        Vector[] shared = formatColumns.stream()
                .map(column -> rows.column(config.columns().indexOf(column)))
                .toArray(Vector[]::new);
        this.decoded = new Batch(config.table().select(formatColumns), shared);
        this.kept = new Batch(wanted);
        this.decoder = config.format().decoder(formatTable(config), formatIndexes(config, formatColumns));
        this.consumer = KafkaTransaction.connect(
                config.properties(),
                () -> new KafkaConsumer<>(
                        KafkaSource.consumerConfig(config.properties()),
                        new ByteArrayDeserializer(),
                        new RowDeserializer()));
    }

    /** The table without its metadata columns: what the record's value holds. */
    private static Schema formatTable(KafkaSource.Config config) {
        List<Integer> columns = new ArrayList<>();
        for (int i = 0; i < config.table().size(); i++) {
            if (!config.metadata().containsValue(i)) {
                columns.add(i);
            }
        }
        return config.table().select(columns);
    }

    private static List<Integer> formatIndexes(KafkaSource.Config config, List<Integer> columns) {
        Schema formatTable = formatTable(config);
        return columns.stream()
                .map(column -> formatTable.indexOf(config.table().field(column).name()))
                .toList();
    }

    /** Decodes where the client would make an object. */
    private final class RowDeserializer implements Deserializer<Call> {
        @Override
        public Call deserialize(String topic, byte[] data) {
            return data == null ? null : decode(data, 0, data.length);
        }

        @Override
        public Call deserialize(String topic, Headers headers, ByteBuffer data) {
            if (data == null) {
                return null;
            }
            if (data.hasArray()) {
                return decode(data.array(), data.arrayOffset() + data.position(), data.remaining());
            }
            byte[] copy = new byte[data.remaining()];
            data.get(copy);
            return decode(copy, 0, copy.length);
        }

        private Call decode(byte[] bytes, int start, int length) {
            if (called == calls.length) {
                moreCalls();
            }
            Call call = calls[called++];
            String problem = decoder.decode(bytes, start, length, decoded);
            call.row = decoded.size() - 1;
            if (problem != call.problem) {
                call.problem = problem;
            }
            if (problem != null || config.keepRaw()) {
                call.bytes = Arrays.copyOfRange(bytes, start, start + length);
                malformedCalls += problem == null ? 0 : 1;
            }
            return call;
        }
    }

    private void moreCalls() {
        int before = calls.length;
        calls = Arrays.copyOf(calls, Math.max(1024, before * 2));
        for (int i = before; i < calls.length; i++) {
            calls[i] = new Call(i);
        }
    }

    @Override
    public void assign(int index, String name, Position position) {
        int dash = name.lastIndexOf('-');
        TopicPartition partition =
                new TopicPartition(name.substring(0, dash), Integer.parseInt(name.substring(dash + 1)));
        Part part = new Part(partition, index, position);
        dropHeld();
        parts.put(partition, part);
        byIndex.put(index, part);
        consumer.assign(parts.keySet());
        seek(part);
        if (limitedToNow) {
            limitToNow();
        }
    }

    @Override
    public void release(int index) {
        dropHeld();
        parts.remove(byIndex.remove(index).partition);
        consumer.assign(parts.keySet());
    }

    /** It is read again: who has a partition next may be given it where that stands. */
    private void dropHeld() {
        if (held != null) {
            held = null;
            parts.values().forEach(this::seek);
        }
    }

    private void seek(Part part) {
        Optional<Integer> epoch =
                part.position.leaderEpoch() < 0 ? Optional.empty() : Optional.of(part.position.leaderEpoch());
        consumer.seek(part.partition, new OffsetAndMetadata(part.position.offset(), epoch, ""));
    }

    @Override
    public void limit(int index, Position end) {
        Part part = byIndex.get(index);
        part.limit = end == null ? Long.MAX_VALUE : end.offset();
        if (part.position.offset() < part.limit) {
            consumer.resume(List.of(part.partition));
        } else {
            consumer.pause(List.of(part.partition));
        }
    }

    @Override
    public void limitToNow() {
        limitedToNow = true;
        try {
            consumer.endOffsets(parts.keySet()).forEach((partition, end) -> parts.get(partition).now = end);
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("the ends of source '" + config.name() + "' are unknown", e);
        }
    }

    @Override
    public void requireInput() {
        boolean gone;
        try {
            Map<TopicPartition, Long> beginnings = consumer.beginningOffsets(parts.keySet());
            gone = parts.values().stream().anyMatch(part -> part.position.offset() < beginnings.get(part.partition));
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("source '" + config.name() + "' cannot be read", e);
        }
        if (gone) {
            throw lost(null);
        }
    }

    @Override
    public SourceBatch poll(long timeoutMillis) {
        try {
            if (held != null) {
                ConsumerRecords<byte[], Call> again = held;
                held = null;
                return takeEach(again, decoded.size());
            }
            rows.clear();
            decoded.clear();
            raws.clear();
            runs.clear();
            called = 0;
            malformedCalls = 0;
            return parts.isEmpty()
                    ? new SourceBatch(rows, partitions)
                    : take(consumer.poll(Duration.ofMillis(timeoutMillis)));
        } catch (OffsetOutOfRangeException e) {
            throw lost(e);
        } catch (KafkaException e) {
            throw KafkaTransaction.outage("source '" + config.name() + "' cannot be read", e);
        }
    }

    /**
     * @param e that told; null where it was looked for
     */
    private ConnectorException lost(KafkaException e) {
        StringBuilder text =
                new StringBuilder("source '" + config.name() + "' no longer has the records that are needed:");
        Map<TopicPartition, Long> beginnings;
        Map<TopicPartition, Long> ends;
        try {
            beginnings = consumer.beginningOffsets(parts.keySet());
            ends = consumer.endOffsets(parts.keySet());
        } catch (KafkaException outage) {
            throw KafkaTransaction.outage("source '" + config.name() + "' cannot be read", outage);
        }
        for (Part part : parts.values()) {
            long offset = part.position.offset();
            if (offset < beginnings.get(part.partition) || offset > ends.get(part.partition)) {
                text.append(' ')
                        .append(part.partition)
                        .append(" needs offset ")
                        .append(offset)
                        .append(" and has ")
                        .append(beginnings.get(part.partition))
                        .append(" to ")
                        .append(ends.get(part.partition))
                        .append(';');
            }
        }
        if (e instanceof LogTruncationException) {
            text.append(" the log was truncated: ").append(e.getMessage()).append(';');
        }
        text.append(" raise the topic's retention, or start a new query with another state.id");
        return new ConnectorException("SourceDataLost", text.toString(), e, false);
    }

    private SourceBatch take(ConsumerRecords<byte[], Call> records) {
        int count = decoded.size();
        reserve(Math.max(count, 1));
        if (plain && malformedCalls == 0 && takeRuns(records, count)) {
            rows.fill(count, origin);
            return new SourceBatch(rows, partitions);
        }
        runs.clear();
        return takeEach(records, count);
    }

    /** Takes all rows, by partitions; false, nothing taken, where some record is no row or lies beyond a limit. */
    private boolean takeRuns(ConsumerRecords<byte[], Call> records, int count) {
        int taken = 0;
        for (TopicPartition partition : records.partitions()) {
            List<ConsumerRecord<byte[], Call>> list = records.records(partition);
            Call first = list.get(0).value();
            ConsumerRecord<byte[], Call> last = list.get(list.size() - 1);
            if (first == null
                    || last.value() == null
                    || last.value().number - first.number != list.size() - 1
                    || list.get(0).offset() < parts.get(partition).position.offset()
                    || last.offset() >= parts.get(partition).limit) {
                return false;
            }
            runs.add(new Run(first.number, list));
            taken += list.size();
        }
        if (taken != count) {
            return false;
        }
        for (Run run : runs) {
            ConsumerRecord<byte[], Call> any = run.records.get(0);
            Part part = parts.get(new TopicPartition(any.topic(), any.partition()));
            Arrays.fill(partitions, run.firstRow, run.firstRow + run.records.size(), part.index);
        }
        advance(records);
        return true;
    }

    /** Matches decoded rows with their records one by one; takes only those between the partitions' positions and limits. */
    private SourceBatch takeEach(ConsumerRecords<byte[], Call> records, int count) {
        Arrays.fill(offsets, 0, count, -1);
        if (config.keepRaw()) {
            while (raws.size() < count) {
                raws.add(null);
            }
        }
        resetMetadata(count);
        int taken = 0;
        for (TopicPartition partition : records.partitions()) {
            Part part = parts.get(partition);
            for (ConsumerRecord<byte[], Call> record : records.records(partition)) {
                boolean within = record.offset() >= part.position.offset() && record.offset() < part.limit;
                taken += within && take(record, part) ? 1 : 0;
            }
        }
        advance(records);
        rows.fill(count, origin);
        if (taken == count) {
            return new SourceBatch(rows, partitions);
        }
        return compact(count, taken);
    }

    private boolean take(ConsumerRecord<byte[], Call> record, Part part) {
        Call call = record.value();
        if (call == null || call.problem != null) {
            SourcePosition position = new SourcePosition(config.name(), part.partition.toString(), record.offset());
            byte[] bytes = call == null ? new byte[0] : call.bytes;
            String reason = call == null ? "the record has no value" : call.problem;
            malformed.malformed(part.index, position, bytes, 0, bytes.length, reason);
            return false;
        }
        partitions[call.row] = part.index;
        offsets[call.row] = record.offset();
        if (config.keepRaw()) {
            raws.set(call.row, call.bytes);
        }
        if (!config.metadata().isEmpty()) {
            setMetadata(record, call.row);
        }
        return true;
    }

    /**
     * Moves the positions behind what was taken, and over offsets without records, such as transaction markers. What was read
     * beyond the limits is kept for when they are moved, unless some partition has to be read further before.
     */
    private void advance(ConsumerRecords<byte[], Call> records) {
        parts.values().forEach(part -> advance(part, records.records(part.partition)));
        boolean done = parts.values().stream().allMatch(part -> part.position.offset() >= part.limit);
        for (Part part : parts.values()) {
            boolean surplus = part.position.offset() >= part.limit && isBehind(part, records);
            if (surplus && done) {
                held = records;
            } else if (surplus) {
                seek(part);
            }
            if (!done && part.position.offset() >= part.limit) {
                consumer.pause(List.of(part.partition));
            }
        }
    }

    private static boolean isBehind(Part part, ConsumerRecords<byte[], Call> records) {
        List<ConsumerRecord<byte[], Call>> list = records.records(part.partition);
        return !list.isEmpty() && list.get(list.size() - 1).offset() >= part.position.offset();
    }

    private void advance(Part part, List<ConsumerRecord<byte[], Call>> list) {
        int last = list.size() - 1;
        while (last >= 0 && list.get(last).offset() >= part.limit) {
            last--;
        }
        part.timestamp = last < 0 ? part.timestamp : list.get(last).timestamp();
        boolean surplus = last < list.size() - 1;
        long end = consumer.position(part.partition);
        long reached = surplus || end >= part.limit ? part.limit : end;
        if (reached > part.position.offset()) {
            int epoch = last < 0
                    ? part.position.leaderEpoch()
                    : list.get(last).leaderEpoch().orElse(part.position.leaderEpoch());
            part.position = new Position(reached, epoch);
        }
    }

    /** In a replay: leaves out rows beyond the limit, and those of partitions in the order of their offsets. */
    private SourceBatch compact(int count, int taken) {
        int k = 0;
        for (int i = 0; i < count; i++) {
            if (offsets[i] >= 0) {
                chosen[k++] = i;
            }
        }
        kept.gather(rows, chosen, taken);
        int[] of = new int[Math.max(1, taken)];
        for (int i = 0; i < taken; i++) {
            of[i] = partitions[chosen[i]];
        }
        return new SourceBatch(kept, of);
    }

    private void reserve(int count) {
        if (partitions.length < count) {
            partitions = new int[count * 2];
            offsets = new long[count * 2];
            chosen = new int[count * 2];
        }
    }

    private void resetMetadata(int count) {
        config.metadata().forEach((kind, column) -> {
            int at = config.columns().indexOf(column);
            if (at >= 0) {
                rows.column(at).reset(count);
            }
        });
    }

    private void setMetadata(ConsumerRecord<byte[], Call> record, int row) {
        config.metadata().forEach((kind, column) -> {
            int at = config.columns().indexOf(column);
            if (at >= 0) {
                set(kind, rows.column(at), row, record);
            }
        });
    }

    private static void set(String kind, Vector target, int row, ConsumerRecord<byte[], Call> record) {
        switch (kind) {
            case "key" -> bytes(target, row, record.key());
            case "partition" -> ((LongVector) target).set(row, record.partition());
            case "offset" -> ((LongVector) target).set(row, record.offset());
            case "timestamp" -> ((LongVector) target).set(row, record.timestamp());
            case "headers" -> headers((ArrayVector) target, row, record.headers());
            default -> throw new IllegalArgumentException(kind);
        }
    }

    private static void bytes(Vector target, int row, byte[] value) {
        if (value == null) {
            target.setNull(row);
        } else {
            ((BytesVector) target).set(row, value);
        }
    }

    private static void headers(ArrayVector target, int row, Headers headers) {
        RowVector elements = (RowVector) target.elements();
        int start = elements.size();
        for (Header header : headers) {
            int element = elements.append();
            ((BytesVector) elements.field(0)).set(element, header.key());
            bytes(elements.field(1), element, header.value());
        }
        target.setRange(row, start, elements.size() - start);
    }

    private final RowOrigin origin = new RowOrigin() {
        @Override
        public SourcePosition position(int row) {
            Part part = byIndex.get(partitions[row]);
            long offset = offsets[row];
            for (Run run : runs) {
                boolean in = row >= run.firstRow && row < run.firstRow + run.records.size();
                offset = in ? run.records.get(row - run.firstRow).offset() : offset;
            }
            return new SourcePosition(config.name(), part.partition.toString(), offset);
        }

        @Override
        public byte[] raw(int row) {
            return config.keepRaw() ? raws.get(row) : null;
        }
    };

    @Override
    public Position position(int index) {
        return byIndex.get(index).position;
    }

    @Override
    public long lag(int index) {
        Part part = byIndex.get(index);
        OptionalLong lag = consumer.currentLag(part.partition);
        long unread = held == null
                ? 0
                : held.records(part.partition).stream()
                        .filter(record -> record.offset() >= part.position.offset())
                        .count();
        return lag.isPresent() ? lag.getAsLong() + unread : -1;
    }

    @Override
    public long timestamp(int index) {
        return byIndex.get(index).timestamp;
    }

    @Override
    public boolean atEnd(int index) {
        Part part = byIndex.get(index);
        if (limitedToNow) {
            return part.position.offset() >= part.now;
        }
        return lag(index) == 0;
    }

    /** Asks the broker: what is known of the last fetch says nothing where no fetch is answered. */
    @Override
    public boolean confirmAtEnd(int index) {
        Part part = byIndex.get(index);
        try {
            Long end = consumer.endOffsets(List.of(part.partition), CONFIRM).get(part.partition);
            return end != null && part.position.offset() >= end;
        } catch (KafkaException e) {
            return false;
        }
    }

    @Override
    public void close() {
        consumer.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ZERO));
    }
}
