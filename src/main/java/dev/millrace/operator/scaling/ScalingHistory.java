package dev.millrace.operator.scaling;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import dev.millrace.operator.scaling.ScalingPolicy.Situation;
import dev.millrace.operator.scaling.ScalingPolicy.Step;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What the autoscaler saw of a query in the last minutes, with all that its decisions rest on: the policy decides the same again.
 *
 * @param query namespace and name
 * @param looks the oldest first
 * @param samples the oldest first
 */
public record ScalingHistory(String query, List<Look> looks, List<Sample> samples) {

    /** So many samples a decision is made of. */
    public static final int SAMPLES = 120;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .addModules(new Jdk8Module(), new JavaTimeModule())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .disable(SerializationFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /**
     * A look, but for the samples.
     *
     * @param newest when the last sample ended that there was; null for none
     * @param before what was known
     * @param actual what all pods had; empty while they differed, or pods came or went
     * @param said why something was, or nothing was, changed
     */
    public record Look(
            Instant now,
            Instant newest,
            ScalingState before,
            Optional<Allocation> actual,
            Objective objective,
            Bounds bounds,
            boolean acts,
            String said) {}

    /** The policy's step at a look; by now it may be another policy. */
    public Step replay(Look look) {
        List<Sample> known = samples.stream()
                .filter(sample -> look.newest() != null && !sample.at().isAfter(look.newest()))
                .toList();
        return ScalingPolicy.step(
                new Situation(
                        known.subList(Math.max(0, known.size() - SAMPLES), known.size()),
                        look.actual(),
                        look.objective(),
                        look.bounds(),
                        look.acts(),
                        look.now()),
                look.before());
    }

    public String toJson() {
        try {
            return JSON.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * @throws IllegalArgumentException when it is none
     */
    public static ScalingHistory ofJson(String text) {
        try {
            ScalingHistory history = JSON.readValue(text, ScalingHistory.class);
            if (history == null || history.looks() == null || history.samples() == null) {
                throw new IllegalArgumentException("this is no record of the autoscaler");
            }
            return history;
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("this is no record of the autoscaler", e);
        }
    }
}
