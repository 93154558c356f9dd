package dev.millrace.engine.task;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.engine.Exchange;
import dev.millrace.engine.ProgressLog;
import dev.millrace.engine.ProgressRecord;
import dev.millrace.engine.RecordJson;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;

/**
 * A Kafka cluster in memory, as far as a query uses one: transactions under an id that fence older ones, logs by slot, the
 * exchange between slots, and sinks that hold what is committed. Readers get what is committed in each partition's order, of
 * different partitions at different times. Commits fail at random, before they happened or after.
 */
final class SimulatedKafka {

    /** Who waits longer gets all that is there. */
    private static final long SHORT_MILLIS = 10;

    private final Random random;
    private final List<List<byte[]>> exchange = new ArrayList<>();
    private final Map<Integer, List<byte[]>> logs = new HashMap<>();
    private final Map<String, List<ProgressLog.JournalEntry>> journals = new HashMap<>();
    private final Map<Integer, Integer> producers = new HashMap<>();
    private final Map<String, Held> sinks = new HashMap<>();
    private int failuresOf1000;
    private int trimmed;
    private Fault fault = Fault.NONE;

    /** A promise of Kafka's that is not kept. */
    enum Fault {
        NONE,
        /** A producer that was fenced commits all the same. */
        NOT_FENCED,
        /** A commit that fails leaves the rows in the sinks. */
        OUTPUT_WITHOUT_RECORD,
        /** A commit that fails leaves what goes to other slots. */
        EXCHANGE_WITHOUT_RECORD,
        /** A record to another slot is there twice. */
        SENT_TWICE,
        /** The log's last record is gone. */
        RECORD_LOST,
        /** A commit is said to be done and is not: as if the state were written before it, and a crash came between. */
        STATE_AHEAD,
        /** A crash leaves a volume with a part of what was written at once. */
        TORN_WRITE
    }

    /** What a sink holds of committed rows: by key, or how often each row is there. */
    static final class Held {
        private final Map<List<Object>, List<Object>> byKey = new HashMap<>();
        private final Map<List<Object>, Long> bag = new HashMap<>();

        Map<List<Object>, Long> rows() {
            Map<List<Object>, Long> rows = new HashMap<>(bag);
            byKey.values().forEach(row -> rows.merge(row, 1L, Long::sum));
            return rows;
        }
    }

    SimulatedKafka(Random random, int keyGroups) {
        this.random = random;
        for (int partition = 0; partition <= keyGroups; partition++) {
            exchange.add(new ArrayList<>());
        }
    }

    /** How many of a thousand commits fail. */
    void failures(int of1000) {
        failuresOf1000 = of1000;
    }

    void breakPromise(Fault broken) {
        fault = broken;
    }

    boolean breaks(Fault promise) {
        return fault == promise;
    }

    Held held(String sink) {
        return sinks.computeIfAbsent(sink, name -> new Held());
    }

    /** The last record of a slot's log; null for none. */
    ProgressRecord last(int slot) {
        List<byte[]> log = logs.getOrDefault(slot, List.of());
        return log.isEmpty() ? null : RecordJson.read(log.get(log.size() - 1));
    }

    /** How often the first slot has gone on without the exchange that it had, and with it again. */
    int reunions() {
        int changes = 0;
        ProgressRecord before = null;
        for (byte[] json : logs.getOrDefault(0, List.of())) {
            ProgressRecord record = RecordJson.read(json);
            boolean had = before != null && before.exchange() != null;
            changes += had && before.usesExchange() != record.usesExchange() ? 1 : 0;
            before = record;
        }
        return changes;
    }

    /** As if a slot had committed it. */
    void send(int partition, byte[] record) {
        exchange.get(partition).add(record);
    }

    /** Records that slots have sent each other. */
    int exchanged() {
        return exchange.stream().mapToInt(List::size).sum();
    }

    /** How many of them are not kept any more. */
    int trimmed() {
        return trimmed;
    }

    /** A process's connection: log, exchange and sinks in one transaction. */
    final class Client implements ProgressLog, Exchange {
        private final int slot;
        private final List<Runnable> pending = Collections.synchronizedList(new ArrayList<>()); // workers write at once
        private final List<Runnable> sending = new ArrayList<>();
        private long[] offsets = {};
        private int producer;
        private final boolean behind;
        private boolean follows;

