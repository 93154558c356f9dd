package dev.millrace.engine;

/**
 * How a query is to be divided: a wish, which the slots then come to by handing over to each other. Of two wishes the one of
 * the later version counts, of one version the one for more slots.
 *
 * @param slots how many, at least 1
 */
public record Division(long version, int slots) implements Comparable<Division> {

    /** One slot does all. */
    public static final Division ONE = new Division(0, 1);

    /**
     * From its text, as the file has it that the slots of a query look at.
     *
     * @throws IllegalArgumentException where it is anything else
     */
    public static Division parse(String text) {
        String[] parts = text.strip().split("/", -1);
        if (parts.length != 2 || !parts[0].matches("\\d{1,18}") || !parts[1].matches("[1-9]\\d{0,3}")) {
            throw new IllegalArgumentException(
                    "'" + text.strip() + "' is no division, such as 2/3: the second wish, 3 slots");
        }
        return new Division(Long.parseLong(parts[0]), Integer.parseInt(parts[1]));
    }

    /** Whether there are, or may have been, other slots. */
    public boolean divides() {
        return slots > 1 || version > 0;
    }

    /** {@code version/slots} */
    @Override
    public String toString() {
        return version + "/" + slots;
    }

    @Override
    public int compareTo(Division other) {
        int byVersion = Long.compare(version, other.version);
        return byVersion != 0 ? byVersion : Integer.compare(slots, other.slots);
    }

    public Division later(Division other) {
        return compareTo(other) >= 0 ? this : other;
    }

    /**
     * By key group: the slot that is to own it. Slots have the same number of key groups, or one more. From n slots to one
     * more, only the new one's key groups move: each further slot takes its share, one by one from whoever has most.
     */
    public int[] keyGroupOwners(int keyGroups) {
        int[] owners = new int[keyGroups];
        int[] counts = new int[slots];
        counts[0] = keyGroups;
        for (int next = 1; next < slots; next++) {
            for (int share = keyGroups / (next + 1); share > 0; share--) {
                int from = 0;
                for (int slot = 1; slot < next; slot++) {
                    from = counts[slot] > counts[from] ? slot : from;
                }
                int group = keyGroups - 1;
                while (owners[group] != from) {
                    group--;
                }
                owners[group] = next;
                counts[from]--;
                counts[next]++;
            }
        }
        return owners;
    }

    /** The slot that is to read a source's partition: neighbours by the number at the end of their names go to different slots. */
    public int partitionOwner(String source, String partition) {
        int digits = partition.length();
        while (digits > 0 && Character.isDigit(partition.charAt(digits - 1)) && partition.length() - digits < 9) {
            digits--;
        }
        long number = digits == partition.length() ? 0 : Long.parseLong(partition.substring(digits));
        long start = (source + "/" + partition.substring(0, digits)).hashCode();
        return (int) Math.floorMod(start + number, (long) slots);
    }
}
