package dev.millrace.engine.task;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * By key group and level of stages: the greatest watermark with which it was computed, here or where it was before. Usually
 * that is the process's own; key groups that have come may be behind it, and those that were there before may be ahead, as
 * the watermarks of a process go back for what has come.
 */
public final class Reached {

    private final long[][] byKeyGroup;

    /**
     * @param watermarks of all: of the sources and of each level of stages, or one for all levels
     */
    public Reached(int keyGroups, long... watermarks) {
        byKeyGroup = new long[keyGroups][];
        Arrays.setAll(byKeyGroup, keyGroup -> watermarks.clone());
    }

    /** Takes what is one for all levels for each of them. */
    void spread(int levels) {
        for (int keyGroup = 0; keyGroup < byKeyGroup.length; keyGroup++) {
            long[] some = byKeyGroup[keyGroup];
            if (some.length == 1) {
                byKeyGroup[keyGroup] = new long[levels];
                Arrays.fill(byKeyGroup[keyGroup], some[0]);
            }
        }
    }

    void set(int keyGroup, List<Long> watermarks) {
        byKeyGroup[keyGroup] = watermarks.stream().mapToLong(Long::longValue).toArray();
    }

    List<Long> get(int keyGroup) {
        return LongStream.of(byKeyGroup[keyGroup]).boxed().toList();
    }

    /** Notes that an epoch was computed. */
    void epoch(boolean[] own, long[] watermarks) {
        for (int keyGroup = 0; keyGroup < own.length; keyGroup++) {
            if (own[keyGroup]) {
                long[] reached = byKeyGroup[keyGroup];
                for (int level = 0; level < reached.length; level++) {
                    reached[level] = Math.max(reached[level], watermarks[level]);
                }
            }
        }
    }

    /** By key group. */
    long[] ofLevel(int level) {
        long[] watermarks = new long[byKeyGroup.length];
        Arrays.setAll(watermarks, keyGroup -> byKeyGroup[keyGroup][Math.min(level, byKeyGroup[keyGroup].length - 1)]);
        return watermarks;
    }

    /** Those that are not as the process is, by key group; null for none. */
    Map<Integer, List<Long>> exceptions(boolean[] own, long[] watermarks) {
        Map<Integer, List<Long>> exceptions = new HashMap<>();
        for (int keyGroup = 0; keyGroup < own.length; keyGroup++) {
            if (own[keyGroup] && !Arrays.equals(byKeyGroup[keyGroup], watermarks)) {
                exceptions.put(keyGroup, get(keyGroup));
            }
        }
        return exceptions.isEmpty() ? null : exceptions;
    }
}