        /**
         * @param behind whether its state may be older than what is kept for
         */
        Client(int slot, boolean behind) {
            this.slot = slot;
            this.behind = behind;
        }

        /** Reads behind who writes, and may be so far behind that what it needs is gone. */
        @Override
        public Tail tail(long from) {
            follows = true;
            if (logs.getOrDefault(slot, List.of()).isEmpty()) {
                throw outage("not begun");
            }
            return new LogTail(logs.get(slot), Math.max(0, (int) from));
        }

        @Override
        public void open(long from, Consumer<Entry> entries) {
            follows = false;
            producer = producers.merge(slot, 1, Integer::sum);
            List<byte[]> log = logs.computeIfAbsent(slot, key -> new ArrayList<>());
            for (int i = (int) Math.max(0, from); i < log.size(); i++) {
                entries.accept(new Entry(RecordJson.read(log.get(i)), i + 1));
            }
        }

        @Override
        public void begin() {
            pending.clear();
            sending.clear();
        }

        @Override
        public long commit(ProgressRecord record, List<JournalEntry> journal) {
            if (producer != producers.get(slot) && fault != Fault.NOT_FENCED) {
                throw outage("fenced");
            }
            boolean fails = random.nextInt(1000) < failuresOf1000;
            if (fails && fault == Fault.STATE_AHEAD) {
                begin();
                return logs.get(slot).size();
            }
            if (fails && random.nextBoolean()) {
                apply(fault == Fault.OUTPUT_WITHOUT_RECORD, fault == Fault.EXCHANGE_WITHOUT_RECORD);
                throw outage("not committed");
            }
            apply(true, true);
            if (fails && fault == Fault.RECORD_LOST) {
                throw outage("committed, and forgotten");
            }
            journals.computeIfAbsent(slot + "/" + record.epoch(), key -> new ArrayList<>())
                    .addAll(journal);
            logs.get(slot).add(RecordJson.write(record));
            if (fails) {
                throw outage("unknown outcome");
            }
            return logs.get(slot).size();
        }

        private void apply(boolean output, boolean sent) {
            if (output) {
                pending.forEach(Runnable::run);
            }
            if (sent) {
                sending.forEach(Runnable::run);
            }
            pending.clear();
            sending.clear();
        }

        private static ConnectorException outage(String what) {
            return new ConnectorException("KafkaUnavailable", what, null, true);
        }

        @Override
        public List<JournalEntry> journal(long epoch) {
            return journals.getOrDefault(slot + "/" + epoch, List.of());
        }

        @Override
        public String identity() {
            return "simulated";
        }

        @Override
        public Optional<String> weakness() {
            return Optional.empty();
        }

        @Override
        public void send(int partition, byte[] record) {
            sending.add(() -> exchange.get(partition).add(record));
            if (partition == 0 && Boolean.getBoolean("trace")) {
                sending.add(() -> System.out.println("T " + (exchange.get(0).size() - 1) + " " + new String(record)));
            }
            if (fault == Fault.SENT_TWICE && random.nextInt(20) == 0) {
                sending.add(() -> exchange.get(partition).add(record));
                if (partition == 0 && Boolean.getBoolean("trace")) {
                    sending.add(
                            () -> System.out.println("T " + (exchange.get(0).size() - 1) + " " + new String(record)));
                }
            }
        }

        @Override
        public String open() {
            return "simulated exchange";
        }

        @Override
        public List<JournalEntry> firstJournal() {
            if (logs.getOrDefault(0, List.of()).isEmpty()) {
                throw outage("slot 0 has not begun");
            }
            return journals.getOrDefault("0/0", List.of());
        }

        @Override
        public long begin(int partition) {
            List<byte[]> records = exchange.get(partition);
            int begin = 0;
            while (begin < records.size() && records.get(begin) == null) {
                begin++;
            }
            return begin;
        }

        @Override
        public long end(int partition) {
            return exchange.get(partition).size();
        }

