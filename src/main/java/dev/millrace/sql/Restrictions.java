package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.data.TimeText;
import dev.millrace.plan.Position;
import dev.millrace.plan.SourceTable;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.calcite.avatica.util.TimeUnit;
import org.apache.calcite.rel.type.RelDataType;
import org.apache.calcite.rel.type.RelDataTypeField;
import org.apache.calcite.sql.JoinType;
import org.apache.calcite.sql.SqlBasicCall;
import org.apache.calcite.sql.SqlBasicTypeNameSpec;
import org.apache.calcite.sql.SqlCall;
import org.apache.calcite.sql.SqlDataTypeSpec;
import org.apache.calcite.sql.SqlIdentifier;
import org.apache.calcite.sql.SqlIntervalLiteral;
import org.apache.calcite.sql.SqlIntervalQualifier;
import org.apache.calcite.sql.SqlJoin;
import org.apache.calcite.sql.SqlKind;
import org.apache.calcite.sql.SqlLiteral;
import org.apache.calcite.sql.SqlNode;
import org.apache.calcite.sql.SqlNodeList;
import org.apache.calcite.sql.SqlOrderBy;
import org.apache.calcite.sql.SqlSelect;
import org.apache.calcite.sql.SqlUnknownLiteral;
import org.apache.calcite.sql.SqlWith;
import org.apache.calcite.sql.SqlWithItem;
import org.apache.calcite.sql.parser.SqlParserPos;
import org.apache.calcite.sql.util.SqlBasicVisitor;
import org.apache.calcite.sql.validate.SqlValidatorUtil;

/**
 * Refuses, with the position in the text, the parts of SQL that the engine does not run. Works on the parsed text, since
 * later forms have lost their positions.
 */
final class Restrictions {

    private static final Set<SqlKind> SET_OPERATIONS = EnumSet.of(SqlKind.INTERSECT, SqlKind.EXCEPT);
    private static final Set<SqlKind> SUB_QUERIES =
            EnumSet.of(SqlKind.EXISTS, SqlKind.SCALAR_QUERY, SqlKind.SOME, SqlKind.ALL, SqlKind.UNIQUE, SqlKind.CURSOR);
    private static final Set<String> RUN_DEPENDENT = Set.of(
            "NOW",
            "CURRENT_TIMESTAMP",
            "CURRENT_TIME",
            "CURRENT_DATE",
            "LOCALTIME",
            "LOCALTIMESTAMP",
            "RAND",
            "RANDOM",
            "RAND_INTEGER",
            "UUID");

    private static final Set<String> WINDOWS = Set.of("TUMBLE", "HOP", "SESSION");

    private final Map<String, SourceTable> tables = new HashMap<>();

    Restrictions(List<SourceTable> tables) {
        tables.forEach(table -> this.tables.put(lower(table.name()), table));
    }

    void check(SqlNode query) {
        query.accept(new Clauses());
    }

    /** Needs a stream, and a static table in each join. Unknown tables are left to the validator. */
    void checkSources(SqlNode query) {
        Set<SourceTable> read = tablesOf(query, Map.of());
        if (!read.isEmpty() && read.stream().allMatch(SourceTable::fixed)) {
            throw refuse(
                    "NoStream",
                    query,
                    "the query reads no stream; name a source that is not static in its FROM clause");
        }
        checkJoins(query, Map.of());
    }

    /** Each output column needs a name of its own, since sinks write names. */
    void checkOutput(SqlNode query, RelDataType rowType) {
        checkNames(query);
        for (RelDataTypeField field : rowType.getFieldList()) {
            if (field.getName().startsWith("EXPR$")) {
                throw refuse(
                        "UnnamedColumn",
                        outputItem(query, field.getIndex()),
                        "this output column has no name; add one: AS name");
            }
            if (SqlTypes.isInterval(field.getType()) || SqlTypes.fromCalcite(field.getType()) == null) {
                throw refuse(
                        "TypeNotSupported",
                        outputItem(query, field.getIndex()),
                        "the output column '" + field.getName() + "' has type " + field.getType()
                                + ", which no sink can write; cast it");
            }
        }
    }

    private static void checkNames(SqlNode query) {
        Set<String> names = new HashSet<>();
        for (int i = 0; outputItem(query, i).getKind() != SqlKind.SELECT; i++) {
            SqlNode item = outputItem(query, i);
            String name = SqlValidatorUtil.alias(item);
            if (name != null && !names.add(lower(name))) {
                throw refuse(
                        "DuplicateColumn", item, "two output columns are named '" + name + "'; rename one: AS name");
            }
        }
    }

