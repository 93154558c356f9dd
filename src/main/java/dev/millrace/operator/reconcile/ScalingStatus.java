package dev.millrace.operator.reconcile;

import dev.millrace.api.Scaling;
import dev.millrace.api.Scaling.Inputs;
import dev.millrace.api.Scaling.LastDecision;
import dev.millrace.api.Size;
import dev.millrace.operator.scaling.Allocation;
import dev.millrace.operator.scaling.Bottleneck;
import dev.millrace.operator.scaling.Figures;
import dev.millrace.operator.scaling.Memory;
import dev.millrace.operator.scaling.Needs;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import dev.millrace.operator.scaling.ScalingState;
import dev.millrace.operator.scaling.ScalingState.Ceiling;
import dev.millrace.operator.scaling.ScalingState.Change;
import dev.millrace.operator.scaling.ScalingState.Remedy;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the autoscaler knows, as a query's status keeps it: from there it goes on when the operator is started again. */
final class ScalingStatus {

    private ScalingStatus() {}

    /**
     * @param recommended what is not asked for; null for nothing
     */
    static Scaling write(ScalingState state, Step step, Scaling.Allocation recommended) {
        return new Scaling(
                state.asked().pods(),
                state.asked().cpu(),
                state.asked().memoryText(),
                time(state.askedAt()),
                time(state.settledAt()),
                recommended,
                step.bottleneck().name(),
                step.reason(),
                state.last() == null ? null : write(state.last()),
                Statuses.rounded(Double.valueOf(state.costs().cpu())),
                Statuses.rounded(Double.valueOf(state.costs().pods())),
                write(state.needs()),
                state.ceiling() == null ? null : write(state.ceiling()),
                blocked(state),
                state.past().isEmpty() ? null : state.past());
    }

    private static Scaling.Ceiling write(Ceiling ceiling) {
        return new Scaling.Ceiling(
                ceiling.milliCpu() == Ceiling.NONE ? null : Allocation.cpu(ceiling.milliCpu()),
                ceiling.memory() == Ceiling.NONE ? null : Allocation.memory(ceiling.memory()),
                time(ceiling.until()),
                ceiling.times(),
                ceiling.why());
    }

    private static Ceiling read(Scaling.Ceiling ceiling) {
        return new Ceiling(
                ceiling.cpu() == null ? Ceiling.NONE : milli(ceiling.cpu()),
                ceiling.memory() == null ? Ceiling.NONE : bytes(ceiling.memory()),
                Instant.parse(ceiling.until()),
                ceiling.times(),
                ceiling.reason());
    }

    private static List<Scaling.Blocked> blocked(ScalingState state) {
        return state.blocked().isEmpty()
                ? null
                : state.blocked().entrySet().stream()
                        .map(one -> new Scaling.Blocked(one.getKey().name(), time(one.getValue())))
                        .sorted(Comparator.comparing(Scaling.Blocked::remedy))
                        .toList();
    }

    private static Map<Remedy, Instant> blocked(Scaling status) {
        return status.blocked() == null
                ? Map.of()
                : status.blocked().stream()
                        .collect(Collectors.toUnmodifiableMap(
                                one -> Remedy.valueOf(one.remedy()), one -> Instant.parse(one.until())));
    }

    private static LastDecision write(Change change) {
        Figures figures = change.figures();
        return new LastDecision(
                time(change.at()),
                change.remedy().name(),
                allocation(change.from()),
                allocation(change.to()),
                change.bottleneck().name(),
                change.reason(),
                new Inputs(
                        rounded(figures.arrivals()),
                        rounded(figures.rate()),
                        figures.lag() < 0 ? null : Statuses.rounded(Long.valueOf(figures.lag())),
                        rounded(figures.lagSeconds()),
                        rounded(figures.target()),
                        rounded(figures.coresPerRow() * 1e6),
                        rounded(figures.utilisation()),
                        rounded(figures.imbalance()),
                        figures.memory().room() == 0
                                ? null
                                : rounded(figures.memory().waits()),
                        known(figures.memory(), figures.memory().state()),
                        known(figures.memory(), figures.memory().room())),
                rounded(figures.capacity()),
                rounded(change.expected()),
                time(change.settledAt()),
                change.outcome());
    }

    private static Double rounded(double figure) {
        return Statuses.rounded(Double.valueOf(figure));
    }