        @Override
        public void readAll(int partition, Arrival arrival) {
            List<byte[]> records = exchange.get(partition);
            for (int offset = (int) begin(partition); offset < records.size(); offset++) {
                arrival.accept(partition, offset, records.get(offset));
            }
        }

        @Override
        public void seek(long[] from) {
            move(from);
            for (int partition = 0; partition < from.length; partition++) {
                List<byte[]> records = exchange.get(partition);
                if (from[partition] >= 0
                        && from[partition] < records.size()
                        && records.get((int) from[partition]) == null) {
                    if (follows || behind) {
                        throw new TrimmedException("trimmed");
                    }
                    throw new AssertionError("what is still needed was trimmed");
                }
            }
        }

        @Override
        public void move(long[] from) {
            offsets = from.clone();
        }

        @Override
        public void poll(long timeoutMillis, Arrival arrival) {
            for (int partition = 0; partition < offsets.length; partition++) {
                if (offsets[partition] >= 0) {
                    List<byte[]> records = exchange.get(partition);
                    int there = records.size() - (int) offsets[partition];
                    int count = timeoutMillis > SHORT_MILLIS ? there : random.nextInt(there + 1);
                    for (int i = 0; i < count; i++) {
                        int offset = (int) offsets[partition]++;
                        if (records.get(offset) == null) {
                            throw outage("trimmed");
                        }
                        arrival.accept(partition, offset, records.get(offset));
                    }
                }
            }
        }

        @Override
        public long unread() {
            return offsets[0] < 0 ? -1 : exchange.get(0).size() - offsets[0];
        }

        @Override
        public void trim(long[] offsets) {
            for (int partition = 0; partition < offsets.length; partition++) {
                List<byte[]> records = exchange.get(partition);
                for (int i = 0; i < offsets[partition]; i++) {
                    trimmed += records.set(i, null) == null ? 0 : 1;
                }
            }
        }

        @Override
        public void close() {
            pending.clear();
        }

        Sink sink(String name) {
            return new Rows(held(name), pending);
        }
    }

    /** Gets some of what there is, or all where it waits for long. */
    private final class LogTail implements ProgressLog.Tail {
        private final List<byte[]> log;
        private int next;

        LogTail(List<byte[]> log, int from) {
            this.log = log;
            this.next = from;
        }

        @Override
        public List<ProgressLog.Entry> poll(long timeoutMillis) {
            int there = log.size() - next;
            List<ProgressLog.Entry> found = new ArrayList<>();
            for (int count = timeoutMillis > 100 ? there : random.nextInt(there + 1); count > 0; count--) {
                found.add(new ProgressLog.Entry(RecordJson.read(log.get(next++)), next));
            }
            return found;
        }

        @Override
        public boolean atEnd() {
            return next == log.size();
        }

        @Override
        public void close() {}
    }

    /** What becomes of a sink's rows when the transaction is committed. */
    private record Rows(Held held, List<Runnable> pending) implements Sink, Sink.Writer {

        @Override
        public Writer writer() {
            return this;
        }

        @Override
        public void append(Batch rows) {
            for (int row = 0; row < rows.size(); row++) {
                List<Object> cells = rows.toObjects(row);
                long weight = rows.weight(row);
                pending.add(() -> held.bag.merge(cells, weight, Long::sum));
            }
        }

        @Override
        public void change(Batch rows, int[] keys) {
            for (int row = 0; row < rows.size(); row++) {
                List<Object> cells = rows.toObjects(row);
                List<Object> key =
                        Arrays.asList(Arrays.stream(keys).mapToObj(cells::get).toArray());
                boolean numbered = rows.schema().indexOf("copy_number") >= 0;
                List<Object> content = numbered ? cells.subList(0, cells.size() - 1) : cells;
                boolean there = rows.weight(row) > 0;
                pending.add(() -> {
                    if (there) {
                        held.byKey.put(key, content);
                    } else if (held.byKey.remove(key) == null) {
                        throw new AssertionError("a delete of a row that is not there: " + cells);
                    }
                });
            }
        }

        @Override
        public void replace(long epoch, List<Batch> rows) {
            pending.add(held.bag::clear);
            rows.forEach(this::append);
        }

        @Override
        public void close() {}
    }
}
