package dev.millrace.plan;

/**
 * The scalar functions of expressions. Arguments already have the types that the function's kernel takes: the planner
 * inserts casts.
 */
public enum Function {
    // arithmetic on two numbers of the result's type (DECIMAL: any two decimals)
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    MOD,
    NEGATE,
    ABS,
    FLOOR,
    CEIL,
    ROUND,
    SIGN,
    SQRT,
    POWER,
    EXP,
    LN,
    // comparisons of two cells of one type
    EQUALS,
    NOT_EQUALS,
    LESS,
    LESS_OR_EQUAL,
    GREATER,
    GREATER_OR_EQUAL,
    IS_DISTINCT_FROM,
    IS_NOT_DISTINCT_FROM,
    // three-valued logic
    AND,
    OR,
    NOT,
    IS_NULL,
    IS_NOT_NULL,
    IS_TRUE,
    IS_FALSE,
    IS_NOT_TRUE,
    IS_NOT_FALSE,
    // CASE: condition, value, condition, value, …, else
    CASE,
    CAST,
    TRY_CAST,
    // strings
    UPPER,
    LOWER,
    TRIM,
    LTRIM,
    RTRIM,
    SUBSTRING,
    CHAR_LENGTH,
    OCTET_LENGTH,
    CONCAT,
    LIKE,
    POSITION,
    REPLACE,
    STARTS_WITH,
    ENDS_WITH,
    LEFT,
    RIGHT,
    REVERSE,
    REPEAT,
    SPLIT,
    // arrays and rows; ITEM and FIELD count from 1 and 0
    CARDINALITY,
    ITEM,
    FIELD,
    ROW,
    // time; the units of EXTRACT and the truncations are a literal string argument
    EXTRACT,
    TIME_FLOOR,
    TIME_CEIL,
    // intervals are microseconds, or months
    TIME_ADD,
    MONTH_ADD,
    TIME_DIFFERENCE,
    // from, to, and the microseconds of a unit
    TIME_UNITS
}
