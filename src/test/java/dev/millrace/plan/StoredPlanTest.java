package dev.millrace.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.data.DataType;
import dev.millrace.data.Field;
import dev.millrace.data.Schema;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

/** Plans of SQL are written and read by the golden queries; here is what those do not have. */
class StoredPlanTest {

    private static final DataType ROW =
            new DataType.Row(List.of(new Field("a", new DataType.Array(DataType.BINARY), true)));

    private static QueryPlan plan(List<Expression> expressions) {
        List<Field> fields = new ArrayList<>();
        for (int i = 0; i < expressions.size(); i++) {
            fields.add(new Field("c" + i, expressions.get(i).type(), true));
        }
        SourceTable table = new SourceTable(
                "t",
                Schema.of(new Field("r", ROW, true), new Field("ts", DataType.TIMESTAMP_MICROS, false)),
                Optional.of(new SourceTable.EventTime(1, 5_000)),
                false,
                true);
        PlanNode scan = new PlanNode.Scan(table, List.of(0, 1));
        PlanNode root = new PlanNode.Project(scan, expressions, new Schema(fields));
        Waterline waterline = new Waterline.Micros(
                new Waterline.Floor(new Waterline.Least(new Waterline.Source(), new Waterline.Source()), 60_000, 7));
        PlanNode held = new PlanNode.Hold(root, 0, new Waterline.Plus(waterline, -1));
        Properties properties =
                new Properties(true, Optional.of(List.of()), Map.of(0, waterline), Properties.StateBound.TIME_BOUNDED);
        return new QueryPlan(
                root,
                Map.of(root, properties, held, properties),
                List.of(
                        new SinkPlan("a", OutputMode.APPEND, held, true, List.of(0), 0, "held"),
                        new SinkPlan("u", OutputMode.UPDATE, root, false, List.of(), 7, "\u00fcber")),
                true,
                16,
                List.of(new QueryPlan.Warning("Unbounded", new Position(3, 4), "grows")));
    }

    @Test
    void literalsOfAllTypesComeBack() throws Exception {
        QueryPlan plan = plan(List.of(
                new Expression.Literal(null, DataType.STRING),
                new Expression.Literal("it's \u0000 \ud83d\ude00", DataType.STRING),
                new Expression.Literal("", DataType.STRING),
                new Expression.Literal(true, DataType.BOOLEAN),
                new Expression.Literal(Long.MIN_VALUE, DataType.BIGINT),
                new Expression.Literal(-1L, DataType.DATE),
                new Expression.Literal(Double.NaN, DataType.DOUBLE),
                new Expression.Literal(Double.NEGATIVE_INFINITY, DataType.DOUBLE),
                new Expression.Literal(-0.0, DataType.DOUBLE),
                new Expression.Literal(new BigDecimal("1.50"), new DataType.Decimal(10, 2)),
                new Expression.Literal(List.of((byte) 0, (byte) -1), DataType.BINARY),
                new Expression.Column(0, ROW, true)));
        QueryPlan read = StoredPlan.read(StoredPlan.write(plan));
        assertEquals(plan, read);
        assertEquals(plan.id(), read.id());
    }

    @Test
    void whatIsNotThisBuildsIsRefused() throws Exception {
        String text = StoredPlan.write(plan(List.of(new Expression.Column(0, ROW, true))));
        assertRefused(text.replace("\"format\":1", "\"format\":2"), "has format 2, this build reads 1");
        assertRefused(text.replace("\"keyGroups\":16", "\"keyGroups\":8"), "this build takes it for");
        assertRefused(text.replace("\"is\":\"Project\"", "\"is\":\"Sort\""), "cannot be read");
        assertRefused(text.replace("\"maxRows\"", "\"mostRows\""), "cannot be read");
        assertRefused(text.substring(0, text.length() / 2), "cannot be read");
    }

    private static void assertRefused(String text, String why) {
        String message = assertThrows(StoredPlan.UnreadableException.class, () -> StoredPlan.read(text))
                .getMessage();
        assertTrue(message.contains(why), message);
    }

    /** With a stack that holds it: code that is not compiled yet takes more for the walks before. */
    @Test
    void aPlanThatIsTooDeepIsRefusedWhenItIsWritten() throws Exception {
        Expression deep = new Expression.Column(0, DataType.BOOLEAN, false);
        for (int i = 0; i < 1_100; i++) {
            deep = new Expression.Call(Function.NOT, List.of(deep), DataType.BOOLEAN, false);
        }
        QueryPlan plan = plan(List.of(deep));
        FutureTask<Throwable> refusal = new FutureTask<>(
                () -> assertThrows(StoredPlan.UnreadableException.class, () -> StoredPlan.write(plan)));
        new Thread(null, refusal, "deep", 64 << 20).start();
        refusal.get();
    }
}