    private static SqlNode outputItem(SqlNode query, int index) {
        SqlNode node = query;
        while (true) {
            if (node instanceof SqlWith with) {
                node = with.body;
            } else if (node instanceof SqlSelect select) {
                return index < select.getSelectList().size()
                        ? select.getSelectList().get(index)
                        : select;
            } else if (node instanceof SqlBasicCall call && call.getKind() == SqlKind.UNION) {
                node = call.operand(0);
            } else {
                return node;
            }
        }
    }

    /** A join needs a static table on the side that is looked up. */
    private void checkJoins(SqlNode node, Map<String, SqlNode> names) {
        if (node instanceof SqlWith with) {
            Map<String, SqlNode> inner = new HashMap<>(names);
            for (SqlNode item : with.withList) {
                SqlWithItem withItem = (SqlWithItem) item;
                checkJoins(withItem.query, inner);
                inner.put(lower(withItem.name.getSimple()), withItem.query);
            }
            checkJoins(with.body, inner);
            return;
        }
        if (node instanceof SqlJoin join) {
            checkJoin(join, names);
        }
        if (node.getKind() == SqlKind.UNION) {
            checkUnion((SqlCall) node, names);
        }
        if (node instanceof SqlCall call) {
            call.getOperandList().stream().filter(o -> o != null).forEach(o -> checkJoins(o, names));
        } else if (node instanceof SqlNodeList list) {
            list.stream().filter(o -> o != null).forEach(o -> checkJoins(o, names));
        }
    }

    private void checkUnion(SqlCall union, Map<String, SqlNode> names) {
        boolean allFixed = union.getOperandList().stream().allMatch(branch -> isFixed(branch, names));
        for (SqlNode branch : union.getOperandList()) {
            if (!allFixed && isFixed(branch, names)) {
                throw refuse(
                        "UnionNotSupported",
                        branch,
                        "a UNION of a stream with a static table is not supported; make the table a stream (without static)");
            }
        }
    }

    private void checkJoin(SqlJoin join, Map<String, SqlNode> names) {
        if (isUnnest(join.getRight())) {
            return;
        }
        boolean leftFixed = isFixed(join.getLeft(), names);
        boolean rightFixed = isFixed(join.getRight(), names);
        if (tablesOf(join.getLeft(), names).isEmpty()
                || tablesOf(join.getRight(), names).isEmpty()) {
            return;
        }
        if (join.getJoinType() == JoinType.FULL) {
            throw refuse("JoinNotSupported", join.getRight(), "FULL JOIN is not supported; use LEFT JOIN");
        }
        if (!leftFixed && !rightFixed) {
            throw refuse(
                    "JoinNotSupported",
                    join.getRight(),
                    "a join of two streams is not supported yet; one side must be a static table (static: {})");
        }
        if (join.getJoinType() == JoinType.LEFT && !rightFixed) {
            throw refuse(
                    "JoinNotSupported",
                    join.getRight(),
                    "LEFT JOIN needs the static table on its right side; swap the sides");
        }
        if (join.getJoinType() == JoinType.RIGHT && !leftFixed) {
            throw refuse(
                    "JoinNotSupported",
                    join.getLeft(),
                    "RIGHT JOIN needs the static table on its left side; use LEFT JOIN with the static table on the right");
        }
    }

    private static boolean isUnnest(SqlNode node) {
        SqlNode inner = node;
        while (inner.getKind() == SqlKind.AS || inner.getKind() == SqlKind.LATERAL) {
            inner = ((SqlCall) inner).operand(0);
        }
        return inner.getKind() == SqlKind.UNNEST;
    }

    private boolean isFixed(SqlNode node, Map<String, SqlNode> names) {
        Set<SourceTable> read = tablesOf(node, names);
        return read.stream().allMatch(SourceTable::fixed);
    }

    /** The sources that a query or a FROM item reads. */
    private Set<SourceTable> tablesOf(SqlNode node, Map<String, SqlNode> names) {
        Set<SourceTable> found = new HashSet<>();
        collectTables(node, names, found);
        return found;
    }

    private void collectTables(SqlNode node, Map<String, SqlNode> names, Set<SourceTable> found) {
        if (node instanceof SqlWith with) {
            Map<String, SqlNode> inner = new HashMap<>(names);
            for (SqlNode item : with.withList) {
                inner.put(lower(((SqlWithItem) item).name.getSimple()), ((SqlWithItem) item).query);
            }
            collectTables(with.body, inner, found);
        } else if (node instanceof SqlSelect select) {
            if (select.getFrom() != null) {
                collectTables(select.getFrom(), names, found);
            }
        } else if (node instanceof SqlJoin join) {
            collectTables(join.getLeft(), names, found);
            collectTables(join.getRight(), names, found);
        } else if (node instanceof SqlIdentifier name) {
            collectNamed(name, names, found);
        } else if (node instanceof SqlCall call) {
            if (call.getKind() == SqlKind.AS) {
                collectTables(call.operand(0), names, found);
            } else if (call.getKind() != SqlKind.UNNEST && call.getKind() != SqlKind.DESCRIPTOR) {
                call.getOperandList().stream().filter(o -> o != null).forEach(o -> collectTables(o, names, found));
            }
        }
    }

