package dev.millrace.stores;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Contents under names with slashes. A listing shows every object whose writing had ended before, and none that was deleted
 * before. Every method may throw a retriable {@link dev.millrace.connectors.ConnectorException}.
 */
public interface Objects {

    /** The names that begin with the prefix, in no order. */
    List<String> list(String prefix);

    /** Writes an object as a whole: nobody sees half of it. */
    void put(String name, Path content);

    /**
     * Writes an object that is not there yet.
     *
     * @return whether it was written; false where there is one, which may be this very one, where an answer was lost
     */
    boolean putNew(String name, byte[] content);

    /** A small object, or empty where there is none. */
    Optional<byte[]> get(String name);

    /** Copies an object into a file; returns false where there is none. */
    boolean get(String name, Path into);

    /** Where it is already gone, nothing happens. */
    void delete(String name);

    /** Takes away every object; for when nobody writes any more. */
    void deleteAll();

    /** Where the objects are, for the user: {@code s3://bucket/prefix}. */
    String place();
}
