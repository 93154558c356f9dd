package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.Balanced;
import dev.millrace.api.StreamingQueryStatus.Condition;
import dev.millrace.api.StreamingQueryStatus.Division;
import dev.millrace.api.StreamingQueryStatus.Moves;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.PodView;
import dev.millrace.operator.scaling.Balance;
import dev.millrace.operator.scaling.Balance.Load;
import dev.millrace.operator.scaling.Balance.Plan;
import dev.millrace.operator.scaling.Sample;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Moves key groups and partitions from slots that have more to do than others: where that was so for two minutes in which
 * nothing else changed, and not again before it is known what came of it.
 */
final class Balancing {

    /** For so long nothing has moved, and one slot has had more to do. */
    private static final Duration CALM = Duration.ofMinutes(2);

    private static final Duration AGAIN = Duration.ofMinutes(10);

    /** After a move that helped less than half as much as it should have. */
    private static final Duration AGAIN_IN_VAIN = Duration.ofHours(1);

    private static final int LEAST_SAMPLES = 8;

    /** All slots note of each what they know, with each epoch. */
    private static final int MOST_MOVED = 100;

    /** CPU that differs by less is the same. */
    private static final double SAME = 1.05;

    private final Observed seen;
    private final Division division;

    /**
     * @param division with what is to move; the present one where nothing is
     * @param status of the last move; null for none
     */
    record Wish(Division division, Balanced status, List<Notice> notices) {}

    private Balancing(Observed seen, Division division) {
        this.seen = seen;
        this.division = division;
    }

    /**
     * @param slots by number
     * @param division null for a query that was never divided
     * @param steady whether no version is on trial, nothing is wrong, and nothing else is changed
     */
    static Wish decide(Observed seen, List<Slot> slots, Division division, boolean steady) {
        Balanced before = seen.status().balance();
        if (division == null || division.slots() == 1) {
            return new Wish(division, null, List.of());
        }
        Wish none = new Wish(division, before, List.of());
        Balancing balancing = new Balancing(seen, division);
        List<EngineProgress> engines = steady ? balancing.engines(slots) : List.of();
        List<Sample> samples = engines.isEmpty() ? List.of() : balancing.samples();
        return samples.isEmpty() ? none : balancing.decide(before, samples, engines);
    }

    /** What the slots say, if they all are what they are to be; else empty. */
    private List<EngineProgress> engines(List<Slot> slots) {
        List<Slot> used = slots.stream().filter(slot -> !slot.isUnused()).toList();
        if (used.size() != division.slots() || used.stream().anyMatch(Slot::isHosted)) {
            return List.of();
        }
        List<EngineProgress> engines = new ArrayList<>();
        for (Slot slot : used) {
            Optional<PodView> pod = slot.slot() < division.slots() ? SlotDecider.last(seen, slot) : Optional.empty();
            pod.filter(one -> !one.deleting() && !one.ended())
                    .flatMap(one -> Rescaling.settled(seen, one, division))
                    .filter(engine -> isKnown(engine.keyGroupUpdates()))
                    .ifPresent(engines::add);
        }
        return engines.size() == division.slots() ? engines : List.of();
    }

    private boolean isKnown(EngineProgress.KeyGroupUpdates updates) {
        return updates != null && updates.isPossible(seen.keyGroups());
    }

    /** Those of the last two minutes, if nothing has changed in them and all slots had the same CPU; else none. */
    private List<Sample> samples() {
        Optional<Instant> calm = Conditions.find(seen.status().conditions(), Conditions.RECONCILING)
                .filter(condition -> condition.status().equals("False"))
                .map(Condition::lastTransitionTime)
                .map(Instant::parse);
        Instant from = seen.now().minus(CALM);
        if (calm.isEmpty() || calm.get().isAfter(from)) {
            return List.of();
        }
        List<Sample> samples = seen.samples().stream()
                .filter(sample -> sample.at().isAfter(from) && sample.slots().size() == division.slots())
                .toList();
        DoubleSummaryStatistics limits = samples.stream()
                .flatMap(sample -> sample.slots().stream())
                .mapToDouble(Sample.Slot::limit)
                .summaryStatistics();
        return samples.size() >= LEAST_SAMPLES && limits.getMax() <= SAME * limits.getMin() ? samples : List.of();
    }

