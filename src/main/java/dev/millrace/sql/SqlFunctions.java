package dev.millrace.sql;

import dev.millrace.data.DataType;
import dev.millrace.plan.Function;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.calcite.rel.type.RelDataType;
import org.apache.calcite.sql.SqlBasicFunction;
import org.apache.calcite.sql.SqlFunction;
import org.apache.calcite.sql.SqlFunctionCategory;
import org.apache.calcite.sql.SqlIdentifier;
import org.apache.calcite.sql.SqlOperator;
import org.apache.calcite.sql.SqlOperatorTable;
import org.apache.calcite.sql.SqlSyntax;
import org.apache.calcite.sql.fun.SqlLibraryOperators;
import org.apache.calcite.sql.fun.SqlStdOperatorTable;
import org.apache.calcite.sql.type.OperandTypes;
import org.apache.calcite.sql.type.SqlTypeName;
import org.apache.calcite.sql.validate.SqlNameMatcher;

/**
 * The functions a query may name. A function that is not here is unknown to the validator, which then says so with its
 * position; a function that is here has a kernel in the engine.
 */
final class SqlFunctions {

    /** ROUND whose result has room for the digit that rounding up may add. */
    private static final SqlFunction ROUND = SqlBasicFunction.create(
            "ROUND",
            binding -> {
                RelDataType type = binding.getOperandType(0);
                RelDataType wider = type.getSqlTypeName() == SqlTypeName.DECIMAL
                        ? binding.getTypeFactory()
                                .createSqlType(
                                        SqlTypeName.DECIMAL,
                                        Math.min(DataType.Decimal.MAX_PRECISION, type.getPrecision() + 1),
                                        type.getScale())
                        : type;
                boolean nullable = binding.collectOperandTypes().stream().anyMatch(RelDataType::isNullable);
                return binding.getTypeFactory().createTypeWithNullability(wider, nullable);
            },
            OperandTypes.NUMERIC.or(OperandTypes.NUMERIC_INT32),
            SqlFunctionCategory.NUMERIC);

    /** Scalar functions whose arguments map one to one. */
    private static final Map<SqlOperator, Function> DIRECT = new HashMap<>();

    /** Named operators that the translator or the validator rewrites. */
    private static final List<SqlOperator> REWRITTEN = List.of(
            SqlStdOperatorTable.COUNT,
            SqlStdOperatorTable.SUM,
            SqlStdOperatorTable.AVG,
            SqlStdOperatorTable.MIN,
            SqlStdOperatorTable.MAX,
            SqlStdOperatorTable.COALESCE,
            SqlStdOperatorTable.NULLIF,
            SqlStdOperatorTable.CAST,
            SqlStdOperatorTable.DESCRIPTOR,
            SqlStdOperatorTable.TUMBLE,
            SqlStdOperatorTable.HOP,
            SqlStdOperatorTable.UNNEST,
            SqlStdOperatorTable.UNNEST_WITH_ORDINALITY,
            SqlStdOperatorTable.EXTRACT,
            SqlStdOperatorTable.YEAR,
            SqlStdOperatorTable.QUARTER,
            SqlStdOperatorTable.MONTH,
            SqlStdOperatorTable.DAYOFMONTH,
            SqlStdOperatorTable.DAYOFWEEK,
            SqlStdOperatorTable.DAYOFYEAR,
            SqlStdOperatorTable.HOUR,
            SqlStdOperatorTable.MINUTE,
            SqlStdOperatorTable.SECOND,
            SqlStdOperatorTable.FLOOR,
            SqlStdOperatorTable.CEIL,
            SqlStdOperatorTable.TRIM,
            SqlStdOperatorTable.TIMESTAMP_ADD,
            SqlStdOperatorTable.TIMESTAMP_DIFF,
            ROUND,
            SqlStdOperatorTable.CONCAT,
            SqlLibraryOperators.CONCAT_FUNCTION,
            SqlLibraryOperators.IF,
            SqlLibraryOperators.SAFE_CAST,
            SqlStdOperatorTable.POWER,
            SqlStdOperatorTable.LN,
            SqlStdOperatorTable.EXP,
            SqlStdOperatorTable.SQRT);

