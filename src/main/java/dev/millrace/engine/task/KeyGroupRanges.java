package dev.millrace.engine.task;

import dev.millrace.data.Bytes;
import dev.millrace.state.StateKeys;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;

/**
 * Which keys of a state store move with a key group: those that begin with it, but for operators that one slot has all of,
 * whose keys all move with key group 0.
 */
final class KeyGroupRanges {

    private final int keyGroups;
    private final TreeSet<Integer> gathered = new TreeSet<>(Integer::compareUnsigned);

    /** Keys from one on, and below another. */
    record Range(byte[] from, byte[] to) {}

    /**
     * @param gathered numbers of operators that one slot has all of
     */
    KeyGroupRanges(int keyGroups, Collection<Integer> gathered) {
        this.keyGroups = keyGroups;
        this.gathered.addAll(gathered);
    }

    /** In ascending order. */
    List<Range> of(int keyGroup) {
        List<Range> ranges = new ArrayList<>();
        byte[] from = start(keyGroup);
        if (keyGroup > 0) {
            for (int operator : gathered) {
                byte[] prefix = StateKeys.prefix(keyGroup, operator);
                ranges.add(new Range(from, prefix));
                from = StateKeys.after(prefix);
            }
        }
        ranges.add(new Range(from, start(keyGroup + 1)));
        for (int other = 1; keyGroup == 0 && other < keyGroups; other++) {
            for (int operator : gathered) {
                byte[] prefix = StateKeys.prefix(other, operator);
                ranges.add(new Range(prefix, StateKeys.after(prefix)));
            }
        }
        return ranges;
    }

    private static byte[] start(int keyGroup) {
        return new Bytes(2).putShort(keyGroup).toByteArray();
    }

    /** The key group that a key moves with; {@code keyGroups} and more for keys of no operator. */
    int of(byte[] key) {
        int keyGroup = (key[0] & 0xFF) << 8 | key[1] & 0xFF;
        boolean isGathered = key.length >= StateKeys.PREFIX && gathered.contains(Bytes.getInt(key, 2));
        return keyGroup < keyGroups && isGathered ? 0 : keyGroup;
    }
}
