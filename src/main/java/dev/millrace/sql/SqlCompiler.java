package dev.millrace.sql;

import dev.millrace.plan.OutputMode;
import dev.millrace.plan.PlanNode;
import dev.millrace.plan.Position;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.SinkPlan;
import dev.millrace.plan.SourceTable;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.calcite.avatica.util.Casing;
import org.apache.calcite.config.CalciteConnectionConfig;
import org.apache.calcite.jdbc.CalciteSchema;
import org.apache.calcite.jdbc.JavaTypeFactoryImpl;
import org.apache.calcite.plan.RelOptCluster;
import org.apache.calcite.plan.RelOptRule;
import org.apache.calcite.plan.RelRule;
import org.apache.calcite.plan.hep.HepPlanner;
import org.apache.calcite.plan.hep.HepProgram;
import org.apache.calcite.plan.hep.HepProgramBuilder;
import org.apache.calcite.prepare.CalciteCatalogReader;
import org.apache.calcite.rel.RelNode;
import org.apache.calcite.rel.rules.CoreRules;
import org.apache.calcite.rel.type.RelDataType;
import org.apache.calcite.rel.type.RelDataTypeFactory;
import org.apache.calcite.rex.RexBuilder;
import org.apache.calcite.runtime.CalciteContextException;
import org.apache.calcite.schema.impl.AbstractTable;
import org.apache.calcite.sql.SqlNode;
import org.apache.calcite.sql.parser.SqlParseException;
import org.apache.calcite.sql.parser.SqlParser;
import org.apache.calcite.sql.type.SqlTypeName;
import org.apache.calcite.sql.validate.SqlConformance;
import org.apache.calcite.sql.validate.SqlConformanceEnum;
import org.apache.calcite.sql.validate.SqlDelegatingConformance;
import org.apache.calcite.sql.validate.SqlValidator;
import org.apache.calcite.sql.validate.SqlValidatorUtil;
import org.apache.calcite.tools.RelBuilder;

/**
 * Compiles one query. The passes, in order: parse; refuse what is not supported ({@link Restrictions}); validate; to
 * relational algebra; push filters down; to plan nodes ({@link PlanTranslator}); read only used columns ({@link
 * PruneColumns}); prove properties ({@link DeriveProperties}); prove each sink's output mode ({@link OutputModes}), where
 * what is held until it is final is emitted only then ({@link CloseGroups}).
 */
public final class SqlCompiler {

    /** Standard SQL with what users expect beside it: != and %, GROUP BY an alias or a column's number. */
    private static final SqlConformance CONFORMANCE = new SqlDelegatingConformance(SqlConformanceEnum.DEFAULT) {
        @Override
        public boolean isGroupByAlias() {
            return true;
        }

        @Override
        public boolean isGroupByOrdinal() {
            return true;
        }

        @Override
        public boolean isHavingAlias() {
            return true;
        }

        @Override
        public boolean isBangEqualAllowed() {
            return true;
        }

        @Override
        public boolean isPercentRemainderAllowed() {
            return true;
        }
    };

    private static final SqlParser.Config PARSER = SqlParser.config()
            .withUnquotedCasing(Casing.UNCHANGED)
            .withQuotedCasing(Casing.UNCHANGED)
            .withCaseSensitive(false)
            .withConformance(CONFORMANCE)
            .withIdentifierMaxLength(256);

    private static final List<RelRule<?>> PUSH_DOWN = List.of(
            CoreRules.FILTER_MERGE,
            CoreRules.FILTER_PROJECT_TRANSPOSE,
            CoreRules.JOIN_CONDITION_PUSH,
            CoreRules.FILTER_INTO_JOIN,
            CoreRules.JOIN_PUSH_EXPRESSIONS,
            CoreRules.FILTER_MERGE,
            CoreRules.FILTER_PROJECT_TRANSPOSE,
            CoreRules.PROJECT_REMOVE);

    /** What is asked of one sink. */
    public record SinkRequest(String name, OutputMode mode, long maxRows) {}

    /** Either a plan or errors. */
    public record Result(Optional<QueryPlan> plan, List<SqlError> errors) {}

    private final List<SourceTable> tables;
    private final int keyGroups;

    public SqlCompiler(List<SourceTable> tables, int keyGroups) {
        this.tables = List.copyOf(tables);
        this.keyGroups = keyGroups;
    }

    public Result compile(String sql, List<SinkRequest> sinks) {
        try {
            PlanNode root = PruneColumns.apply(toPlan(sql));
            List<SqlError> errors = new ArrayList<>();
            List<SinkPlan> plans = new ArrayList<>();
            for (SinkRequest sink : sinks) {
                try {
                    plans.add(OutputModes.prove(root, sink));
                } catch (SqlError.Refusal refusal) {
                    errors.add(refusal.error());
                }
            }
            if (!errors.isEmpty()) {
                return new Result(Optional.empty(), errors);
            }
            return new Result(Optional.of(OutputModes.assemble(root, plans, keyGroups)), List.of());
        } catch (SqlError.Refusal refusal) {
            return new Result(Optional.empty(), List.of(refusal.error()));
        }
    }

