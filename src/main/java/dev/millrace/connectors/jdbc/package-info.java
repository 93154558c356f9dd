/**
 * Tables of a PostgreSQL database. Read {@link dev.millrace.connectors.jdbc.JdbcSink} first: it says how an epoch becomes one
 * transaction of the database.
 */
package dev.millrace.connectors.jdbc;
