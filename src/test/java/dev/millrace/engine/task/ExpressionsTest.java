package dev.millrace.engine.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.data.Batch;
import dev.millrace.data.Bytes;
import dev.millrace.data.CellError;
import dev.millrace.data.Watermark;
import dev.millrace.engine.operators.Stage;
import dev.millrace.formats.Format;
import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SourceTable;
import dev.millrace.sql.SchemaParser;
import dev.millrace.sql.SqlCompiler;
import dev.millrace.state.memory.MemoryStore;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvFileSource;

/**
 * What expressions give over one row, from SQL to the result: values as JSON, errors by their names, refusals by their
 * codes. The cases are those in which engines, or Calcite's own rewriting, are known to differ from SQL.
 */
class ExpressionsTest {

    private static final SourceTable TABLE = new SourceTable(
            "t",
            SchemaParser.parse(
                    "i INT, b BIGINT, d DOUBLE, x DOUBLE, p DECIMAL(10, 2), q DECIMAL(38, 10), r DECIMAL(38, 38),"
                            + " w DECIMAL(38, 0), s STRING, ts TIMESTAMP(3), us TIMESTAMP(6), dt DATE, raw BINARY, n INT,"
                            + " z INT, tags ARRAY<STRING>"),
            Optional.empty(),
            false,
            true);
    private static final String ROW = "{\"i\":7,\"b\":9223372036854775807,\"d\":2.5,\"x\":\"-Infinity\",\"p\":12.35,"
            + "\"q\":1.5,\"r\":0.5,\"w\":1,\"s\":\"\\ud800\\udc00\",\"ts\":\"2024-02-29T23:59:59.999Z\","
            + "\"us\":\"1969-12-31T23:59:59.000001Z\",\"dt\":\"2024-02-29\",\"raw\":\"/w==\",\"n\":null,\"z\":0,"
            + "\"tags\":[\"a\",null]}";

    @ParameterizedTest
    @CsvFileSource(resources = "/expressions.txt", delimiter = '|', quoteCharacter = '`', encoding = "UTF-8")
    void gives(String expression, String expected) {
        assertEquals(expected.strip(), evaluate(expression.strip()), expression);
    }

    private static String evaluate(String expression) {
        SqlCompiler.Result result = new SqlCompiler(List.of(TABLE), 4)
                .compile(
                        "SELECT " + expression + " AS v FROM t",
                        List.of(new SqlCompiler.SinkRequest("out", OutputMode.UPDATE, 0)));
        if (!result.errors().isEmpty()) {

            return result.errors().get(0).code();
        }
        QueryPlan plan = result.plan().orElseThrow();
        PlanNode.Scan scan = plan.scans(false).get(0);
        Problems problems = new Problems(Map.of("t", MalformedPolicy.SKIP), false, new LongAdder(), new LongAdder());
        Dataflow dataflow = new Dataflow(
                List.of(plan.root()),
                new Dataflow.Context(
                        plan.properties(),
                        4,
                        new MemoryStore(),
                        Dataflow.all(4),
                        false,
                        new Reached(64, Watermark.NONE),
                        1 << 20,
                        Map.of(),
                        List.of(problems)));
        StringBuilder text = new StringBuilder();
        dataflow.subscribe(0, plan.root(), delta -> text.append(cell(delta)));
        Batch batch = new Batch(scan.schema());
        byte[] row = ROW.getBytes(StandardCharsets.UTF_8);
        assertEquals(
                null,
                new Format.Json(Format.TimestampStyle.ISO8601)
                        .decoder(TABLE.schema(), scan.columns())
                        .decode(row, 0, row.length, batch));
        dataflow.input(0, scan).accept(batch);
        try (Workers workers = new Workers(1)) {
            dataflow.endEpoch(new Stage.EpochEnd(1, Watermark.NONE), workers);
        }
        return text.toString();
    }

    private static String cell(Batch delta) {
        byte mark = delta.column(0).mark(0);
        if (CellError.isError(mark)) {
            return CellError.ofMark(mark).name();
        }
        Bytes out = new Bytes();
        new Format.Json(Format.TimestampStyle.ISO8601).encoder().encode(delta, 0, new int[] {0}, out);
        String json = new String(out.array(), 0, out.length(), StandardCharsets.UTF_8);
        return json.substring("{\"v\":".length(), json.length() - 1);
    }
}
