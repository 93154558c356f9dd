package dev.millrace.state;

import dev.millrace.data.Bytes;
import java.nio.charset.StandardCharsets;

/** The layout of keys: {@code keyGroup(2) | operator(4) | …}; what belongs to no operator lies behind {@code FFFF}. */
public final class StateKeys {

    public static final int PREFIX = 6;
    private static final int META_GROUP = 0xFFFF;

    /** In a state that came from a savepoint and that no log continues yet: the savepoint's name. */
    public static final byte[] SAVEPOINT = meta("savepoint");

    private StateKeys() {}

    /** Starts a key. */
    public static void prefix(int keyGroup, int operator, Bytes out) {
        out.putShort(keyGroup).putInt(operator);
    }

    public static byte[] prefix(int keyGroup, int operator) {
        Bytes out = new Bytes(PREFIX);
        prefix(keyGroup, operator, out);
        return out.toByteArray();
    }

    /** The least key that is greater than all keys with this prefix. */
    public static byte[] after(byte[] prefix) {
        byte[] next = prefix.clone();
        for (int i = next.length - 1; i >= 0; i--) {
            if (++next[i] != 0) {
                return next;
            }
        }
        throw new IllegalArgumentException("no key is greater than this prefix");
    }

    /** The key of a named value that belongs to no operator. */
    public static byte[] meta(String name) {
        return new Bytes()
                .putShort(META_GROUP)
                .put(name.getBytes(StandardCharsets.UTF_8))
                .toByteArray();
    }
}
