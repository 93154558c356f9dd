package dev.millrace.kafka;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.formats.Format;
import dev.millrace.formats.RecordEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * A topic, written in a transaction that others end: that of the progress log, or of an {@link OtherClusterSink}. Append: a record per row. Update: a record
 * per changed key, the key as JSON of the key columns, a tombstone where the row is gone. Complete: a frame, which is a
 * record without key and with the headers {@code millrace-frame} (the epoch) and {@code millrace-rows}, then that many rows
 * with the header {@code millrace-epoch}, all in partition 0.
 */
public final class KafkaSink implements Sink {

    private final String topic;
    private final Format format;
    private final KafkaTransaction transaction;

    public KafkaSink(String topic, Format format, KafkaTransaction transaction) {
        this.topic = topic;
        this.format = format;
        this.transaction = transaction;
    }

    @Override
    public Writer writer() {
        return new TopicWriter();
    }

    /** The transaction is the log's: it is closed there. */
    @Override
    public void close() {}

    private final class TopicWriter implements Writer {
        private final RecordEncoder values = format.encoder();
        private final RecordEncoder keys = new Format.Json(Format.TimestampStyle.ISO8601).encoder();
        private final Bytes bytes = new Bytes(1024);
        private int[] columns = {};

        private byte[] value(Batch rows, int row) {
            if (columns.length != rows.columnCount()) {
                columns = IntStream.range(0, rows.columnCount()).toArray();
            }
            bytes.clear();
            values.encode(rows, row, columns, bytes);
            return bytes.toByteArray();
        }

        @Override
        public void append(Batch rows) {
            for (int row = 0; row < rows.size(); row++) {
                byte[] value = value(rows, row);
                for (long copy = 0; copy < rows.weight(row); copy++) {
                    transaction.send(topic, null, null, value, null);
                }
            }
        }

        @Override
        public void change(Batch rows, int[] keyColumns) {
            for (int row = 0; row < rows.size(); row++) {
                bytes.clear();
                keys.encode(rows, row, keyColumns, bytes);
                byte[] key = bytes.toByteArray();
                byte[] value = rows.weight(row) > 0 ? value(rows, row) : null;
                transaction.send(topic, null, key, value, null);
            }
        }

        @Override
        public void replace(long epoch, List<Batch> batches) {
            long count = 0;
            for (Batch batch : batches) {
                for (int row = 0; row < batch.size(); row++) {
                    count += batch.weight(row);
                }
            }
            List<Header> frame = List.of(header("millrace-frame", epoch), header("millrace-rows", count));
            transaction.send(topic, 0, null, new byte[0], frame);
            List<Header> member = List.of(header("millrace-epoch", epoch));
            for (Batch batch : batches) {
                for (int row = 0; row < batch.size(); row++) {
                    byte[] value = value(batch, row);
                    for (long copy = 0; copy < batch.weight(row); copy++) {
                        transaction.send(topic, 0, null, value, member);
                    }
                }
            }
        }

        private static Header header(String name, long value) {
            return new RecordHeader(name, String.valueOf(value).getBytes(StandardCharsets.US_ASCII));
        }
    }
}