    static {
        DIRECT.put(SqlStdOperatorTable.UPPER, Function.UPPER);
        DIRECT.put(SqlStdOperatorTable.LOWER, Function.LOWER);
        DIRECT.put(SqlStdOperatorTable.SUBSTRING, Function.SUBSTRING);
        DIRECT.put(SqlStdOperatorTable.CHAR_LENGTH, Function.CHAR_LENGTH);
        DIRECT.put(SqlStdOperatorTable.CHARACTER_LENGTH, Function.CHAR_LENGTH);
        DIRECT.put(SqlStdOperatorTable.OCTET_LENGTH, Function.OCTET_LENGTH);
        DIRECT.put(SqlStdOperatorTable.POSITION, Function.POSITION);
        DIRECT.put(SqlStdOperatorTable.REPLACE, Function.REPLACE);
        DIRECT.put(SqlStdOperatorTable.CARDINALITY, Function.CARDINALITY);
        DIRECT.put(SqlStdOperatorTable.ABS, Function.ABS);
        DIRECT.put(SqlStdOperatorTable.SIGN, Function.SIGN);
        DIRECT.put(SqlStdOperatorTable.MOD, Function.MOD);
        DIRECT.put(SqlLibraryOperators.SPLIT, Function.SPLIT);
        DIRECT.put(SqlLibraryOperators.STARTS_WITH, Function.STARTS_WITH);
        DIRECT.put(SqlLibraryOperators.ENDS_WITH, Function.ENDS_WITH);
        DIRECT.put(SqlLibraryOperators.LEFT, Function.LEFT);
        DIRECT.put(SqlLibraryOperators.RIGHT, Function.RIGHT);
        DIRECT.put(SqlLibraryOperators.REVERSE, Function.REVERSE);
        DIRECT.put(SqlLibraryOperators.REPEAT, Function.REPEAT);
        DIRECT.put(SqlLibraryOperators.LTRIM, Function.LTRIM);
        DIRECT.put(SqlLibraryOperators.RTRIM, Function.RTRIM);
    }

    /** The operators of both lists themselves: Calcite calls operators of one name equal. */
    private static final Set<SqlOperator> LISTED = Collections.newSetFromMap(new IdentityHashMap<>());

    /** Those that are not Calcite's standard ones. */
    private static final List<SqlOperator> LIBRARY = new ArrayList<>();

    static {
        LISTED.addAll(DIRECT.keySet());
        LISTED.addAll(REWRITTEN);
        Set<SqlOperator> standard = Collections.newSetFromMap(new IdentityHashMap<>());
        standard.addAll(SqlStdOperatorTable.instance().getOperatorList());
        LISTED.stream().filter(operator -> !standard.contains(operator)).forEach(LIBRARY::add);
    }

    private SqlFunctions() {}

    /** Calcite's standard operators, with the functions of the lists in place of all others. */
    static SqlOperatorTable operatorTable() {
        return new SqlOperatorTable() {
            @Override
            public void lookupOperatorOverloads(
                    SqlIdentifier name,
                    SqlFunctionCategory category,
                    SqlSyntax syntax,
                    List<SqlOperator> found,
                    SqlNameMatcher matcher) {
                List<SqlOperator> standard = new ArrayList<>();
                SqlStdOperatorTable.instance().lookupOperatorOverloads(name, category, syntax, standard, matcher);
                standard.stream().filter(SqlFunctions::allowed).forEach(found::add);
                if (found.isEmpty() && syntax == SqlSyntax.FUNCTION && name.isSimple()) {
                    LIBRARY.stream()
                            .filter(function -> matcher.matches(function.getName(), name.getSimple()))
                            .forEach(found::add);
                }
            }

            @Override
            public List<SqlOperator> getOperatorList() {
                return Stream.concat(
                                SqlStdOperatorTable.instance().getOperatorList().stream()
                                        .filter(SqlFunctions::allowed),
                                LIBRARY.stream())
                        .toList();
            }
        };
    }

    private static boolean allowed(SqlOperator operator) {
        return switch (operator.getSyntax()) {
            case FUNCTION, FUNCTION_STAR, FUNCTION_ID, FUNCTION_ID_CONSTANT, ORDERED_FUNCTION ->
                LISTED.contains(operator);
            default -> true;
        };
    }

    /** The function of an operator whose arguments map one to one, or null. */
    static Function direct(SqlOperator operator) {
        return DIRECT.get(operator);
    }
}
