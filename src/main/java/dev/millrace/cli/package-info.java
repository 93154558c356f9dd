/**
 * The commands, and the place where implementations are chosen. Read {@link dev.millrace.cli.Main} first; {@link
 * dev.millrace.cli.Compilation} turns a resource into a plan or into problems with positions, {@link
 * dev.millrace.cli.Assembly} gives the plan its sources, sinks, log and state. {@code engine} is what a pod runs,
 * {@code operator} what starts pods.
 */
package dev.millrace.cli;
