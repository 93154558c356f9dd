/**
 * Checkpoints as objects: in a bucket that speaks S3, or in a directory that several machines see.
 *
 * <p>Read {@link dev.millrace.stores.ObjectCheckpoints} first: it says what lies where and why a process that was superseded
 * can take nothing away. {@link dev.millrace.stores.Objects} is all that it asks of a place; {@link
 * dev.millrace.stores.S3Objects} is the only user of the AWS SDK.
 */
package dev.millrace.stores;
