/** Directories of files as source and as sink. */
package dev.millrace.connectors.files;
