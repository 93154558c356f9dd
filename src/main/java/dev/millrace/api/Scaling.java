package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * What the autoscaler has chosen, and what it knows. Numbers are rounded to two digits.
 *
 * @param pods that the query is to have
 * @param cpu of each
 * @param memory of each
 * @param askedAt since when; null where it never changed
 * @param settledAt when the query had that; null while it has not
 * @param recommended what it would choose, in mode Recommend
 * @param bottleneck what keeps the query from doing more: None, Cpu, State, Heap, Threads, Skew, Sink or Source
 * @param reason why nothing is changed now
 * @param cpuSeconds what the last change of CPU or memory took
 * @param podsSeconds what the last change of the number of pods took
 * @param needs how many cores it needed in the last minutes
 * @param ceiling how much pods can be given, for a while
 * @param blocked what was of no use, for a while
 * @param past changes before the last one, in words, the oldest first
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Scaling(
        Integer pods,
        String cpu,
        String memory,
        String askedAt,
        String settledAt,
        Allocation recommended,
        String bottleneck,
        String reason,
        LastDecision lastDecision,
        Double cpuSeconds,
        Double podsSeconds,
        Needs needs,
        Ceiling ceiling,
        List<Blocked> blocked,
        List<String> past) {

    /** With what moves all the time as another one has it; a recommendation is news, that there is none any more is not. */
    Scaling withFiguresOf(Scaling other) {
        return other == null
                ? this
                : new Scaling(
                        pods,
                        cpu,
                        memory,
                        askedAt,
                        settledAt,
                        recommended == null ? other.recommended : recommended,
                        other.bottleneck,
                        other.reason,
                        lastDecision,
                        cpuSeconds,
                        podsSeconds,
                        other.needs,
                        ceiling,
                        blocked,
                        past);
    }

    /** What a query is given: the number of pods, and the CPU and the memory of each. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Allocation(Integer pods, String cpu, String memory) {}

    /**
     * The last change.
     *
     * @param remedy Cpu, Memory or Pods
     * @param capacity rows per second that it could do before, as far as was seen
     * @param expected what it should be able to do after it
     * @param settledAt when the query had so many pods; null while it never had
     * @param outcome what came of it; null while that is not known
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record LastDecision(
            String at,
            String remedy,
            Allocation from,
            Allocation to,
            String bottleneck,
            String reason,
            Inputs inputs,
            Double capacity,
            Double expected,
            String settledAt,
            String outcome) {}

    /**
     * What a decision rests on.
     *
     * @param arrivals rows per second that come
     * @param rate rows per second that are read
     * @param target rows per second that it should be able to
     * @param cpuSecondsPerMillionRows of all pods
     * @param utilisation of the busiest pod, 0 to 1
     * @param imbalance how much more the busiest pod has to do than they have on average
     * @param stateWait the share of the time that a thread of the busiest pod waits for state that is not in memory, 0 to 1
     * @param stateBytes that the largest state of a pod would take in memory
     * @param stateMemoryBytes of a pod, for state
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Inputs(
            Double arrivals,
            Double rate,
            Long lag,
            Double lagSeconds,
            Double target,
            Double cpuSecondsPerMillionRows,
            Double utilisation,
            Double imbalance,
            Double stateWait,
            Long stateBytes,
            Long stateMemoryBytes) {}

    /**
     * The most of each minute, the last one at the end.
     *
     * @param until the last minute
     * @param cores −1 for a minute that nobody looked at
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Needs(String until, List<Double> cores) {}

    /** Null for what is not limited by it. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Ceiling(String cpu, String memory, String until, Integer times, String reason) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Blocked(String remedy, String until) {}
}