    private void collectNamed(SqlIdentifier name, Map<String, SqlNode> names, Set<SourceTable> found) {
        if (!name.isSimple()) {
            return;
        }
        String key = lower(name.getSimple());
        if (names.containsKey(key)) {
            Map<String, SqlNode> outer = new HashMap<>(names);
            SqlNode query = outer.remove(key);
            collectTables(query, outer, found);
        } else if (tables.containsKey(key)) {
            found.add(tables.get(key));
        }
    }

    private static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    private static SqlError.Refusal refuse(String code, SqlNode where, String message) {
        SqlParserPos pos = where.getParserPosition();
        return new SqlError.Refusal(
                code, new Position(Math.max(1, pos.getLineNum()), Math.max(1, pos.getColumnNum())), message);
    }

    /** Clauses and functions, wherever they stand. */
    private static final class Clauses extends SqlBasicVisitor<Void> {

        @Override
        public Void visit(SqlCall call) {
            if (call instanceof SqlOrderBy order) {
                SqlNode where = order.orderList.isEmpty() ? order : order.orderList;
                throw refuse("SqlNotSupported", where, "ORDER BY, LIMIT and OFFSET are not supported yet; remove them");
            }
            if (call instanceof SqlSelect select) {
                checkSelect(select);
            }
            checkKind(call);
            return super.visit(call);
        }

        private static void checkSelect(SqlSelect select) {
            if (select.getFrom() == null) {
                throw refuse("NoStream", select, "the query has no FROM clause; name a source");
            }
            if (select.getWindowList() != null && !select.getWindowList().isEmpty()) {
                throw refuse("SqlNotSupported", select.getWindowList(), "WINDOW and OVER are not supported yet");
            }
            if (select.getQualify() != null) {
                throw refuse("SqlNotSupported", select.getQualify(), "QUALIFY is not supported yet");
            }
        }

        private static void checkKind(SqlCall call) {
            SqlKind kind = call.getKind();
            if (SET_OPERATIONS.contains(kind)) {
                throw refuse("SqlNotSupported", call, kind + " is not supported yet");
            }
            if (kind == SqlKind.OVER) {
                throw refuse("SqlNotSupported", call, "OVER is not supported yet");
            }
            if (kind == SqlKind.MATCH_RECOGNIZE || kind == SqlKind.PIVOT || kind == SqlKind.UNPIVOT) {
                throw refuse("SqlNotSupported", call, kind + " is not supported yet");
            }
            if (kind == SqlKind.GROUPING_SETS || kind == SqlKind.ROLLUP || kind == SqlKind.CUBE) {
                throw refuse(
                        "SqlNotSupported",
                        call,
                        kind.name().replace('_', ' ') + " is not supported yet; use UNION ALL");
            }
            if (kind == SqlKind.VALUES) {
                throw refuse("SqlNotSupported", call, "VALUES is not supported yet; use a static source");
            }
            if (kind == SqlKind.SNAPSHOT) {
                throw refuse(
                        "SqlNotSupported", call, "FOR SYSTEM_TIME AS OF is not supported yet; join the table plainly");
            }
            if (SUB_QUERIES.contains(kind)) {
                throw refuse("SqlNotSupported", call, "a sub-query in an expression is not supported yet");
            }
            if ((kind == SqlKind.CAST || kind == SqlKind.SAFE_CAST)
                    && call.operand(1) instanceof SqlDataTypeSpec type) {
                checkType(type);
            }
            if (kind == SqlKind.IN || kind == SqlKind.NOT_IN) {
                if (call.operand(1) instanceof SqlSelect || call.operand(1) instanceof SqlWith) {
                    throw refuse("SqlNotSupported", call, "IN with a sub-query is not supported yet; use a join");
                }
            }
            boolean timeUnit = kind == SqlKind.TIMESTAMP_ADD || kind == SqlKind.TIMESTAMP_DIFF;
            if (timeUnit && call.operand(0) instanceof SqlIntervalQualifier qualifier) {
                boolean tooFine = qualifier.getUnit() == TimeUnit.NANOSECOND
                        || (kind == SqlKind.TIMESTAMP_ADD && qualifier.getUnit() == TimeUnit.MICROSECOND);
                if (tooFine) {
                    throw refuse(
                            "SqlNotSupported",
                            call,
                            call.getOperator().getName() + " in " + qualifier.getUnit()
                                    + "S is not supported yet; use MILLISECOND");
                }
            }
            if (WINDOWS.contains(call.getOperator().getName().toUpperCase(Locale.ROOT))) {
                call.getOperandList().forEach(Clauses::checkWindowed);
            }
            if (RUN_DEPENDENT.contains(call.getOperator().getName().toUpperCase(Locale.ROOT))) {
                throw refuse(
                        "NotDeterministic",
                        call,
                        call.getOperator().getName()
                                + " would give another value when rows are replayed or retracted; use a column of the row");
            }
        }

