package dev.millrace.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DivisionTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 32, 33, 256})
    void slotsHaveTheSameNumberOfKeyGroupsOrOneMore(int keyGroups) {
        for (int slots = 1; slots <= keyGroups + 2; slots++) {
            long[] counts = new long[slots];
            Arrays.stream(owners(slots, keyGroups)).forEach(owner -> counts[owner]++);
            long least = Arrays.stream(counts).min().orElseThrow();
            long most = Arrays.stream(counts).max().orElseThrow();
            assertTrue(most - least <= 1, slots + " slots: " + Arrays.toString(counts));
        }
    }

    /** No division into fewer or more slots moves more than what a slot that comes takes, or one that goes leaves. */
    @ParameterizedTest
    @ValueSource(ints = {4, 32, 33})
    void onlyWhatHasToMoves(int keyGroups) {
        for (int few = 1; few <= keyGroups; few++) {
            int[] before = owners(few, keyGroups);
            for (int many = few; many <= keyGroups; many++) {
                int[] after = owners(many, keyGroups);
                int first = few;
                assertTrue(
                        IntStream.range(0, keyGroups).allMatch(g -> before[g] == after[g] || after[g] >= first),
                        "from " + few + " to " + many + ": " + Arrays.toString(before) + " " + Arrays.toString(after));
            }
        }
    }

    @Test
    void partitionsOfASourceAreDividedEvenly() {
        for (int slots = 1; slots <= 5; slots++) {
            Division division = new Division(1, slots);
            int[] counts = new int[slots];
            IntStream.range(0, 12).forEach(p -> counts[division.partitionOwner("clicks", "clicks-" + p)]++);
            int most = Arrays.stream(counts).max().orElseThrow();
            int least = Arrays.stream(counts).min().orElseThrow();
            assertTrue(most - least <= 1, Arrays.toString(counts));
        }
    }

    @Test
    void theLaterWishCountsAndOfOneVersionTheOneForMore() {
        assertEquals(new Division(2, 1), new Division(2, 1).later(new Division(1, 7)));
        assertEquals(new Division(0, 3), new Division(0, 2).later(new Division(0, 3)));
    }

    @Test
    void keyGroupsThatAreMovedAreWhereTheyWereMoved() {
        int[] plain = owners(3, 16);
        int[] moved = Division.parse("4/3/5:0,7:2,9:1,400:1").keyGroupOwners(16);
        Map<Integer, Integer> moves = Map.of(5, 0, 7, 2, 9, 1);
        IntStream.range(0, 16)
                .forEach(g -> assertEquals(moves.getOrDefault(g, plain[g]).intValue(), moved[g], "key group " + g));
    }

    /** Whatever their names are. */
    @Test
    void partitionsThatAreMovedAreWhereTheyWereMoved() {
        for (String name : new String[] {"in-3", "a/b: c,d=ä%.json"}) {
            Division plain = new Division(4, 3);
            int other = (plain.partitionOwner("clicks", name) + 1) % 3;
            SortedMap<String, Integer> moves = new TreeMap<>(Map.of(Division.partition("clicks", name), other));
            Division division = Division.parse(new Division(4, 3, null, moves).toString());
            assertEquals(other, division.partitionOwner("clicks", name));
            for (String source : new String[] {"clicks", "views"}) {
                assertEquals(plain.partitionOwner(source, "in-4"), division.partitionOwner(source, "in-4"));
            }
            assertEquals(plain.partitionOwner("views", name), division.partitionOwner("views", name));
        }
    }

    @Test
    void noKeyGroupGoesToASlotThatIsNotToBeAndTheFirstOneStays() {
        for (String wrong : new String[] {"1/2/5:2", "1/2/0:1", "1/2/a/b:2"}) {
            assertTrue(assertThrows(IllegalArgumentException.class, () -> Division.parse(wrong))
                    .getMessage()
                    .contains("cannot go to slot"));
        }
    }

    @Test
    void ofTheSameVersionAndSlotsAllTakeTheSameOne() {
        Division one = Division.parse("4/3/5:0");
        Division other = Division.parse("4/3/5:1,7:0");
        assertEquals(one.later(other), other.later(one));
    }

    @Test
    void recordsHaveMovesOnlyWhereThereAreSome() {
        for (String text : new String[] {"4/3", "4/3/5:0,11:2", "4/3/5:0,a/b-1:2"}) {
            Division division = Division.parse(text);
            String json = new String(RecordJson.write(division), StandardCharsets.UTF_8);
            assertEquals(!division.moved().isEmpty(), json.contains("moved"), json);
            assertEquals(!division.partitions().isEmpty(), json.contains("partitions"), json);
            assertEquals(division, RecordJson.read(json.getBytes(StandardCharsets.UTF_8), Division.class));
        }
    }

    @Test
    void isReadFromAFile() {
        assertEquals(new Division(12, 3), Division.parse(" 12/3\n"));
        assertEquals("12/3/5:1,17:0", Division.parse("12/3/17:0,5:1\n").toString());
        assertEquals("12/3/5:1,a/b-7:2", Division.parse("12/3/a/b-7:2,5:1").toString());
        for (String wrong : new String[] {
            "", "3", "1/0", "1/-2", "a/b", "1/2/3", "1/99999", "1/2/", "1/2/3:1,", "1/2/a:1", "1/2/a/b/c:1"
        }) {
            assertTrue(assertThrows(IllegalArgumentException.class, () -> Division.parse(wrong))
                    .getMessage()
                    .contains("is no division, such as 2/3"));
        }
    }

    private static int[] owners(int slots, int keyGroups) {
        return new Division(0, slots).keyGroupOwners(keyGroups);
    }
}