    private Wish decide(Balanced before, List<Sample> samples, List<EngineProgress> engines) {
        List<Load> loads = loads(samples, engines);
        Balanced status =
                before != null && before.after() == null ? before.withAfter(rounded(Balance.imbalance(loads))) : before;
        int half = samples.size() / 2;
        boolean lasts = Balance.isUneven(loads(samples.subList(0, half), engines))
                && Balance.isUneven(loads(samples.subList(half, samples.size()), engines))
                && IntStream.range(0, division.slots()).noneMatch(slot -> catchesUp(samples, slot));
        Moves known = division.moves();
        int most = MOST_MOVED - known.keyGroups().size();
        Optional<Plan> plan = lasts && !isTooSoon(status) ? Balance.of(loads, known, most) : Optional.empty();
        return plan.map(found -> wish(status, found)).orElseGet(() -> new Wish(division, status, List.of()));
    }

    /** Whether it has more to do for a while only. */
    private static boolean catchesUp(List<Sample> samples, int slot) {
        Sample.Slot first = samples.get(0).slots().get(slot);
        Sample.Slot last = samples.get(samples.size() - 1).slots().get(slot);
        return first.lag() > Sample.UNDERWAY_SECONDS * first.rate() && last.lag() < first.lag();
    }

    private boolean isTooSoon(Balanced last) {
        if (last == null) {
            return false;
        }
        boolean helped = last.before() - last.after() >= (last.before() - last.expected()) / 2;
        return Instant.parse(last.at()).plus(helped ? AGAIN : AGAIN_IN_VAIN).isAfter(seen.now());
    }

    private Wish wish(Balanced before, Plan plan) {
        if (!Autoscaler.acts(seen)) {
            String why = "a slot takes more CPU than the others, and key groups or partitions would go from it to them";
            return new Wish(division, before, List.of(new Notice(false, "BalanceRecommended", why)));
        }
        Moves moves = plan.moves();
        Balanced status = new Balanced(
                Decider.time(seen.now()),
                moves.keyGroups().size(),
                moves.partitions().size(),
                rounded(plan.before()),
                rounded(plan.expected()),
                null);
        Notice told = new Notice(
                false,
                "LoadMoved",
                words(moves) + ": the busiest slot takes " + Statuses.rounded(plan.before())
                        + " times the mean of all slots' CPU, and is to take " + Statuses.rounded(plan.expected()));
        Moves all = division.moves().with(moves);
        return new Wish(Decider.next(seen, division, division.slots(), all), status, List.of(told));
    }

    /** So that it can be told later whether it helped. */
    private static Double rounded(double value) {
        return Math.rint(1_000 * value) / 1_000;
    }

    /** Such as {@code key groups go to other slots, 3, 7 to slot 0, 12 to slot 2}. */
    private static String words(Moves moves) {
        return Stream.of(words("key groups", moves.keyGroups()), words("partitions", moves.partitions()))
                .filter(words -> !words.isEmpty())
                .collect(Collectors.joining("; "));
    }

    private static <K> String words(String what, SortedMap<K, Integer> moved) {
        Map<Integer, List<K>> bySlot =
                moved.keySet().stream().collect(Collectors.groupingBy(moved::get, TreeMap::new, Collectors.toList()));
        String slots = bySlot.entrySet().stream()
                .map(one -> one.getValue().stream().map(String::valueOf).collect(Collectors.joining(", ")) + " to slot "
                        + one.getKey())
                .collect(Collectors.joining(", "));
        return moved.isEmpty() ? "" : what + " go to other slots, " + slots;
    }

    private static List<Load> loads(List<Sample> samples, List<EngineProgress> engines) {
        List<Sample.Slot> slots = Sample.means(samples);
        boolean keep = engines.stream().anyMatch(EngineProgress::movesNoPartitions);
        return IntStream.range(0, engines.size())
                .mapToObj(i -> load(
                        slots.get(i),
                        engines.get(i).keyGroupUpdates(),
                        keep ? Map.of() : engines.get(i).possiblePartitionRates()))
                .toList();
    }

    private static Load load(Sample.Slot slot, EngineProgress.KeyGroupUpdates updates, Map<String, Double> partitions) {
        return new Load(slot.cores(), slot.utilisation(), slot.rate(), updates.all(), updates.busiest(), partitions);
    }
}