        /** Calcite would read the first branch only. */
        private static void checkWindowed(SqlNode operand) {
            SqlNode input = operand.getKind() == SqlKind.ARGUMENT_ASSIGNMENT ? ((SqlCall) operand).operand(0) : operand;
            if (input.getKind() == SqlKind.UNION || input.getKind() == SqlKind.WITH) {
                throw refuse(
                        "SqlNotSupported",
                        input,
                        "windows over a " + input.getKind()
                                + " are not supported yet; name it first: WITH u AS (…) … TABLE u");
            }
        }

        /** Times that Calcite would read as others, and intervals, which are kept in milliseconds. */
        @Override
        public Void visit(SqlLiteral literal) {
            if (literal instanceof SqlUnknownLiteral unknown
                    && !isTime(unknown.tag, String.valueOf(unknown.getValue()))) {
                throw refuse(
                        "SqlInvalid",
                        literal,
                        "'" + literal.getValue() + "' is no " + unknown.tag
                                + "; write DATE '2024-05-01' or TIMESTAMP '2024-05-01 12:00:00.123456'");
            }
            if (literal instanceof SqlIntervalLiteral
                    && literal.getValue() instanceof SqlIntervalLiteral.IntervalValue value
                    && value.getIntervalLiteral().matches(".*\\.\\d{3}\\d*[1-9].*")) {
                throw refuse(
                        "SqlNotSupported", literal, "an interval has whole milliseconds; this one has a finer part");
            }
            return null;
        }

        private static boolean isTime(String tag, String text) {
            String pattern = switch (tag) {
                case "DATE" -> "\\d{4}-\\d\\d-\\d\\d";
                case "TIMESTAMP" -> "\\d{4}-\\d\\d-\\d\\d( \\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6}0*)?)?";
                default -> "";
            };
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            return text.matches(pattern) && TimeText.parseMicros(bytes, 0, bytes.length) != TimeText.INVALID;
        }

        /** Types that would silently become another one: a length that is not kept, a range that is not checked. */
        private static void checkType(SqlDataTypeSpec type) {
            if (!(type.getTypeNameSpec() instanceof SqlBasicTypeNameSpec basic)) {
                return;
            }
            String name = basic.getTypeName().getSimple().toUpperCase(Locale.ROOT);
            int precision = basic.getPrecision();
            boolean known = switch (name) {
                case "BOOLEAN", "INTEGER", "INT", "BIGINT", "DOUBLE", "FLOAT", "DATE" -> true;
                case "DECIMAL" -> precision < 0 || isDecimal(precision, basic.getScale());
                case "VARCHAR", "VARBINARY" -> precision < 0;
                case "TIMESTAMP" -> precision < 0 || precision == 3 || precision == 6;
                default -> false;
            };
            if (!known) {
                throw refuse(
                        "TypeNotSupported",
                        type,
                        "a cast to " + type
                                + " is not supported; known are BOOLEAN, INT, BIGINT, DOUBLE, DECIMAL(p, s),"
                                + " STRING, VARBINARY, DATE, TIMESTAMP(3) and TIMESTAMP(6)");
            }
        }

        private static boolean isDecimal(int precision, int scale) {
            return precision >= 1
                    && precision <= DataType.Decimal.MAX_PRECISION
                    && (scale == RelDataType.SCALE_NOT_SPECIFIED || (scale >= 0 && scale <= precision));
        }

        @Override
        public Void visit(SqlIdentifier identifier) {
            if (identifier.isSimple()
                    && RUN_DEPENDENT.contains(identifier.getSimple().toUpperCase(Locale.ROOT))
                    && identifier.getSimple().length() > 4) {
                throw refuse(
                        "NotDeterministic",
                        identifier,
                        identifier.getSimple()
                                + " would give another value when rows are replayed or retracted; use a column of the row");
            }
            return null;
        }
    }
}
