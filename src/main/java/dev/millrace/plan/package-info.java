/**
 * The plan: an immutable incremental dataflow, the contract between SQL and engine.
 *
 * <p>Read {@link dev.millrace.plan.QueryPlan} and {@link dev.millrace.plan.PlanNode} first; {@link
 * dev.millrace.plan.StoredPlan} is a plan as text. Each node says in {@link
 * dev.millrace.plan.PlanNode#meaning} what it computes; the identity of a stateful operator hashes that of all its
 * inputs, so that state is found again by meaning and never by place. {@link dev.millrace.plan.Properties} are what is
 * proved of a node's output. Calcite's types do not appear here on purpose.
 */
package dev.millrace.plan;
