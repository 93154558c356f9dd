/**
 * From SQL text to a {@link dev.millrace.plan.QueryPlan}; the only home of Calcite.
 *
 * <p>Read {@link dev.millrace.sql.SqlCompiler} first: it lists the passes in order. What cannot be run is refused with the
 * position in the text; nothing is evaluated here, constants are folded by the engine.
 */
package dev.millrace.sql;
