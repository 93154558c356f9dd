/**
 * Generated rows: each is a function of the seed and its row number alone, so any row can be made again and positions can
 * be sought. Read {@link dev.millrace.connectors.datagen.Generator} first.
 */
package dev.millrace.connectors.datagen;
