package dev.millrace.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/**
 * How an engine pod ended, as its termination message says it.
 *
 * @param end Completed, Stopped, Superseded, Failed or Crashed
 * @param code why, where it failed
 * @param incarnation its own, or with Superseded the one that it saw
 * @param epoch the last one that it knew of, −1 for none; null where it does not say
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record EngineOutcome(String end, String code, String message, long incarnation, Long epoch) {

    public EngineOutcome(String end, String code, String message, long incarnation) {
        this(end, code, message, incarnation, null);
    }
}