    private static Long known(Memory memory, long bytes) {
        return memory.room() == 0 ? null : Statuses.rounded(Long.valueOf(bytes));
    }

    static Scaling.Allocation allocation(Allocation allocation) {
        return new Scaling.Allocation(allocation.pods(), allocation.cpu(), allocation.memoryText());
    }

    private static String time(Instant time) {
        return time == null ? null : Decider.time(time);
    }

    private static Scaling.Needs write(Needs needs) {
        if (needs.byMinute().isEmpty()) {
            return null;
        }
        long first = needs.byMinute().keySet().stream()
                .mapToLong(minute -> minute)
                .min()
                .orElseThrow();
        long last = needs.byMinute().keySet().stream()
                .mapToLong(minute -> minute)
                .max()
                .orElseThrow();
        List<Double> cores = new ArrayList<>();
        for (long minute = first; minute <= last; minute++) {
            cores.add(rounded(needs.byMinute().getOrDefault(minute, -1.0)));
        }
        return new Scaling.Needs(time(Instant.ofEpochSecond(last * 60)), cores);
    }

    /** Empty where there is nothing, or what was written by hand. */
    static Optional<ScalingState> read(Scaling status) {
        if (status == null) {
            return Optional.empty();
        }
        try {
            ScalingState fresh = ScalingState.of(allocation(status.pods(), status.cpu(), status.memory()));
            ScalingState.Costs usual = fresh.costs();
            return Optional.of(new ScalingState(
                    new ScalingState.Wish(fresh.asked(), instant(status.askedAt()), instant(status.settledAt())),
                    status.lastDecision() == null ? null : read(status.lastDecision()),
                    new ScalingState.Costs(
                            status.cpuSeconds() == null ? usual.cpu() : status.cpuSeconds(),
                            status.podsSeconds() == null ? usual.pods() : status.podsSeconds()),
                    read(status.needs()),
                    status.ceiling() == null ? null : read(status.ceiling()),
                    blocked(status),
                    status.past() == null ? List.of() : List.copyOf(status.past())));
        } catch (RuntimeException e) {
            return Optional.empty();
        }
    }

    /** With the figures that are told, or compared with what came; the others stand for nothing. */
    private static Change read(LastDecision last) {
        Inputs inputs = last.inputs();
        return new Change(
                Instant.parse(last.at()),
                allocation(last.from()),
                allocation(last.to()),
                Bottleneck.valueOf(last.bottleneck()),
                last.reason(),
                new Figures(
                        inputs.arrivals(),
                        inputs.rate(),
                        inputs.lag() == null ? -1 : inputs.lag(),
                        inputs.lagSeconds(),
                        infinite(last.capacity()),
                        inputs.target(),
                        inputs.target(),
                        inputs.cpuSecondsPerMillionRows() / 1e6,
                        inputs.utilisation(),
                        inputs.imbalance(),
                        0,
                        Double.POSITIVE_INFINITY,
                        inputs.stateMemoryBytes() == null
                                ? Memory.UNKNOWN
                                : new Memory(inputs.stateWait(), 0, inputs.stateBytes(), inputs.stateMemoryBytes())),
                infinite(last.expected()),
                instant(last.settledAt()),
                last.outcome());
    }

    private static double infinite(Double figure) {
        return figure == null ? Double.POSITIVE_INFINITY : figure;
    }

    private static Allocation allocation(Scaling.Allocation written) {
        return allocation(written.pods(), written.cpu(), written.memory());
    }

    /** Of an operator that did not choose the memory there is none. */
    private static Allocation allocation(int pods, String cpu, String memory) {
        return new Allocation(pods, milli(cpu), memory == null ? 0 : bytes(memory));
    }

    static long bytes(String memory) {
        return Size.ofText(memory).value();
    }

    static int milli(String cpu) {
        return Size.ofText(cpu).thousandths();
    }

    private static Instant instant(String time) {
        return time == null ? null : Instant.parse(time);
    }

    private static Needs read(Scaling.Needs needs) {
        if (needs == null) {
            return Needs.NONE;
        }
        long last = Math.floorDiv(Instant.parse(needs.until()).getEpochSecond(), 60L);
        Map<Long, Double> byMinute = new HashMap<>();
        int count = needs.cores().size();
        for (int i = 0; i < count; i++) {
            double cores = needs.cores().get(i);
            if (cores >= 0) {
                byMinute.put(last - (count - 1 - i), cores);
            }
        }
        return new Needs(byMinute);
    }
}
