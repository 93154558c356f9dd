package dev.millrace.engine.task;

import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.BytesVector;
import dev.millrace.data.CellError;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import dev.millrace.data.SourcePosition;
import dev.millrace.engine.QueryException;
import dev.millrace.engine.operators.RowErrors;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Rows of the running epoch that could not be used: malformed input, failed expressions, and late rows. One per worker.
 * What happens to them is the source's policy; behind stateful operators, where a row has no source any more, the strictest
 * of all sources'.
 */
final class Problems implements RowErrors {

    /** The columns of dead letters and of late rows. */
    static final Schema SCHEMA = Schema.of(
            new Field("source", DataType.STRING, true),
            new Field("partition", DataType.STRING, true),
            new Field("offset", DataType.BIGINT, true),
            new Field("code", DataType.STRING, false),
            new Field("reason", DataType.STRING, false),
            new Field("operator", DataType.STRING, true),
            new Field("row", DataType.STRING, true),
            new Field("weight", DataType.BIGINT, false),
            new Field("epoch", DataType.BIGINT, false),
            new Field("text", DataType.STRING, true),
            new Field("value", DataType.BINARY, true));

    private static final int SHOWN_BYTES = 200;

    /** One of the rows, or its retraction. */
    private record Problem(
            SourcePosition position,
            String code,
            String reason,
            String operator,
            String row,
            long weight,
            byte[] raw) {}

    private final Map<String, MalformedPolicy> policies;
    private final MalformedPolicy strictest;
    private final boolean keepLate;
    private final LongAdder malformedCount;
    private final LongAdder lateCount;
    private final List<Problem> letters = new ArrayList<>();
    private final List<Problem> late = new ArrayList<>();
    private final Map<String, Long> failing = new HashMap<>();
    private Problem firstFailure;

    Problems(Map<String, MalformedPolicy> policies, boolean keepLate, LongAdder malformedCount, LongAdder lateCount) {
        this.policies = policies;
        this.strictest =
                policies.values().stream().min(MalformedPolicy::compareTo).orElse(MalformedPolicy.FAIL);
        this.keepLate = keepLate;
        this.malformedCount = malformedCount;
        this.lateCount = lateCount;
    }

    @Override
    public void report(String operator, CellError error, Batch batch, int row) {
        SourcePosition position = null;
        byte[] raw = null;
        if (batch.origin() != null) {
            position = batch.origin().position(batch.originRow(row));
            raw = batch.origin().raw(batch.originRow(row));
        }
        add(new Problem(
                position,
                error.name(),
                error.text(),
                operator,
                batch.toObjects(row).toString(),
                batch.weight(row),
                raw));
    }

    /** A record that is no row of its source's table. */
    void malformed(SourcePosition position, String reason, byte[] raw) {
        add(new Problem(position, "MALFORMED", reason, null, null, 1, raw));
    }

    /** A result row that a sink cannot have. */
    void refused(String sink, Sink.Refused row) {
        malformedCount.increment();
        if (row.kept()) {
            letters.add(new Problem(null, "REFUSED", row.reason(), "sink " + sink, row.row(), 1, null));
        }
    }

    void late(Batch batch, int row, String reason) {
        lateCount.increment();
        if (keepLate) {
            SourcePosition position = batch.origin().position(row);
            late.add(new Problem(
                    position, "LATE", reason, null, null, 1, batch.origin().raw(row)));
        }
    }

    private void add(Problem problem) {
        malformedCount.add(Math.max(0, problem.weight));
        MalformedPolicy policy =
                problem.position == null ? strictest : policies.getOrDefault(problem.position.source(), strictest);
        switch (policy) {
            case FAIL -> {
                String key = problem.code + "|" + problem.operator + "|" + problem.row + "|" + problem.position;
                long weight = failing.merge(key, problem.weight, Long::sum);
                if (weight > 0 && firstFailure == null) {
                    firstFailure = problem;
                }
            }
            case DEAD_LETTER -> letters.add(problem);
            case SKIP -> {
                // counted, and that is all
            }
        }
    }

    /**
     * @throws QueryException for a row of a source whose policy is to fail, if it was not taken back in the epoch
     */
    void check() {
        if (firstFailure == null || failing.values().stream().noneMatch(weight -> weight > 0)) {
            return;
        }
        Problem problem = firstFailure;
        StringBuilder text = new StringBuilder();
        text.append(problem.position == null ? "a result row" : problem.position.toString());
        text.append(": ").append(problem.reason);
        if (problem.operator != null) {
            text.append(" (in ")
                    .append(problem.operator)
                    .append(" of row ")
                    .append(problem.row)
                    .append(')');
        }
        if (problem.raw != null) {
            text.append("; the record is: ").append(shortened(problem.raw));
        }
        text.append("; correct the input, or set onMalformed: skip or deadLetter");
        throw new QueryException("MalformedRow", text.toString());
    }

    private static String shortened(byte[] raw) {
        String text = new String(raw, 0, Math.min(raw.length, SHOWN_BYTES), StandardCharsets.UTF_8)
                .replaceAll("\\p{Cntrl}", "?");
        return raw.length > SHOWN_BYTES ? text + "… (" + raw.length + " bytes)" : text;
    }

    /** The dead letters as rows of {@link #SCHEMA}. */
    void letters(long epoch, Batch into) {
        letters.forEach(problem -> append(problem, epoch, into));
    }

    void lateRows(long epoch, Batch into) {
        late.forEach(problem -> append(problem, epoch, into));
    }

    void clear() {
        letters.clear();
        late.clear();
        failing.clear();
        firstFailure = null;
    }

    private static void append(Problem problem, long epoch, Batch into) {
        int row = into.append(1);
        SourcePosition position = problem.position;
        text(into, 0, row, position == null ? null : position.source());
        text(into, 1, row, position == null ? null : position.partition());
        if (position == null) {
            into.column(2).setNull(row);
        } else {
            ((LongVector) into.column(2)).set(row, position.offset());
        }
        text(into, 3, row, problem.code);
        text(into, 4, row, problem.reason);
        text(into, 5, row, problem.operator);
        text(into, 6, row, problem.row);
        ((LongVector) into.column(7)).set(row, problem.weight);
        ((LongVector) into.column(8)).set(row, epoch);
        if (problem.raw == null) {
            into.column(9).setNull(row);
            into.column(10).setNull(row);
        } else {
            text(into, 9, row, new String(problem.raw, StandardCharsets.UTF_8));
            ((BytesVector) into.column(10)).set(row, problem.raw);
        }
    }

    private static void text(Batch into, int column, int row, String text) {
        if (text == null) {
            into.column(column).setNull(row);
        } else {
            ((BytesVector) into.column(column)).set(row, text);
        }
    }
}
