package dev.millrace.engine;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How a query is to be divided: a wish, which the slots then come to by handing over to each other. Of two wishes the one of
 * the later version counts, of one version the one for more slots; what else they differ in decides for all alike.
 *
 * @param slots how many, at least 1
 * @param moved by key group: the slot that is to own it; all others are where arithmetic has them. Key group 0 stays in slot 0,
 *     as whoever has it also has what one slot does for all
 * @param partitions by {@link #partition}: the slot that is to read it; all others are where arithmetic has them
 */
public record Division(
        long version,
        int slots,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) SortedMap<Integer, Integer> moved,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) SortedMap<String, Integer> partitions)
        implements Comparable<Division> {

    /** One slot does all. */
    public static final Division ONE = new Division(0, 1);

    private static final Pattern TEXT = Pattern.compile("(\\d{1,18})/([1-9]\\d{0,3})(?:/(.+))?");
    private static final Pattern MOVE = Pattern.compile("(\\d{1,5}):(\\d{1,4})");
    private static final Pattern READ = Pattern.compile("([\\w.*+%-]+/[\\w.*+%-]+):(\\d{1,4})");

    /** Each key group and partition goes where arithmetic puts it. */
    public Division(long version, int slots) {
        this(version, slots, null, null);
    }

    /**
     * @param moved null for none
     * @param partitions null for none
     * @throws IllegalArgumentException where one goes to a slot that there is not to be
     */
    public Division {
        moved = Collections.unmodifiableSortedMap(moved == null ? new TreeMap<>() : new TreeMap<>(moved));
        partitions =
                Collections.unmodifiableSortedMap(partitions == null ? new TreeMap<>() : new TreeMap<>(partitions));
        for (Map.Entry<Integer, Integer> one : moved.entrySet()) {
            require(one.getKey() > 0, slots, "key group", one);
        }
        for (Map.Entry<String, Integer> one : partitions.entrySet()) {
            require(true, slots, "partition", one);
        }
    }

    private static void require(boolean moves, int slots, String what, Map.Entry<?, Integer> one) {
        if (!moves || one.getValue() < 0 || one.getValue() >= slots) {
            throw new IllegalArgumentException(
                    what + " " + one.getKey() + " cannot go to slot " + one.getValue() + " of " + slots);
        }
    }

    /** How a partition of a source is named here: without what has a meaning in the text of a division. */
    public static String partition(String source, String name) {
        return URLEncoder.encode(source, StandardCharsets.UTF_8) + "/"
                + URLEncoder.encode(name, StandardCharsets.UTF_8);
    }

    /**
     * From its text, as the file has it that the slots of a query look at.
     *
     * @throws IllegalArgumentException where it is anything else
     */
    public static Division parse(String text) {
        Matcher parts = TEXT.matcher(text.strip());
        if (!parts.matches()) {
            throw none(text);
        }
        SortedMap<Integer, Integer> moved = new TreeMap<>();
        SortedMap<String, Integer> partitions = new TreeMap<>();
        for (String one :
                parts.group(3) == null ? new String[0] : parts.group(3).split(",", -1)) {
            Matcher move = MOVE.matcher(one);
            Matcher read = READ.matcher(one);
            if (move.matches()) {
                moved.put(Integer.valueOf(move.group(1)), Integer.valueOf(move.group(2)));
            } else if (read.matches()) {
                partitions.put(read.group(1), Integer.valueOf(read.group(2)));
            } else {
                throw none(text);
            }
        }
        return new Division(Long.parseLong(parts.group(1)), Integer.parseInt(parts.group(2)), moved, partitions);
    }

    private static IllegalArgumentException none(String text) {
        return new IllegalArgumentException("'" + text.strip()
                + "' is no division, such as 2/3: the second wish, 3 slots; or 2/3/5:1,clicks/in-7:0: key group 5"
                + " is to be in slot 1, and partition in-7 of the source clicks to be read by slot 0");
    }

    /** Whether there are, or may have been, other slots. */
    public boolean divides() {
        return slots > 1 || version > 0;
    }

    /** {@code version/slots}, and where something is moved {@code /keyGroup:slot,…,source/partition:slot,…} */
    @Override
    public String toString() {
        return version + "/" + slots + (moved.isEmpty() && partitions.isEmpty() ? "" : "/" + movedText());
    }

    private String movedText() {
        return Stream.concat(moved.entrySet().stream(), partitions.entrySet().stream())
                .map(one -> one.getKey() + ":" + one.getValue())
                .collect(Collectors.joining(","));
    }

    @Override
    public int compareTo(Division other) {
        int byVersion = Long.compare(version, other.version);
        int bySlots = byVersion != 0 ? byVersion : Integer.compare(slots, other.slots);
        return bySlots != 0 ? bySlots : movedText().compareTo(other.movedText());
    }

    public Division later(Division other) {
        return compareTo(other) >= 0 ? this : other;
    }

    /**
     * By key group: the slot that is to own it. But for those that are moved, slots have the same number of key groups, or one
     * more. From n slots to one more, only the new one's key groups move: each further slot takes its share, one by one from
     * whoever has most.
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
        moved.forEach((group, slot) -> {
            if (group < keyGroups) {
                owners[group] = slot;
            }
        });
        return owners;
    }

    /**
     * The slot that is to read a source's partition: but for those that are moved, neighbours by the number at the end of their
     * names go to different slots.
     */
    public int partitionOwner(String source, String partition) {
        Integer owner = partitions.isEmpty() ? null : partitions.get(partition(source, partition));
        return owner != null ? owner : byNumber(source, partition);
    }

    private int byNumber(String source, String partition) {
        int digits = partition.length();
        while (digits > 0 && Character.isDigit(partition.charAt(digits - 1)) && partition.length() - digits < 9) {
            digits--;
        }
        long number = digits == partition.length() ? 0 : Long.parseLong(partition.substring(digits));
        long start = (source + "/" + partition.substring(0, digits)).hashCode();
        return (int) Math.floorMod(start + number, (long) slots);
    }
}