    private PlanNode toPlan(String sql) {
        JavaTypeFactoryImpl types = new JavaTypeFactoryImpl(SqlTypes.SYSTEM) {
            @Override
            public Charset getDefaultCharset() {
                return StandardCharsets.UTF_8;
            }
        };
        SqlNode parsed = parse(sql);
        Restrictions restrictions = new Restrictions(tables);
        restrictions.check(parsed);
        SqlCatalog catalog = catalog(types);
        SqlValidator validator = SqlValidatorUtil.newValidator(
                SqlFunctions.operatorTable(),
                catalog,
                types,
                SqlValidator.Config.DEFAULT.withConformance(CONFORMANCE).withIdentifierExpansion(true));
        restrictions.checkSources(parsed);
        SqlNode validated = validate(validator, parsed);
        restrictions.checkOutput(validated, validator.getValidatedNodeType(validated));
        return translate(types, catalog, validator, validated);
    }

    private static PlanNode translate(
            RelDataTypeFactory types, SqlCatalog catalog, SqlValidator validator, SqlNode validated) {
        HepProgramBuilder program = HepProgram.builder();
        PUSH_DOWN.forEach(rule -> program.addRuleInstance(unsimplified(rule)));
        HepPlanner planner = new HepPlanner(program.build());
        planner.setExecutor((builder, constants, results) -> results.addAll(constants));
        RelOptCluster cluster = RelOptCluster.create(planner, new RexBuilder(types));
        try {
            RelNode converted = LocatingConverter.convert(validated, validator, catalog, cluster);
            planner.setRoot(converted);
            return new PlanTranslator(catalog).translate(planner.findBestExp());
        } catch (CalciteContextException e) {
            throw refusal(e);
        } catch (RuntimeException | AssertionError e) {
            throw unexpected(e);
        }
    }

    /**
     * The rule without Calcite's simplifications: they compare strings by UTF-16, and drop expressions whose errors must be
     * seen.
     */
    private static RelOptRule unsimplified(RelRule<?> rule) {
        return rule.config
                .withRelBuilderFactory(RelBuilder.proto(RelBuilder.Config.DEFAULT.withSimplify(false)))
                .toRule();
    }

    private SqlNode parse(String sql) {
        try {
            return SqlParser.create(sql, PARSER).parseQuery();
        } catch (SqlParseException e) {
            Position position = e.getPos() == null || e.getPos().getLineNum() < 1
                    ? Position.START
                    : new Position(e.getPos().getLineNum(), e.getPos().getColumnNum());
            throw new SqlError.Refusal("SqlSyntax", position, syntaxMessage(e));
        } catch (RuntimeException | AssertionError e) {
            throw unexpected(e);
        }
    }

    private static String syntaxMessage(SqlParseException e) {
        String message = firstLine(e);
        if (message.startsWith("Encountered \"")) {
            String found = message.substring("Encountered \"".length())
                    .split("\"", 2)[0]
                    .trim();
            if (found.equals("<EOF>")) {
                return "the query ends too early; complete it";
            }
            if (found.equals(";")) {
                return "remove the ';': a query is one SELECT";
            }
            return "'" + found + "' is not expected here; if it is a name, quote it: \"" + found.split(" ")[0] + "\"";
        }
        return message;
    }

    private static SqlNode validate(SqlValidator validator, SqlNode parsed) {
        try {
            return validator.validate(parsed);
        } catch (CalciteContextException e) {
            throw refusal(e);
        } catch (RuntimeException | AssertionError e) {
            throw unexpected(e);
        }
    }

    /** Calcite wraps refusals, and fails on some of what it does not know. */
    private static SqlError.Refusal unexpected(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof SqlError.Refusal refusal) {
                return refusal;
            }
        }
        return new SqlError.Refusal("SqlNotSupported", Position.START, "this query is not supported: " + firstLine(e));
    }

    private static SqlError.Refusal refusal(CalciteContextException e) {
        String message = firstLine(e.getCause() == null ? e : e.getCause());
        String code = message.contains("not found") && message.startsWith("Object")
                ? "TableNotFound"
                : message.contains("not found in any table") ? "ColumnNotFound" : "SqlInvalid";
        Position position =
                e.getPosLine() < 1 ? Position.START : new Position(e.getPosLine(), Math.max(1, e.getPosColumn()));
        return new SqlError.Refusal(code, position, message);
    }

    private static String firstLine(Throwable e) {
        String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return message.lines().findFirst().orElse(message);
    }

    private SqlCatalog catalog(RelDataTypeFactory types) {
        CalciteSchema root = CalciteSchema.createRootSchema(false, false);
        for (SourceTable table : tables) {
            root.add(table.name(), new CatalogTable(table));
        }
        root.add(
                "STRING",
                factory -> factory.createTypeWithNullability(factory.createSqlType(SqlTypeName.VARCHAR), true));
        return new SqlCatalog(root, types);
    }

    /** Carries the tables through Calcite. */
    static final class SqlCatalog extends CalciteCatalogReader {
        SqlCatalog(CalciteSchema root, RelDataTypeFactory types) {
            super(
                    root,
                    List.of(),
                    types,
                    CalciteConnectionConfig.DEFAULT.set(
                            org.apache.calcite.config.CalciteConnectionProperty.CASE_SENSITIVE, "false"));
        }
    }

    /** A source as Calcite's table. */
    static final class CatalogTable extends AbstractTable {
        private final SourceTable table;

        CatalogTable(SourceTable table) {
            this.table = table;
        }

        SourceTable table() {
            return table;
        }

        @Override
        public RelDataType getRowType(RelDataTypeFactory types) {
            return SqlTypes.toCalcite(table.schema(), types);
        }
    }
}
