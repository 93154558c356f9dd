package dev.millrace.connectors.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millrace.connectors.ConnectorException;
import dev.millrace.connectors.Sink;
import dev.millrace.data.Batch;
import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.LongVector;
import dev.millrace.data.Schema;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is shown of a result, row by row, when its epoch is committed. */
class ConsoleSinkTest {

    private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
    private final ConsoleSink sink = new ConsoleSink(new PrintStream(shown), null, true);

    private static Batch batch(long... weights) {
        Batch batch = new Batch(Schema.of(new Field("n", DataType.BIGINT, false)));
        for (int i = 0; i < weights.length; i++) {
            ((LongVector) batch.column(0)).set(batch.append(weights[i]), i);
        }
        return batch;
    }

    private List<String> lines() {
        return shown.toString(StandardCharsets.UTF_8).lines().toList();
    }

    /** S15: as a frame elsewhere, also an empty one says how many rows it has, equal ones counted. */
    @Test
    void aTableHasEqualRowsAsOftenAsTheyAreThere() {
        Sink.Writer writer = sink.writer();
        writer.replace(3, List.of(batch(1, 2), batch(1)));
        assertEquals(List.of(), lines(), "nothing is shown before the commit");
        sink.committed(3);
        assertEquals(
                List.of("table of epoch 3, 4 rows", "row {\"n\":0}", "row {\"n\":1}", "row {\"n\":1}", "row {\"n\":0}"),
                lines());
        shown.reset();
        writer.replace(4, List.of(batch()));
        sink.committed(4);
        assertEquals(List.of("table of epoch 4, 0 rows"), lines());
    }

    @Test
    void withoutAReaderItEndsWhereOneIsNeeded() {
        PrintStream closed = new PrintStream(shown);
        closed.close();
        for (boolean needed : List.of(false, true)) {
            Sink one = new ConsoleSink(closed, null, needed);
            one.writer().append(batch(1));
            if (needed) {
                assertEquals(
                        "OutputClosed",
                        assertThrows(ConnectorException.class, () -> one.committed(1))
                                .code());
            } else {
                one.committed(1);
            }
        }
    }
}
