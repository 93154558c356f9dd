package dev.millrace.engine;

/**
 * One of the processes that run a query together, each with a log, a state and a volume of its own. What it owns is
 * arithmetic: a range of the key groups, and of each source every so many-th partition.
 *
 * @param index 0 … {@code count} − 1
 */
public record Slot(int index, int count) {

    /** The slot of a query that runs in one process. */
    public static final Slot ONLY = new Slot(0, 1);

    public boolean alone() {
        return count == 1;
    }

    /** The slot that owns a key group. */
    public int ownerOf(int keyGroup, int keyGroups) {
        return (int) ((long) keyGroup * count / keyGroups);
    }

    /** By key group: whether it is this slot's. */
    public boolean[] keyGroups(int keyGroups) {
        boolean[] own = new boolean[keyGroups];
        for (int g = 0; g < keyGroups; g++) {
            own[g] = ownerOf(g, keyGroups) == index;
        }
        return own;
    }

    /** Whether a source's partition is read here: neighbours by the number at the end of their names go to different slots. */
    public boolean reads(String source, String partition) {
        int digits = partition.length();
        while (digits > 0 && Character.isDigit(partition.charAt(digits - 1)) && partition.length() - digits < 9) {
            digits--;
        }
        long number = digits == partition.length() ? 0 : Long.parseLong(partition.substring(digits));
        long start = (source + "/" + partition.substring(0, digits)).hashCode();
        return Math.floorMod(start + number, count) == index;
    }
}
